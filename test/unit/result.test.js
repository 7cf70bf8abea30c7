'use strict';

const assert = require('node:assert/strict');
const PgResult = require('pg/lib/result');
const PgTypeOverrides = require('pg/lib/type-overrides');
const Result = require('../../lib/result');
const TypeOverrides = require('../../lib/type-overrides');

const FIELDS = [
  { name: 'id', dataTypeID: 23, format: 'text' },
  { name: '__proto__', dataTypeID: 25, format: 'text' },
  { name: 'id', dataTypeID: 20, format: 'text' },
];

function both(use) {
  const ours = new Result(undefined, undefined);
  const theirs = new PgResult(undefined, undefined);
  return [use(ours), use(theirs)];
}

describe('Result', () => {
  for (const text of [
    'SELECT 5',
    'INSERT 0 3',
    'INSERT 1234 1',
    'BEGIN',
    'CREATE TABLE',
    'COPY 7',
    'DROP',
    '',
  ]) {
    it(`reads the command tag "${text}" as pg does`, () => {
      const [ours, theirs] = both((result) => {
        result.addCommandComplete({ text });
        const { command, rowCount, oid } = result;
        return { command, rowCount, oid };
      });
      assert.deepEqual(ours, theirs);
    });
  }

  it('makes rows as pg does, with names that come twice or are special', () => {
    const [ours, theirs] = both((result) => {
      result.addFields(FIELDS);
      return [result.parseRow(['1', 'p', '2']), result.parseRow([null, null, null])];
    });
    assert.deepEqual(ours, theirs);
    assert.deepEqual(Object.keys(ours[0]), ['id', '__proto__']);
  });

  it('makes arrays where asked', () => {
    const result = new Result('array');
    result.addFields(FIELDS);
    assert.deepEqual(result.parseRow(['1', null, '3']), [1, null, '3']);
  });

  it('has the properties of a pg result, in the same order', () => {
    assert.deepEqual(Object.keys(new Result('array', {})), Object.keys(new PgResult('array', {})));
  });
});

describe('TypeOverrides', () => {
  for (const Overrides of [TypeOverrides, PgTypeOverrides]) {
    const name = Overrides === TypeOverrides ? 'ours' : "pg's";
    it(`${name}: an override holds for its format only, the rest is the base's`, () => {
      const base = { getTypeParser: (oid, format) => `${oid} ${format}` };
      const overrides = new Overrides(base);
      const text = () => 'text';
      const binary = () => 'binary';
      overrides.setTypeParser(23, text);
      overrides.setTypeParser(20, 'binary', binary);
      assert.equal(overrides.getTypeParser(23), text);
      assert.equal(overrides.getTypeParser(23, 'binary'), '23 binary');
      assert.equal(overrides.getTypeParser(20, 'binary'), binary);
      assert.equal(overrides.getTypeParser(20, 'text'), '20 text');
    });
  }
});
