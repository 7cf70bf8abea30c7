'use strict';

/*
 * Requests in flight. A tag names a slot and the slot's generation, so that events find their request without a hash
 * and an abort that comes too late meets nobody. Below 2^53, so that a tag is an ordinary number.
 */

const WORD = 2 ** 32;
const LAST_GENERATION = 2 ** 20;

class RequestTable {
  #slots = [];
  #free = [];

  /** @returns {{slot: number, generation: number, sink: object, pool: object, unacknowledged: number}} to be read until it is taken */
  add(sink, pool) {
    const slot = this.#free.length > 0 ? this.#free.pop() : this.#grow();
    const request = this.#slots[slot];
    request.sink = sink;
    request.pool = pool;
    request.unacknowledged = 0;
    return request;
  }

  /** @returns {object | undefined} the request, which stays */
  get(slot, generation) {
    const request = this.#slots[slot];
    return request !== undefined && request.generation === generation && request.sink !== null
      ? request
      : undefined;
  }

  /** Forgets a request: its tag is void from now on. */
  remove(request) {
    request.sink = null;
    request.pool = null;
    request.generation = request.generation === LAST_GENERATION ? 1 : request.generation + 1;
    this.#free.push(request.slot);
  }

  #grow() {
    return this.#slots.push(newRequest(this.#slots.length)) - 1;
  }
}

function newRequest(slot) {
  // unacknowledged: bytes of rows that the engine does not know yet to be done with
  // waits: it asked for any connection, and may have to wait for one
  return { slot, generation: 1, sink: null, pool: null, unacknowledged: 0, waits: false };
}

function tagOf(request) {
  return request.generation * WORD + request.slot;
}

/** Numbers of two words, as tags and leases are. */
function lowWord(number) {
  return number | 0;
}

function highWord(number) {
  return Math.floor(number / WORD);
}

function fromWords(low, high) {
  return high * WORD + (low >>> 0);
}

module.exports = { RequestTable, tagOf, lowWord, highWord, fromWords };
