'use strict';

const assert = require('node:assert/strict');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { KIND } = require('../../lib/decode');
const { Dispatcher } = require('../../lib/dispatch');
const { RequestTable } = require('../../lib/requests');
const { block } = require('../support/block');
const { event, rowsEvent } = require('../support/blocks');

const DONE = [0, 1, 0, 0, 0, 0];
const MORE = 1;

/** The addon's side of the way up: events wait in an outbox, and the doorbell is rung for those that nobody looks for. */
class Outbox {
  #events = [];
  #awaited = true;
  rings = 0;
  requests = new RequestTable();
  told = [];

  constructor() {
    this.dispatcher = new Dispatcher(this, this.requests, new Map());
  }

  /** Answers a request that is made for it. */
  answer(name, rows = []) {
    const sink = {
      rows: ({ rowCount }) => this.told.push(`${name}: ${rowCount} rows`),
      done: () => this.told.push(name),
    };
    const { slot, generation } = this.requests.add(sink, { settled: () => {}, acknowledge: () => {} });
    const header = { tag: [slot, generation] };
    this.#events.push(...rows.map((cells) => rowsEvent(cells, undefined, header)));
    this.#events.push(event(KIND.DONE, DONE, undefined, header));
    if (this.#awaited) this.ring();
    this.#awaited = false;
  }

  ring() {
    this.rings += 1;
  }

  drain(bytes) {
    let used = 0;
    while (this.#events.length > 0 && this.#events[0].length <= bytes.length - used) {
      used += this.#events[0].copy(bytes, used);
      this.#events.shift();
    }
    this.#awaited = this.#events.length === 0;
    if (this.#awaited) return used;
    if (used === 0) bytes.set(this.#events[0].subarray(0, 4));
    return used | MORE;
  }

  /** Lets the doorbell ring, once for each time, until it is silent. `between` rings. */
  async deliver(between = () => {}) {
    while (this.rings > 0) {
      this.rings -= 1;
      this.dispatcher.ring();
      between();
      if (this.rings === 0) await nextTurn();
    }
  }
}

describe('what the engine hands over', () => {
  const names = Array.from({ length: 100 }, (_, i) => `answer ${i}`);

  // 6 ms: longer than the loop is held for, so that the doorbell rings while nobody heeds it.
  for (const work of [0, 6]) {
    it(`comes in portions, in order, with all that comes meanwhile, ${work} ms after each other`, async () => {
      const outbox = new Outbox();
      const later = [];
      for (const name of names) outbox.answer(name);
      await outbox.deliver(() => {
        if (outbox.told.length >= names.length) return;
        later.push(`after the first ${outbox.told.length}`);
        outbox.answer(later.at(-1));
        block(work);
      });
      assert.notEqual(later.length, 0);
      assert.deepEqual(outbox.told, [...names, ...later]);
    });
  }

  async function portionsOf(outbox, rounds, work, asks) {
    const sizes = [];
    for (let round = 0; round < rounds; round++) {
      for (const name of names) outbox.answer(name);
      await outbox.deliver(() => {
        const count = outbox.told.splice(0).length;
        block(work * count);
        if (asks) outbox.dispatcher.tickEnds();
        if (count > 0) sizes.push(count);
      });
    }
    return sizes;
  }

  it('comes in smaller portions the longer the application works on it', async () => {
    const sizes = await portionsOf(new Outbox(), 20, 0.5, true);
    assert.ok(Math.max(...sizes.slice(-50)) <= 5, `${sizes}`);
  });

  it('comes whole again when the application asks for nothing because of it', async () => {
    const outbox = new Outbox();
    await portionsOf(outbox, 5, 0.5, true);
    const sizes = await portionsOf(outbox, 20, 0, false);
    assert.equal(sizes.at(-1), names.length);
  });

  it('comes whole where this thread has taken the turn itself', () => {
    const outbox = new Outbox();
    for (const name of names) outbox.answer(name);
    outbox.dispatcher.ring(true);
    assert.deepEqual(outbox.told, names);
  });

  it('may be longer than the buffer', async () => {
    const outbox = new Outbox();
    const rows = Array.from({ length: 1000 }, (_, i) => [`${i}`.padEnd(200, 'x')]);
    outbox.answer('before');
    outbox.answer('long', [rows]);
    outbox.answer('after');
    await outbox.deliver();
    assert.deepEqual(outbox.told, ['before', 'long: 1000 rows', 'long', 'after']);
  });
});
