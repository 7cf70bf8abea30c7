'use strict';

/*
 * What a Pool or Client may be given: each option with what it accepts, and what it means to the engine. As in pg an
 * unknown option is ignored, and null is "not given".
 */

const { KeelError } = require('./errors');
const { keyFailure, tlsOptions } = require('./tls');

const MAX_MS = 2 ** 31 - 1;
const MAX_COUNT = 2 ** 31 - 1;
const MAX_CONNECTIONS = 262_143; // PostgreSQL's own limit
const MAX_PORT = 65_535;
const MAX_WINDOW = 100_000; // the engine's: calls or seconds that a breaker remembers

const isWhole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;

/** Programs hand over environment variables as they are, so decimal text will do for a number, as in pg. */
function asNumber(value) {
  return typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
}

const integer = (low, high, unit = '') => ({
  accepts: `a whole number${unit && ` of ${unit}`} from ${low} to ${high}`,
  is: (value) => isWhole(asNumber(value), low, high),
});
const orAlso = (rule, ...values) => ({
  accepts: `${rule.accepts} or ${values.join(' or ')}`,
  is: (value) => values.includes(value) || rule.is(value),
});
const oneOf = (...values) => ({
  accepts: values.map((value) => (typeof value === 'string' ? `'${value}'` : value)).join(', '),
  is: (value) => values.includes(value),
});
const ofType = (type, accepts) => ({ accepts: accepts ?? `a ${type}`, is: (value) => typeof value === type });
const record = (accepts) => ({ accepts, is: (value) => typeof value === 'object' && !Array.isArray(value) });

const text = ofType('string');
const flag = oneOf(true, false);
const hook = ofType('function');
const milliseconds = integer(0, MAX_MS, 'milliseconds');
const limit = orAlso(milliseconds, false);
const count = integer(0, MAX_COUNT);
const fraction = {
  accepts: 'a number from 0 to 1',
  is: (value) => asNumber(value) >= 0 && asNumber(value) <= 1,
};
const percent = {
  accepts: 'a number above 0 and up to 100',
  is: (value) => typeof value === 'number' && value > 0 && value <= 100,
};

const CONNECTION_RULES = {
  host: text,
  user: text,
  database: text,
  port: integer(1, MAX_PORT),
  password: {
    accepts: 'a string or a function that returns one',
    is: (value) => typeof value === 'string' || typeof value === 'function',
  },
  application_name: text,
  fallback_application_name: text,
  client_encoding: text,
  options: text,
  statement_timeout: limit,
  statementTimeout: limit,
  lock_timeout: limit,
  idle_in_transaction_session_timeout: limit,
  query_timeout: limit,
  queryTimeout: limit,
  connectionTimeoutMillis: limit,
  keepAlive: flag,
  keepAliveInitialDelayMillis: milliseconds,
  enableChannelBinding: flag,
  binary: flag,
  pipeline: flag,
  types: {
    accepts: 'an object with a function getTypeParser(oid, format)',
    is: (value) => typeof value.getTypeParser === 'function',
  },
  prepare: oneOf(true, false, 'auto'),
  Promise: hook,
  stream: { accepts: 'nothing: the engine opens its sockets itself', is: () => false },
  connection: { accepts: 'nothing: the engine speaks the protocol itself', is: () => false },
};

const POOL_RULES = {
  name: text,
  max: integer(1, MAX_CONNECTIONS),
  poolSize: integer(1, MAX_CONNECTIONS),
  min: integer(0, MAX_CONNECTIONS),
  idleTimeoutMillis: limit,
  acquireTimeoutMillis: milliseconds,
  maxWaiting: count,
  shed: flag,
  maxUses: orAlso(count, Infinity),
  maxLifetimeSeconds: {
    accepts: `a number of seconds from 0 to ${Math.floor(MAX_MS / 1000)}`,
    is: (value) => asNumber(value) >= 0 && asNumber(value) <= MAX_MS / 1000,
  },
  maxLifetimeJitter: fraction,
  allowExitOnIdle: flag,
  verify: hook,
  onConnect: hook,
  log: hook,
  Client: hook,
  drainTimeout: milliseconds,
  leakDetectionThreshold: milliseconds,
  readReplicaUrls: {
    accepts: 'an array of connection strings',
    is: (value) => Array.isArray(value) && value.every((url) => typeof url === 'string'),
  },
  readWriteRatio: fraction,
  healthCheckInterval: milliseconds,
  aliveBypassWindow: milliseconds,
  maxRetries: integer(0, 1000),
  retryDelay: milliseconds,
  retryMaxDelay: milliseconds,
  slowQueryThreshold: milliseconds,
  resolveCommits: flag,
  circuitBreaker: orAlso(record('an object with failureThreshold, resetTimeout, ...'), false),
};

const BREAKER_RULES = {
  failureThreshold: integer(1, MAX_COUNT),
  resetTimeout: integer(1, MAX_MS, 'milliseconds'),
  slidingWindowType: oneOf('COUNT_BASED', 'TIME_BASED'),
  slidingWindowSize: integer(1, MAX_WINDOW),
  minimumNumberOfCalls: integer(1, MAX_COUNT),
  failureRateThreshold: percent,
  slowCallRateThreshold: percent,
  slowCallDurationThreshold: integer(1, MAX_MS, 'milliseconds'),
  waitDurationInOpenState: integer(1, MAX_MS, 'milliseconds'),
  permittedNumberOfCallsInHalfOpenState: integer(1, MAX_COUNT),
  maxWaitDurationInHalfOpenState: milliseconds,
};

const QUERY_RULES = {
  route: oneOf('auto', 'primary', 'replica'),
  idempotent: flag,
  exactlyOnce: flag,
  prepare: oneOf(true, false, 'auto'),
  timeout: limit,
  query_timeout: limit,
  signal: { accepts: 'an AbortSignal', is: (value) => typeof value?.addEventListener === 'function' },
};

const RETRY_RULES = {
  maxRetries: POOL_RULES.maxRetries,
  retryDelay: POOL_RULES.retryDelay,
  retryMaxDelay: POOL_RULES.retryMaxDelay,
};

const STREAM_RULES = { batchSize: integer(1, MAX_COUNT) };

/** The kind of what was given; its text only where it can hold no secret. */
function describe(value) {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  if (typeof value === 'string') return /^[\w.+-]{0,20}$/.test(value) ? `"${value}"` : 'that string';
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `a ${typeof value}`;
}

function refuse(option, value, rule) {
  const shown = option === 'password' ? `a ${typeof value}` : describe(value);
  return new KeelError('KEEL_CONFIG', `${option}: ${shown} is not valid; accepted is ${rule.accepts}`, {
    option,
  });
}

function check(given, rules, prefix = '') {
  for (const [option, rule] of Object.entries(rules)) {
    const value = given[option];
    if (value !== undefined && value !== null && !rule.is(value)) throw refuse(prefix + option, value, rule);
  }
}

function checkConnectionOptions(config) {
  if (config === undefined || config === null || typeof config === 'string') return;
  if (typeof config !== 'object') {
    const accepted = 'accepted is an object or a connection string';
    throw new KeelError('KEEL_CONFIG', `options: ${describe(config)} is not valid; ${accepted}`, {
      option: 'options',
    });
  }
  check(config, CONNECTION_RULES);
}

function checkPoolOptions(options) {
  checkConnectionOptions(options);
  check(options, POOL_RULES);
  const max = Number(options.max ?? options.poolSize ?? 10);
  if (Number(options.min ?? 0) > max) {
    throw refuse('min', options.min, { accepts: `a whole number from 0 to max, which is ${max}` });
  }
  if (options.circuitBreaker) checkBreaker(options.circuitBreaker);
}

function checkBreaker(breaker) {
  const unknown = Object.keys(breaker).find((name) => !Object.hasOwn(BREAKER_RULES, name));
  if (unknown !== undefined) {
    const accepts = Object.keys(BREAKER_RULES).join(', ');
    throw refuse(`circuitBreaker.${unknown}`, breaker[unknown], {
      accepts: `none: the known ones are ${accepts}`,
    });
  }
  check(breaker, BREAKER_RULES, 'circuitBreaker.');
}

/** Whether a query says anything of itself; most do not. */
function hasQueryOptions(config) {
  const { route, idempotent, exactlyOnce, prepare, timeout, query_timeout: ofPg, signal } = config;
  return (
    (route ?? idempotent ?? exactlyOnce ?? prepare ?? timeout ?? ofPg ?? signal ?? undefined) !== undefined
  );
}

function checkQueryOptions(config) {
  for (const option in QUERY_RULES) {
    const value = config[option];
    if (value !== undefined && value !== null && !QUERY_RULES[option].is(value)) {
      throw refuse(option, value, QUERY_RULES[option]);
    }
  }
}

function checkStreamOptions(config) {
  check(config, STREAM_RULES);
}

/** `retry` of a transaction. */
function checkRetry(retry) {
  const rule = orAlso(record('an object with maxRetries, retryDelay, retryMaxDelay'), true, false);
  if (!rule.is(retry)) throw refuse('retry', retry, rule);
  if (typeof retry === 'object') check(retry, RETRY_RULES, 'retry.');
}

/* ---------------------------------------------------------------- what it means to the engine */

// libpq's own connection parameters that pg has no name for; given in a URL or beside pg's options they are passed on.
const LIBPQ_ONLY = [
  ...[
    'target_session_attrs',
    'load_balance_hosts',
    'hostaddr',
    'service',
    'passfile',
    'requirepeer',
    'require_auth',
  ],
  ...['channel_binding', 'gssencmode', 'krbsrvname', 'gsslib', 'tcp_user_timeout', 'keepalives_interval'],
  ...[
    'keepalives',
    'keepalives_idle',
    'keepalives_count',
    'sslcrl',
    'sslcrldir',
    'sslsni',
    'ssl_min_protocol_version',
    'ssl_max_protocol_version',
  ],
];

function milli(value) {
  return value ? Number(value) : 0;
}

/** Sets what is there: libpq takes an empty string for "not given", but a missing keyword is clearer. */
function put(keywords, name, value) {
  if (value !== undefined && value !== null && value !== '') keywords[name] = String(value);
}

// Beside a service or in libpq's own keyword form, pg's defaults would override what is said there.
function serverKeywords(parameters, given) {
  const keywords = {};
  if (given.conninfo !== undefined) return keywords;
  const own = given.service || process.env.PGSERVICE ? given : parameters;
  put(keywords, 'host', own.host);
  put(keywords, 'port', given.port || (own.port ?? undefined));
  put(keywords, 'user', own.user);
  put(keywords, 'dbname', own.database);
  return keywords;
}

function keywordsOf(parameters) {
  const { given } = parameters;
  const keywords = serverKeywords(parameters, given);
  if (typeof parameters.password === 'string') put(keywords, 'password', parameters.password);
  put(keywords, 'application_name', given.conninfo ? given.application_name : parameters.application_name);
  for (const name of ['fallback_application_name', 'options', 'replication'])
    put(keywords, name, parameters[name]);
  if (parameters.sslnegotiation === 'direct') keywords.sslnegotiation = 'direct';
  // pg knows no GSS encryption, and trying for it costs every connection a round trip.
  if (given.conninfo === undefined) keywords.gssencmode = 'disable';
  Object.assign(keywords, keepAliveKeywords(given), silenceKeywords(given));
  for (const name of LIBPQ_ONLY) put(keywords, name, given[name]);
  return Object.assign(keywords, { client_encoding: 'UTF8' });
}

// How long a peer may acknowledge nothing, be it data or keepalive probes, before the system gives the link up. A statement that
// takes long is none of TCP's business, so this has nothing to do with queryTimeout.
const SILENT_LINK_MS = 30_000;

function keepAliveKeywords({ keepAlive, keepAliveInitialDelayMillis }) {
  if (keepAlive === false) return { keepalives: '0' };
  const seconds = Math.ceil(milli(keepAliveInitialDelayMillis) / 1000);
  return seconds > 0 ? { keepalives: '1', keepalives_idle: String(seconds) } : {};
}

/** In the hardened profile a peer that is gone is found in time. */
function silenceKeywords({ hardened, keepAlive, conninfo = '' }) {
  if (!hardened) return {};
  const probes = keepAlive === false ? {} : { keepalives_interval: '5', keepalives_count: '4' };
  const keywords = { ...probes, tcp_user_timeout: String(SILENT_LINK_MS) };
  // What libpq is told in its own form is not to be overridden by a default.
  return Object.fromEntries(Object.entries(keywords).filter(([name]) => !conninfo.includes(name)));
}

function sessionOf(parameters) {
  const { given } = parameters;
  const settings = {
    statement_timeout: parameters.statement_timeout || given.statementTimeout,
    lock_timeout: parameters.lock_timeout,
    idle_in_transaction_session_timeout: parameters.idle_in_transaction_session_timeout,
  };
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value)
      .map(([name, value]) => [name, String(parseInt(value, 10))]),
  );
}

const PREPARE = new Map([
  [true, 'always'],
  [false, 'never'],
]);

function connectTimeout({ given, connect_timeout: seconds }) {
  if (given.connectionTimeoutMillis !== undefined) return milli(given.connectionTimeoutMillis);
  return milli(given.connect_timeout || seconds) * 1000;
}

/** How long a query may take that says nothing itself; 0: no limit. */
function queryTimeoutOf({ query_timeout: ofPg, given }) {
  return milli(ofPg || given.queryTimeout);
}

/** What every engine pool is given, be it a Client's or a Pool's. */
function engineOptions(parameters) {
  const { given } = parameters;
  // In libpq's keyword form TLS is libpq's matter too, unless an `ssl` stands beside it.
  const usesLibpqTls = given.conninfo !== undefined && given.ssl === undefined;
  const { keywords, ...pem } = usesLibpqTls ? { keywords: {} } : tlsOptions(parameters.ssl, parameters.host);
  return {
    conninfo: given.conninfo,
    keywords: { ...keywordsOf(parameters), ...keywords },
    ...pem,
    session: sessionOf(parameters),
    connectTimeout: connectTimeout(parameters),
    queryTimeout: queryTimeoutOf(parameters),
    prepare: PREPARE.get(given.prepare) ?? 'auto',
    ...(given.pipeline === false && { pipelineDepth: 1 }),
    askPassword: typeof parameters.password === 'function' || keyFailure(parameters.ssl) !== undefined,
  };
}

function clientEngineOptions(parameters) {
  return { ...engineOptions(parameters), name: 'client', single: true, min: 0, max: 1, idleTimeout: 0 };
}

// In pg one option limits both. The attempt to connect ends a moment before those who wait for it, and they hear why.
function afterConnecting({ connectTimeout: limitMs }) {
  return limitMs === 0 ? 0 : Math.min(limitMs + 10, MAX_MS);
}

const RESILIENCE4J_OPEN_MS = 60_000;

const numberOrNone = (value) => (value == null ? undefined : Number(value));

/** What is not given keeps the engine's default, which is resilience4j's where the name is. */
function breakerEngineOptions({ circuitBreaker: given }) {
  if (!given) return {};
  const watchesRates = given.failureRateThreshold != null || given.slowCallRateThreshold != null;
  const reset = watchesRates
    ? (given.waitDurationInOpenState ?? given.resetTimeout ?? RESILIENCE4J_OPEN_MS)
    : given.resetTimeout;
  return {
    breaker: true,
    breakerFailureThreshold: numberOrNone(given.failureThreshold),
    breakerResetTimeout: numberOrNone(reset),
    breakerFailureRate: numberOrNone(given.failureRateThreshold),
    breakerSlowRate: numberOrNone(given.slowCallRateThreshold),
    breakerSlowCall: numberOrNone(given.slowCallDurationThreshold),
    breakerByTime: given.slidingWindowType === 'TIME_BASED',
    breakerWindowSize: numberOrNone(given.slidingWindowSize),
    breakerMinimumCalls: numberOrNone(given.minimumNumberOfCalls),
    breakerProbes: numberOrNone(given.permittedNumberOfCallsInHalfOpenState),
    breakerProbeTimeout: numberOrNone(given.maxWaitDurationInHalfOpenState),
  };
}

// A cancel needs a connection of its own: in the hardened profile a server that has not ended a cancelled statement in the time
// that opening one may take costs the connection.
function healthOptions({ healthCheckInterval, aliveBypassWindow, hardened }, { connectTimeout: limitMs }) {
  return {
    healthCheckInterval: milli(healthCheckInterval),
    ...(aliveBypassWindow != null && { aliveBypass: Number(aliveBypassWindow) }),
    ...(hardened && limitMs > 0 && { cancelTimeout: limitMs }),
  };
}

// What is not given is the engine's default.
function retryOptions({ maxRetries, retryDelay, retryMaxDelay }) {
  return {
    maxRetries: milli(maxRetries),
    ...(retryDelay != null && { retryDelay: Number(retryDelay) }),
    ...(retryMaxDelay != null && { retryMaxDelay: Number(retryMaxDelay) }),
  };
}

/** @param {object} options a Pool's, after its defaults */
function poolEngineOptions(parameters, options) {
  const common = engineOptions(parameters);
  const { acquireTimeoutMillis } = options;
  return {
    ...common,
    name: options.name ?? 'pool',
    min: Number(options.min),
    max: Number(options.max),
    maxWaiting: milli(options.maxWaiting),
    // A program written for pg expects to wait for as long as it said.
    shed: options.shed ?? options.hardened === true,
    maxUses: Number.isFinite(Number(options.maxUses)) ? Number(options.maxUses) : 0,
    acquireTimeout: acquireTimeoutMillis == null ? afterConnecting(common) : Number(acquireTimeoutMillis),
    idleTimeout: milli(options.idleTimeoutMillis),
    maxLifetime: Math.ceil(milli(options.maxLifetimeSeconds) * 1000),
    lifetimeJitter: milli(options.maxLifetimeJitter),
    drainTimeout: milli(options.drainTimeout),
    ...breakerEngineOptions(options),
    ...healthOptions(options, common),
    ...retryOptions(options),
    resolveCommits: options.resolveCommits ?? true,
  };
}

module.exports = {
  queryTimeoutOf,
  checkConnectionOptions,
  checkPoolOptions,
  checkQueryOptions,
  checkRetry,
  checkStreamOptions,
  hasQueryOptions,
  clientEngineOptions,
  poolEngineOptions,
};
