create schema differential;
set search_path to differential, public;
create type mood as enum ('sad', 'ok', 'it''s "fine"', '😀');
create type pair as (a int, b text);
create type nested as (p pair, moods mood[]);
create domain positive as int check (value > 0);
create domain shouted as text check (value = upper(value)) not null;
create type textrange as range (subtype = text);
create table parent (id int primary key, name text not null unique, score numeric(6, 2) check (score >= 0));
create table child (
  id int primary key,
  parent_id int not null references parent (id) deferrable,
  during tsrange,
  kind mood default 'ok',
  amount positive,
  exclude using gist (during with &&)
);
create table empty_table ();
create table scratch (id int primary key, note text, data jsonb, tags text[]);
create table unlogged_copy (a int, b text);
create view parents as select id, name from parent;
create sequence counter;
create rule nothing as on delete to unlogged_copy do instead nothing;
insert into parent values (1, 'one', 1.5), (2, 'two', null), (3, 'three', 3);
insert into child values (1, 1, '[2020-01-01,2020-02-01)', 'sad', 5), (2, 2, null, '😀', null);
insert into scratch select n, 'note ' || n, jsonb_build_object('n', n), array['a', n::text] from generate_series(1, 20) n;
create function raising(level text, message text) returns int language plpgsql as $$
begin
  if level = 'debug' then raise debug '%', message;
  elsif level = 'log' then raise log '%', message;
  elsif level = 'info' then raise info '%', message;
  elsif level = 'notice' then raise notice '%', message using detail = 'the detail', hint = 'the hint';
  elsif level = 'warning' then raise warning '%', message using errcode = '01007';
  else raise exception '%', message using errcode = level, detail = 'd', hint = 'h', table = 't',
    schema = 's', column = 'c', constraint = 'k', datatype = 'y';
  end if;
  return 1;
end $$;
create function several(out a int, out b text, out c timestamptz) language sql as
  $$ select 1, 'two', timestamptz '2020-01-01 00:00:00+00' $$;
create function set_of(n int) returns setof pair language sql as
  $$ select i, 'row ' || i from generate_series(1, n) i $$;
create function nested_error() returns int language plpgsql as $$ begin return 1 / 0; end $$;
create procedure doing(inout n int) language plpgsql as $$ begin n := n * 2; end $$;
create function refuse() returns trigger language plpgsql as
  $$ begin raise exception 'no % on %', tg_op, tg_table_name using errcode = 'P0099'; end $$;
create table guarded (id int);
create trigger guard before insert on guarded for each row execute function refuse();
