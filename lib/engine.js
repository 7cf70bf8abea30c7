'use strict';

/*
 * The engine as JavaScript sees it: pools, requests and what comes of them. Everything above this file is pg's or
 * Drizzle's manner of speaking; everything below it is transport (submission.js down, dispatch.js up). No policy here.
 */

const { Dispatcher } = require('./dispatch');
const { KeelError } = require('./errors');
const { loadBinding } = require('./binding');
const { RequestTable, tagOf } = require('./requests');
const { safeCall } = require('./safe-call');
const { Submission } = require('./submission');

/**
 * What keel_pool_options of csrc/keel.h holds, in camelCase; what is left out keeps the engine's default. Times are
 * milliseconds, 0 is "no limit".
 * @typedef {object} EnginePoolOptions
 * @property {string} [name]
 * @property {string} [conninfo] a libpq keyword string or URI
 * @property {Record<string, string>} [keywords] libpq's connection parameters; they override conninfo
 * @property {string} [sslCaPem]
 * @property {string} [sslCertPem]
 * @property {string} [sslKeyPem]
 * @property {Record<string, string>} [session] settings applied with SET after connecting
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [maxWaiting]
 * @property {number} [maxUses]
 * @property {number} [acquireTimeout]
 * @property {number} [connectTimeout]
 * @property {number} [idleTimeout]
 * @property {number} [maxLifetime]
 * @property {number} [lifetimeJitter]
 * @property {number} [queryTimeout]
 * @property {number} [cancelTimeout]
 * @property {number} [drainTimeout]
 * @property {number} [healthCheckInterval] 0: no background checks
 * @property {number} [aliveBypass] absent: connections are handed out unchecked
 * @property {number} [resolveTimeout]
 * @property {'auto' | 'always' | 'never'} [prepare]
 * @property {number} [prepareCache]
 * @property {number} [pipelineDepth]
 * @property {boolean} [holdNew]
 * @property {boolean} [askPassword]
 * @property {boolean} [announce]
 * @property {boolean} [single]
 * @property {boolean} [shed]
 * @property {boolean} [breaker]
 * @property {number} [breakerFailureThreshold]
 * @property {number} [breakerResetTimeout]
 * @property {number} [breakerFailureRate] percent; 0: off
 * @property {number} [breakerSlowRate] percent; 0: off
 * @property {number} [breakerSlowCall] ms
 * @property {boolean} [breakerByTime]
 * @property {number} [breakerWindowSize] calls, or seconds when breakerByTime
 * @property {number} [breakerMinimumCalls]
 * @property {number} [breakerProbes]
 * @property {number} [breakerProbeTimeout] ms
 * @property {number} [maxRetries]
 * @property {number} [retryDelay]
 * @property {number} [retryMaxDelay]
 * @property {boolean} [resolveCommits]
 */

/**
 * What the server's message holds, by the protocol's letters (C SQLSTATE, M message, D detail, H hint, S severity ...),
 * beside them `e`, the system's error name such as ECONNREFUSED. Absent when not given.
 * @typedef {Record<string, string>} MessageFields
 */

/**
 * @typedef {object} Opened
 * @property {number} connId
 * @property {number} leaseId the setup lease of a pool with holdNew; else 0
 * @property {number} processId
 * @property {number} serverVersion such as 150018
 * @property {string} host
 * @property {number} port
 * @property {boolean} ssl
 * @property {Record<string, string>} parameters settings the server reported
 */

/**
 * @typedef {object} Failure
 * @property {string} code KEEL_SERVER when the server answered with an error (its fields say which); KEEL_OK in
 *   `closed` when the connection was closed by us
 * @property {'not-sent' | 'rolled-back' | 'unknown' | undefined} outcome
 * @property {number} attempts
 * @property {'I' | 'T' | 'E' | undefined} status transaction status of the connection
 * @property {number} connId 0: none
 * @property {MessageFields} fields
 * @property {string} [cause] of KEEL_BREAKER_OPEN: the code of the failure that opened the breaker, whose the fields are
 * @property {number} [retryAfter] of KEEL_BREAKER_OPEN: ms; 0: not before it is closed by hand
 */

/**
 * @typedef {object} Retry
 * @property {number} attempt the number of the attempt that comes
 * @property {number} delay ms until then
 * @property {Failure} failure of the attempt before
 */

/**
 * Pool-wide events. Each is optional.
 * @typedef {object} PoolHandlers
 * @property {(info: Opened) => void} [opened]
 * @property {(info: Failure) => void} [closed]
 * @property {(connId: number, fields: MessageFields) => void} [notice]
 * @property {(info: {connId: number, processId: number, channel: string, payload: string}) => void} [notification]
 * @property {(connId: number, name: string, value: string) => void} [parameter]
 * @property {(connId: number) => void} [password] answer with EnginePool.password()
 * @property {(change: {from: string, to: string, reason: string}) => void} [breaker] of 'CLOSED', 'OPEN', 'HALF_OPEN'
 * @property {(info: Failure & { latencyMs: number | undefined }) => void} [health] the node was checked; code is KEEL_OK
 *   when it is well, latencyMs undefined when the answers that others got were the proof
 * @property {(retry: Retry) => void} [retry] a request is tried again
 * @property {() => void} [poolClosed] the last one
 */

/**
 * Called in the order things happen, and never after done or error, of which exactly one comes. A sink that throws is
 * reported as an uncaught exception and hears the rest all the same.
 * @typedef {object} QuerySink
 * @property {(fields: import('./row-block').Field[]) => void} fields a result set begins. The array and what is in it are
 *   frozen: all results of that shape share them. A second one without `complete` between them: the statement is run
 *   anew (its plan was stale, say), forget the rows so far
 * @property {(block: import('./row-block').RowBlock, bytes: number) => void} rows some of its rows: give it to the function
 *   that makeRowBuilder() made. The block is valid during the call only
 * @property {boolean} [acknowledges] true: the sink itself tells by EnginePool.acknowledge() when it has done with the
 *   `bytes` of rows, and the engine waits for it; else they are done with when they were handed over
 * @property {(error: Error) => void} unreadable in place of rows: V8 cannot hold them
 * @property {(tag: string) => void} complete it ends: its command tag, '' for an empty statement
 * @property {(failure: Failure) => void} [again] it failed so and is tried again: forget all that came so far
 * @property {(info: {status: 'I' | 'T' | 'E', attempts: number, queueMs: number, serverMs: number, connId: number}) => void} done
 * @property {(info: Failure) => void} error
 */

/**
 * @typedef {object} LeaseSink
 * @property {(info: Opened) => void} leased leaseId is the lease; `parameters` is empty
 * @property {(info: Failure) => void} error
 */

/**
 * @typedef {object} QueryRequest
 * @property {string} text
 * @property {string} [name] a named statement
 * @property {(null | string | Buffer)[] | null} params null: the simple protocol, unless there is
 *   a name. A Buffer is sent in binary
 * @property {number} [lease] 0 or absent: any connection
 * @property {number} [flags] of QUERY_FLAGS
 * @property {number} [timeout] ms; absent: the pool's, 0: none
 * @property {boolean} [binary] results in binary
 */

/** keel.h's KEEL_Q_*, those that a caller may choose. */
const QUERY_FLAGS = Object.freeze({
  NO_PREPARE: 0x4,
  PREPARE: 0x8,
  IDEMPOTENT: 0x10,
  ALONE: 0x20,
  WHOLE: 0x100,
  ONCE: 0x400,
});
const FLAG_SIMPLE = 0x1;
const FLAG_BINARY = 0x2;
const FLAG_PACED = 0x40;

/** keel.h's keel_breaker_action. */
const BREAKER_ACTIONS = Object.freeze({ FORCE_OPEN: 1, CLOSE: 2 });

const DRAIN_TIMEOUT_OF_POOL = -1;
/** No request has it: abort() of it does nothing. */
const NO_TAG = 0;

/** What the engine calls an option of its own in a refusal, where that is not what it is called here. */
const OPTIONS_IN_C = {
  ssl_ca_pem: 'sslCaPem',
  ssl_cert_pem: 'sslCertPem',
  ssl_key_pem: 'sslKeyPem',
  session_names: 'session',
  acquire_timeout_ms: 'acquireTimeout',
  connect_timeout_ms: 'connectTimeout',
  idle_timeout_ms: 'idleTimeout',
  max_lifetime_ms: 'maxLifetime',
  lifetime_jitter: 'lifetimeJitter',
  query_timeout_ms: 'queryTimeout',
  cancel_timeout_ms: 'cancelTimeout',
  drain_timeout_ms: 'drainTimeout',
  health_check_interval_ms: 'healthCheckInterval',
  alive_bypass_ms: 'aliveBypass',
  resolve_timeout_ms: 'resolveTimeout',
  pipeline_depth: 'pipelineDepth',
  breaker_failure_threshold: 'circuitBreaker.failureThreshold',
  breaker_reset_timeout_ms: 'circuitBreaker.resetTimeout',
  breaker_failure_rate: 'circuitBreaker.failureRateThreshold',
  breaker_slow_rate: 'circuitBreaker.slowCallRateThreshold',
  breaker_slow_call_ms: 'circuitBreaker.slowCallDurationThreshold',
  breaker_window_size: 'circuitBreaker.slidingWindowSize',
  breaker_minimum_calls: 'circuitBreaker.minimumNumberOfCalls',
  breaker_probes: 'circuitBreaker.permittedNumberOfCallsInHalfOpenState',
  breaker_probe_timeout_ms: 'circuitBreaker.maxWaitDurationInHalfOpenState',
  max_retries: 'maxRetries',
  retry_delay_ms: 'retryDelay',
  retry_max_delay_ms: 'retryMaxDelay',
};

/** keel_pool_stats in its order; each latency is a summary of eight figures. */
const COUNTS = [
  ...[
    'state',
    'started',
    'succeeded',
    'failed',
    'retried',
    'timedOut',
    'cancelled',
    'rejected',
    'slow',
    'running',
  ],
  ...['total', 'idle', 'active', 'connecting', 'waiting', 'min', 'max'],
  ...['created', 'closed', 'connectFailed', 'resets'],
  ...['breakerState', 'breakerFailures', 'breakerOpened', 'breakerRejected', 'breakerLastFailure'],
  ...['healthy', 'lastCheck'],
];
const LATENCIES = ['latencyTotal', 'latencyQueue', 'latencyServer', 'latencyDelivery'];
/** Of `closed`. */
const REASONS = [
  'closedLost',
  'closedIdle',
  'closedRetired',
  'closedReleased',
  'closedUnclean',
  'closedSilent',
];
const SUMMARY = ['count', 'min', 'max', 'mean', 'p50', 'p90', 'p99', 'p999'];
const FIRST_REASON = COUNTS.length + LATENCIES.length * SUMMARY.length;
const FIGURES = FIRST_REASON + REASONS.length;

const POOL_CLOSED = 'KEEL_POOL_CLOSED';

/** The environment's engine (one for each worker thread): started by the first pool, stopped when it exits. */
class Engine {
  requests = new RequestTable();
  #pools = new Map();
  #poolsAwake = 0;

  constructor(native) {
    this.native = native;
    const dispatcher = new Dispatcher(native, this.requests, this.#pools);
    this.submission = new Submission(
      native,
      (refused) => this.#settleRefused(refused),
      () => dispatcher.tickEnds(),
    );
    native.start((alone) => dispatcher.ring(alone));
    native.reference(false);
    // process.exit() and an uncaught exception skip the addon's own clean-up on the main thread, and what is torn
    // down after this event (libuv's worker pool, OpenSSL) the engine thread must not be using any more.
    process.once('exit', () => native.stop());
  }

  open(options, handlers) {
    const answer = this.native.openPool(options);
    if (typeof answer !== 'number') throw refusal(answer);
    const pool = new EnginePool(this, answer, options, handlers);
    this.#pools.set(answer, pool);
    return pool;
  }

  /** The pool is closed and no request of its is left. */
  forget(pool) {
    this.submission.flush();
    this.#pools.delete(pool.id);
    this.native.freePool(pool.id);
  }

  /** A pool begins or ceases to keep the event loop alive. */
  poolAwake(awake) {
    this.#poolsAwake += awake ? 1 : -1;
    if (this.#poolsAwake === (awake ? 1 : 0)) this.native.reference(awake);
  }

  /** Requests that the engine would not even take: out of memory, or malformed. */
  #settleRefused(refused) {
    for (let i = 0; i < refused.length; i += 3) {
      const request = this.requests.get(refused[i + 1], refused[i + 2]);
      if (request === undefined) continue;
      const { sink, pool } = request;
      this.requests.remove(request);
      pool.settled(request);
      failLater(sink, this.native.codes[refused[i]]);
    }
  }
}

function refusal({ code, option, message }) {
  const name = OPTIONS_IN_C[option] ?? option;
  return new KeelError(
    code,
    message.replace(option, () => name),
    name === '' ? {} : { option: name },
  );
}

/** Nothing of the request has left this process. */
function failLater(sink, code) {
  const info = { code, outcome: 'not-sent', attempts: 0, status: undefined, connId: 0, fields: {} };
  process.nextTick(() => safeCall(() => sink.error(info)));
}

class EnginePool {
  #engine;
  #wantsWarm;
  #keepAlive = 'always';
  #references = 0;
  #awake = false;
  #work = 0;
  #waiting = 0;
  #connections = new Set();
  #lastFigures;
  #closing = false;
  #closed = false;

  constructor(engine, id, options, handlers) {
    this.#engine = engine;
    this.#wantsWarm = options.min > 0;
    this.id = id;
    this.handlers = handlers;
    this.#updateAwake();
  }

  /**
   * What keeps the event loop alive, beside ref(): 'always' (the default) open connections and outstanding requests,
   * 'work' outstanding requests only, 'never' nothing. A pool that closes keeps it alive until it is closed.
   */
  get keepAlive() {
    return this.#keepAlive;
  }

  set keepAlive(mode) {
    this.#keepAlive = mode;
    this.#updateAwake();
  }

  /** Keeps the event loop alive until as many unref() follow, whatever keepAlive says. */
  ref() {
    this.#references += 1;
    this.#updateAwake();
  }

  unref() {
    this.#references -= 1;
    this.#updateAwake();
  }

  /** @param {QueryRequest} request @param {QuerySink} sink @returns {number} the tag, for abort() */
  query(request, sink) {
    const simple = request.params === null && request.name == null ? FLAG_SIMPLE : 0;
    const flags = (request.flags ?? 0) | simple | (request.binary ? FLAG_BINARY : 0) | FLAG_PACED;
    const entry = this.#begin(sink, !request.lease);
    if (entry === undefined) return NO_TAG;
    // Read now: a request that is handed over and refused at once is no longer the entry's.
    const tag = tagOf(entry);
    try {
      this.#engine.submission.query(this.id, entry, request, flags);
    } catch (err) {
      this.#engine.requests.remove(entry);
      this.settled(entry);
      throw err;
    }
    return tag;
  }

  /** Asks for a connection of one's own. @param {number | undefined} timeout ms; undefined: the pool's
   * @param {LeaseSink} sink @returns {number} the tag, for abort() */
  acquire(timeout, sink) {
    const entry = this.#begin(sink, true);
    if (entry === undefined) return NO_TAG;
    this.#engine.submission.acquire(this.id, entry, timeout);
    return tagOf(entry);
  }

  /** Gives a request up: it ends with KEEL_ABORTED, unless it has ended already. */
  abort(tag) {
    if (!this.#closed) this.#engine.submission.abort(this.id, tag);
  }

  /** Rows of a request are done with; for a sink that `acknowledges`. */
  acknowledge(tag, bytes) {
    if (!this.#closed) this.#engine.submission.acknowledge(this.id, tag, bytes);
  }

  /** Gives a lease back after what was asked on it before; `destroy` closes its connection. */
  release(leaseId, destroy) {
    if (!this.#closed) this.#engine.submission.release(this.id, leaseId, destroy);
  }

  /** Requests that have asked for any connection and are not answered: they may wait for one. */
  get waiting() {
    return this.#waiting;
  }

  /** @param {() => void} ask something of this pool at the end of the tick */
  beforeFlush(ask) {
    this.#engine.submission.beforeFlush(ask);
  }

  /** Asks for a health check now: handlers.health tells, unless the pool closes first. */
  check() {
    if (!this.#closed) this.#engine.submission.check(this.id);
  }

  /** From now on each new connection comes with a setup lease, or not. */
  holdNew(on) {
    if (!this.#closed) this.#engine.submission.holdNew(this.id, on);
  }

  /** By hand; see keel_pool_breaker. @param {number} action of BREAKER_ACTIONS */
  breaker(action) {
    if (!this.#closed) this.#engine.submission.breaker(this.id, action);
  }

  /** Answers handlers.password: a string, or null and what is to be said of the failed connection. */
  password(connId, password, failureMessage) {
    if (!this.#closed) this.#engine.submission.password(this.id, connId, password, failureMessage);
  }

  /** Ends the pool; see keel_pool_close. handlers.poolClosed comes when it is done. */
  close(timeout = DRAIN_TIMEOUT_OF_POOL, force = false) {
    if (this.#closed) return;
    this.#closing = true;
    this.#updateAwake();
    this.#engine.submission.close(this.id, timeout, force);
    this.#engine.submission.flush();
  }

  /** Counters and gauges as of now, all work included that was asked before: keel_pool_stats in camelCase. */
  counts() {
    const figures = this.#lastFigures ?? this.#readFigures(false);
    return Object.fromEntries(COUNTS.map((name, i) => [name, figures[i]]));
  }

  /** The same, the latencies, which take longer to work out, and for which reasons connections were closed. */
  stats() {
    const figures = this.#lastFigures ?? this.#readFigures(true);
    const stats = Object.fromEntries(COUNTS.map((name, i) => [name, figures[i]]));
    LATENCIES.forEach((name, i) => {
      const first = COUNTS.length + i * SUMMARY.length;
      stats[name] = Object.fromEntries(SUMMARY.map((figure, j) => [figure, figures[first + j]]));
    });
    REASONS.forEach((name, i) => {
      stats[name] = figures[FIRST_REASON + i];
    });
    return stats;
  }

  /* ---------------------------------------------------------------- for engine.js and dispatch.js only */

  settled(entry) {
    this.#work -= 1;
    if (entry.waits) this.#waiting -= 1;
    if (this.#work > 0) return;
    this.#updateAwake();
    if (this.#closed) this.#forget();
  }

  connectionOpened(info) {
    this.#connections.add(info.connId);
    this.#updateAwake();
    this.handlers.opened?.(info);
  }

  connectionClosed(info) {
    this.#connections.delete(info.connId);
    this.#updateAwake();
    this.handlers.closed?.(info);
  }

  ended() {
    this.#closing = false;
    this.#closed = true;
    this.#updateAwake();
    if (this.#work === 0) this.#forget();
    this.handlers.poolClosed?.();
  }

  #forget() {
    this.#lastFigures = this.#readFigures(true);
    this.#engine.forget(this);
  }

  #readFigures(withLatencies) {
    const figures = new Float64Array(FIGURES);
    this.#engine.submission.flush();
    this.#engine.native.stats(this.id, figures, withLatencies);
    return figures;
  }

  /** Enters a request; undefined: the pool is closed, and the sink will hear of it. */
  #begin(sink, waits) {
    if (this.#closed) {
      failLater(sink, POOL_CLOSED);
      return undefined;
    }
    const entry = this.#engine.requests.add(sink, this);
    entry.waits = waits;
    this.#work += 1;
    if (waits) this.#waiting += 1;
    if (this.#work === 1) this.#updateAwake();
    return entry;
  }

  #updateAwake() {
    const awake = this.#references > 0 || (!this.#closed && (this.#closing || this.#isKeptAlive()));
    if (awake === this.#awake) return;
    this.#awake = awake;
    this.#engine.poolAwake(awake);
  }

  #isKeptAlive() {
    if (this.#keepAlive === 'never') return false;
    // A warm connection that is not there yet is being opened.
    return (
      this.#work > 0 || (this.#keepAlive === 'always' && (this.#connections.size > 0 || this.#wantsWarm))
    );
  }
}

let engine;

/**
 * @param {EnginePoolOptions} options
 * @param {PoolHandlers} handlers
 * @returns {EnginePool}
 * @throws {KeelError} KEEL_CONFIG with `option`, the one at fault where it is one
 */
function openPool(options, handlers) {
  engine ??= new Engine(loadBinding());
  return engine.open(options, handlers);
}

/** @returns {number} of the libpq in use, such as 150018 */
function libpqVersion() {
  return loadBinding().libpqVersion();
}

module.exports = { openPool, libpqVersion, BREAKER_ACTIONS, QUERY_FLAGS };
