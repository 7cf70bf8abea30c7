'use strict';

// Errors of the server: every field, and what state they leave the client in.

const sql = [
  ['a syntax error', 'selec 1'],
  ['a syntax error further on, after non-ASCII text', `select 'ä😀', form from`],
  ['an unterminated text', `select 'abc`],
  ['an unterminated comment', 'select /* 1'],
  ['no such table', 'select * from differential.nowhere'],
  ['no such column', 'select nothing from differential.parent'],
  ['a column with a hint', 'select nam from differential.parent'],
  ['no such function', 'select nothing(1)'],
  ['no such type', 'select 1::nothing'],
  ['no such schema', 'create table nowhere.t ()'],
  ['no such database', '\\connect nowhere'],
  ['division by zero', 'select 1 / 0'],
  ['an error in a function', 'select differential.nested_error()'],
  ['a number out of range', 'select 99999999999::int4'],
  ['not a number', `select 'abc'::int`],
  ['not a date', `select '2020-02-30'::date`],
  ['not JSON', `select '{a'::json`],
  ['not a uuid', `select 'x'::uuid`],
  ['an array that is none', `select '{1,2'::int[]`],
  ['a zero byte', `select chr(0)`],
  ['bytes that are no text', String.raw`select convert_from('\xff', 'UTF8')`],
  ['a bad regular expression', `select 'a' ~ '('`],
  ['a duplicate key', `insert into differential.parent values (1, 'new')`],
  ['a duplicate unique text', `insert into differential.parent values (9, 'one')`],
  ['a null where none may be', `insert into differential.parent values (9, null)`],
  ['a check that fails', `insert into differential.parent values (9, 'nine', -1)`],
  ['a number that does not fit', `insert into differential.parent values (9, 'nine', 1e10)`],
  ['a missing parent', 'insert into differential.child values (9, 99)'],
  ['a parent with children', 'delete from differential.parent where id = 1'],
  ['an exclusion', `insert into differential.child values (9, 1, '[2020-01-15,2020-01-16)')`],
  ['a domain that says no', 'insert into differential.child values (9, 1, null, null, -5)'],
  ['a domain that wants no null', 'select null::differential.shouted'],
  ['an enum without that label', `select 'merry'::differential.mood`],
  ['a text too long for its column', `select 'abc'::varchar(2) || repeat('x', 3), cast('abc' as char(1))`],
  ['a trigger that raises', 'insert into differential.guarded values (1)'],
  ['every field that RAISE can set', `select differential.raising('UX001', 'all of it')`],
  ['a message with line breaks and non-ASCII', `select differential.raising('UX002', E'one\\ntwo\\t"ä😀"')`],
  ['an empty message', `select differential.raising('UX003', '')`],
  ['an assertion', `do $$ begin assert false, 'no'; end $$`],
  ['an error in DO', `do $$ begin perform 1 / 0; end $$`],
  ['an error after many rows', 'select 1 / (5000 - n) from generate_series(1, 10000) n'],
  ['a subquery with several rows', 'select (select id from differential.parent)'],
  ['a grouping error', 'select id, count(*) from differential.parent'],
  ['an ambiguous column', 'select id from differential.parent a, differential.child b'],
  ['a wrong number of columns', 'insert into differential.parent (id) values (1, 2)'],
  ['a statement timeout', `set statement_timeout = 20; select pg_sleep(5)`],
  ['a lock that is taken', 'select 1; lock table differential.nowhere'],
  ['VACUUM in a transaction', 'begin; vacuum differential.parent'],
  ['SET of nothing', 'set nothing_like_this = 1'],
  ['SET to a bad value', `set datestyle = 'bad'`],
  ['a rolled back savepoint that never was', 'begin; rollback to savepoint nowhere'],
  ['a read-only transaction', 'begin read only; insert into differential.scratch values (999)'],
  ['permission denied', 'set role pg_monitor; select * from differential.parent'],
  ['a cursor that is not there', 'fetch all from nothing'],
  ['a prepared statement that is not there', 'execute nothing'],
  ['DEALLOCATE of nothing', 'deallocate nothing'],
  [
    'a deferred constraint at commit',
    `begin; set constraints all deferred;
    insert into differential.child values (9, 99); commit`,
  ],
  ['an error with an internal query', `do $$ begin execute 'selec 1'; end $$`],
  ['a function body with an error', `create function pg_temp.g() returns int language sql as 'select nope'`],
];

const afterwards = (ask, statements, status = 'I') => ({
  ask,
  run: async (t) => {
    const client = await t.connect();
    const answers = [];
    for (const [text, values] of statements) answers.push(await t.outcome(() => client.query(text, values)));
    await t.until(() => client.getTransactionStatus() === status, `status ${status}`);
    return answers;
  },
});

const parameters = [
  ['an error in a parameter', { sql: 'select $1::int', values: ['abc'] }],
  ['an error in a parameter of several', { sql: 'select $1::int, $2::date', values: [1, 'x'] }],
  ['a type that cannot be known', { sql: 'select $1 + $2', values: [1, 2] }],
  [
    'a duplicate key with parameters',
    { sql: 'insert into differential.parent values ($1, $2)', values: [1, 'x'] },
  ],
  ['a syntax error with parameters', { sql: 'select $1 form', values: [1] }],
  ['several statements with parameters', { sql: 'select $1::int; select 2', values: [1] }],
  [
    'an error while rows are coming',
    { sql: 'select 1 / (5000 - n) from generate_series(1, $1) n', values: [9999] },
  ],
  ['an error under a name', { query: { name: 'bad', text: 'selec 1' } }],
  [
    'an error of a named statement with values',
    { query: { name: 'div', text: 'select 1 / $1::int', values: [0] } },
  ],
];

const states = [
  afterwards('a query after an error', [['selec 1'], ['select 1 as a']]),
  afterwards('a query after an error with parameters', [
    ['select $1::int', ['x']],
    ['select $1::int as a', [1]],
  ]),
  afterwards('a failed transaction', [
    ['begin'],
    ['selec'],
    ['select 1'],
    ['select $1::int', [1]],
    ['commit'],
    ['select 2'],
  ]),
  afterwards('a failed transaction, rolled back', [['begin'], ['select 1/0'], ['rollback'], ['select 2']]),
  afterwards('a failed transaction left open', [['begin'], ['select 1/0']], 'E'),
  afterwards('a savepoint', [
    ['begin'],
    ['savepoint a'],
    ['select 1/0'],
    ['rollback to a'],
    ['select 3 as n'],
    ['commit'],
  ]),
  afterwards('a transaction left open', [['begin'], ['select 1']], 'T'),
  afterwards('COMMIT without BEGIN', [['commit'], ['rollback']]),
  afterwards('BEGIN twice', [['begin'], ['begin'], ['rollback']]),
];

const shapes = [
  {
    ask: 'own members of an error, in their order',
    run: async (t) => {
      const client = await t.connect();
      const { rejected } = await t.outcome(() => client.query('select 1 / 0'));
      return { text: String(rejected), json: JSON.stringify(rejected), keys: Object.keys(rejected) };
    },
  },
  {
    ask: "the caller's functions are in the stack",
    run: async (t) => {
      const client = await t.connect();
      const pool = t.pool();
      async function theCallerOfAll() {
        return [await t.outcome(() => client.query('selec')), await t.outcome(() => pool.query('selec'))];
      }
      const answers = await theCallerOfAll();
      return answers.map(({ rejected }) => rejected.stack.includes('theCallerOfAll'));
    },
  },
  {
    ask: 'a type parser that throws',
    run: async (t) => {
      const client = await t.connect();
      const types = { getTypeParser: () => () => { throw new RangeError('unreadable'); } }; // prettier-ignore
      const answer = await t.outcome(() => client.query({ text: 'select 1 as a', types }));
      const withValues = await t.outcome(() =>
        client.query({ text: 'select $1::int as a', values: [1], types }),
      );
      return { answer, withValues, after: await client.query('select 2 as b') };
    },
  },
  {
    ask: 'a getTypeParser that gives no function',
    run: async (t) => {
      const types = { getTypeParser: () => 'no function' };
      const client = await t.connect();
      const { rejected } = await t.outcome(() => client.query({ text: 'select 1 as a', types }));
      return { isTypeError: rejected instanceof TypeError, after: await client.query('select 2 as b') };
    },
  },
  {
    ask: 'an error made by hand',
    run: (t) => {
      const err = new t.pg.DatabaseError('message', 7, 'error');
      return [err, err instanceof Error, Object.keys(err), err.length, t.pg.DatabaseError.name];
    },
  },
];

module.exports = [
  ...sql.map(([ask, text]) => ({ ask, sql: text })),
  ...parameters.map(([ask, question]) => ({ ask, ...question })),
  ...states,
  ...shapes,
];
