'use strict';

const assert = require('node:assert/strict');
const { EventReader, Interned, KIND } = require('../../lib/decode');
const { PART } = require('../../lib/row-block');
const { event, fieldsEvent, memoryOf, rowsEvent } = require('../support/blocks');

function reader(...events) {
  return new EventReader(memoryOf(...events));
}

function texts(...parts) {
  return Buffer.from(parts.map((part) => part + '\0').join(''));
}

describe('event reader', () => {
  it("gives the fields all of pg's members", () => {
    const field = {
      name: 'naïve ✓',
      tableID: 4_000_000_000,
      columnID: 3,
      dataTypeID: 3_999_999_999,
      dataTypeSize: -1,
      dataTypeModifier: 260,
      format: 'text',
    };
    const binary = { ...field, name: '', dataTypeID: 23, format: 'binary' };
    const fields = reader(fieldsEvent([field, binary])).fields(0);
    assert.deepEqual(
      fields.map((each) => ({ ...each })),
      [
        { ...field, part: PART.KEPT },
        { ...binary, part: PART.KEPT },
      ],
    );
  });

  it('decodes the fields of one shape once, in whichever buffer and place they come', () => {
    const interned = new Interned();
    const shape = [{ name: 'id', dataTypeID: 23 }];
    const other = [{ name: 'id', dataTypeID: 20 }];
    const first = new EventReader(memoryOf(fieldsEvent(shape), fieldsEvent(other)), interned);
    const second = new EventReader(memoryOf(fieldsEvent(other), fieldsEvent(shape)), interned);
    const secondPlace = fieldsEvent(shape).length / 4;
    assert.equal(second.fields(secondPlace), first.fields(0));
    assert.equal(second.fields(0), first.fields(secondPlace));
    assert.notEqual(first.fields(0), first.fields(secondPlace));
    assert.throws(() => first.fields(0).push('x'), TypeError);
  });

  it('keeps apart more shapes than it remembers', () => {
    const interned = new Interned();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2000; i++) {
        const fields = new EventReader(
          memoryOf(fieldsEvent([{ name: `c${i}`, dataTypeID: i }])),
          interned,
        ).fields(0);
        assert.equal(fields[0].name, `c${i}`);
        assert.equal(fields[0].dataTypeID, i);
      }
    }
  });

  it('decodes a result wider than it remembers', () => {
    const wide = Array.from({ length: 1600 }, (_, i) => ({ name: `column_${i}`, dataTypeID: 25 }));
    const fields = reader(fieldsEvent(wide)).fields(0);
    assert.equal(fields.length, 1600);
    assert.equal(fields[1599].name, 'column_1599');
  });

  it('gives the rows as one text and where each cell ends', () => {
    const block = reader(
      rowsEvent([
        ['ab', null],
        ['', 'c'],
      ]),
    ).rows(0);
    assert.deepEqual([block.rowCount, block.columnCount, block.kind, block.text], [2, 2, 0, 'abc']);
    assert.deepEqual([...block.ends.subarray(block.base, block.base + 4)], [2, ~2, 2, 3]);
  });

  for (const [rows, what] of [
    [7, 'one text'],
    [8, 'two texts'],
  ]) {
    it(`gives few rows as one text, many as two: ${rows} rows are ${what}`, () => {
      const columns = [{ dataTypeID: 25 }, { dataTypeID: 23 }, { dataTypeID: 114 }];
      const cells = Array(rows).fill(['é', '7', '{}']);
      const block = reader(rowsEvent(cells, undefined, undefined, columns)).rows(0);
      const kept = 'é'.repeat(rows);
      const read = `${'7'.repeat(rows)}[${Array(rows).fill('{}')}]`;
      const isOne = what === 'one text';
      assert.deepEqual([block.text, block.readText], isOne ? [kept + read, kept + read] : [kept, read]);
      assert.equal(block.readFrom, isOne ? rows : 0);
      assert.equal(block.ends[block.arrays], isOne ? 2 * rows : rows);
    });
  }

  it('reads UTF-8, and leaves bytes alone', () => {
    assert.equal(reader(rowsEvent([['ж😀', 'x']])).rows(0).text, 'ж😀x');
    const block = reader(rowsEvent([[Buffer.from([0xff, 0x00])]], 2)).rows(0);
    assert.deepEqual([...block.bytes], [0xff, 0x00]);
  });

  it('reads command tags', () => {
    const complete = (tag) => event(KIND.COMPLETE, [tag.length, 0], texts(tag));
    const all = reader(complete('INSERT 0 1'), complete(''), complete('INSERT 0 1'));
    const next = (at) => at + all.words[at] / 4;
    assert.equal(all.complete(0), 'INSERT 0 1');
    assert.equal(all.complete(next(0)), '');
    assert.equal(all.complete(next(next(0))), 'INSERT 0 1');
  });

  it('reads how a query ended', () => {
    const block = event(KIND.DONE, [84, 2, 0, 0, 0, 0], undefined, { connection: 7 });
    block.writeDoubleLE(1.5, 4 * 10);
    block.writeDoubleLE(0.25, 4 * 12);
    const expected = { status: 'T', attempts: 2, queueMs: 1.5, serverMs: 0.25, connId: 7 };
    assert.deepEqual(reader(block).done(0), expected);
  });

  it('reads a failure with its fields', () => {
    const message = 'doppelter Schlüssel';
    const body = [1, 2, 1, 69, 3, 0, 0, 0, 67, 5, 77, Buffer.byteLength(message), 72, 0];
    const block = event(KIND.ERROR, body, texts('23505', message, ''), { connection: 3 });
    assert.deepEqual(reader(block).failure(0, ['KEEL_OK', 'KEEL_SERVER']), {
      code: 'KEEL_SERVER',
      outcome: 'rolled-back',
      attempts: 1,
      status: 'E',
      connId: 3,
      fields: { C: '23505', M: message, H: '' },
      cause: undefined,
      retryAfter: 0,
    });
  });

  it('reads a refusal with the failure that opened the breaker', () => {
    const block = event(KIND.ERROR, [2, 1, 0, 73, 1, 0, 1, 250, 77, 4], texts('gone'));
    const { code, cause, retryAfter, fields } = reader(block).failure(0, ['OK', 'LOST', 'BREAKER_OPEN']);
    assert.deepEqual(
      { code, cause, retryAfter, fields },
      {
        ...{ code: 'BREAKER_OPEN', cause: 'LOST', retryAfter: 250 },
        fields: { M: 'gone' },
      },
    );
  });

  it("reads a breaker's change of state", () => {
    const reason = '5 failures in a row';
    const block = event(KIND.BREAKER, [0, 1, reason.length, 0], texts(reason));
    assert.deepEqual(reader(block).breaker(0), { from: 'CLOSED', to: 'OPEN', reason });
  });

  it('reads an opened connection', () => {
    const parameters = texts('TimeZone', 'Europe/Berlin', 'is_superuser', '');
    const text = Buffer.concat([texts('db.example'), parameters]);
    const body = [4242, 150018, 5433, 'db.example'.length, parameters.length, 1];
    const block = event(KIND.OPENED, body, text, { connection: 9, lease: [-1, 1] });
    assert.deepEqual(reader(block).opened(0), {
      connId: 9,
      leaseId: 2 ** 33 - 1,
      processId: 4242,
      serverVersion: 150018,
      host: 'db.example',
      port: 5433,
      ssl: true,
      parameters: { TimeZone: 'Europe/Berlin', is_superuser: '' },
    });
  });

  it('reads notifications and settings', () => {
    const notification = event(KIND.NOTIFICATION, [17, 2, 5, 0], texts('ch', 'hällo'.slice(0, 4)), {
      connection: 2,
    });
    const setting = event(KIND.PARAMETER, [8, 3], texts('TimeZone', 'UTC'));
    const all = reader(notification, setting);
    assert.deepEqual(all.notification(0), { connId: 2, processId: 17, channel: 'ch', payload: 'häll' });
    assert.deepEqual(all.parameter(notification.length / 4), ['TimeZone', 'UTC']);
  });
});
