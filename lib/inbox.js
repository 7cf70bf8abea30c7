'use strict';

/*
 * What the engine has handed over and nobody has been told of yet: whole events of 8 bytes each, in a buffer that is
 * filled again when it is empty.
 */

const { EventReader, Interned } = require('./decode');

const BUFFER_BYTES = 64 * 1024;

/* What native.drain() answers: bytes and, in the lowest bit, whether more are there. */
const MORE = 1;

class Inbox {
  #native;
  #interned = new Interned();
  #usual; // reader
  #reader;
  #at = 0;
  #end = 0;
  #hasMore = false;

  constructor(native) {
    this.#native = native;
    this.#usual = this.#readerOf(BUFFER_BYTES);
    this.#reader = this.#usual;
  }

  /** Of what is in the buffer. */
  get reader() {
    return this.#reader;
  }

  get isEmpty() {
    return this.#at === this.#end;
  }

  /** Whether the engine may have more than what is here. If not, it rings for what comes. */
  get hasMore() {
    return this.#hasMore;
  }

  /** @returns {number} where in the reader's words the next event begins. Only while it is not empty */
  next() {
    const at = this.#at;
    this.#at += this.#reader.words[at] >> 2;
    return at;
  }

  /** When it is empty. @returns {boolean} whether there is anything now */
  fill() {
    this.#drainInto(this.#usual);
    // The next event alone is larger than the buffer, and its size is all that was written.
    if (this.#end === 0 && this.#hasMore) this.#drainInto(this.#readerOf(this.#usual.words[0]));
    return this.#end > 0;
  }

  /** What is left is for later: until then the engine may ring for more, and nobody looks. */
  putOff() {
    this.#hasMore = true;
  }

  #drainInto(reader) {
    const answer = this.#native.drain(reader.bytes);
    this.#hasMore = (answer & MORE) !== 0;
    this.#reader = reader;
    this.#at = 0;
    this.#end = (answer - (answer & MORE)) >> 2;
  }

  #readerOf(bytes) {
    return new EventReader(new ArrayBuffer(bytes), this.#interned);
  }
}

module.exports = { Inbox };
