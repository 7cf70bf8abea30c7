'use strict';

// Statements with a name, rows fetched in portions, and parsers of types.

/** Several queries one after the other on one client. */
const series = (ask, queries, options) => ({
  ask,
  run: async (t) => {
    const client = await t.connect(options);
    const answers = [];
    for (const query of queries) answers.push(await t.outcome(() => client.query(query)));
    const prepared = await client.query(
      'select name, statement from pg_prepared_statements where name <> $1 order by 1',
      [''],
    );
    return { answers, prepared: prepared.rows.filter((row) => !/^_|keel/.test(row.name)) };
  },
});

const one = { name: 'one', text: 'select $1::int as a' };
const named = [
  series('used once', [{ ...one, values: [1] }]),
  series('used again with other values', [
    { ...one, values: [1] },
    { ...one, values: [2] },
    { ...one, values: [null] },
  ]),
  series('used again without its text', [
    { ...one, values: [1] },
    { name: 'one', values: [2] },
  ]),
  series('without a text at first', [{ name: 'one', values: [2] }]),
  series('the same name for another text', [
    { ...one, values: [1] },
    { name: 'one', text: 'select 2 as b' },
    { ...one, values: [3] },
  ]),
  series('two names for one text', [
    { ...one, values: [1] },
    { name: 'two', text: one.text, values: [2] },
  ]),
  series('without values', [
    { name: 'n', text: 'select 1 as a' },
    { name: 'n', text: 'select 1 as a' },
  ]),
  series('with an empty text', [
    { name: 'n', text: '' },
    { name: 'n', text: '' },
    { name: 'm', text: 'select 1 as a' },
  ]),
  series('after an error of its grammar', [
    { name: 'n', text: 'selec' },
    { name: 'n', text: 'select 1 as a' },
  ]),
  series('after an error of its values', [
    { ...one, values: ['x'] },
    { ...one, values: [1] },
  ]),
  series('after an error of execution', [
    { name: 'd', text: 'select 1 / $1::int as a', values: [0] },
    { name: 'd', text: 'select 1 / $1::int as a', values: [1] },
  ]),
  series('rows as arrays and as objects', [
    { ...one, values: [1], rowMode: 'array' },
    { ...one, values: [1] },
  ]),
  series('a long name', [
    { name: 'x'.repeat(70), text: 'select 1 as a' },
    { name: 'x'.repeat(70), text: 'select 1 as a' },
  ]),
  series('a non-ASCII name', [{ name: 'ä😀"', text: 'select $1::text as a', values: ['ü'] }]),
  series('in binary and in text form', [
    { ...one, values: [1], binary: true },
    { ...one, values: [1] },
  ]),
  series('changing types of the same name', [
    { name: 't', text: 'select $1 as a', values: ['x'] },
    { name: 't', text: 'select $1 as a', values: [5] },
  ]),
  series('a table that changes', [
    'create temp table made as select 1 as a',
    { name: 's', text: 'select to_jsonb(m) as row, m::text as shown from made m' },
    'alter table made add column b int',
    { name: 's', text: 'select to_jsonb(m) as row, m::text as shown from made m' },
    { name: 's', text: 'select to_jsonb(m) as row, m::text as shown from made m' },
  ]),
  series('values that are no list', [
    { ...one, values: 'abc' },
    { ...one, values: [1] },
  ]),
  series('inside a failed transaction', [
    'begin',
    'select 1/0',
    { ...one, values: [1] },
    'rollback',
    { ...one, values: [1] },
  ]),
];

const portions = [
  [{ text: 'select generate_series(1, 10) as n', rows: 3 }],
  [{ text: 'select generate_series(1, 10) as n', rows: 10 }],
  [{ text: 'select generate_series(1, 10) as n', rows: 100 }],
  [{ text: 'select $1::int as n', values: [1], rows: 1 }],
  [{ text: 'select 1 as n where false', rows: 5 }],
  [{ text: 'select generate_series(1, 10) as n', rows: 4, rowMode: 'array' }, 'select 1 as after'],
  [
    { text: 'select generate_series(1, 10) as n', rows: 4, name: 'p' },
    { text: 'select 1 as after', rows: 1 },
  ],
  [{ text: `insert into differential.unlogged_copy values (5, 'p') returning a`, rows: 1 }],
  [{ text: '', rows: 2 }, 'select 1 as after'],
  [{ text: 'select generate_series(1, 10) as n', rows: 3, portal: 'my portal' }],
].map((queries) => ({
  ask: `in portions: ${JSON.stringify(queries)}`,
  run: async (t) => {
    const client = await t.connect();
    const answers = [];
    for (const query of queries) answers.push(await client.query(query));
    // rowCount is a question of its own.
    return answers.map(({ command, fields, rows }) => ({ command, fields, rows }));
  },
}));

const tagged = (tag) => ({ getTypeParser: (oid, format) => (value) => `${tag}:${oid}:${format}:${value}` });
const all = `select 1 as i, 2::int8 as l, 'x'::text as t, true as b, null as n, array[1, 2] as a, '{"j": 1}'::json as j,
  timestamptz '2020-01-01 00:00+00' as d, 1.5::float8 as f, '\\x01'::bytea as y`;

const parsers = [
  { ask: 'types of a query', query: { text: all, types: tagged('query') } },
  { ask: 'types of a query, rows as arrays', query: { text: all, types: tagged('query'), rowMode: 'array' } },
  {
    ask: 'types of a query, prepared',
    query: { text: `${all} where $1::int = 1`, values: [1], types: tagged('query') },
  },
  {
    ask: 'types of a query, binary',
    query: {
      text: 'select $1::int as a',
      values: [1],
      types: { getTypeParser: (o, f) => (v) => [o, f, v] },
      binary: true,
    },
  },
  { ask: 'types of a client', options: { types: tagged('client') }, sql: all },
  {
    ask: 'types of a query over those of a client',
    options: { types: tagged('client') },
    query: { text: all, types: tagged('query') },
  },
  {
    ask: 'types of a pool',
    run: async (t) => t.pool({ types: tagged('pool') }).query(all),
  },
  {
    ask: 'types given as a TypeOverrides',
    run: async (t) => {
      const overrides = new t.pg.TypeOverrides();
      overrides.setTypeParser(23, (value) => `int ${value}`);
      overrides.setTypeParser(20, 'text', (value) => BigInt(value));
      overrides.setTypeParser(16, 'binary', () => 'binary bool');
      return (await t.connect({ types: overrides })).query(all);
    },
  },
  {
    ask: 'TypeOverrides on other types',
    run: async (t) => {
      const overrides = new t.pg.TypeOverrides(tagged('below'));
      overrides.setTypeParser(23, (value) => `int ${value}`);
      const client = await t.connect();
      return client.query({ text: all, types: overrides });
    },
  },
  {
    ask: 'setTypeParser and getTypeParser of a client',
    run: async (t) => {
      const client = await t.connect();
      client.setTypeParser(23, (value) => `mine ${value}`);
      client.setTypeParser(25, 'text', (value) => value.length);
      const got = [
        client.getTypeParser(23)('7'),
        client.getTypeParser(25, 'text')('abc'),
        client.getTypeParser(16)('t'),
      ];
      return { got, mine: await client.query(all), other: await (await t.connect()).query(all) };
    },
  },
  {
    ask: 'setTypeParser of a client between two runs of one statement',
    run: async (t) => {
      const client = await t.connect();
      const results = [];
      for (const parser of [(v) => `first ${v}`, (v) => ['second', v], undefined]) {
        client.setTypeParser(23, parser);
        results.push(
          (await client.query('select 5 as a')).rows,
          (await client.query('select $1::int as a', [5])).rows,
        );
      }
      return results;
    },
  },
  {
    ask: 'types.setTypeParser for the whole process',
    run: async (t) => {
      const { types } = t.pg;
      const before = types.getTypeParser(20);
      const client = await t.connect();
      const seen = [(await client.query('select 5::int8 as a')).rows];
      types.setTypeParser(20, BigInt);
      try {
        seen.push(
          (await client.query('select 5::int8 as a')).rows,
          (await client.query('select $1::int8 as a', [6])).rows,
        );
      } finally {
        types.setTypeParser(20, before);
      }
      return [...seen, (await client.query('select 5::int8 as a')).rows];
    },
  },
  {
    ask: 'a parser for int4 for the whole process',
    run: async (t) => {
      const { types } = t.pg;
      const before = {
        int4: types.getTypeParser(23),
        list: types.getTypeParser(1007),
        text: types.getTypeParser(25),
      };
      const client = await t.connect();
      const plain = await client.query(all);
      types.setTypeParser(23, (value) => `#${value}`);
      types.setTypeParser(1007, (value) => `list ${value}`);
      types.setTypeParser(25, (value) => value.toUpperCase());
      try {
        return [plain, await client.query(all), await client.query('select $1::int as a', [7])];
      } finally {
        types.setTypeParser(23, before.int4);
        types.setTypeParser(1007, before.list);
        types.setTypeParser(25, before.text);
      }
    },
  },
  {
    ask: 'defaults.parseInt8',
    run: async (t) => {
      const client = await t.connect();
      const text = 'select 5::int8 as a, array[6::int8, null] as b, count(*) from generate_series(1, 3)';
      t.pg.defaults.parseInt8 = true;
      const on = await client.query(text);
      t.pg.defaults.parseInt8 = false;
      return [on, await client.query(text)];
    },
  },
  {
    ask: 'a parser is asked for once a column and a result',
    run: async (t) => {
      const client = await t.connect();
      const types = {
        getTypeParser: (oid, format) => (
          t.note('asked', oid, format),
          (value) => (t.note('value', value), value)
        ),
      };
      return client.query({ text: `select n as a, 'x' as b, null as c from generate_series(1, 2) n`, types });
    },
  },
  {
    ask: 'parsers that give undefined, null, NaN, -0 and objects',
    run: async (t) => {
      const client = await t.connect();
      const values = [undefined, null, NaN, -0, { deep: [] }, Symbol.iterator];
      const types = { getTypeParser: () => (value) => values[value] };
      return client.query({ text: 'select 0 as a, 1 as b, 2 as c, 3 as d, 4 as e, 5 as f', types });
    },
  },
];

module.exports = [...named, ...portions, ...parsers];
