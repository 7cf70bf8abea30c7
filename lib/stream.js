'use strict';

/*
 * A query whose rows are taken as they come. The engine lays them out while the server sends them and stops reading when
 * more than a window of them waits here; what the consumer has taken is acknowledged, and it goes on. So neither the
 * length of the result nor a slow consumer costs memory.
 */

const { rejectForCaller } = require('./caller');
const { ACKNOWLEDGED_AT } = require('./dispatch');
const { CODES, KeelError } = require('./errors');
const { QUERY_FLAGS } = require('./engine');
const { TEXTS, isServerError } = require('./failures');
const { checkStreamOptions } = require('./options');
const { Statement } = require('./statement');

const DEFAULT_BATCH = 100;

const MEMBERS = [
  ...['text', 'values', 'name', 'types', 'rowMode', 'binary', 'prepare', 'route', 'idempotent'],
  ...['timeout', 'query_timeout', 'signal', 'batchSize'],
];

const aborted = () => new KeelError(CODES.ABORTED, TEXTS[CODES.ABORTED]);

/** `stream(text | config, values, options)` as one config; the options beat the config's own. */
function streamConfig(config, values, options) {
  const given = Array.isArray(values) || options !== undefined ? options : values;
  const asked = typeof config === 'string' ? { text: config } : {};
  for (const name of MEMBERS) {
    const value = given?.[name] ?? (typeof config === 'string' ? undefined : config[name]);
    if (value !== undefined && value !== null) asked[name] = value;
  }
  if (Array.isArray(values)) asked.values = values;
  return asked;
}

/** The engine's sink of a stream: it keeps the rows that nobody has taken yet. */
class StreamStatement extends Statement {
  /**
   * @param {object} owner as of a Statement
   * @param {object} types
   * @param {{ rows?: (rows: unknown[]) => unknown[], error?: (error: Error) => Error, finish?: () => Promise<void> }} hooks
   *   what becomes of rows and errors on their way, and what has to be done before the end is told
   */
  constructor(owner, types, hooks = {}) {
    super(owner, types);
    this.acknowledges = true;
    this.batchSize = DEFAULT_BATCH;
    this.available = 0; // rows that can be taken
    this.taken = 0; // rows that were
    this.over = false;
    this.onProgress = () => {};
    this.onSettled = () => {};
    this.onEnd = undefined; // its pool's, where leaks are looked for
    this.makeError = undefined;
    this._hooks = hooks;
    this._blocks = [];
    this._at = 0; // the first row of the first block that is still there
    this._doneWith = 0; // bytes to acknowledge
    this._discards = false; // nobody wants the rest
    this._keeps = false; // others wait for the connection: the rest is taken in, however much it is
  }

  _readOptions(config) {
    checkStreamOptions(config);
    super._readOptions(config);
    this.batchSize = Number(config.batchSize ?? DEFAULT_BATCH);
    this.flags |= QUERY_FLAGS.ALONE;
    // The usual limit is for answers: how long a consumer takes is his own affair.
    this.timeout ??= 0;
  }

  _readValues(config, values) {
    super._readValues(config, values);
    // Always the extended protocol: several statements in one text would be several streams.
    this.params ??= [];
  }

  /* ---------------------------------------------------------------- the engine's side */

  fields(shared) {
    this._drop(); // columns for the second time: run anew before a row was handed over
    super.fields(shared);
  }

  again(failure) {
    this._drop();
    super.again(failure);
  }

  rows(block, bytes) {
    if (this._discards || this._failure !== undefined) {
      this._acknowledge(bytes);
      return;
    }
    const rows = this._build(block);
    this._blocks.push({ rows, bytes: this._keeps ? 0 : bytes });
    if (this._keeps) this._acknowledge(bytes);
    this.available += rows.length;
    if (this._failure !== undefined) this._stop();
    this.onProgress();
  }

  _build(block) {
    const rows = [];
    try {
      this._builder(block, rows);
      return this._hooks.rows?.(rows) ?? rows;
    } catch (error) {
      this._failure = error;
      // Mapped or not at all: what came before a failure in the mapping is in no state to be shown.
      return this._hooks.rows === undefined ? rows : [];
    }
  }

  unreadable(error) {
    super.unreadable(error);
    this._stop();
  }

  error(info) {
    // Of a statement that failed the rows before the failure are told; one that was given up is over at once.
    if (!isServerError(info.fields)) this._drop();
    super.error(info);
  }

  _acknowledge(bytes) {
    this._doneWith += bytes;
    if (this._doneWith < ACKNOWLEDGED_AT || this.settled) return;
    this.engine.acknowledge(this.tag, this._doneWith);
    this._doneWith = 0;
  }

  _succeed() {
    const { finish } = this._hooks;
    if (finish === undefined) return this._conclude(undefined);
    const failed = (error) => this._conclude(() => error);
    return void finish().then(() => this._conclude(undefined), failed);
  }

  _fail(makeError) {
    const { error: wrap } = this._hooks;
    this._conclude(wrap === undefined ? makeError : () => wrap(makeError()));
  }

  _conclude(makeError) {
    this.over = true;
    this.makeError = this._discards ? undefined : makeError;
    this.onSettled();
    this.onEnd?.();
    this.onProgress();
  }

  /* ---------------------------------------------------------------- the consumer's side */

  takeRow() {
    const block = this._blocks[0];
    const row = block.rows[this._at++];
    this.available -= 1;
    this.taken += 1;
    if (this._at === block.rows.length) this._finishBlock();
    return row;
  }

  takeBatch() {
    const batch = [];
    while (this.available > 0 && batch.length < this.batchSize) {
      const { rows } = this._blocks[0];
      const end = Math.min(rows.length, this._at + this.batchSize - batch.length);
      this.available -= end - this._at;
      this.taken += end - this._at;
      for (; this._at < end; this._at++) batch.push(rows[this._at]);
      if (end === rows.length) this._finishBlock();
    }
    return batch;
  }

  _finishBlock() {
    this._at = 0;
    do this._acknowledge(this._blocks.shift().bytes);
    while (this._blocks.length > 0 && this._blocks[0].rows.length === 0);
  }

  _drop() {
    this.available = 0;
    if (this._blocks.length > 0) this._blocks.splice(0).forEach(({ bytes }) => this._acknowledge(bytes));
    this._at = 0;
  }

  /** Somebody waits for the connection, perhaps the consumer himself: it must not wait for him. */
  keepRest() {
    if (this._keeps || this.tag === 0) {
      this._keeps = true;
      return;
    }
    this._keeps = true;
    for (const block of this._blocks) {
      this._acknowledge(block.bytes);
      block.bytes = 0;
    }
    // Less than a step may be what the engine waits for.
    if (!this.settled && this._doneWith > 0) this.engine.acknowledge(this.tag, this._doneWith);
    this._doneWith = 0;
  }

  /** The consumer has had enough. */
  giveUp() {
    this._discards = true;
    this._drop();
    this._stop();
  }

  /** Its connection is taken away. */
  abandon() {
    if (this.tag === 0) this.failLater(aborted);
    else this.engine.abort(this.tag);
  }

  // A cancelled statement would make a transaction a failed one: there the rest is let go by.
  _stop() {
    if (this.settled) return;
    if (this.tag === 0) this.failLater(aborted);
    else if (!this.owner.isInTransaction()) this.engine.abort(this.tag);
  }
}

/** Hands out what there is, in the order in which it is asked for. */
class StreamIterator {
  #statement;
  #start;
  #take;
  #isFast;
  #asked = [];
  #scheduled = false;
  #ended = false;
  #whenOver = [];

  /** @param {() => StreamStatement} start sends the query @param {boolean} byRow */
  constructor(start, byRow) {
    this.#start = start;
    this.#isFast = byRow;
    this.#take = byRow ? (statement) => statement.takeRow() : (statement) => statement.takeBatch();
  }

  next() {
    if (this.#isFast && this.#asked.length === 0 && this.#statement?.available > 0 && !this.#ended) {
      return Promise.resolve({ value: this.#statement.takeRow(), done: false });
    }
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      if (this.#statement === undefined && !this.#ended) this.#begin();
      this.#serve();
    });
  }

  /** Ends the iteration: what still runs on the server is given up. */
  return(value) {
    this.#ended = true;
    this.#statement?.giveUp();
    return new Promise((resolve) => {
      this.#whenOver.push(() => resolve({ value, done: true }));
      this.#serve();
    });
  }

  throw(error) {
    return this.return().then(() => {
      throw error;
    });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #begin() {
    try {
      this.#statement = this.#start();
    } catch (error) {
      this.#ended = true;
      rejectForCaller(this.#asked.shift(), () => error);
      return;
    }
    // When the engine has delivered all that this turn brings, and not for each block of it.
    this.#statement.onProgress = () => {
      if (this.#scheduled) return;
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#serve();
      });
    };
  }

  #serve() {
    const statement = this.#statement;
    while (this.#asked.length > 0 && !this.#ended && statement.available > 0) {
      this.#asked.shift()({ value: this.#take(statement), done: false });
    }
    if (!this.#ended && !(statement.over && statement.available === 0)) return;
    if (!this.#ended && this.#asked.length > 0) this.#end(statement);
    if (this.#ended) for (const resolve of this.#asked.splice(0)) resolve({ value: undefined, done: true });
    if (statement === undefined || statement.over) for (const tell of this.#whenOver.splice(0)) tell();
  }

  #end({ makeError }) {
    this.#ended = true;
    if (makeError !== undefined) rejectForCaller(this.#asked.shift(), makeError);
  }
}

/** What stream() gives: rows, or batches of them, for one iteration. */
class RowStream {
  #start;
  #used = false;

  /** @param {() => StreamStatement} start sends the query, when the first row is asked for */
  constructor(start) {
    this.#start = start;
  }

  [Symbol.asyncIterator]() {
    return this.#iterate(true);
  }

  batches() {
    return this.#iterate(false);
  }

  #iterate(byRow) {
    if (this.#used) throw new KeelError(CODES.MISUSE, 'A stream can be iterated over once only');
    this.#used = true;
    return new StreamIterator(this.#start, byRow);
  }
}

module.exports = { RowStream, StreamStatement, streamConfig };
