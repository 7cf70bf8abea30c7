'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const PgResult = require('pg/lib/result');
const types = require('pg-types');
const { EventReader } = require('../../lib/decode');
const { makeRowBuilder } = require('../../lib/row-builder');
const { fieldsEvent, memoryOf, rowsEvent } = require('../support/blocks');

const INT4 = 23;
const TEXT = 25;

function column(name, dataTypeID, format = 'text') {
  return { name, dataTypeID, format };
}

function parsersOf(fields) {
  return fields.map((field) => types.getTypeParser(field.dataTypeID, field.format));
}

function build(columns, rows, { rowMode, parsers, kind } = {}) {
  const fieldsBlock = fieldsEvent(columns);
  const reader = new EventReader(memoryOf(fieldsBlock, rowsEvent(rows, kind, undefined, columns)));
  const fields = reader.fields(0);
  const built = [];
  makeRowBuilder(fields, parsers ?? parsersOf(fields), rowMode)(reader.rows(fieldsBlock.length / 4), built);
  return built;
}

/** What pg makes of the same cells. */
function pgRows(columns, rows, rowMode) {
  const result = new PgResult(rowMode, types);
  result.addFields(columns);
  return rows.map((row) => result.parseRow(row));
}

/** To assert, an invalid Date is not equal to itself. */
function comparable(row) {
  const entries = Object.entries(row).map(([key, value]) => [
    key,
    value instanceof Date && Number.isNaN(value.getTime()) ? 'Invalid Date' : value,
  ]);
  return { entries, isArray: Array.isArray(row) };
}

function assertAsPg(columns, rows, options = {}) {
  for (const rowMode of [undefined, 'array']) {
    const ours = build(columns, rows, { ...options, rowMode });
    const theirs = pgRows(columns, rows, rowMode);
    assert.deepStrictEqual(ours.map(comparable), theirs.map(comparable));
    if (rowMode === undefined) assert.deepEqual(ours.map(Object.keys), theirs.map(Object.keys));
  }
}

/** Texts of one type, each of which must become what pg-types makes of it. */
const VALUES = {
  bool: [16, ['t', 'f', 'TRUE', 'true', 'y', 'yes', 'on', '1', '0', 'no', '', 'T', 'tt']],
  int2: [21, ['0', '-1', '32767', '-32768']],
  int4: [
    INT4,
    ['0', '-0', '7', '2147483647', '-2147483648', '12abc', '1.9', ' 42', '+5', '', '-', 'x', '0x10'],
  ],
  'int4 with digits beyond 2^53': [
    INT4,
    ['999999999999999', '9007199254740993', '-123456789012345678901234'],
  ],
  oid: [26, ['0', '4294967295']],
  int8: [20, ['0', '-9223372036854775808', '9223372036854775807']],
  float4: [
    700,
    [
      '0',
      '-0',
      '1.5',
      '3.4028235e+38',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e-45',
      '1.',
      '.5',
      '-.5',
      '-',
      '',
      '1.2.3',
      '1,5',
      ' 1',
      '+1',
      '1e',
      '0.1x',
    ],
  ],
  float8: [701, ['0.1', '-2.2250738585072014e-308', '1.7976931348623157e+308', 'NaN', '1e21']],
  numeric: [1700, ['0.10', '123456789012345678901234567890.5', 'NaN']],
  text: [TEXT, ['', 'a', 'abc', 'more than thirteen characters', 'ünïcödé', '😀 pair', '\u0001']],
  json: [114, ['{"a":[1,2,{"b":null}]}', '"x"', 'null', '1', '[]']],
  jsonb: [3802, ['{"__proto__": 1}', 'true']],
  bytea: [17, ['\\x', '\\xdeadbeef', 'abc\\000\\\\']],
  point: [600, ['(1,-2.5)']],
  circle: [718, ['<(1,2),3>']],
  interval: [1186, ['1 year 2 mons -3 days 04:05:06.789', '00:00:00']],
  'int4[]': [1007, ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}']],
  'text[]': [1009, ['{}', '{a,"b c",NULL,"\\"q\\""}']],
  uuid: [2950, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  unknown: [99_999, ['anything']],
};

const DATES = [
  ...['2024-02-29', '1970-01-01', '0001-01-01', '0099-12-31', '0100-01-01', '9999-12-31', '10000-01-01'],
  ...['0044-03-15 BC', 'infinity', '-infinity', '1999-12-31x', '', '20240229', '2024/02/29', '2024-2-29'],
];
const TIMES = [
  '00:00:00',
  '23:59:59',
  '12:34:56.7',
  '12:34:56.789',
  '12:34:56.289',
  '01:02:03.123456',
  '03:30:00.000999',
];
const ODD_TIMES = [
  '12:34:56.1234567',
  '12:34:56.',
  '12:34',
  '12:34:56 BC',
  '24:00:00',
  '12:34:5x',
  '12.34.56',
];
const ZONES = [
  '',
  '+00',
  '-00',
  '+05',
  '-03:30',
  '+00:19:32',
  '-12:45:01',
  'Z',
  '+5',
  '+05:3',
  '+0530',
  ' BC',
  '+01 BC',
];

function timestamps() {
  const days = [
    '2024-02-29',
    '1900-03-01',
    '1583-10-10',
    '1969-12-31',
    '0050-06-01',
    '2024-03-31',
    '10000-07-01',
  ];
  return days.flatMap((day) =>
    [...TIMES, ...ODD_TIMES].flatMap((time) => ZONES.map((zone) => `${day} ${time}${zone}`)),
  );
}

describe('row builder', () => {
  for (const [name, [oid, texts]] of Object.entries(VALUES)) {
    it(`reads ${name} as pg-types does`, () => {
      assertAsPg([column('v', oid)], [...texts.map((text) => [text]), [null]]);
    });
  }

  for (const oid of [1082, 1114, 1184]) {
    it(`reads dates and timestamps (${oid}) as pg-types does`, () => {
      const texts = [...DATES, ...timestamps()];
      assertAsPg(
        [column('v', oid)],
        texts.map((text) => [text]),
      );
    });
  }

  it('reads every millisecond and many microseconds as pg-types does', () => {
    const texts = [];
    for (let ms = 0; ms < 1000; ms++) texts.push([`2001-02-03 04:05:06.${String(ms).padStart(3, '0')}+00`]);
    for (let us = 0; us < 1e6; us += 331) texts.push([`2001-02-03 04:05:06.${String(us).padStart(6, '0')}`]);
    assertAsPg([column('v', 1184)], texts);
  });

  it('reads decimals as pg-types does', () => {
    const texts = [];
    let seed = 1;
    const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let i = 0; i < 20_000; i++) {
      const [digits, decimals] = [random(16), random(17)];
      const fraction = String(random(1e9) * 1e7 + random(1e7)).slice(0, decimals);
      texts.push([`${random(2) ? '-' : ''}${String(random(1e9)).slice(0, digits)}.${fraction}`]);
    }
    assertAsPg([column('v', 701)], texts);
  });

  it('reads every day of 400 years as pg-types does', () => {
    const texts = [];
    for (let day = Date.UTC(1800, 0, 1); day < Date.UTC(2200, 0, 2); day += 86_400_000) {
      texts.push([`${new Date(day).toISOString().slice(0, 10)} 00:00:00+00`]);
    }
    assertAsPg([column('v', 1184)], texts);
  });

  it('builds rows with nulls, empty strings and characters of all lengths between each other', () => {
    const columns = [column('a', TEXT), column('b', INT4), column('c', TEXT), column('d', 16)];
    const rows = [
      ['', '1', 'ж', 't'],
      [null, null, null, null],
      ['😀', '-22', '', 'f'],
      ['x', null, 'äöü€𝒳', null],
      [null, '333', 'plain', 't'],
    ];
    assertAsPg(columns, rows);
    assertAsPg(columns, rows, { kind: 2 });
  });

  it('builds no rows, and rows of no columns', () => {
    assertAsPg([column('a', TEXT)], []);
    assert.deepStrictEqual(build([], [[]]), [{}]);
    assert.deepStrictEqual(build([], [[]], { rowMode: 'array' }), [[]]);
  });

  it('lets the last of several columns of one name win, in the place of the first', () => {
    const columns = [column('a', INT4), column('b', TEXT), column('a', TEXT), column('b', INT4)];
    assertAsPg(columns, [
      ['1', 'x', 'last', '2'],
      ['1', 'x', null, null],
    ]);
  });

  it('takes any name for a key', () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '',
      '10',
      '2',
      'a"b\\',
      "it's",
      '\u2028',
      'v0',
      'text',
      '${x}',
    ];
    const columns = names.map((name) => column(name, TEXT));
    const row = names.map((_, i) => `value ${i}`);
    assertAsPg(columns, [row, names.map(() => null)]);
    assertAsPg(columns, [row], { kind: 2 });
    const [built] = build(columns, [row]);
    assert.equal(Object.getPrototypeOf(built), Object.prototype);
    assert.equal(Object.getOwnPropertyDescriptor(built, '__proto__').value, 'value 0');
  });

  it('builds very wide rows', () => {
    const columns = Array.from({ length: 1600 }, (_, i) => column(`column_${i}`, i % 2 ? INT4 : TEXT));
    assertAsPg(columns, [columns.map((_, i) => String(i))]);
  });

  it('leaves the string where there is no parser', () => {
    const columns = [column('a', INT4), column('b', 16)];
    assert.deepStrictEqual(build(columns, [['1', 't']], { parsers: [null, null] }), [{ a: '1', b: 't' }]);
  });

  it("calls the caller's parsers with the text, never for null", () => {
    const seen = [];
    const parser = (value) => seen.push(value);
    const columns = [column('a', INT4), column('b', TEXT)];
    build(
      columns,
      [
        ['1', 'x'],
        [null, ''],
      ],
      { parsers: [parser, parser] },
    );
    assert.deepEqual(seen, ['1', 'x', '']);
  });

  it('honours a default parser given to another type', () => {
    const columns = ['numeric', 'text'].map((name) => column(name, TEXT));
    const parsers = [types.getTypeParser(INT4), parseFloat];
    assert.deepStrictEqual(build(columns, [['12.75', '1.5 apples']], { parsers }), [
      { numeric: 12, text: 1.5 },
    ]);
  });

  it('keeps apart parsers of the same shape', () => {
    const columns = [column('a', TEXT)];
    const upper = (text) => text.toUpperCase();
    const double = (text) => text + text;
    for (const [parser, expected] of [
      [upper, 'X'],
      [double, 'xx'],
      [upper, 'X'],
      [null, 'x'],
    ]) {
      assert.deepStrictEqual(build(columns, [['x']], { parsers: [parser] }), [{ a: expected }]);
    }
  });

  it('keeps apart modes and parsers of one array of fields', () => {
    const columns = [column('a', INT4)];
    const fieldsBlock = fieldsEvent(columns);
    const rowsBlock = rowsEvent([['5']], undefined, undefined, columns);
    const reader = new EventReader(memoryOf(fieldsBlock, rowsBlock));
    const fields = reader.fields(0);
    const rowsOf = (parsers, rowMode) => {
      const rows = [];
      makeRowBuilder(fields, parsers, rowMode)(reader.rows(fieldsBlock.length / 4), rows);
      return rows;
    };
    const integer = parsersOf(fields);
    assert.deepStrictEqual(rowsOf(integer), [{ a: 5 }]);
    assert.deepStrictEqual(rowsOf(integer, 'array'), [[5]]);
    assert.deepStrictEqual(rowsOf([null]), [{ a: '5' }]);
    assert.equal(makeRowBuilder(fields, [null]), makeRowBuilder(fields, [null]));
    assert.deepStrictEqual(rowsOf(integer), [{ a: 5 }]);
  });

  it('makes more shapes than it keeps', () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1500; i++) {
        assert.deepStrictEqual(build([column(`c${i}`, INT4)], [[String(i)]]), [{ [`c${i}`]: i }]);
      }
    }
  });

  it('throws what a parser throws, after the rows before', () => {
    const rows = [];
    const columns = [column('a', 114)];
    const fieldsBlock = fieldsEvent(columns);
    const rowsBlock = rowsEvent([['1'], ['{'], ['3']], undefined, undefined, columns);
    const reader = new EventReader(memoryOf(fieldsBlock, rowsBlock));
    const builder = makeRowBuilder(reader.fields(0), parsersOf(reader.fields(0)));
    assert.throws(() => builder(reader.rows(fieldsBlock.length / 4), rows), SyntaxError);
    assert.deepEqual(rows, [{ a: 1 }]);
  });

  it('parses the json of many rows together, NULLs and columns beside it as they are', () => {
    const columns = [column('a', 114), column('n', INT4), column('b', 3802), column('t', TEXT)];
    const rows = Array.from({ length: 40 }, (_, i) => [
      i % 3 === 0 ? null : JSON.stringify({ key: i, tags: ['ä', `"${i}"`, null], __proto__: null }),
      i % 5 === 0 ? null : String(i),
      ['null', '[]', '"x, y]"', '-0', '12345678901234567890', ' {"a" : [1,2]} '][i % 6],
      i % 7 === 0 ? null : '{"not": json',
    ]);
    assertAsPg(columns, rows);
    assertAsPg([columns[0]], Array(10).fill([null]));
    const [first, second] = build([columns[0]], Array(10).fill(['{"a":1}']));
    assert.notEqual(first.a, second.a);
  });

  it('parses one by one what one parser fails on, and throws there', () => {
    const cells = ['1', '2', '3', '[4', 'x'];
    const rows = [];
    const columns = [column('a', 114)];
    const fieldsBlock = fieldsEvent(columns);
    const rowsBlock = rowsEvent(
      cells.map((cell) => [cell]),
      undefined,
      undefined,
      columns,
    );
    const reader = new EventReader(memoryOf(fieldsBlock, rowsBlock));
    const builder = makeRowBuilder(reader.fields(0), parsersOf(reader.fields(0)));
    assert.throws(() => builder(reader.rows(fieldsBlock.length / 4), rows), SyntaxError);
    assert.deepEqual(rows, [{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  it('leaves json to a parser that is not JSON.parse', () => {
    const columns = [column('a', 114)];
    const rows = Array.from({ length: 20 }, (_, i) => [String(i)]);
    assertAsPg(columns, rows);
    assert.deepEqual(build(columns, rows, { parsers: [(text) => `<${text}>`] })[7], { a: '<7>' });
  });

  it('gives binary parsers a Buffer of their own', () => {
    const columns = [column('i', INT4, 'binary'), column('b', 17, 'binary'), column('n', TEXT, 'binary')];
    const cells = [Buffer.from([0, 0, 1, 2]), Buffer.from([255, 0, 1]), null];
    const parsers = [types.getTypeParser(INT4, 'binary'), null, null];
    const fieldsBlock = fieldsEvent(columns);
    const reader = new EventReader(memoryOf(fieldsBlock, rowsEvent([cells], 2, undefined, columns)));
    const rows = [];
    makeRowBuilder(reader.fields(0), parsers)(reader.rows(fieldsBlock.length / 4), rows);
    reader.bytes.fill(0);
    assert.deepStrictEqual(rows, [{ i: 258, b: Buffer.from([255, 0, 1]), n: null }]);
  });

  it('reads text that is not valid UTF-8 as pg does', () => {
    const [row] = build([column('a', TEXT), column('b', INT4)], [[Buffer.from([0x61, 0xe9, 0x62]), '42']], {
      kind: 2,
    });
    assert.deepStrictEqual(row, { a: 'a\ufffdb', b: 42 });
  });

  it('passes all of this without generating code', async () => {
    if (process.execArgv.includes('--disallow-code-generation-from-strings')) {
      assert.throws(() => new Function(''), EvalError);
      return;
    }
    const mocha = path.join(path.dirname(require.resolve('mocha/package.json')), 'bin/_mocha');
    const args = [
      '--disallow-code-generation-from-strings',
      mocha,
      '--no-config',
      '--timeout',
      '20000',
      __filename,
    ];
    await promisify(execFile)(process.execPath, args);
  });
});
