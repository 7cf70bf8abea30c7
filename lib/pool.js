'use strict';

const { EventEmitter } = require('events');
const { rejectForCaller } = require('./caller');
const Client = require('./client');
const ConnectionParameters = require('./connection-parameters');
const { BREAKER_ACTIONS, openPool } = require('./engine');
const { CODES, KeelError } = require('./errors');
const { queryExactlyOnce } = require('./exactly-once');
const { poolErrorOf } = require('./failures');
const { Health } = require('./health');
const { breakerStateOf, healthOf, metricsOf } = require('./metrics');
const { checkPoolOptions, poolEngineOptions } = require('./options');
const { Passwords } = require('./passwords');
const { FOR_EVER, endedTwice, readEndOptions } = require('./end-options');
const { leaksOf } = require('./leaks');
const { PoolClients } = require('./pool-clients');
const { Passing } = require('./pool-passing');
const { Wait } = require('./pool-wait');
const { BUILDS_ROWS } = require('./row-builder');
const { safeCall } = require('./safe-call');
const { Statement } = require('./statement');
const { RowStream, StreamStatement, streamConfig } = require('./stream');
const TypeOverrides = require('./type-overrides');

const IDLE_TIMEOUT_OF_PG = 10_000;

const originalClientQuery = Client.prototype.query;

const closedError = () => new KeelError(CODES.POOL_CLOSED, 'Cannot use a pool after calling end on the pool');

/** pg's defaults, on a copy; passwords and keys do not show when the pool is printed. */
function withDefaults(options) {
  const own = { ...options };
  for (const secret of ['password', 'connectionString']) if (secret in own) hide(own, secret, own[secret]);
  if (own.ssl && own.ssl.key) hide(own.ssl, 'key', own.ssl.key);
  own.max = Number(own.max || own.poolSize || 10);
  own.min = Number(own.min || 0);
  own.maxUses = Number(own.maxUses || Infinity);
  own.allowExitOnIdle = own.allowExitOnIdle || false;
  own.maxLifetimeSeconds = Number(own.maxLifetimeSeconds || 0);
  if (own.idleTimeoutMillis === undefined) own.idleTimeoutMillis = IDLE_TIMEOUT_OF_PG;
  return own;
}

function clientClass(given) {
  if (!given || given === Client || given.prototype instanceof Client) return given || Client;
  const message = "Client: accepted is this package's Client or a class that extends it";
  throw new KeelError(CODES.CONFIG, message, { option: 'Client' });
}

/** Connections that all callers share. */
class Pool extends EventEmitter {
  constructor(options) {
    super();
    const given = typeof options === 'string' ? { connectionString: options } : (options ?? {});
    checkPoolOptions(given);
    this.options = withDefaults(given);
    this.log = this.options.log || (() => {});
    this.Client = clientClass(this.options.Client);
    this.Promise = this.options.Promise || Promise;
    this.ending = false;
    this.ended = false;
    this._endCallback = undefined;
    const parameters = new ConnectionParameters(this.options);
    hide(this, '_types', new TypeOverrides(this.options.types));
    hide(this, '_passwords', new Passwords(parameters));
    hide(this, '_where', whereOf(parameters));
    hide(this, '_named', new Map());
    // Requests for a client, the oldest first.
    hide(this, '_waits', new Set());
    hide(this, '_health', new Health(this));
    hide(this, '_whenEnded', undefined);
    // What ends the pauses of those who repeat something themselves; see repeat.js.
    hide(this, '_pauses', new Set());
    // What only clients can give (events, hooks, parsers of one client) takes pool.query() the long way round.
    hide(this, '_needsClients', Boolean(this.options.onConnect || this.options.verify));
    hide(this, '_holdsClients', new PoolClients(this));
    const engineOptions = this._engineOptions(parameters);
    const { acquireTimeout, queryTimeout } = engineOptions;
    hide(this, '_limits', { acquireTimeout, queryTimeout }); // ms; 0: none
    hide(this, '_engine', openPool(engineOptions, this._holdsClients.handlers()));
    hide(this, '_passing', new Passing(this._engine));
    hide(this, '_leaks', leaksOf(this));
    if (this.options.allowExitOnIdle) this._engine.keepAlive = 'work';
  }

  _engineOptions(parameters) {
    return { ...poolEngineOptions(parameters, this.options), holdNew: this._needsClients };
  }

  /* ---------------------------------------------------------------- clients */

  connect(callback) {
    if (this.ending) {
      const error = closedError();
      return callback ? callback(error) : this.Promise.reject(error);
    }
    const wait = new Wait(this);
    const promise = callback ? undefined : wait.promise(this.Promise);
    if (callback) wait.answerTo(callback, Pool.prototype.connect);
    wait.takenAt = this._leaks?.siteOf(Pool.prototype.connect);
    const passed = this._passing.take();
    if (passed === undefined) this._waitForClient(wait);
    else queueMicrotask(() => this._pass(passed, wait));
    return promise;
  }

  /** @param {number} [limit] ms; undefined: the pool's acquire timeout */
  _waitForClient(wait, limit) {
    this._waits.add(wait);
    wait.tag = this._engine.acquire(limit, wait);
  }

  _pass(passed, wait) {
    if (this._holdsClients.knows(passed.connId)) return wait.leased(passed);
    // Its connection has died in the meantime.
    if (this.ending) return wait.fail(closedError);
    return this._waitForClient(wait);
  }

  /**
   * @internal A client for a query of the pool's own.
   * @param {number} limit ms; Infinity: the pool's acquire timeout alone
   * @param {AbortSignal} [signal]
   */
  _connectWithin(limit, signal) {
    if (this.ending) return Promise.reject(closedError());
    this._passing.giveBack();
    const wait = new Wait(this);
    const promise = wait.promise(Promise);
    const own = this._limits.acquireTimeout || Infinity;
    const least = Math.min(own, Math.max(1, Math.ceil(limit)));
    this._waitForClient(wait, least === Infinity ? undefined : least);
    if (signal === undefined) return promise;
    const abort = () => this._engine.abort(wait.tag);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', abort));
  }

  get _clients() {
    return this._holdsClients.list();
  }

  /* ---------------------------------------------------------------- queries */

  /**
   * @param {string | object} config
   * @param {unknown[] | Function} [values]
   * @param {(error: Error | undefined, result?: object) => void} [callback]
   */
  query(config, values, callback) {
    const answer = typeof values === 'function' ? values : callback;
    const parameters = typeof values === 'function' ? undefined : values;
    if (answer && typeof answer !== 'function') throw new TypeError('callback is not a function');
    const refusal = refusalOf(config);
    if (refusal !== undefined) return this._refuse(refusal, typeof config === 'function' ? config : answer);
    if (config.exactlyOnce) return this._queryExactlyOnce(config, parameters, answer);
    if (this._takesLongWay(config)) return this._queryThroughClient(config, parameters, answer);
    const statement = new Statement(this, this._types).read(config, parameters);
    statement.noError = undefined;
    const promise = answer ? undefined : statement.promise(this.Promise);
    if (answer) statement.answerTo(answer, Pool.prototype.query);
    this._ask(statement);
    return promise;
  }

  /**
   * A query whose rows are taken as they come, on a connection of its own:
   * `for await (const row of pool.stream(text, values))`.
   * @param {string | object} config
   * @param {unknown[]} [values]
   * @param {object} [options] `batchSize`, and what a query's config may say
   */
  stream(config, values, options) {
    return new RowStream(() => this._openStream(streamConfig(config, values, options)));
  }

  /** @internal */
  _openStream(config, hooks) {
    const statement = new StreamStatement(this, this._types, hooks).read(config);
    if (this._leaks !== undefined) this._watchStream(statement);
    if (this._takesLongWay(config)) this._streamThroughClient(statement, config);
    else this._ask(statement);
    return statement;
  }

  // Its connection is not free before its rows are taken; as long as they are, however slowly, nothing has leaked.
  _watchStream(statement) {
    let taken = 0;
    const moves = () => {
      const waits = statement.available > 0 && statement.taken === taken;
      taken = statement.taken;
      return !waits;
    };
    const held = this._leaks.begin(this._leaks.siteOf(Pool.prototype._watchStream), moves);
    statement.onEnd = () => this._leaks.end(held);
  }

  _streamThroughClient(statement, config) {
    this.connect((error, client) => {
      if (error) return statement.failLater(() => error);
      this._holdsClients.keepsItself(client);
      if (statement.settled) return client.release();
      statement.owner = client;
      if (config.types === undefined) statement.result._types = client._types;
      statement.onSettled = () => client.release();
      return client._askStream(statement);
    });
  }

  _takesLongWay(config) {
    return (
      this._needsClients ||
      typeof config.submit === 'function' ||
      // Subclasses and tracers put themselves in between here.
      this.Client !== Client ||
      Client.prototype.query !== originalClientQuery ||
      this.connect !== originalConnect
    );
  }

  _ask(statement) {
    this._passing.giveBack();
    if (this.options.binary) statement.binary = true;
    if (this.ending) statement.invalid ??= closedError();
    if (statement.name !== undefined) this._useName(statement);
    if (statement.invalid !== undefined) return statement.failLater(() => statement.invalid);
    statement.watchSignal();
    return statement.send(this._engine);
  }

  // In pg the outcome depends on which connections the two texts meet; here one name is one text for the whole pool.
  _useName(statement) {
    const { name, text } = statement;
    const previous = this._named.get(name)?.text;
    if (text && previous !== undefined && previous !== text) {
      const message = `Prepared statements must be unique - '${name}' was used for a different statement`;
      statement.invalid ??= new KeelError(CODES.MISUSE, message);
    }
    statement.text = text || previous || '';
    if (previous === undefined && statement.invalid === undefined) {
      this._named.set(name, { text: statement.text, parsed: false });
    }
  }

  _queryThroughClient(config, values, answer) {
    const run = (settled) => {
      this.connect((error, client) => {
        if (error) return settled(error);
        this._holdsClients.keepsItself(client);
        return queryAndRelease(client, config, values, settled);
      });
    };
    if (answer) return run(answer);
    return this._promise(run);
  }

  _queryExactlyOnce(config, values, answer) {
    const run = (settled) => {
      queryExactlyOnce(this, config, values).then(
        (result) => settled(undefined, result),
        (error) => settled(error),
      );
    };
    if (answer) return run((error, result) => safeCall(answer, error, result));
    return this._promise(run);
  }

  _promise(run) {
    return new this.Promise((resolve, reject) => {
      run((error, result) => {
        if (!error) resolve(result);
        else if (this.Promise === Promise) rejectForCaller(resolve, () => error);
        else reject(error);
      });
    });
  }

  _refuse(error, answer) {
    if (answer) return void setImmediate(() => answer(error));
    return this.Promise.reject(error);
  }

  /* ---------------------------------------------------------------- what a statement asks of its owner */

  heardOf(info) {
    this._holdsClients.heardOf(info);
  }

  failureOf(info) {
    return poolErrorOf(info, this);
  }

  finished({ name, tag }, _status, parsed) {
    if (name === undefined || tag === 0) return;
    const known = this._named.get(name);
    if (known === undefined || known.parsed) return;
    if (parsed) known.parsed = true;
    else this._named.delete(name);
  }

  afterSettled() {}

  isInTransaction() {
    return false;
  }

  /* ---------------------------------------------------------------- the end */

  /**
   * New work is refused and waiting requests are settled at once; running statements finish and clients that are out
   * are waited for, as long as `timeout` (`drainTimeout`, or for ever as in pg) allows. Once more is an error, as in pg,
   * unless it says how to end: then the end that is under way comes so much sooner.
   * @param {Function | { timeout?: number, force?: boolean }} [options]
   */
  end(options) {
    const callback = typeof options === 'function' ? options : undefined;
    const { hastens, timeout, force, error } = readEndOptions(callback ? {} : (options ?? {}));
    const refused = error ?? (this.ending && !hastens ? endedTwice() : undefined);
    if (refused !== undefined) return callback ? callback(refused) : this.Promise.reject(refused);
    const usual = this.ending ? undefined : this.options.drainTimeout;
    if (!this.ending) this._beginEnd();
    if (callback) this._whenEnded.then(() => safeCall(callback));
    this._engine.close(timeout ?? usual ?? FOR_EVER, force ?? false);
    return callback ? undefined : this._whenEnded;
  }

  _beginEnd() {
    this.ending = true;
    for (const end of this._pauses) end();
    this._whenEnded = new this.Promise((resolve) => (this._endCallback = resolve));
  }

  /** @internal end(), for whoever may call it any number of times. */
  _endOrJoin(options) {
    const joins = this.ending && !readEndOptions(options ?? {}).hastens;
    return joins ? this._whenEnded : this.end(options);
  }

  /** @internal */
  _closed() {
    this.ended = true;
    this._leaks?.close();
    for (const wait of this._waits) wait.fail(closedError);
    this._health.closed();
    this._endCallback?.();
  }

  /* ---------------------------------------------------------------- figures */

  get totalCount() {
    return this._engine.counts().total;
  }

  get idleCount() {
    return this._engine.counts().idle;
  }

  /** Requests that wait for a connection; as in pg without those that have one being opened for them. */
  get waitingCount() {
    const { waiting, connecting } = this._engine.counts();
    return Math.max(0, waiting - connecting);
  }

  /** Clients that are out and will be closed when they come back. */
  get expiredCount() {
    return this._holdsClients.expired(this.options.maxLifetimeSeconds * 1000);
  }

  metrics() {
    return metricsOf(this);
  }

  /** Has the engine ask the server now. Never rejects. */
  health() {
    return healthOf(this);
  }

  /**
   * The circuit breaker of a node, by hand.
   * @param {string} [node] its name, as in metrics(); there is one
   */
  breaker(node = this._where.node) {
    if (node !== this._where.node) {
      throw new KeelError(CODES.MISUSE, `There is no node ${node}; there is ${this._where.node}`);
    }
    const engine = this._engine;
    const close = () => engine.breaker(BREAKER_ACTIONS.CLOSE);
    return {
      open: () => engine.breaker(BREAKER_ACTIONS.FORCE_OPEN),
      close,
      reset: close,
      get state() {
        return breakerStateOf(engine.counts());
      },
    };
  }

  /* ---------------------------------------------------------------- listeners decide what is worth doing */

  on(event, listener) {
    this._heard(event);
    return super.on(event, listener);
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  prependListener(event, listener) {
    this._heard(event);
    return super.prependListener(event, listener);
  }

  _heard(event) {
    if (event !== 'connect' && event !== 'acquire' && event !== 'release') return;
    this._needsClients = true;
    // A listener may set up the session: its queries come before anybody else's.
    if (event === 'connect') this._engine.holdNew(true);
  }

  /** @internal A client of this pool got a type parser of its own. */
  _useClientTypes() {
    this._needsClients = true;
  }
}

Pool.prototype.query[BUILDS_ROWS] = true;

const originalConnect = Pool.prototype.connect;

function refusalOf(config) {
  if (typeof config === 'function') {
    return new KeelError(
      CODES.MISUSE,
      'Passing a function as the first parameter to pool.query is not supported',
    );
  }
  if (config === null || config === undefined) {
    return new TypeError('Client was passed a null or undefined query');
  }
  return undefined;
}

function queryAndRelease(client, config, values, settled) {
  try {
    client.query(config, values, (error, result) => {
      // A connection that cannot be used any more says so itself; an error of the query's is no reason to drop it.
      client.release();
      if (error) settled(error);
      else settled(undefined, result);
    });
  } catch (error) {
    client.release();
    settled(error);
  }
}

function whereOf({ host, port }) {
  return { host, port, node: `${host}:${port}` };
}

function hide(target, key, value) {
  Object.defineProperty(target, key, { configurable: true, enumerable: false, writable: true, value });
}

module.exports = Pool;
