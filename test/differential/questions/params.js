'use strict';

// Parameters of every kind JavaScript has, and what becomes of them.

/** `make` makes the value anew for each driver; `type` is what the server is told to take it for. */
const parameter = (ask, make, type = 'text', zone) => ({
  ask,
  zone,
  run: async (t) => {
    const client = await t.connect();
    const answer = await t.outcome(() => client.query(`select $1::${type} as v`, [make()]));
    const after = await t.outcome(() => client.query('select 1 as alive'));
    return { answer, after };
  },
});

class Money {
  constructor(amount) {
    this.amount = amount;
  }
  toPostgres(prepareValue) {
    return prepareValue(this.amount);
  }
}
const at = (...parts) => new Date(...parts);
const year = (n) => {
  const date = new Date(2000, 0, 2, 3, 4, 5, 6);
  date.setFullYear(n);
  return date;
};
const circular = () => {
  const object = {};
  object.self = object;
  return object;
};
const bytes = [0, 1, 127, 128, 255];

const primitives = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['a text', () => 'text'],
  ['an empty text', () => ''],
  ['a text with quotes and backslashes', () => `'"\\$1`],
  ['a text beyond the BMP', () => '😀 \u{10FFFF}'],
  ['a lone surrogate', () => 'a\ud800b'],
  ['a String object', () => new String('boxed')],
  ['a Number object', () => new Number(7)],
  ['a Boolean object', () => new Boolean(false)],
  ['true', () => true, 'bool'],
  ['false', () => false, 'bool'],
  ['true as text', () => true],
  ['an integer', () => 42, 'int'],
  ['a negative integer', () => -42, 'int'],
  ['zero', () => 0, 'int'],
  ['minus zero', () => -0, 'float8'],
  ['a fraction', () => 0.1, 'float8'],
  ['a fraction for an int', () => 1.5, 'int'],
  ['a large number', () => 1e300, 'float8'],
  ['a number with an exponent', () => 1e21, 'numeric'],
  ['a tiny number', () => 1e-7, 'numeric'],
  ['the largest safe integer', () => Number.MAX_SAFE_INTEGER, 'int8'],
  ['NaN', () => NaN, 'float8'],
  ['Infinity', () => Infinity, 'float8'],
  ['-Infinity', () => -Infinity, 'numeric'],
  ['NaN for an int', () => NaN, 'int'],
  ['a bigint', () => 9223372036854775807n, 'int8'],
  ['a negative bigint', () => -9223372036854775808n, 'int8'],
  ['a bigint that is too large', () => 9223372036854775808n, 'int8'],
  ['a symbol', () => Symbol('s')],
  ['a well-known symbol', () => Symbol.iterator],
  ['a function', () => function named() {}],
  ['an arrow function', () => (a) => a],
  ['a class', () => Money],
  ['a regular expression', () => /a+/g],
  ['an Error', () => new Error('e')],
];

const binaries = [
  ['a Buffer', () => Buffer.from(bytes), 'bytea'],
  ['an empty Buffer', () => Buffer.alloc(0), 'bytea'],
  ['a Buffer for a text', () => Buffer.from('plain ä')],
  ['a Buffer for an int', () => Buffer.from([0, 0, 0, 7]), 'int'],
  ['a Buffer that is no UTF-8 for a text', () => Buffer.from([0xff, 0xfe])],
  ['a slice of a Buffer', () => Buffer.from('abcdef').subarray(2, 4), 'bytea'],
  ['a Uint8Array', () => Uint8Array.from(bytes), 'bytea'],
  ['a part of a Uint8Array', () => Uint8Array.from(bytes).subarray(1, 3), 'bytea'],
  ['a Uint8ClampedArray', () => Uint8ClampedArray.from(bytes), 'bytea'],
  ['an Int16Array', () => Int16Array.from([1, -2]), 'bytea'],
  ['a Float64Array', () => Float64Array.from([1.5]), 'bytea'],
  ['a BigInt64Array', () => BigInt64Array.from([1n]), 'bytea'],
  ['a DataView', () => new DataView(Uint8Array.from(bytes).buffer, 1, 2), 'bytea'],
  ['an ArrayBuffer', () => Uint8Array.from(bytes).buffer, 'jsonb'],
  ['a large Buffer', () => Buffer.alloc(300_000, 'abc'), 'bytea'],
];

const zones = ['UTC', 'America/St_Johns', 'Asia/Kolkata', 'Pacific/Apia', 'Europe/Berlin'];
const moments = [
  ['now', () => at(2020, 1, 29, 12, 34, 56, 789)],
  ['the epoch', () => at(0)],
  ['a winter date in local time', () => at(2020, 0, 15)],
  ['a summer date in local time', () => at(2020, 6, 15)],
  ['a date before 1900', () => at(1883, 10, 18, 12)],
  ['year 99', () => year(99)],
  ['year 1', () => year(1)],
  ['year 0', () => year(0)],
  ['44 BC', () => year(-43)],
  ['year 12345', () => year(12345)],
  ['an hour that does not exist', () => at(2021, 2, 14, 2, 30)],
];
const dates = zones.flatMap((zone) =>
  ['timestamptz', 'timestamp', 'date', 'text'].map((type) => ({
    ask: `dates as ${type} in ${zone}`,
    zone,
    run: async (t) => {
      const client = await t.connect();
      const answers = [];
      for (const [, make] of moments) {
        answers.push(await t.outcome(() => client.query(`select $1::${type} as v`, [make()])));
      }
      return answers;
    },
  })),
);
const oddDates = [
  ['an invalid date', () => new Date(NaN), 'timestamptz'],
  ['the last date of JavaScript', () => new Date(8.64e15), 'timestamptz'],
  ['the first date of JavaScript', () => new Date(-8.64e15), 'text'],
  ['an array of dates', () => [at(2020, 0, 1), null], 'timestamptz[]'],
];

const arrays = [
  ['an empty array', () => [], 'int[]'],
  ['numbers', () => [1, 2, 3], 'int[]'],
  ['fractions and special numbers', () => [0.1, NaN, Infinity, -0], 'float8[]'],
  ['texts', () => ['a', 'b c', ''], 'text[]'],
  ['texts with quotes, backslashes, braces', () => ['"', '\\', '{}', ',', "'", '\n'], 'text[]'],
  ['texts that say NULL', () => ['NULL', 'null'], 'text[]'],
  ['null and undefined', () => [null, undefined, 1], 'int[]'],
  ['booleans', () => [true, false, null], 'bool[]'],
  ['bigints', () => [1n, 9223372036854775807n], 'int8[]'],
  [
    'nested arrays',
    () => [
      [1, 2],
      [3, 4],
    ],
    'int[]',
  ],
  [
    'arrays nested three times',
    () => [
      [['a'], ['b']],
      [['c'], [null]],
    ],
    'text[]',
  ],
  ['arrays of different lengths', () => [[1], [2, 3]], 'int[]'],
  ['nested empty arrays', () => [[], []], 'int[]'],
  ['Buffers', () => [Buffer.from(bytes), Buffer.alloc(0), null], 'bytea[]'],
  ['typed arrays inside', () => [Uint8Array.from([1, 2]), Int16Array.from([3])], 'bytea[]'],
  ['objects', () => [{ a: 1 }, { b: '"' }], 'jsonb[]'],
  ['objects as a json value', () => [{ a: 1 }], 'jsonb'],
  ['objects with toPostgres', () => [new Money('1'), new Money(2)], 'text[]'],
  ['an array returned by toPostgres', () => [{ toPostgres: () => ['a', 'b'] }], 'text[]'],
  ['a symbol inside', () => [Symbol('s')], 'text[]'],
  ['a function inside', () => [() => 1], 'text[]'],
  ['a hole', () => [1, , 3], 'int[]'], // eslint-disable-line no-sparse-arrays
  ['non-ASCII', () => ['😀', 'ä', 'e\u0301'], 'text[]'],
  ['for a text', () => ['a', 1, null]],
  ['for an int', () => [1], 'int'],
  ['many numbers', () => Array.from({ length: 5000 }, (_, i) => i), 'int[]'],
];

const objects = [
  ['a plain object', () => ({ a: 1, b: [true, null], c: { d: 'ä"' } }), 'jsonb'],
  ['an empty object', () => ({}), 'json'],
  ['an object without a prototype', () => Object.assign(Object.create(null), { a: 1 }), 'json'],
  ['an object with undefined and functions', () => ({ a: undefined, b: () => 1, c: NaN }), 'json'],
  ['an object with toJSON', () => ({ toJSON: () => ({ x: 1 }) }), 'json'],
  ['an object whose toJSON gives undefined', () => ({ toJSON: () => undefined }), 'json'],
  ['a Map', () => new Map([['a', 1]]), 'json'],
  ['a Set', () => new Set([1]), 'json'],
  ['a circular object', circular, 'json'],
  ['an object with a bigint', () => ({ a: 1n }), 'json'],
  ['an object with a date', () => ({ a: new Date(0) }), 'json'],
  ['toPostgres gives a text', () => new Money('1.50'), 'numeric'],
  ['toPostgres gives a number', () => new Money(7), 'int'],
  ['toPostgres gives a Buffer', () => ({ toPostgres: () => Buffer.from('ab') }), 'bytea'],
  ['toPostgres gives an object', () => ({ toPostgres: () => ({ a: 1 }) }), 'jsonb'],
  ['toPostgres gives an array', () => ({ toPostgres: () => [1, 2] }), 'int[]'],
  ['toPostgres gives undefined', () => ({ toPostgres: () => undefined })],
  ['toPostgres uses what it is given', () => ({ toPostgres: (prepare) => prepare({ a: [1] }) }), 'jsonb'],
  ['toPostgres gives another with toPostgres', () => ({ toPostgres: () => new Money('x') })],
  [
    'toPostgres throws',
    () => ({
      toPostgres() {
        throw new RangeError('not for you');
      },
    }),
  ],
  ['toPostgres that is no function', () => ({ toPostgres: 1 }), 'json'],
  ['a Proxy', () => new Proxy({ a: 1 }, {}), 'json'],
  ['a Promise', () => Promise.resolve(1), 'json'],
];

// pg fails on these by accident, with the message of whatever it stumbled over.
const stumbles = [
  ['a Buffer returned by toPostgres inside an array', () => [{ toPostgres: () => Buffer.from('a') }]],
  ['null returned by toPostgres inside an array', () => [{ toPostgres: () => null }]],
  ['undefined returned by toJSON inside an array', () => [{ toJSON: () => undefined }]],
].map(([ask, make]) => ({
  ask,
  run: async (t) => {
    const client = await t.connect();
    const { rejected } = await t.outcome(() => client.query('select $1::text[] as v', [make()]));
    return { isTypeError: rejected instanceof TypeError, alive: await client.query('select 1 as alive') };
  },
}));

module.exports = [
  ...stumbles,
  ...primitives.map(([ask, make, type]) => parameter(ask, make, type)),
  ...binaries.map(([ask, make, type]) => parameter(ask, make, type)),
  ...dates,
  ...oddDates.map(([ask, make, type]) => parameter(ask, make, type)),
  ...arrays.map(([ask, make, type]) => parameter(`array: ${ask}`, make, type)),
  ...objects.map(([ask, make, type]) => parameter(`object: ${ask}`, make, type)),
];
