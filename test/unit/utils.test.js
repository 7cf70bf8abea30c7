'use strict';

const assert = require('node:assert/strict');
const pgUtils = require('pg/lib/utils');
const defaults = require('../../lib/defaults');
const pgDefaults = require('pg/lib/defaults');
const utils = require('../../lib/utils');
const { prepareValues } = require('../../lib/prepare-value');

class Money {
  constructor(amount) {
    this.amount = amount;
  }

  toPostgres(prepareValue) {
    return prepareValue([this.amount, 'EUR']);
  }
}

const sparse = [1, undefined, 3];
delete sparse[1];

const VALUES = {
  null: null,
  undefined,
  'an empty string': '',
  'a string': 'it\'s "quoted" \\ and {braced}',
  'a number': 1.5,
  NaN,
  'minus infinity': -Infinity,
  'a bigint': 12345678901234567890n,
  booleans: true,
  'a symbol': Symbol('x'),
  'a function': function f() {},
  'a Buffer': Buffer.from([0, 1, 255]),
  'a view into a larger buffer': new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
  'a DataView': new DataView(new Uint8Array([9, 8, 7]).buffer, 1),
  'a date': new Date(2024, 1, 29, 13, 4, 5, 6),
  'a date in the year 5': new Date(-62009366400000),
  'a date before Christ': new Date(-99999999999999),
  'an empty array': [],
  'an array of all kinds': [1, 'a"b\\c', null, undefined, true, 2n, new Date(0), { a: [1] }, 'NULL', ''],
  'nested arrays': [[1, 2], [[3]], []],
  'buffers in an array': [Buffer.from('ab'), new Uint8Array([1, 2])],
  'an array with a hole': sparse,
  'an object': { a: 1, b: [null, 'x'], c: { d: new Date(0) } },
  'an object with toJSON': { toJSON: () => ({ x: 1 }) },
  'an object without JSON': { toJSON: () => undefined },
  'an object without a prototype': Object.create(null),
  'toPostgres giving an array': new Money(5),
  'toPostgres giving another such': { toPostgres: () => new Money(7) },
  'toPostgres giving null': { toPostgres: () => null },
  'toPostgres inside of an array': [new Money(1), { toPostgres: () => 'x' }],
  'a boxed string': Object('boxed'),
  'a Map': new Map([[1, 2]]),
};

const cyclic = { name: 'cyclic' };
cyclic.self = cyclic;
const cyclicToPostgres = { toPostgres: () => cyclicToPostgres, toString: () => 'me' };

describe('parameters become what pg makes of them', () => {
  for (const [name, value] of Object.entries(VALUES)) {
    it(name, () => assert.deepEqual(utils.prepareValue(value), pgUtils.prepareValue(value)));
  }

  for (const zone of ['UTC', 'Asia/Kolkata', 'America/St_Johns']) {
    it(`dates in ${zone}`, () => {
      const before = process.env.TZ;
      process.env.TZ = zone;
      try {
        for (const time of [0, 951782400000, 1711846800000, -1e12, -6e13]) {
          assert.equal(utils.prepareValue(new Date(time)), pgUtils.prepareValue(new Date(time)));
        }
      } finally {
        if (before === undefined) delete process.env.TZ;
        else process.env.TZ = before;
      }
    });
  }

  it('dates as UTC where that is asked for', () => {
    defaults.parseInputDatesAsUTC = pgDefaults.parseInputDatesAsUTC = true;
    try {
      for (const time of [0, 1711846800123, -6e13, -99999999999999]) {
        assert.equal(utils.prepareValue(new Date(time)), pgUtils.prepareValue(new Date(time)));
      }
    } finally {
      defaults.parseInputDatesAsUTC = pgDefaults.parseInputDatesAsUTC = false;
    }
  });

  for (const [name, value] of Object.entries({ cyclic, cyclicToPostgres })) {
    it(`throws what pg throws: ${name}`, () => {
      const message = (module) => {
        try {
          return module.prepareValue(value);
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      };
      assert.match(message(utils), /circular/);
      // pg puts the value itself into one of them, and no message of ours holds a value.
      const theirs = message(pgUtils).replace(/"me" for query/, 'a value for the query');
      assert.equal(message(utils), theirs);
    });
  }

  it('takes one argument, so that map() may call it', () => {
    assert.deepEqual(['a', 1].map(utils.prepareValue), ['a', '1']);
  });

  it('makes a new array of values and leaves the given one alone', () => {
    const values = [undefined, 1, { a: 1 }];
    assert.deepEqual(prepareValues(values), [null, '1', '{"a":1}']);
    assert.deepEqual(values, [undefined, 1, { a: 1 }]);
  });
});

describe('escaping is that of pg', () => {
  const texts = ['', 'plain', "it's", '"', 'a\\b', "\\'", 'né', 'a"b"c', "''", '\\\\'];
  for (const text of texts) {
    it(JSON.stringify(text), () => {
      assert.equal(utils.escapeLiteral(text), pgUtils.escapeLiteral(text));
      assert.equal(utils.escapeIdentifier(text), pgUtils.escapeIdentifier(text));
    });
  }

  it('of what is no string', () => {
    for (const value of [null, undefined, 5, {}]) {
      assert.equal(utils.escapeLiteral(value), pgUtils.escapeLiteral(value));
    }
  });
});

describe('query configs', () => {
  it('are copied, getters and prototypes included', () => {
    class Statement {
      constructor() {
        this.text = 'select $1';
      }

      get values() {
        return [1];
      }
    }
    const config = new Statement();
    const normalized = utils.normalizeQueryConfig(config, undefined, () => {});
    assert.notEqual(normalized, config);
    assert.deepEqual(normalized.values, [1]);
    assert.equal(config.callback, undefined);
  });

  it('take values and callback from the arguments', () => {
    const done = () => {};
    assert.deepEqual(utils.normalizeQueryConfig('x', [1], done), { text: 'x', values: [1], callback: done });
    assert.deepEqual(utils.normalizeQueryConfig('x', done), { text: 'x', callback: done });
  });
});
