'use strict';

/* The judge of `npm run soak -- --faults`: whatever it has to find, it finds. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Ledger, judge } = require('../../scripts/lib/ledger');

const call = (key, fate, more) => ({
  ...{ key, kind: 'insert', fate, ms: 5, limit: 1000 },
  ...(fate === 'acknowledged' ? {} : { code: 'KEEL_CONNECTION_LOST' }),
  ...more,
});

const TOLD = [
  call('a', 'acknowledged'),
  call('b', 'not-sent'),
  call('c', 'rolled-back', { kind: 'transfer', code: '40P01' }),
  call('d', 'unknown'),
  call('e', 'unknown'),
  call('f', 'acknowledged', { kind: 'read' }),
];
const THERE = { a: 1, d: 1 };

const judged = (calls, there, more) => judge({ calls, times: new Map(Object.entries(there)), ...more });

describe("the ledger's judge", () => {
  it('finds nothing where everything is as it was told, and counts', () => {
    const { violations, figures, codes } = judged(TOLD, THERE, {
      accounts: [{ id: 1, balance: 90, expected: 90 }],
    });
    assert.deepEqual(violations, []);
    assert.deepEqual(figures.insert, {
      ...{ acknowledged: 1, 'not-sent': 1, 'rolled-back': 0, unknown: 2 },
      ...{ unknownThere: 1, unknownAbsent: 1, slowestMs: 5 },
    });
    assert.equal(figures.transfer['rolled-back'], 1);
    assert.deepEqual(codes, { KEEL_CONNECTION_LOST: 3, '40P01': 1 });
  });

  const FOUND = {
    'an acknowledged write that is missing': [TOLD, { d: 1 }, /^a was acknowledged and is missing$/],
    'an acknowledged write that is there twice': [TOLD, { ...THERE, a: 2 }, /^a is there 2 times$/],
    'a write of unknown outcome that is there twice': [TOLD, { ...THERE, e: 2 }, /^e is there 2 times$/],
    'a not-sent one that is there': [TOLD, { ...THERE, b: 1 }, /^b was told not-sent and is there$/],
    'a rolled-back one that is there': [TOLD, { ...THERE, c: 1 }, /^c was told rolled-back and is there$/],
    'a row that nobody wrote': [TOLD, { ...THERE, z: 1 }, /^z is there, and nobody wrote it$/],
    'a call that has never settled': [
      [...TOLD, { key: 'g', kind: 'insert', limit: 1000 }],
      THERE,
      /^g has never settled$/,
    ],
    'one that settled late': [
      [...TOLD, call('g', 'not-sent', { ms: 4000 })],
      THERE,
      /^g settled after 4000 ms, its limit was 1000 ms$/,
    ],
    'a read that settled late': [
      [...TOLD, call('g', 'acknowledged', { kind: 'read', ms: 4000 })],
      THERE,
      /^g settled after 4000 ms/,
    ],
    'an error that says nothing of the outcome': [
      [...TOLD, call('g', 'undefined', { code: 'TypeError' })],
      THERE,
      /^g failed \(TypeError\) with the outcome undefined$/,
    ],
    'an error that no fault explains': [
      [...TOLD, call('g', 'rolled-back', { code: '42601' })],
      THERE,
      /^g failed with 42601$/,
    ],
  };
  for (const [what, [calls, there, expected]] of Object.entries(FOUND)) {
    it(`finds ${what}`, () => {
      const { violations } = judged(calls, there);
      assert.equal(violations.length, 1);
      assert.match(violations[0], expected);
    });
  }

  it('finds a transaction that was done by half', () => {
    const { violations } = judged(TOLD, THERE, {
      accounts: [
        { id: 1, balance: 90, expected: 90 },
        { id: 2, balance: 100, expected: 110 },
      ],
    });
    assert.deepEqual(violations, ['account 2 has 100, its transfers say 110']);
  });
});

describe('the ledger', () => {
  let dir;
  let ledger;

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-ledger-'));
    ledger = new Ledger(path.join(dir, 'calls'));
  });

  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('gives back what was settled and what was not', () => {
    const first = ledger.begin('insert', 1000);
    const second = ledger.begin('read', 500);
    ledger.settle(first, 'unknown', 'KEEL_QUERY_TIMEOUT');
    const [settled, pending] = ledger.calls();
    assert.equal(settled.key, first);
    assert.equal(settled.fate, 'unknown');
    assert.equal(pending.key, second);
    assert.equal(pending.fate, undefined);
  });

  it('keeps as many calls as there are', () => {
    const keys = Array.from({ length: 2500 }, () => ledger.begin('insert', 1000));
    for (const key of keys) ledger.settle(key, 'acknowledged');
    assert.deepEqual(
      ledger.calls().map(({ key }) => key),
      keys,
    );
  });

  it('does not take a second settlement', () => {
    const key = ledger.begin('insert', 1000);
    ledger.settle(key, 'acknowledged');
    assert.throws(() => ledger.settle(key, 'acknowledged'), /settled twice/);
  });
});
