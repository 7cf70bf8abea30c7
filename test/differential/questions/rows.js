'use strict';

// The shape of rows and fields.

const shapes = [
  ['two columns of one name', 'select 1 as a, 2 as a, 3 as b'],
  ['a column without a name', 'select 1, 2, now() is null'],
  ['a column named __proto__', 'select 1 as "__proto__", 2 as b'],
  ['a column named constructor', 'select 1 as constructor, 2 as "toString", 3 as "hasOwnProperty"'],
  ['a column named with an empty-looking name', 'select 1 as " ", 2 as "  "'],
  ['columns named like numbers', 'select 1 as "2", 2 as "1", 3 as b, 4 as "-1", 5 as "01"'],
  [
    'columns named like members of a result',
    'select 1 as rows, 2 as fields, 3 as length, 4 as then, 5 as name',
  ],
  [
    'quotes and backslashes in names',
    String.raw`select 1 as "a""b", 2 as "a'b", 3 as "a\b", 4 as "a${'`'}b", 5 as "a\${b}"`,
  ],
  ['line breaks and controls in names', 'select 1 as "a\nb", 2 as "a\tb", 3 as "\u0001", 4 as "\u2028"'],
  ['non-ASCII names', 'select 1 as "ä", 2 as "日本", 3 as "😀", 4 as "e\u0301", 5 as "\u{10FFFF}"'],
  [
    'names that are keywords',
    'select 1 as class, 2 as "return", 3 as "this", 4 as "await", 5 as "null", 6 as "undefined"',
  ],
  ['a name of 63 bytes', `select 1 as "${'x'.repeat(63)}"`],
  ['a name that is cut', `select 1 as "${'x'.repeat(70)}", 2 as "${'ä'.repeat(40)}"`],
  ['1,000 columns', `select ${Array.from({ length: 1000 }, (_, i) => `${i} as c${i}`).join(', ')}`],
  [
    '1,600 columns of text and null',
    `select ${Array.from({ length: 1600 }, (_, i) => (i % 3 ? `'v${i}'::text` : 'null::int')).join(', ')}`,
  ],
  [
    '10,000 rows',
    `select n, n::text as t, n / 3.0::float8 as f, n % 2 = 0 as b, nullif(n % 3, 0) as m from generate_series(1, 10000) n`,
  ],
  [
    '10,000 rows of dates',
    `select timestamptz '2020-01-01 00:00+00' + n * interval '1 hour' as t from generate_series(1, 10000) n`,
  ],
  [
    '10,000 rows of json',
    `select jsonb_build_object('n', n, 'a', array[n]) as j from generate_series(1, 10000) n`,
  ],
  [
    'rows of very different sizes',
    `select n, repeat('x', (n * 7919) % 3000) as t from generate_series(1, 500) n`,
  ],
  ['nulls only', 'select null::int as a, null::text as b, null as c from generate_series(1, 3)'],
  [
    'a null in every other row',
    'select nullif(n % 2, 0) as a, case when n % 2 = 0 then now() is null end as b from generate_series(1, 6) n',
  ],
  [
    'typmods',
    `select 'a'::varchar(5) as a, 'b'::char(3) as b, 1.5::numeric(6,2) as c, '12:00'::time(3) as d, '1 day'::interval day as e,
    b'101'::bit(3) as f, now()::timestamptz(0) is null as g`,
  ],
  [
    'columns of a table, their numbers',
    'select score, id, name, id + 1 as made, ctid, tableoid is null as t from differential.parent order by id',
  ],
  [
    'a composite',
    `select row(1, 'a "b"', null)::differential.pair as a, row(row(1, 'x'), array['sad'])::differential.nested as b`,
  ],
  ['an anonymous record', `select row(1, 'a', null) as r, row() as e`],
  ['a whole row', 'select p, p.* from differential.parent p order by id'],
  ['a function with several results', 'select * from differential.several()'],
  ['a function with several results as one', 'select differential.several() as r'],
  ['a function that returns a set', 'select * from differential.set_of(3)'],
  ['a function that returns nothing', "select pg_sleep(0) as nothing, pg_notify('c', '') as v"],
  ['an enum', `select '😀'::differential.mood as a, 'it''s "fine"'::differential.mood as b`],
  ['a domain', `select 5::differential.positive as a, 'X'::differential.shouted as b`],
  [
    'a range of its own',
    `select '[a,b)'::differential.textrange as a, array['[a,b)'::differential.textrange] as b`,
  ],
  ['the unknown type', `select 'x' as a, null as b`],
  ['a cstring', `select 'x'::cstring as a`],
  ['a refcursor and names', `select 'c'::refcursor as a, 'n'::name as b, 'x'::"char" as c`],
  [
    'count, sum, avg',
    'select count(*), sum(n) as s, avg(n) as a, sum(n::float8) as f, sum(n::numeric) as d from generate_series(1, 4) n',
  ],
  ['booleans from operators', 'select 1 = 1 as a, null = 1 as b, not true as c'],
  ['lone zero bytes escaped', String.raw`select '\x00'::bytea as a, E'\x01' as b`],
  ['JSON with a unicode zero', String.raw`select '"\u0000"'::json as a`],
  ['very long JSON', `select json_agg(n) as j from generate_series(1, 20000) n`],
];

const modes = [
  ['rows as arrays', { rowMode: 'array' }],
  ['rows as arrays, with a parameter', { rowMode: 'array', parameter: true }],
  ['with a parameter', { parameter: true }],
];
const inModes = shapes.flatMap(([ask, sql]) => [
  { ask, sql },
  ...modes.map(([mode, { parameter, ...config }]) => ({
    ask: `${ask}, ${mode}`,
    query: parameter
      ? { text: `select q.* from (${sql}) q where $1::int = 1`, values: [1], ...config }
      : { text: sql, ...config },
  })),
]);

const kinds = [
  {
    ask: 'rows are independent objects with an ordinary prototype',
    run: async (t) => {
      const client = await t.connect();
      const { rows } = await client.query(`select 1 as a, '{"x": 1}'::json as j from generate_series(1, 2)`);
      rows[0].a = 2;
      rows[0].j.x = 2;
      rows[0].extra = true;
      const proto = Object.getPrototypeOf(rows[1]) === Object.prototype;
      return {
        rows,
        proto,
        own: Object.getOwnPropertyDescriptors(rows[1]),
        extensible: Object.isExtensible(rows[1]),
      };
    },
  },
  {
    ask: 'results are independent objects',
    run: async (t) => {
      const client = await t.connect();
      const first = await client.query('select 1 as a');
      const second = await client.query('select 1 as a');
      first.fields[0].name = 'changed';
      first.rows.length = 0;
      return { second, third: await client.query('select 1 as a'), same: first.fields === second.fields };
    },
  },
  {
    ask: 'a Buffer of a result is its own',
    run: async (t) => {
      const client = await t.connect();
      const { rows } = await client.query(String.raw`select '\x0102'::bytea as a, '\x0304'::bytea as b`);
      rows[0].a[0] = 9;
      const { a, b } = rows[0];
      return { a, b, isBuffer: Buffer.isBuffer(a), lengths: [a.length, b.length] };
    },
  },
  {
    ask: 'an interval knows how to write itself',
    run: async (t) => {
      const client = await t.connect();
      const { rows } = await client.query(
        `select interval '1 year 2 mons 3 days 04:05:06.7' as a, interval '0' as z`,
      );
      const { a, z } = rows[0];
      return [
        a.toPostgres(),
        a.toISO(),
        a.toISOString?.(),
        z.toPostgres(),
        z.toISO(),
        a.constructor.name,
        Object.keys(a),
      ];
    },
  },
  {
    ask: 'an interval as a parameter',
    run: async (t) => {
      const client = await t.connect();
      const { rows } = await client.query(`select interval '1 year 2 mons 3 days 04:05:06.7' as a`);
      return client.query('select $1::interval as a', [rows[0].a]);
    },
  },
  {
    ask: 'JSON.stringify of rows',
    run: async (t) => {
      const client = await t.connect();
      const { rows } =
        await client.query(`select now() is null as a, timestamptz '2020-01-01 00:00+00' as b, interval '1 day' as c,
        '\\x01'::bytea as d, point '(1,2)' as e, 1::int8 as f, 1.5 as g, 'NaN'::float8 as h, circle '<(1,2),3>' as i`);
      return JSON.stringify(rows);
    },
  },
];

module.exports = [...inModes, ...kinds];
