'use strict';

const assert = require('node:assert/strict');
const { OP, Submission } = require('../../lib/submission');

const POOL = 5;
const REQUEST = { slot: 7, generation: 2 };
/* The first slot of a registry that is new, and the words of an operation that fills one, or that is a query. */
const FIRST = 2;
const DEFINE_WORDS = 5;
const QUERY_WORDS = 11;

/** Stands where the addon stands, and remembers what it was handed. */
function recorder(answer) {
  const calls = [];
  const native = {
    submit(words, count, text, binary) {
      calls.push({ words: [...words.subarray(0, count)], text, binary: binary && Buffer.from(binary) });
      return answer;
    },
  };
  return { calls, native };
}

function query(changes = {}) {
  return { text: 'select 1', params: null, ...changes };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('submission', () => {
  it('lays a query out in words, with its texts one after the other', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    const params = ['ä€', null, Buffer.from([1, 2, 3]), '', Buffer.alloc(0)];
    submission.query(POOL, REQUEST, query({ params, name: 'n', lease: 2 ** 33 + 1, timeout: 250 }), 6);
    submission.flush();
    assert.deepEqual(calls, [
      {
        words: [
          ...[OP.DEFINE, 0, FIRST, 8, 1],
          ...[OP.QUERY, POOL, 7, 2, 1, 2, 6, 250, FIRST, 0, 5, 2, -1, -5, 0, -2],
        ],
        text: 'select 1\0n\0ä€\0\0',
        binary: Buffer.from([1, 2, 3]),
      },
    ]);
  });

  it('says a text once, and the number of its slot from then on', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    const asked = { text: 'update t set x = $1', prelude: 'begin', params: ['1'], lease: 3 };
    submission.query(POOL, REQUEST, query(asked), 0);
    submission.query(POOL, REQUEST, query({ text: 'begin' }), 1);
    submission.flush();
    assert.deepEqual(calls[0].words, [
      ...[OP.DEFINE, 0, FIRST, 19, -1],
      ...[OP.DEFINE, 0, FIRST + 1, 5, -1],
      ...[OP.QUERY, POOL, 7, 2, 3, 0, 0, -1, FIRST, FIRST + 1, 1, 1],
      ...[OP.QUERY, POOL, 7, 2, 0, 0, 1, -1, FIRST + 1, 0, 0],
    ]);
    assert.equal(calls[0].text, 'update t set x = $1\0begin\x001\0');
  });

  it("says -1 for the pool's timeout and for no name", () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    submission.query(POOL, REQUEST, query(), 1);
    submission.flush();
    assert.deepEqual(calls[0].words, [
      ...[OP.DEFINE, 0, FIRST, 8, -1],
      ...[OP.QUERY, POOL, 7, 2, 0, 0, 1, -1, FIRST, 0, 0],
    ]);
    assert.equal(calls[0].binary, undefined);
  });

  it('lays the other operations out, in their order', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    submission.acquire(POOL, REQUEST, undefined);
    submission.abort(POOL, 2 ** 32 * 3 + 4_000_000_000);
    submission.release(POOL, 2 ** 40, true);
    submission.holdNew(POOL, true);
    submission.password(POOL, 9, 'sécret', undefined);
    submission.password(POOL, 9, null, 'no');
    submission.close(POOL, -1, false);
    submission.acknowledge(POOL, 2 ** 32 * 3 + 7, 131_072);
    submission.flush();
    assert.deepEqual(calls[0].words, [
      ...[OP.ACQUIRE, POOL, 7, 2, -1],
      ...[OP.ABORT, POOL, 4_000_000_000 | 0, 3, 0],
      ...[OP.RELEASE, POOL, 0, 256, 1],
      ...[OP.HOLD_NEW, POOL, 1, 0, 0],
      ...[OP.PASSWORD, POOL, 9, 6, -1],
      ...[OP.PASSWORD, POOL, 9, -1, 2],
      ...[OP.CLOSE, POOL, -1, 0, 0],
      ...[OP.ACKNOWLEDGE, POOL, 7, 3, 131_072],
    ]);
    assert.equal(calls[0].text, 'sécret\0no\0');
  });

  it('hands over once for a tick, and not again when nothing came', async () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    for (let i = 0; i < 100; i++) submission.query(POOL, REQUEST, query(), 0);
    assert.equal(calls.length, 0);
    await tick();
    assert.equal(calls.length, 1);
    assert.equal(calls[0].words.length, DEFINE_WORDS + 100 * QUERY_WORDS);
    await tick();
    assert.equal(calls.length, 1);
  });

  it('hands over once what chains of promises of several lengths ask', async () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    const caller = async (hops) => {
      for (let i = 0; i < hops; i++) await undefined;
      submission.query(POOL, REQUEST, query(), 0);
    };
    await undefined;
    await Promise.all([1, 2, 3, 4, 5].map(caller));
    await tick();
    assert.equal(calls.length, 1);
  });

  it('leaves nothing for the tick when it was flushed before, and begins anew', async () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    submission.query(POOL, REQUEST, query(), 0);
    submission.flush();
    submission.query(POOL, REQUEST, query({ text: 'b' }), 0);
    await tick();
    submission.query(POOL, REQUEST, query({ text: 'c' }), 0);
    await tick();
    assert.deepEqual(
      calls.map((call) => call.text),
      ['select 1\0', 'b\0', 'c\0'],
    );
  });

  it('hands over at once what grows too large to collect', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    const text = 'x'.repeat(2 ** 20);
    for (let i = 0; i < 5; i++) submission.query(POOL, REQUEST, query({ text }), 0);
    const params = [Buffer.alloc(2 ** 24 + 1)];
    submission.query(POOL, REQUEST, query({ params }), 0);
    assert.equal(calls.length, 2);
    assert.equal(calls[1].binary.length, 2 ** 24 + 1);
  });

  it('takes more parameters than it had room for', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    const params = Array.from({ length: 65_535 }, (_, i) => String(i));
    submission.query(POOL, REQUEST, query(), 0);
    submission.query(POOL, REQUEST, query({ params }), 0);
    submission.flush();
    const before = DEFINE_WORDS + QUERY_WORDS;
    assert.deepEqual(calls[0].words.slice(before + 10, before + 14), [65_535, 1, 1, 1]);
    assert.equal(calls[0].text, `select 1\0${params.join('\0')}\0`);
  });

  it('joins binary parameters of several queries', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    submission.query(POOL, REQUEST, query({ params: [Buffer.from('ab')] }), 0);
    submission.query(POOL, REQUEST, query({ params: [new Uint8Array([1]), 'x'] }), 0);
    submission.flush();
    assert.deepEqual(calls[0].binary, Buffer.from([97, 98, 1]));
  });

  it('drops the whole of a query whose parameter it cannot take', () => {
    const { calls, native } = recorder();
    const submission = new Submission(native);
    submission.query(POOL, REQUEST, query({ text: 'a', params: [Buffer.from('kept')] }), 0);
    const bad = query({ text: 'b', params: ['x', Buffer.from('dropped'), 5] });
    assert.throws(() => submission.query(POOL, REQUEST, bad, 0), TypeError);
    submission.query(POOL, REQUEST, query({ text: 'c' }), 0);
    submission.flush();
    assert.equal(calls[0].text, 'a\0b\0c\0');
    assert.deepEqual(calls[0].binary, Buffer.from('kept'));
    assert.equal(calls[0].words.length, 3 * DEFINE_WORDS + 12 + QUERY_WORDS);
  });

  it('tells of requests that nobody took', () => {
    const refused = [];
    const { native } = recorder([13, 7, 2]);
    const submission = new Submission(native, (list) => refused.push(...list));
    submission.query(POOL, REQUEST, query(), 0);
    submission.flush();
    assert.deepEqual(refused, [13, 7, 2]);
  });

  it('can be used from within the native call', () => {
    const texts = [];
    const submission = new Submission({
      submit(_words, _count, text) {
        texts.push(text);
        if (texts.length === 1) {
          submission.query(POOL, REQUEST, query({ text: 'inner' }), 0);
          submission.flush();
        }
      },
    });
    submission.query(POOL, REQUEST, query({ text: 'outer' }), 0);
    submission.flush();
    assert.deepEqual(texts, ['outer\0', 'inner\0']);
  });
});
