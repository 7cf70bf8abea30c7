'use strict';

// Several statements in one query.

const texts = [
  ['two', 'select 1 as a; select 2 as b'],
  ['two and a semicolon', 'select 1 as a; select 2 as b;'],
  ['with empty ones between', 'select 1 as a;; ; select 2 as b'],
  ['one and an empty one', 'select 1 as a; '],
  ['an empty one and one', '; select 1 as a'],
  ['comments between', 'select 1 as a; -- two\n /* three */ select 2 as b; -- end'],
  ['semicolons in texts', `select ';' as a; select $$;$$ as b; select ";" from (select 1 as ";") x`],
  ['different columns', `select 1 as a, 'x' as b; select now() is null as c; select`],
  ['without rows first', 'set search_path to public; select 1 as a'],
  ['without rows last', 'select 1 as a; set search_path to public'],
  ['commands only', 'create temp table made (a int); insert into made values (1), (2); drop table made'],
  ['no rows and rows', 'select 1 as a where false; select 2 as b'],
  ['the same twice', 'select 1 as a; select 1 as a'],
  ['ten', Array.from({ length: 10 }, (_, i) => `select ${i} as n${i}`).join(';')],
  ['300', Array.from({ length: 300 }, (_, i) => `select ${i} as n`).join(';')],
  ['an error at the beginning', 'selec 1; select 2'],
  ['an error in the middle', 'select 1 as a; select 1/0; select 3 as c'],
  ['an error at the end', 'select 1 as a; select 1/0'],
  ['an error of grammar anywhere', 'select 1 as a; selec 2'],
  ['an error in a name', 'select 1 as a; select * from differential.nowhere'],
  ['a transaction', `begin; insert into differential.unlogged_copy values (1, 'a'); rollback`],
  ['a transaction with an error', 'begin; select 1/0; commit'],
  [
    'returning',
    `begin; insert into differential.unlogged_copy values (1, 'a') returning *; rollback; select 1 as z`,
  ],
  ['a call', 'call differential.doing(1); call differential.doing(2)'],
  ['show and set', `set application_name = 'm'; show application_name`],
  ['a large and a small result', 'select generate_series(1, 3000) as n; select 1 as a'],
];

const inModes = texts.flatMap(([ask, sql]) => [
  { ask, sql },
  { ask: `${ask}, rows as arrays`, query: { text: sql, rowMode: 'array' } },
]);

const others = [
  { ask: 'with an empty list of values', sql: 'select 1 as a; select 2 as b', values: [] },
  { ask: 'with values', sql: 'select $1::int as a; select 2 as b', values: [1] },
  { ask: 'in the extended protocol', query: { text: 'select 1; select 2', queryMode: 'extended' } },
  { ask: 'under a name', query: { text: 'select 1; select 2', name: 'two' } },
  {
    ask: 'types given with the query',
    query: { text: 'select 1 as a; select 2 as b', types: { getTypeParser: (oid) => (v) => `${oid}:${v}` } },
  },
  {
    ask: 'an implicit transaction is undone by an error',
    run: async (t) => {
      const client = await t.connect();
      const insert = `insert into differential.unlogged_copy values (77, 'implicit')`;
      const answer = await t.outcome(() => client.query(`${insert}; select 1/0`));
      return {
        answer,
        left: await client.query('select count(*) from differential.unlogged_copy where a = 77'),
      };
    },
  },
  {
    ask: 'with a callback',
    run: async (t) => {
      const client = await t.connect();
      return [
        await t.called((cb) => client.query('select 1 as a; select 2 as b', cb)),
        await t.called((cb) => client.query('select 1 as a; select 1/0', cb)),
      ];
    },
  },
  {
    ask: 'through a pool',
    run: async (t) => {
      const pool = t.pool();
      return [
        await pool.query('select 1 as a; select 2 as b'),
        await t.outcome(() => pool.query('select 1; selec')),
      ];
    },
  },
  {
    ask: 'as a Query with events',
    run: async (t) => {
      const client = await t.connect();
      const query = t.listen(
        new t.pg.Query('select 1 as a; select generate_series(1, 2) as b; set search_path to public'),
        'row',
        'end',
      );
      client.query(query);
      await t.next(query, 'end');
    },
  },
];

module.exports = [...inModes, ...others];
