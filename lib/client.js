'use strict';

const { EventEmitter } = require('events');
const { rejectForCaller, captureSite, atSite } = require('./caller');
const { ClientLink } = require('./client-link');
const Connection = require('./connection');
const ConnectionParameters = require('./connection-parameters');
const defaults = require('./defaults');
const { QUERY_FLAGS } = require('./engine');
const { CODES, KeelError } = require('./errors');
const { checkConnectionOptions, queryTimeoutOf } = require('./options');
const Query = require('./query');
const { BUILDS_ROWS } = require('./row-builder');
const { PRELUDE, Statement } = require('./statement');
const { RowStream, StreamStatement, streamConfig } = require('./stream');
const TypeOverrides = require('./type-overrides');
const utils = require('./utils');

const PORTALS =
  'query objects that speak the protocol themselves, such as those of pg-cursor, pg-query-stream and ' +
  'pg-copy-streams, cannot be used here: the engine speaks the protocol';

/**
 * One connection. Queries given to it run one after the other, in the order in which they were given. A Client of one's
 * own is connected by connect(); a pool's comes connected, and its release() gives it back.
 */
class Client extends EventEmitter {
  constructor(config) {
    super();
    checkConnectionOptions(config);
    const given = config || {};
    this.connectionParameters = new ConnectionParameters(config);
    const { user, database, port, host, password, ssl, replication, sslnegotiation } =
      this.connectionParameters;
    Object.assign(this, { user, database, port, host });
    hide(this, 'password', password);
    this.replication = replication;
    this._Promise = given.Promise || Promise;
    this._types = new TypeOverrides(given.types);
    this._ending = false;
    this._ended = false;
    this._connecting = false;
    this._connected = false;
    this._queryable = true;
    this._txStatus = null;
    this.enableChannelBinding = Boolean(given.enableChannelBinding);
    this.connection = new Connection({ ssl, sslNegotiation: sslnegotiation });
    this.connection.client = this;
    this.pipeline = Boolean(given.pipeline);
    this.binary = given.binary || defaults.binary;
    this.processID = null;
    this.secretKey = null;
    this.ssl = ssl || false;
    this.sslNegotiation = sslnegotiation || 'postgres';
    this._connectionTimeoutMillis = given.connectionTimeoutMillis || 0;
    // Queries that have been asked and not answered, the oldest first.
    hide(this, '_queue', []);
    // Of these, the streams.
    hide(this, '_streams', new Set());
    hide(this, '_link', null);
    hide(this, '_queryTimeout', queryTimeoutOf(this.connectionParameters));
  }

  /* ---------------------------------------------------------------- opening and closing */

  connect(callback) {
    if (callback) {
      const site = captureSite(Client.prototype.connect);
      this._open((makeError) => (makeError ? callback(atSite(makeError(), site)) : callback(null, this)));
      return undefined;
    }
    return new this._Promise((resolve, reject) => {
      this._open((makeError) => {
        if (!makeError) resolve(this);
        else if (this._Promise === Promise) rejectForCaller(resolve, makeError);
        else reject(makeError());
      });
    });
  }

  /** @param {(makeError?: () => Error) => void} settled called once */
  _open(settled) {
    if (this._connecting || this._connected || this._link !== null) {
      const text = 'Client has already been connected. You cannot reuse a client.';
      process.nextTick(settled, () => new KeelError(CODES.MISUSE, text));
      return;
    }
    this._connecting = true;
    try {
      this._link = new ClientLink(this);
    } catch (error) {
      this._connecting = false;
      process.nextTick(settled, () => error);
      return;
    }
    this._link.open(settled);
  }

  /** Closes the connection: at once, if a query is running, as in pg. */
  end(callback) {
    // A client that is in its pool is not its last holder's to close.
    const pooled = this._link?.isAtRest() ?? false;
    this._ending ||= !pooled;
    if (this._link === null || this._ended || pooled) {
      if (!callback) return this._Promise.resolve();
      callback();
      return undefined;
    }
    if (!callback) {
      return new this._Promise((resolve) => {
        this._link.close(() => resolve());
      });
    }
    this._link.close(callback);
    return undefined;
  }

  _destroyLink(error) {
    this._link?.destroy(error);
  }

  /* ---------------------------------------------------------------- queries */

  /**
   * @param {string | object} config a text, a config or a Query
   * @param {unknown[] | Function} [values]
   * @param {(error: Error | null, result?: object) => void} [callback]
   */
  query(config, values, callback) {
    if (config === null || config === undefined) {
      throw new TypeError('Client was passed a null or undefined query');
    }
    if (typeof config.submit === 'function') return this._querySubmitted(config, values, callback);
    const answer = typeof values === 'function' ? values : callback || config.callback;
    const parameters = typeof values === 'function' ? undefined : values;
    const statement = new Statement(this, this._types).read(config, parameters);
    if (!answer) {
      const promise = statement.promise(this._Promise);
      this._ask(statement);
      return promise;
    }
    if (typeof answer !== 'function') throw new TypeError('callback is not a function');
    statement.answerTo(answer, Client.prototype.query);
    this._ask(statement);
    return undefined;
  }

  /**
   * A query whose rows are taken as they come: `for await (const row of client.stream(text, values))`.
   * @param {string | object} config
   * @param {unknown[]} [values]
   * @param {object} [options] `batchSize`, and what a query's config may say
   */
  stream(config, values, options) {
    return new RowStream(() => this._openStream(streamConfig(config, values, options)));
  }

  /** @internal @param {Promise<void>} [ready] when it may be asked */
  _openStream(config, hooks, ready) {
    const statement = new StreamStatement(this, this._types, hooks).read(config);
    if (ready === undefined) return this._askStream(statement);
    const ask = () => statement.settled || this._askStream(statement);
    ready.then(ask, (error) => statement.failLater(() => error));
    return statement;
  }

  /** @internal */
  _askStream(statement) {
    this._ask(statement);
    if (!statement.settled && this._queue.includes(statement)) this._streams.add(statement);
    return statement;
  }

  _querySubmitted(query, values, callback) {
    if (!query.callback && (typeof values === 'function' || callback)) {
      query.callback = typeof values === 'function' ? values : callback;
    }
    const statement = new Statement(this, this._types);
    statement.query = query;
    if (query instanceof Query) {
      statement.read(query);
      query._result = statement.result;
      query._results = statement.results;
      // Its `row` events cannot be taken back when the statement fails, or is run anew.
      statement.flags |= QUERY_FLAGS.WHOLE;
    } else {
      statement.invalid = new KeelError(CODES.MISUSE, PORTALS);
    }
    this._ask(statement);
    return query;
  }

  _ask(statement) {
    if (this.binary) statement.binary = true;
    statement.invalid ??= this._refusal() ?? this._checkName(statement);
    if (statement.invalid !== undefined) {
      statement.failLater(() => statement.invalid);
      return;
    }
    statement.watchSignal();
    for (const stream of this._streams) stream.keepRest();
    this._queue.push(statement);
    if (this._connected) this._send(statement);
    else statement.waitAtMost(this._queryTimeout);
  }

  _send(statement) {
    const { name } = statement;
    if (name !== undefined) this._useName(statement);
    statement.lease = this._link.lease;
    statement.send(this._link.engine);
  }

  _refusal() {
    if (!this._queryable) {
      const text = 'Client has encountered a connection error and is not queryable';
      return new KeelError(CODES.CONNECTION_LOST, text);
    }
    if (this._ending) return new KeelError(CODES.POOL_CLOSED, 'Client was closed and is not queryable');
    if (this._connected && this._link.lease === 0) {
      return new KeelError(CODES.MISUSE, 'Client has been released to the pool and is not queryable');
    }
    return undefined;
  }

  _checkName({ name, text }) {
    if (name === undefined || !text) return undefined;
    const { parsedStatements, submittedNamedStatements } = this.connection;
    const previous = parsedStatements[name] ?? submittedNamedStatements[name];
    if (previous === undefined || previous === text) return undefined;
    const message = `Prepared statements must be unique - '${name}' was used for a different statement`;
    return new KeelError(CODES.MISUSE, message);
  }

  // A statement that was prepared by its name may be asked for by the name alone.
  _useName(statement) {
    const { parsedStatements, submittedNamedStatements } = this.connection;
    const { name } = statement;
    statement.text = statement.text || parsedStatements[name] || submittedNamedStatements[name] || '';
    if (parsedStatements[name] === undefined) submittedNamedStatements[name] = statement.text;
  }

  /* ---------------------------------------------------------------- what a statement asks of its owner */

  heardOf(info) {
    this._link.heardOf(info);
  }

  failureOf(info) {
    return this._link.failureOf(info);
  }

  finished(statement, status, parsed) {
    const { _queue: queue } = this;
    if (queue[0] === statement) queue.shift();
    else if (queue.includes(statement)) queue.splice(queue.indexOf(statement), 1);
    this._streams.delete(statement);
    if (status !== undefined) this._txStatus = status;
    if (statement.name !== undefined && statement.tag !== 0) this._nameSettled(statement, parsed);
  }

  _nameSettled({ name, text }, parsed) {
    const { parsedStatements, submittedNamedStatements } = this.connection;
    if (submittedNamedStatements[name] !== text) return;
    delete submittedNamedStatements[name];
    if (parsed) parsedStatements[name] = text;
  }

  isInTransaction() {
    return this._txStatus !== 'I';
  }

  afterSettled() {
    if (this._queue.length === 0 && this._connected && this._queryable) this.emit('drain');
  }

  /* ---------------------------------------------------------------- small things */

  get activeQuery() {
    return this._activeQuery;
  }

  get _activeQuery() {
    const active = this._connected ? this._queue[0] : undefined;
    return active === undefined ? null : (active.query ?? active);
  }

  _getActiveQuery() {
    return this._activeQuery;
  }

  get queryQueue() {
    return this._queryQueue;
  }

  get _queryQueue() {
    const waiting = this._connected ? this._queue.slice(1) : this._queue.slice();
    return waiting.map((statement) => statement.query ?? statement);
  }

  /** Gives up a Query that this client was given. */
  cancel(client, query) {
    const statement = client._queue.find((candidate) => candidate.query === query);
    if (statement === undefined) return;
    if (statement.tag !== 0) statement.engine.abort(statement.tag);
    else statement.failLater(() => new KeelError(CODES.ABORTED, 'The query was aborted'));
  }

  isConnected() {
    return this._connected && !this._ended;
  }

  getTransactionStatus() {
    return this._txStatus;
  }

  setTypeParser(oid, format, parser) {
    // The pool's short way knows nothing of the parsers of one client.
    this._link?.pool?._useClientTypes();
    return this._types.setTypeParser(oid, format, parser);
  }

  getTypeParser(oid, format) {
    return this._types.getTypeParser(oid, format);
  }

  escapeIdentifier(name) {
    return utils.escapeIdentifier(name);
  }

  escapeLiteral(text) {
    return utils.escapeLiteral(text);
  }

  ref() {
    this._link?.keepAlive(true);
  }

  unref() {
    this._link?.keepAlive(false);
  }
}

function hide(target, key, value) {
  Object.defineProperty(target, key, { configurable: true, enumerable: false, writable: true, value });
}

Client.Query = Query;
/** It takes queries with a prelude. */
Client.prototype[PRELUDE] = true;
Client.prototype.query[BUILDS_ROWS] = true;

module.exports = Client;
