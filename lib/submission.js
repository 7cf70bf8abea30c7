'use strict';

/*
 * The way down: what one tick asks of the engine, written into one stream of words and one text, and handed over by one
 * native call. csrc/addon/submission.cc reads it; change both together.
 *
 * An operation is its code, its pool's id and the words listed at OP. Lengths of text count UTF-16 units; the texts
 * follow each other in the order of their lengths, each with a NUL behind it. The NUL is there for C, and so that a lone
 * high surrogate at the end of one text cannot form a pair with the beginning of the next, which would shift all lengths
 * after it.
 */

const { CODES, KeelError } = require('./errors');
const { NO_SLOT, StatementRegistry } = require('./statement-registry');
const { lowWord, highWord } = require('./requests');

const OP = {
  QUERY: 1, // tag (2), lease (2), flags, timeout, slots of the statement and of its prelude, parameter count, parameters
  ACQUIRE: 2, // tag (2), timeout
  ABORT: 3, // tag (2)
  RELEASE: 4, // lease (2), destroy
  HOLD_NEW: 5, // on
  PASSWORD: 6, // connection, length of password (-1: none), of failure message (-1: none)
  CLOSE: 7, // timeout, force
  DEFINE: 8, // slot, length of text, of name (-1: none): what the slot holds from here on; of no pool
  ACKNOWLEDGE: 9, // tag (2), bytes
  BREAKER: 10, // keel_breaker_action
  CHECK: 11, // three words of nothing
};
const QUERY_WORDS = 11;
const MAX_FIXED_WORDS = QUERY_WORDS;

/* A parameter is one word: the length of its text, or NULL, or BINARY - its bytes (which follow in the binary part). */
const PARAM_NULL = -1;
const PARAM_BINARY = -2;

/* The server's limit of a value, which leaves room in a word. */
const MAX_PARAMETER_BYTES = 2 ** 30 - 1;

const NO_POOL = 0;
const NO_TEXT = -1;
const POOL_DEFAULT = -1;
const MAX_INT32 = 2 ** 31 - 1;
/* More than this is handed over at once: the text of a tick must not outgrow what a string can hold. */
const FLUSH_UNITS = 2 ** 22;
const FLUSH_BYTES = 2 ** 24;
const FIRST_WORDS = 4096;
const KEPT_WORDS = 2 ** 18;

function milliseconds(timeout) {
  return timeout === undefined ? POOL_DEFAULT : Math.min(timeout, MAX_INT32);
}

class Submission {
  #native;
  #onRefused;
  #flushTick;
  #scheduled = false;
  #words = new Int32Array(FIRST_WORDS);
  #used = 0;
  #text = '';
  #binary = [];
  #binaryBytes = 0;
  #before = [];
  #statements = new StatementRegistry((slot, text, name) => this.#define(slot, text, name));

  /**
   * @param {object} native
   * @param {(refused: number[]) => void} onRefused called with triples of code, low and high word of the tag, for
   *   requests that no pool of the engine's could take
   * @param {() => void} [onTick] a tick ends in which something was asked for
   */
  constructor(native, onRefused, onTick) {
    this.#native = native;
    this.#onRefused = onRefused;
    this.#flushTick = () => {
      this.#scheduled = false;
      onTick?.();
      this.flush();
    };
  }

  query(poolId, request, asked, flags) {
    const statement = this.#statements.slotOf(asked.text, asked.name ?? undefined);
    const prelude = asked.prelude === undefined ? NO_SLOT : this.#statements.slotOf(asked.prelude, undefined);
    // Making room for one may have cost the other its slot; it is not the next to go.
    if (prelude !== NO_SLOT && this.#statements.slotOf(asked.text, asked.name ?? undefined) !== statement) {
      return this.query(poolId, request, asked, flags);
    }
    const text = this.#text;
    const parts = this.#binary.length;
    const bytes = this.#binaryBytes;
    try {
      this.#writeQuery(poolId, request, asked, flags, statement, prelude);
    } catch (err) {
      // Half an operation would shift all that follow.
      this.#text = text;
      this.#binary.length = parts;
      this.#binaryBytes = bytes;
      throw err;
    }
    return undefined;
  }

  #writeQuery(poolId, request, { params, lease = 0, timeout }, flags, statement, prelude) {
    const count = params === null ? 0 : params.length;
    let at = this.#begin(OP.QUERY, poolId, count);
    const words = this.#words;
    words[at++] = request.slot;
    words[at++] = request.generation;
    words[at++] = lowWord(lease);
    words[at++] = highWord(lease);
    words[at++] = flags;
    words[at++] = milliseconds(timeout);
    words[at++] = statement;
    words[at++] = prelude;
    words[at++] = count;
    for (let i = 0; i < count; i++) words[at++] = this.#addParam(params[i]);
    this.#end(at);
  }

  acquire(poolId, request, timeout) {
    this.#fixed(OP.ACQUIRE, poolId, request.slot, request.generation, milliseconds(timeout));
  }

  abort(poolId, tag) {
    this.#fixed(OP.ABORT, poolId, lowWord(tag), highWord(tag), 0);
  }

  acknowledge(poolId, tag, bytes) {
    this.#fixed(OP.ACKNOWLEDGE, poolId, lowWord(tag), highWord(tag), bytes);
  }

  release(poolId, lease, destroy) {
    this.#fixed(OP.RELEASE, poolId, lowWord(lease), highWord(lease), destroy ? 1 : 0);
  }

  check(poolId) {
    this.#fixed(OP.CHECK, poolId, 0, 0, 0);
  }

  holdNew(poolId, on) {
    this.#fixed(OP.HOLD_NEW, poolId, on ? 1 : 0, 0, 0);
  }

  breaker(poolId, action) {
    this.#fixed(OP.BREAKER, poolId, action, 0, 0);
  }

  password(poolId, connId, password, failure) {
    const passwordLength = this.#addText(password);
    this.#fixed(OP.PASSWORD, poolId, connId, passwordLength, this.#addText(failure));
  }

  close(poolId, timeout, force) {
    this.#fixed(OP.CLOSE, poolId, milliseconds(timeout), force ? 1 : 0, 0);
  }

  /** @param {() => void} ask something of the engine at the end of the tick, with what has been collected by then */
  beforeFlush(ask) {
    this.#before.push(ask);
    if (!this.#scheduled) this.#schedule();
  }

  /** Hands over now what has been collected. */
  flush() {
    if (this.#before.length > 0) for (const ask of this.#before.splice(0)) ask();
    if (this.#used === 0) return;
    const words = this.#words;
    const used = this.#used;
    const text = this.#text;
    const binary = this.#takeBinary();
    this.#used = 0;
    this.#text = '';
    if (words.length > KEPT_WORDS) this.#words = new Int32Array(FIRST_WORDS);
    const refused = this.#native.submit(words, used, text, binary);
    if (refused !== undefined) this.#onRefused(refused);
  }

  #takeBinary() {
    const parts = this.#binary;
    if (parts.length === 0) return undefined;
    this.#binary = [];
    this.#binaryBytes = 0;
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  #define(slot, text, name) {
    const nameLength = name === undefined ? NO_TEXT : name.length;
    // In one piece: when it cannot be joined, nothing has been.
    this.#text += name === undefined ? `${text}\0` : `${text}\0${name}\0`;
    this.#fixed(OP.DEFINE, NO_POOL, slot, text.length, nameLength);
  }

  #fixed(op, poolId, a, b, c) {
    let at = this.#begin(op, poolId, 0);
    const words = this.#words;
    words[at++] = a;
    words[at++] = b;
    words[at++] = c;
    this.#end(at);
  }

  #begin(op, poolId, extraWords) {
    if (this.#used + MAX_FIXED_WORDS + extraWords > this.#words.length) this.#grow(extraWords);
    const at = this.#used;
    this.#words[at] = op;
    this.#words[at + 1] = poolId;
    return at + 2;
  }

  #end(used) {
    this.#used = used;
    if (this.#text.length > FLUSH_UNITS || this.#binaryBytes > FLUSH_BYTES) this.flush();
    else if (!this.#scheduled) this.#schedule();
  }

  /*
   * process.nextTick and not queueMicrotask: results are handed out by promises, so most queries are asked by
   * microtasks, and a tick's callback runs when the whole chain of them has come to its end (a microtask would run in
   * the middle of it, and those behind it would need a second call). Both come before the loop turns.
   */
  #schedule() {
    this.#scheduled = true;
    process.nextTick(this.#flushTick);
  }

  #grow(extraWords) {
    const words = new Int32Array(2 * this.#words.length + MAX_FIXED_WORDS + extraWords);
    words.set(this.#words.subarray(0, this.#used));
    this.#words = words;
  }

  #addText(text) {
    if (text === undefined || text === null) return NO_TEXT;
    this.#text += text + '\0';
    return text.length;
  }

  #addParam(param) {
    if (typeof param === 'string') return this.#addText(param);
    if (param === null) return PARAM_NULL;
    if (!(param instanceof Uint8Array)) throw new TypeError('a parameter is null, a string or a Buffer');
    if (param.length > MAX_PARAMETER_BYTES) {
      const text = `A value takes at most ${MAX_PARAMETER_BYTES} bytes, and one of ${param.length} was given`;
      throw new KeelError(CODES.MISUSE, text);
    }
    // A copy, as of now: until the tick ends the caller may change the bytes, or transfer them away.
    this.#binary.push(Buffer.from(param));
    this.#binaryBytes += param.length;
    return PARAM_BINARY - param.length;
  }
}

module.exports = { Submission, OP };
