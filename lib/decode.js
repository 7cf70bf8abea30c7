'use strict';

/*
 * The way up: what csrc/block.h says of an event's layout, read in JavaScript. Change both together. Positions are
 * counted in words of four bytes from the beginning of the buffer that the addon fills.
 */

const { fromWords } = require('./requests');
const { Field, OFFSETS, RowBlock } = require('./row-block');

/* keel_event_kind */
const KIND = {
  FIELDS: 1,
  ROWS: 2,
  COMPLETE: 3,
  DONE: 4,
  ERROR: 5,
  LEASED: 6,
  NOTICE: 7,
  NOTIFICATION: 8,
  PARAMETER: 9,
  OPENED: 10,
  CLOSED: 11,
  PASSWORD: 12,
  POOL_CLOSED: 13,
  COPY: 14,
  BREAKER: 15,
  HEALTH: 17,
  RETRY: 16,
};

/* Header of every event. */
const SIZE = 0;
const CONNECTION = 5;
const LEASE = 6;
const BODY = 8;

const FIELD_WORDS = 8;
const FIELDS_BODY = BODY + 2;
const ROWS_ENDS = 15;
const ERROR_BODY = 16;
const LINK_WORDS = 6;

/* keel_outcome */
const OUTCOMES = [undefined, 'not-sent', 'rolled-back', 'unknown'];
/* keel_breaker_state */
const BREAKER_STATES = ['CLOSED', 'OPEN', 'HALF_OPEN'];
/* keel_code's KEEL_OK */
const NO_CAUSE = 0;

const INTERNED = 512;
const INTERNED_WORDS_MAX = 2048;

/**
 * Results of a few shapes come again and again. What was decoded from the same words before is used again, found by a
 * hash of them; a clash costs decoding anew and nothing else.
 */
class Interned {
  #entries = new Array(INTERNED).fill(undefined);

  #hash = 0;

  /** @returns what words[from, to) stood for before, or undefined */
  find(words, from, to) {
    if (to - from > INTERNED_WORDS_MAX) return undefined;
    let hash = to - from;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + words[i]) | 0;
    this.#hash = hash;
    const entry = this.#entries[slotOf(hash)];
    return entry !== undefined && entry.hash === hash && isAt(words, from, to, entry.words)
      ? entry.value
      : undefined;
  }

  /** Keeps what find() has just not found. */
  keep(words, from, to, value) {
    if (to - from > INTERNED_WORDS_MAX) return;
    this.#entries[slotOf(this.#hash)] = { hash: this.#hash, words: words.slice(from, to), value };
  }
}

function slotOf(hash) {
  return (hash ^ (hash >>> 15)) & (INTERNED - 1);
}

function isAt(words, from, to, expected) {
  if (expected.length !== to - from) return false;
  for (let i = 0; i < expected.length; i++) if (words[from + i] !== expected[i]) return false;
  return true;
}

function statusOf(word) {
  return word === 0 ? undefined : String.fromCharCode(word);
}

/** Reads events out of one buffer, whose contents change. */
class EventReader {
  #rows = new RowBlock();
  #interned;

  /** @param {ArrayBuffer} memory @param {Interned} [interned] shared by the readers of an environment */
  constructor(memory, interned = new Interned()) {
    this.bytes = Buffer.from(memory);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#interned = interned;
  }

  /** @returns {Field[]} shared: not to be changed */
  fields(at) {
    return this.#interned.find(this.words, at + BODY, this.#end(at)) ?? this.#decodeFields(at);
  }

  #decodeFields(at) {
    const { words } = this;
    const count = words[at + BODY];
    const fields = [];
    let name = 4 * (at + FIELDS_BODY + count * FIELD_WORDS);
    for (let i = 0; i < count; i++) {
      const [table, column, type, size, modifier, format, nameBytes, part] = words.subarray(
        at + FIELDS_BODY + i * FIELD_WORDS,
      );
      const text = this.bytes.toString('utf8', name, (name += nameBytes));
      const kind = format === 1 ? 'binary' : 'text';
      const field = new Field(text, table >>> 0, column, type >>> 0, size, modifier, kind, part);
      fields.push(Object.freeze(field));
    }
    this.#interned.keep(words, at + BODY, this.#end(at), Object.freeze(fields));
    return fields;
  }

  /** @returns {import('./row-block').RowBlock} valid until the next call */
  rows(at) {
    const { words } = this;
    const block = this.#rows;
    const body = at + BODY;
    block.rowCount = words[body];
    block.columnCount = words[body + 1];
    block.kind = words[body + 2];
    block.ends = words;
    block.base = at + ROWS_ENDS;
    block.arrays = block.base + block.rowCount * block.columnCount;
    block.readFrom = words[body + 5];
    const text = 4 * (block.arrays + words[body + 6]);
    this.#readText(block, text, text + words[body + 4], text + words[body + 3]);
    return block;
  }

  #readText(block, start, middle, end) {
    if (block.kind === OFFSETS.BYTES) {
      block.bytes = this.bytes.subarray(start, end);
      block.text = '';
      block.readText = '';
      return;
    }
    block.bytes = undefined;
    const encoding = block.kind === OFFSETS.ASCII ? 'latin1' : 'utf8';
    if (block.readFrom === 0) {
      block.text = this.#text(encoding, start, middle);
      block.readText = this.#text(encoding, middle, end);
    } else {
      block.text = this.#text(encoding, start, end);
      block.readText = block.text;
    }
  }

  #text(encoding, start, end) {
    return start === end ? '' : this.bytes.toString(encoding, start, end);
  }

  connection(at) {
    return this.words[at + CONNECTION];
  }

  /** @returns {number} bytes of the whole event */
  size(at) {
    return this.words[at + SIZE];
  }

  complete(at) {
    const known = this.#interned.find(this.words, at + BODY, this.#end(at));
    if (known !== undefined) return known;
    const start = 4 * (at + BODY + 2);
    const tag = this.bytes.toString('utf8', start, start + this.words[at + BODY]);
    this.#interned.keep(this.words, at + BODY, this.#end(at), tag);
    return tag;
  }

  done(at) {
    const { words, doubles } = this;
    const body = at + BODY;
    const times = (body + 2) / 2;
    return {
      status: statusOf(words[body]),
      attempts: words[body + 1],
      queueMs: doubles[times],
      serverMs: doubles[times + 1],
      connId: words[at + CONNECTION],
    };
  }

  /** @param {string[]} codes names of keel_code */
  failure(at, codes) {
    const { words } = this;
    const body = at + BODY;
    return {
      code: codes[words[body]],
      outcome: OUTCOMES[words[body + 1]],
      attempts: words[body + 2],
      status: statusOf(words[body + 3]),
      connId: words[at + CONNECTION],
      fields: this.messageFields(at),
      // Of KEEL_BREAKER_OPEN: the failure that opened it, whose the fields are then.
      cause: words[body + 6] === NO_CAUSE ? undefined : codes[words[body + 6]],
      retryAfter: words[body + 7],
    };
  }

  breaker(at) {
    const { words } = this;
    const body = at + BODY;
    const reason = 4 * (body + 4);
    return {
      from: BREAKER_STATES[words[body]],
      to: BREAKER_STATES[words[body + 1]],
      reason: this.bytes.toString('utf8', reason, reason + words[body + 2]),
    };
  }

  /** A failure with how long the check took: undefined where that was not measured. */
  health(at, codes) {
    const { attempts: latencyUs, ...failure } = this.failure(at, codes);
    return { ...failure, attempts: 0, latencyMs: latencyUs < 0 ? undefined : latencyUs / 1000 };
  }

  /** @param {string[]} codes */
  retry(at, codes) {
    const { words } = this;
    const attempt = words[at + BODY + 2];
    const failure = { ...this.failure(at, codes), attempts: attempt - 1, status: undefined };
    return { attempt, delay: words[at + BODY + 3], failure };
  }

  messageFields(at) {
    const { words } = this;
    const count = words[at + BODY + 4];
    const fields = {};
    let text = 4 * (at + ERROR_BODY + 2 * count);
    for (let i = 0; i < count; i++) {
      const entry = at + ERROR_BODY + 2 * i;
      const end = text + words[entry + 1];
      fields[String.fromCharCode(words[entry])] = this.bytes.toString('utf8', text, end);
      text = end + 1;
    }
    return fields;
  }

  opened(at) {
    const { words } = this;
    const body = at + BODY;
    const host = 4 * (body + LINK_WORDS);
    const hostEnd = host + words[body + 3];
    return {
      connId: words[at + CONNECTION],
      leaseId: fromWords(words[at + LEASE], words[at + LEASE + 1]),
      processId: words[body],
      serverVersion: words[body + 1],
      host: this.bytes.toString('utf8', host, hostEnd),
      port: words[body + 2],
      ssl: words[body + 5] === 1,
      parameters: this.#parameters(hostEnd + 1, words[body + 4]),
    };
  }

  #parameters(start, bytes) {
    const parts = this.bytes.toString('utf8', start, start + bytes).split('\0');
    const parameters = {};
    for (let i = 0; i + 1 < parts.length; i += 2) parameters[parts[i]] = parts[i + 1];
    return parameters;
  }

  notification(at) {
    const { words } = this;
    const body = at + BODY;
    const channel = 4 * (body + 4);
    const payload = channel + words[body + 1] + 1;
    return {
      connId: words[at + CONNECTION],
      processId: words[body],
      channel: this.bytes.toString('utf8', channel, payload - 1),
      payload: this.bytes.toString('utf8', payload, payload + words[body + 2]),
    };
  }

  /** @returns {[string, string]} name and value */
  parameter(at) {
    const { words } = this;
    const name = 4 * (at + BODY + 2);
    const value = name + words[at + BODY] + 1;
    return [
      this.bytes.toString('utf8', name, value - 1),
      this.bytes.toString('utf8', value, value + words[at + BODY + 1]),
    ];
  }

  #end(at) {
    return at + (this.words[at + SIZE] >> 2);
  }
}

module.exports = { BREAKER_STATES, KIND, EventReader, Interned };
