create type mood as enum ('sad', 'ok', 'happy');

create table users (
  id serial primary key,
  name text not null,
  email varchar(100) constraint users_email unique,
  mood mood,
  tags text[],
  manager_id integer references users,
  created_at timestamptz not null default now()
);
create table posts (
  id serial primary key,
  author_id integer not null references users,
  title text not null,
  body text,
  likes integer not null default 0 constraint likes_not_negative check (likes >= 0)
);
create table comments (
  id serial primary key,
  post_id integer references posts,
  author_id integer references users,
  text text not null
);
create table groups (id serial primary key, name text not null);
create table memberships (
  user_id integer not null references users,
  group_id integer not null references groups,
  primary key (user_id, group_id)
);
create table camel_notes (
  note_id serial primary key,
  note_text text not null constraint camel_notes_text unique,
  written_at timestamp
);
create table "values" (
  id integer primary key, bool boolean, small smallint, big_number bigint, big_bigint bigint,
  numeric_text numeric(30, 10), numeric_number numeric, numeric_bigint numeric, real real, double double precision,
  char char(5), tz_date timestamptz, tz_text timestamptz, plain_date timestamp, plain_text timestamp,
  day_date date, day_text date, time time, interval interval, json json, jsonb jsonb, uuid uuid, inet inet,
  point_tuple point, point_xy point, mood mood, texts text[], matrix integer[][], numerics numeric[],
  dates date[], tz_dates timestamptz[], plain_dates timestamp[], intervals interval[], bigs bigint[],
  bools boolean[], moods mood[], jsonbs jsonb[], uuids uuid[]
);
create table deferred (id integer constraint deferred_id unique deferrable initially deferred);

create view happy_users as select * from users where mood = 'happy';
create materialized view post_counts as select author_id, count(*) as total from posts group by author_id;

-- Every program starts from the same rows and the same sequences.
create function start_over() returns void language plpgsql as $$
begin
  truncate users, posts, comments, groups, memberships, camel_notes, "values", deferred restart identity;
  insert into users (name, email, mood, tags, manager_id, created_at) values
    ('Ada', 'ada@example.org', 'happy', '{math,"a,b"}', null, '2024-01-02 03:04:05.678901+00'),
    ('Ben', 'ben@example.org', 'ok', '{}', 1, '2024-02-03 04:05:06+00'),
    ('Cleo', null, 'sad', null, 1, '2024-03-04 05:06:07.1+00'),
    ('Dag', 'dag@example.org', null, '{NULL,"x\\y"}', 2, '1999-12-31 23:59:59.999999+00');
  insert into posts (author_id, title, body, likes) values
    (1, 'Engines', 'analytical', 3), (1, 'Notes', null, 7), (2, 'Kites', 'thunder', 0);
  insert into comments (post_id, author_id, text) values
    (1, 2, 'first'), (1, 3, 'second'), (2, 1, 'own'), (null, null, 'lost');
  insert into groups (name) values ('staff'), ('guests'), ('empty');
  insert into memberships values (1, 1), (1, 2), (2, 1);
  refresh materialized view post_counts;
end $$;
