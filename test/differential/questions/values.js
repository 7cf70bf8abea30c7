'use strict';

// How values are handed over: how many, as what, and what stays of the caller's objects.

const simple = [
  ['no values for a parameter', { sql: 'select $1::int' }],
  ['too few values', { sql: 'select $1::int, $2::int', values: [1] }],
  ['too many values', { sql: 'select $1::int as a', values: [1, 2] }],
  ['values for a statement without parameters', { sql: 'select 1 as a', values: [1] }],
  ['an empty list of values', { sql: 'select 1 as a', values: [] }],
  ['null for values', { sql: 'select 1 as a', args: ['select 1 as a', null] }],
  ['undefined for values', { args: ['select 1 as a', undefined] }],
  ['false for values', { args: ['select 1 as a', false] }],
  ['a text for values', { args: ['select $1::text as a', 'abc'] }],
  ['a number for values', { args: ['select 1 as a', 5] }],
  ['an object for values', { args: ['select 1 as a', { a: 1 }] }],
  ['an object with a length for values', { args: ['select $1::text as a', { length: 1, 0: 'x' }] }],
  ['a typed array for values', { args: ['select $1::int as a', Int32Array.of(1)] }],
  ['values in the config', { query: { text: 'select $1::int as a', values: [1] } }],
  [
    'values in the config and as an argument',
    { query: { text: 'select $1::int as a', values: [1] }, values: [2] },
  ],
  [
    'an empty argument over values in the config',
    { query: { text: 'select $1::int as a', values: [1] }, values: [] },
  ],
  ['a statement used twice', { sql: 'select $1::int as a, $1::int + 1 as b', values: [1] }],
  ['parameters out of order', { sql: 'select $2::text as a, $1::int as b', values: [1, 'x'] }],
  ['parameter $0', { sql: 'select $0', values: [1] }],
  ['a gap in the numbers', { sql: 'select $1::int, $3::int', values: [1, 2, 3] }],
  ['an untyped parameter', { sql: 'select $1 as a', values: ['x'] }],
  ['an untyped parameter compared with null', { sql: 'select $1 is null as a', values: [null] }],
  [
    'any of an array',
    { sql: 'select id from differential.parent where id = any($1) order by 1', values: [[1, 3]] },
  ],
  ['limit and offset', { sql: 'select n from generate_series(1, 9) n limit $1 offset $2', values: ['2', 3] }],
  ['a number where a text is wanted', { sql: 'select length($1) as a', values: [12345] }],
  ['a boolean where a text is wanted', { sql: 'select $1 || $2 as a', values: [true, 'x'] }],
  [
    '300 parameters',
    {
      sql: `select ${Array.from({ length: 300 }, (_, i) => `$${i + 1}::int as c${i}`).join(', ')}`,
      values: Array.from({ length: 300 }, (_, i) => i),
    },
  ],
  [
    '65535 parameters',
    {
      sql: `select count(*) from (values ${Array.from({ length: 65535 }, (_, i) => `($${i + 1}::int)`).join(', ')}) v`,
      values: Array.from({ length: 65535 }, () => 1),
    },
  ],
  ['a value of 1 MB', { sql: 'select length($1) as a, $1 as b', values: ['ä😀'.repeat(180_000)] }],
  ['a value of 1 MB in the statement', { sql: `select '${'x'.repeat(1_000_000)}' as a` }],
  ['a result of 20 MB', { sql: "select repeat('0123456789', 2000000) as a" }],
  [
    'the type taken from the column',
    {
      sql: 'insert into differential.scratch values ($1, $2, $3, $4) on conflict do nothing returning *',
      values: [1, 'x', { a: [1] }, ['p', 'q']],
    },
  ],
];

const text = [
  ['null', () => [null]],
  ['undefined', () => [undefined]],
  ['nothing', () => []],
  ['a number', () => [5]],
  ['a boolean', () => [true]],
  ['an array', () => [['select 1']]],
  ['an empty object', () => [{}]],
  ['a config with null for text', () => [{ text: null }]],
  ['a config with a number for text', () => [{ text: 1 }]],
  ['a config with a String object for text', () => [{ text: new String('select 1') }]],
  ['a String object', () => [new String('select 1 as a')]],
  ['a function', () => [() => 'select 1']],
  ['a Date', () => [new Date(0)]],
  ['a config without a prototype', () => [Object.assign(Object.create(null), { text: 'select 1 as a' })]],
  ['a frozen config', () => [Object.freeze({ text: 'select $1::int as a', values: Object.freeze([1]) })]],
  ['a config with getters', () => [{ get text() { return 'select 1 as a'; } }]], // prettier-ignore
  ['a config that inherits its text', () => [Object.create({ text: 'select 1 as a' })]],
  ['a config with an empty name', () => [{ name: '', text: 'select 1 as a' }]],
  ['a config with an unknown rowMode', () => [{ text: 'select 1 as a', rowMode: 'object' }]],
  ['a config with unknown members', () => [{ text: 'select 1 as a', colour: 'blue' }]],
  ['a callback that is no function', () => ['select 1', [], 'callback']],
  ['a config with a callback that is no function', () => [{ text: 'select 1', callback: 7 }]],
].map(([ask, make]) => ({
  ask: `the query is ${ask}`,
  run: async (t) => {
    const client = await t.connect();
    const answer = await t.outcome(() => client.query(...make()));
    return { answer, alive: await t.outcome(() => client.query('select 2 as alive')) };
  },
}));

const kept = [
  {
    ask: "the caller's config and values stay as they were",
    run: async (t) => {
      const client = await t.connect();
      const types = { getTypeParser: () => (value) => `<${value}>` };
      const config = { text: 'select $1::jsonb as a, $2::int[] as b', values: [{ x: 1 }, [1, 2]], types };
      const before = { config: { ...config }, keys: Reflect.ownKeys(config), values: [...config.values] };
      const result = await client.query(config);
      const again = await client.query(config);
      return { before, result, again, config, keys: Reflect.ownKeys(config) };
    },
  },
  {
    ask: 'values changed after the call',
    run: async (t) => {
      const client = await t.connect();
      const values = [1];
      const first = client.query('select 1');
      const second = client.query('select $1::int as a', values);
      await first;
      values[0] = 2;
      return { rows: (await second).rows };
    },
  },
  {
    ask: 'values of a config changed after a call that went out at once',
    run: async (t) => {
      const client = await t.connect();
      const config = { text: 'select $1::int as a', values: [1] };
      const promise = client.query(config);
      config.values[0] = 2;
      config.text = 'select 3';
      return (await promise).rows;
    },
  },
  {
    ask: 'toPostgres is asked how often',
    run: async (t) => {
      const client = await t.connect();
      let asked = 0;
      const value = { toPostgres: () => String(++asked) };
      const { rows } = await client.query('select $1::text as a', [value]);
      return { rows, asked };
    },
  },
  {
    ask: 'parseInputDatesAsUTC',
    zone: 'America/St_Johns',
    run: async (t) => {
      const client = await t.connect();
      t.pg.defaults.parseInputDatesAsUTC = true;
      try {
        const values = [new Date(Date.UTC(2020, 0, 1)), [new Date(-62198755200000)]];
        return await client.query('select $1::timestamp as a, $2::timestamp[] as b, $1::text as c', values);
      } finally {
        t.pg.defaults.parseInputDatesAsUTC = false;
      }
    },
  },
];

module.exports = [...simple.map(([ask, question]) => ({ ask, ...question })), ...text, ...kept];
