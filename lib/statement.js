'use strict';

/*
 * A query on its way: what is sent to the engine, and the sink that takes the answer. A pool's lone queries and a
 * client's queries are the same here; `owner` (a Pool or a Client) knows what a failure means to it.
 */

const { rejectForCaller, captureSite, atSite } = require('./caller');
const { CODES, KeelError } = require('./errors');
const { TEXTS } = require('./failures');
const { checkQueryOptions, hasQueryOptions } = require('./options');
const { QUERY_FLAGS } = require('./engine');
const { BUILDS_ROWS, ROW_PLAN, makeRowBuilder } = require('./row-builder');
const { reportUncaught } = require('./safe-call');
const { prepareValues } = require('./prepare-value');
const Result = require('./result');

class Field {
  constructor(shared) {
    this.name = shared.name;
    this.tableID = shared.tableID;
    this.columnID = shared.columnID;
    this.dataTypeID = shared.dataTypeID;
    this.dataTypeSize = shared.dataTypeSize;
    this.dataTypeModifier = shared.dataTypeModifier;
    this.format = shared.format;
  }
}

/** Key of a query config: a command that goes in front of the query, in the same round trip. Only with values. */
const PRELUDE = Symbol('prelude');
/** Key of a query config that has a `route`: it is not tried again. */
const ONCE = Symbol('once');
/** The application may do with a result's fields what it likes, so that each result has its own. */
function copyOf(fields) {
  const copy = new Array(fields.length);
  for (let i = 0; i < copy.length; i++) copy[i] = new Field(fields[i]);
  return copy;
}

/* What else there is to a query that is a text. */
const TEXT_ALONE = Object.freeze({});

/** Once time is up, why it was not enough. */
function causedBy(error, before, owner) {
  if (before === undefined || !(error instanceof KeelError) || error.cause !== undefined) return error;
  const value = owner.failureOf(before);
  return Object.defineProperty(error, 'cause', { configurable: true, writable: true, value });
}

const MAX_PARAMETERS = 65_535; // the protocol counts them in 16 bits

const isName = (name) => typeof name === 'string' && !name.includes('\0');
const misuse = (message) => new KeelError(CODES.MISUSE, message);

class Statement {
  /**
   * @param {object} owner with finished(statement, status, parsed), heardOf(failure) at once, failureOf(failure) when
   *   its error is made, and afterSettled(statement)
   * @param {object} types the owner's type parsers, for a query that brings none
   */
  constructor(owner, types) {
    this.owner = owner;
    this.text = '';
    this.name = undefined;
    this.prelude = undefined; // a command that goes in front of it
    this.params = null;
    this.lease = 0;
    this.flags = 0;
    this.timeout = undefined;
    this.binary = false;
    this.result = undefined;
    this.results = undefined;
    this.invalid = undefined; // why it cannot be sent
    this.query = undefined; // the Query object that hears of it
    this.callback = undefined;
    this.noError = null; // what a callback gets in place of an error
    this.resolve = undefined;
    this.reject = undefined;
    this.site = undefined;
    this.engine = undefined;
    this.tag = 0;
    this.settled = false;
    this._types = types;
    this._plan = undefined; // the query's own for its rows
    this._builder = undefined;
    this._failure = undefined; // of a parser: the rest of the answer is let go by
    this._before = undefined; // why an attempt before this one failed
    this._signal = undefined;
    this._onAbort = undefined;
    this._timer = undefined; // until the engine has it
    this._askedAt = 0;
  }

  /* ---------------------------------------------------------------- what is asked */

  /** Takes `query(text | config, values)` apart; the caller's objects are only read. */
  read(config, values) {
    if (typeof config !== 'string') return this._load(config, values);
    this.result = this.results = new Result(undefined, this._types);
    this.text = config;
    try {
      this._readValues(TEXT_ALONE, values);
    } catch (error) {
      this.invalid = error;
    }
    return this;
  }

  _load(config, values) {
    const rowMode = config.rowMode ?? config._rowMode;
    this.result = this.results = new Result(rowMode, config.types || this._types);
    this.text = config.text;
    this.name = config.name || undefined;
    this.prelude = config[PRELUDE];
    if (config[ROW_PLAN] !== undefined && this.owner.query[BUILDS_ROWS]) this._plan = config[ROW_PLAN];
    try {
      this._readOptions(config);
      this._readValues(config, values || config.values);
    } catch (error) {
      this.invalid = error;
    }
    return this;
  }

  _readOptions(config) {
    this.binary = Boolean(config.binary);
    if (!hasQueryOptions(config)) return;
    checkQueryOptions(config);
    if (config.exactlyOnce) throw misuse('exactlyOnce is for a query given to pool.query()');
    const timeout = config.timeout ?? (config.query_timeout || undefined);
    if (timeout !== undefined) this.timeout = Number(timeout);
    if (config.prepare === true) this.flags |= QUERY_FLAGS.PREPARE;
    if (config.prepare === false) this.flags |= QUERY_FLAGS.NO_PREPARE;
    if (config.idempotent) this.flags |= QUERY_FLAGS.IDEMPOTENT;
    if (config[ONCE]) this.flags |= QUERY_FLAGS.ONCE;
    this._signal = config.signal ?? undefined;
  }

  _readValues(config, values) {
    if (typeof this.text !== 'string' && typeof config.name !== 'string') {
      throw misuse('A query must have either text or a name. Supplying neither is unsupported.');
    }
    if (values && !Array.isArray(values)) throw misuse('Query values must be an array');
    this.text ??= ''; // a statement asked for by its name alone
    const given = values || [];
    if (given.length > MAX_PARAMETERS) {
      throw misuse(`A query takes at most ${MAX_PARAMETERS} values, and ${given.length} were given`);
    }
    if (this.name !== undefined && !isName(this.name)) {
      throw misuse('The name of a statement must be a string without a zero byte');
    }
    const extended =
      config.queryMode === 'extended' || this.name || config.rows || (this.text && given.length > 0);
    if (extended) this.params = prepareValues(given);
  }

  /* ---------------------------------------------------------------- sending and giving up */

  /** Until it is sent nobody else sees to its time limit. @param {number} usual of a query that says nothing itself */
  waitAtMost(usual) {
    const limit = this.timeout ?? usual;
    if (!limit) return;
    this.timeout = limit;
    this._askedAt = performance.now();
    const late = () => new KeelError(CODES.QUERY_TIMEOUT, TEXTS[CODES.QUERY_TIMEOUT]);
    this._timer = setTimeout(() => this.failLater(late), limit);
  }

  _stopWaiting() {
    if (this._timer === undefined) return;
    clearTimeout(this._timer);
    this._timer = undefined;
    this.timeout = Math.max(1, Math.round(this.timeout - (performance.now() - this._askedAt)));
  }

  /** @param {import('./engine').EnginePool} engine */
  send(engine) {
    this.engine = engine;
    this._stopWaiting();
    if (this.params === null) this.binary = false; // the simple protocol knows text only
    const signal = this._signal;
    if (signal?.aborted) return this.failLater(() => this._aborted());
    try {
      this.tag = engine.query(this, this);
    } catch (error) {
      return this.failLater(() => error);
    }
    return undefined;
  }

  /** From the moment it is asked, be it sent or not. */
  watchSignal() {
    if (this._signal === undefined || this._signal.aborted) return;
    this._onAbort = () => {
      if (this.tag !== 0) this.engine.abort(this.tag);
      else this.failLater(() => this._aborted());
    };
    this._signal.addEventListener('abort', this._onAbort, { once: true });
  }

  _aborted() {
    return new KeelError(CODES.ABORTED, 'The query was aborted', { cause: this._signal.reason });
  }

  /** Never at once: a caller hears of its query after query() has returned. */
  failLater(makeError) {
    process.nextTick(() => {
      if (this.settled) return;
      this._end();
      this.owner.finished(this, undefined, false);
      this._fail(makeError);
      this.owner.afterSettled(this);
    });
  }

  /* ---------------------------------------------------------------- the engine's sink */

  fields(shared) {
    try {
      const result = this._currentResult();
      // Columns again before the end: the statement is run anew, known to have left no trace.
      if (result.rows.length > 0) result.rows.length = 0;
      const parsers = result.parsersFor(shared);
      this._builder =
        this._plan?.builderFor(shared, parsers) ??
        makeRowBuilder(shared, parsers, result.rowAsArray ? 'array' : undefined);
      result._parsers = parsers;
      result.fields = this._plan === undefined ? copyOf(shared) : shared;
    } catch (error) {
      this._failure ??= error;
    }
  }

  /** It failed in a way that may pass, and is tried again: what came so far, complete or not, no longer counts. */
  again(failure) {
    this.owner.heardOf(failure);
    const { rowAsArray, _types } = Array.isArray(this.results) ? this.results[0] : this.results;
    this.result = this.results = new Result(rowAsArray ? 'array' : undefined, _types);
    this._failure = undefined;
    this._before = failure;
  }

  rows(block) {
    if (this._failure !== undefined) return;
    if (this.query !== undefined) return this._rowsToQuery(block);
    try {
      this._builder(block, this.result.rows);
    } catch (error) {
      this._failure = error;
    }
    return undefined;
  }

  unreadable(error) {
    this._failure ??= error;
  }

  _rowsToQuery(block) {
    const { query, result } = this;
    const rows = [];
    try {
      this._builder(block, rows);
    } catch (error) {
      this._failure = error;
    }
    const keep = query.callback || query.listenerCount('row') === 0;
    for (const row of rows) {
      emitSafely(query, 'row', row, result);
      if (keep) result.addRow(row);
    }
  }

  complete(tag) {
    if (tag === '') return; // an empty statement has no result
    this._currentResult().addCommandTag(tag);
  }

  done(info) {
    this._end();
    this.owner.finished(this, info.status, true);
    if (this._failure !== undefined) this._fail(() => this._failure);
    else this._succeed();
    this.owner.afterSettled(this);
  }

  error(info) {
    this._end();
    // Whatever came of it, a statement whose columns are known has been parsed.
    this.owner.finished(this, info.status, this._builder !== undefined);
    this.owner.heardOf(info);
    this._fail(() => this._failure ?? this._errorOf(info));
    this.owner.afterSettled(this);
  }

  _errorOf(info) {
    const aborted = info.code === CODES.ABORTED && this._signal?.aborted;
    const error = this.owner.failureOf(info);
    if (aborted) error.cause = this._signal.reason;
    return causedBy(error, this._before, this.owner);
  }

  // A text of several statements gives several results.
  _currentResult() {
    if (this.result.command === null) return this.result;
    if (!Array.isArray(this.results)) this.results = [this.result];
    this.result = new Result(this.result.rowAsArray ? 'array' : undefined, this.result._types);
    this.results.push(this.result);
    return this.result;
  }

  /* ---------------------------------------------------------------- telling the caller */

  _end() {
    this.settled = true;
    clearTimeout(this._timer);
    if (this._onAbort !== undefined) this._signal.removeEventListener('abort', this._onAbort);
  }

  _succeed() {
    const { query, results } = this;
    if (this.resolve !== undefined) return this.resolve(results);
    const callback = query === undefined ? this.callback : query.callback;
    if (callback) {
      try {
        callback(this.noError, results);
      } catch (error) {
        reportUncaught(error);
      }
    }
    if (query !== undefined) emitSafely(query, 'end', results);
    return undefined;
  }

  _fail(makeError) {
    if (this.reject !== undefined) return this.reject(makeError());
    if (this.resolve !== undefined) return rejectForCaller(this.resolve, makeError);
    const error = atSite(makeError(), this.site);
    const callback = this.query === undefined ? this.callback : this.query.callback;
    try {
      if (callback) callback(error);
      else if (this.query !== undefined) this._tellQuery(error);
    } catch (thrown) {
      reportUncaught(thrown);
    }
    return undefined;
  }

  // What is not a Query of ours may have no way to be told.
  _tellQuery(error) {
    if (typeof this.query.handleError !== 'function') throw error;
    this.query.handleError(error, this.owner.connection);
  }

  /** Answers by a callback. `entry` is the public function that was called. */
  answerTo(callback, entry) {
    this.callback = callback;
    this.site = captureSite(entry);
  }

  /** Answers by the promise that it returns. */
  promise(PromiseClass) {
    return new PromiseClass((resolve, reject) => {
      this.resolve = resolve;
      // Only the native promise shows V8 who awaits it.
      if (PromiseClass !== Promise) this.reject = reject;
    });
  }
}

function emitSafely(emitter, ...args) {
  try {
    emitter.emit(...args);
  } catch (error) {
    reportUncaught(error);
  }
}

module.exports = { ONCE, PRELUDE, Statement, causedBy, emitSafely };
