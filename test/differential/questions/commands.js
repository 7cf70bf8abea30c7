'use strict';

// Commands and what their results say: command, rowCount, oid, fields, rows.

const plain = [
  ['nothing at all', ''],
  ['a semicolon', ';'],
  ['several semicolons', ' ; ; '],
  ['a comment', '-- nothing'],
  ['a block comment', '/* nothing */'],
  ['a comment and a statement', '-- first\nselect 1 as a /* last */'],
  ['SELECT', 'select 1 as a'],
  ['SELECT without rows', 'select 1 as a where false'],
  ['SELECT without columns', 'select'],
  ['SELECT without columns, several rows', 'select from generate_series(1, 3)'],
  ['SELECT from a table without columns', 'select * from differential.empty_table'],
  ['SELECT from a table', 'select * from differential.parent order by id'],
  ['SELECT from a view', 'select * from differential.parents order by id'],
  [
    'SELECT with an alias of a column',
    'select id as number, name || id as made from differential.parent order by id',
  ],
  ['VALUES', `values (1, 'a'), (2, null)`],
  ['TABLE', 'table differential.parent'],
  ['WITH', 'with a as (select 1 as x) select * from a'],
  [
    'WITH that writes',
    `with gone as (delete from differential.scratch where id = 1 returning *) select count(*) from gone`,
  ],
  ['SELECT FOR UPDATE', 'select id from differential.parent where id = 1 for update'],
  ['SELECT INTO', 'select 1 as a into temp made'],
  ['INSERT', `insert into differential.unlogged_copy values (1, 'a'), (2, 'b')`],
  ['INSERT of nothing', 'insert into differential.unlogged_copy select 1 where false'],
  ['INSERT RETURNING', `insert into differential.unlogged_copy values (1, 'a') returning a, b, a + 1 as c`],
  ['INSERT ON CONFLICT', `insert into differential.parent values (1, 'x') on conflict do nothing`],
  ['INSERT with DEFAULT VALUES', 'insert into differential.unlogged_copy default values returning *'],
  ['UPDATE', `update differential.scratch set note = 'changed' where id < 4`],
  ['UPDATE of nothing', `update differential.scratch set note = 'changed' where id < 0`],
  ['UPDATE RETURNING', `update differential.scratch set note = 'changed' where id < 3 returning id, note`],
  ['DELETE', 'delete from differential.scratch where id > 15'],
  ['DELETE RETURNING', 'delete from differential.scratch where id > 18 returning *'],
  ['DELETE replaced by a rule', 'delete from differential.unlogged_copy'],
  [
    'MERGE',
    `merge into differential.scratch s using (values (1)) v (id) on s.id = v.id
    when matched then update set note = 'merged'`,
  ],
  ['TRUNCATE', 'truncate differential.unlogged_copy'],
  ['CREATE TABLE', 'create temp table made (id int)'],
  ['CREATE TABLE AS', 'create temp table made as select generate_series(1, 3) as n'],
  ['CREATE INDEX', 'create index on differential.scratch (note)'],
  ['CREATE TYPE', `create type pg_temp.t as enum ('a')`],
  ['CREATE FUNCTION', `create function pg_temp.one() returns int language sql as 'select 1'`],
  ['CREATE SCHEMA', 'create schema made'],
  ['ALTER TABLE', 'alter table differential.scratch add column extra int'],
  ['DROP TABLE', 'drop table differential.unlogged_copy'],
  ['DROP IF EXISTS', 'drop table if exists differential.nowhere'],
  ['COMMENT', `comment on table differential.parent is 'text'`],
  ['GRANT', 'grant select on differential.parent to public'],
  ['ANALYZE', 'analyze differential.parent'],
  ['EXPLAIN', 'explain (costs off) select 1'],
  ['EXPLAIN as JSON', 'explain (costs off, format json) select 1 as a'],
  ['SHOW', 'show standard_conforming_strings'],
  ['SET', `set application_name = 'x'`],
  ['RESET', 'reset application_name'],
  ['LISTEN', 'listen a_channel'],
  ['NOTIFY', `notify a_channel, 'x'`],
  ['UNLISTEN', 'unlisten *'],
  ['LOCK', 'lock table differential.parent'],
  ['SAVEPOINT', 'savepoint a'],
  ['PREPARE', 'prepare p as select 1'],
  ['DECLARE', 'declare c cursor for select 1'],
  ['DO', 'do $$ begin end $$'],
  ['CALL', 'call differential.doing(21)'],
  ['DISCARD TEMP', 'discard temp'],
  ['SET CONSTRAINTS', 'set constraints all deferred'],
  ['REFRESH', 'create materialized view differential.m as select 1 as a'],
  ['nextval', `select nextval('differential.counter') > 0 as a`],
].map(([ask, sql]) => ({ ask, setup: ['begin'], sql }));

const prepared = [
  ['nothing at all', ''],
  ['a comment', '-- nothing'],
  ['SELECT', 'select 1 as a'],
  ['SELECT without columns', 'select'],
  ['SELECT without columns, several rows', 'select from generate_series(1, 3)'],
  ['INSERT', `insert into differential.unlogged_copy values (1, 'a')`],
  ['INSERT RETURNING nothing', `insert into differential.unlogged_copy select 1 where false returning *`],
  ['UPDATE RETURNING', `update differential.scratch set note = 'x' where id = 2 returning *`],
  ['DELETE', 'delete from differential.scratch where id > 15'],
  ['CREATE TABLE AS', 'create temp table made as select 1 as n'],
  ['SHOW', 'show standard_conforming_strings'],
  ['SET', `set application_name = 'x'`],
  ['CALL', 'call differential.doing(21)'],
  ['DO', 'do $$ begin end $$'],
  ['EXPLAIN', 'explain (costs off) select 1'],
  ['FETCH', 'fetch 2 from c'],
].flatMap(([ask, text]) => [
  {
    ask: `${ask}, extended protocol`,
    setup: ['begin', 'declare c cursor for select generate_series(1, 3) as n'],
    query: { text, queryMode: 'extended' },
  },
  {
    ask: `${ask}, named`,
    setup: ['begin', 'declare c cursor for select generate_series(1, 3) as n'],
    query: { text, name: 'n' },
  },
]);

const cursors = [
  'fetch 2 from c',
  'fetch all from c',
  'fetch 0 from c',
  'move 2 in c',
  'close c',
  'fetch backward all from c',
];
const fetched = cursors.map((sql) => ({
  ask: sql,
  setup: ['begin', 'declare c scroll cursor for select n, n::text as t from generate_series(1, 5) n'],
  sql,
}));

const transactions = ['begin', 'start transaction', 'begin isolation level serializable', 'commit', 'end', 'rollback', 'abort',
  `prepare transaction 'x'`, 'begin; commit', 'select 1; rollback'].map((sql) => ({ ask: `outside of a transaction: ${sql}`, sql })); // prettier-ignore

const copies = [
  ['COPY FROM STDIN without a stream', ['copy differential.unlogged_copy from stdin']],
  [
    'COPY FROM STDIN without a stream, then a query',
    ['copy differential.unlogged_copy from stdin', 'select 1 as a'],
  ],
  ['COPY TO STDOUT without a stream', ['copy differential.parent to stdout', 'select 1 as a']],
  ['COPY TO STDOUT of nothing', ['copy (select 1 where false) to stdout']],
  [
    'COPY of an error',
    ['copy differential.nowhere from stdin', 'copy (select 1/0) to stdout', 'select 1 as a'],
  ],
  ['COPY TO STDOUT among statements', ['select 1 as a; copy (select 2) to stdout; select 3 as c']],
  [
    'COPY FROM STDIN among statements',
    ['select 1 as a; copy differential.unlogged_copy from stdin; select 3 as c'],
  ],
].map(([ask, statements]) => ({
  ask,
  run: async (t) => {
    const client = await t.connect();
    const answers = [];
    for (const sql of statements) answers.push(await t.outcome(() => client.query(sql)));
    return answers;
  },
}));

module.exports = [...plain, ...prepared, ...fetched, ...transactions, ...copies];
