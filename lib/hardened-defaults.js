'use strict';

const { parseConnectionString } = require('./connection-string');
const { KeelError } = require('./errors');
const { redact } = require('./redact');

const MAX_MS = 2 ** 31 - 1; // More and setTimeout() fires at once.
const MAX_CONNECTIONS = 262_143; // PostgreSQL's own limit for max_connections.
const MAX_COUNT = 2 ** 31 - 1;

const SESSION_KINDS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'];
const SSL_IN_URL = /(?:^|[?&\s])(?:ssl|sslmode|sslcert|sslkey|sslrootcert|sslnegotiation)\s*=/i;

const integer = (low, high, unit) => ({
  accepted: `a whole number${unit ? ` of ${unit}` : ''} from ${low} to ${high}`,
  read(text) {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    return value >= low && value <= high ? value : undefined;
  },
});
const milliseconds = integer(0, MAX_MS, 'milliseconds');
const fraction = {
  accepted: 'a number from 0 to 1',
  read(text) {
    const value = /^(\d+|\d*\.\d+)$/.test(text) ? Number(text) : NaN;
    return value <= 1 ? value : undefined;
  },
};
const url = { read: readUrl };
const urls = { read: (text, variable) => splitUrls(text).map((item) => readUrl(item, variable)) };

/** What each variable sets: an option, or a member of one. `read` gives undefined for a text it does not accept. */
const VARIABLES = {
  DATABASE_URL: [['connectionString'], url],
  READ_REPLICA_URLS: [['readReplicaUrls'], urls],
  READ_WRITE_RATIO: [['readWriteRatio'], fraction],
  DB_POOL_MIN: [['min'], integer(0, MAX_CONNECTIONS)],
  DB_POOL_MAX: [['max'], integer(1, MAX_CONNECTIONS)],
  DB_IDLE_TIMEOUT_MS: [['idleTimeoutMillis'], milliseconds],
  DB_CONNECTION_TIMEOUT_MS: [['connectionTimeoutMillis'], milliseconds],
  DB_ACQUIRE_TIMEOUT_MS: [['acquireTimeoutMillis'], milliseconds],
  DB_MAX_WAITING: [['maxWaiting'], integer(0, MAX_COUNT)],
  DB_HEALTH_CHECK_INTERVAL_MS: [['healthCheckInterval'], milliseconds],
  MAX_QUERY_RETRIES: [['maxRetries'], integer(0, 1000)],
  DB_RETRY_DELAY_MS: [['retryDelay'], milliseconds],
  DB_STATEMENT_TIMEOUT_MS: [['statementTimeout'], milliseconds],
  QUERY_TIMEOUT_MS: [['queryTimeout'], milliseconds],
  SLOW_QUERY_THRESHOLD: [['slowQueryThreshold'], milliseconds],
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: [['circuitBreaker', 'failureThreshold'], integer(1, MAX_COUNT)],
  CIRCUIT_BREAKER_RESET_TIMEOUT: [['circuitBreaker', 'resetTimeout'], integer(1, MAX_MS, 'milliseconds')],
};

// pg's names for the same options: whoever gives one of these has spoken.
const ALIASES = { poolSize: 'max', statement_timeout: 'statementTimeout', query_timeout: 'queryTimeout' };
const SERVER_FIELDS = ['host', 'port', 'user', 'database'];

function profile(production) {
  return {
    readReplicaUrls: [],
    readWriteRatio: 0.7,
    min: production ? 5 : 2,
    max: production ? 20 : 10,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 5_000,
    acquireTimeoutMillis: 10_000,
    maxWaiting: 10_000,
    maxLifetimeSeconds: 1_800,
    maxLifetimeJitter: 0.05,
    maxUses: 0,
    healthCheckInterval: 30_000,
    aliveBypassWindow: 500,
    maxRetries: 3,
    retryDelay: 1_000,
    retryMaxDelay: 30_000,
    statementTimeout: 30_000,
    queryTimeout: 30_000,
    slowQueryThreshold: 1_000,
    circuitBreaker: { failureThreshold: 5, resetTimeout: 30_000 },
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ssl: production ? { rejectUnauthorized: false } : false,
    leakDetectionThreshold: 0,
    drainTimeout: 10_000,
    prepare: 'auto',
  };
}

/**
 * The options of the contract from the environment and, where that is silent, for development or production.
 * A malformed variable is an error; none is ignored.
 */
function hardenedDefaults(env = process.env) {
  return resolveOptions({}, env);
}

/**
 * The options to open a hardened pool with. What is given explicitly beats the environment, the environment
 * beats the default. What is given explicitly is the pool's to check.
 */
function resolveOptions(explicit, env = process.env) {
  const given = givenOnly(explicit);
  if (typeof given.connectionString === 'string') readUrl(given.connectionString, 'connectionString');
  if (Array.isArray(given.readReplicaUrls))
    given.readReplicaUrls.forEach((item) => readUrl(item, 'readReplicaUrls'));
  const fromEnv = readEnvironment(env);
  if (namesServer(given)) delete fromEnv.connectionString;
  if (given.ssl !== undefined) fromEnv.connectionString = withoutSsl(fromEnv.connectionString);
  const defaults = profile(env.NODE_ENV === 'production');
  const options = givenOnly({ ...defaults, ...fromEnv, ...given });
  options.circuitBreaker = mergeBreaker(defaults, fromEnv, given);
  for (const [alias, name] of Object.entries(ALIASES)) {
    if (given[alias] !== undefined && given[name] === undefined) delete options[name];
  }
  settleSizes(options, given, fromEnv);
  settleSsl(options, given, env);
  return options;
}

function mergeBreaker(defaults, fromEnv, { circuitBreaker = {} }) {
  if (typeof circuitBreaker !== 'object') return circuitBreaker;
  return { ...defaults.circuitBreaker, ...fromEnv.circuitBreaker, ...givenOnly(circuitBreaker) };
}

function readEnvironment(env) {
  const options = {};
  for (const [variable, [[option, member], rule]] of Object.entries(VARIABLES)) {
    const text = env[variable];
    if (text === undefined) continue;
    const value = rule.read(text.trim(), variable);
    if (value === undefined) throw malformed(variable, text, rule.accepted);
    if (member) (options[option] ??= {})[member] = value;
    else options[option] = value;
  }
  return options;
}

// A small `max` alone must not fail because of a `min` that nobody asked for.
function settleSizes(options, given, fromEnv) {
  const max = Number(given.max ?? given.poolSize ?? options.max);
  if (given.min !== undefined || !(options.min > max)) return;
  if (fromEnv.min !== undefined) {
    throw malformed('DB_POOL_MIN', String(fromEnv.min), `a whole number from 0 to max, which is ${max}`);
  }
  options.min = max;
}

let warned = false;

function settleSsl(options, given, env) {
  if (given.ssl !== undefined) return;
  if (SSL_IN_URL.test(options.connectionString ?? '') || env.PGSSLMODE) {
    delete options.ssl;
  } else if (options.ssl && !warned) {
    warned = true;
    process.emitWarning(
      'the PostgreSQL server is not verified: NODE_ENV is production and neither `ssl` nor `sslmode` is given, ' +
        'so that connections are encrypted but anybody could answer them. ' +
        'Give ssl: { ca: ... } or ?sslmode=verify-full&sslrootcert=... in the URL.',
      { type: 'SecurityWarning', code: 'KEEL_SSL_NOT_VERIFIED' },
    );
  }
}

// pg lets a URL's parameters win over options beside it; a variable's must not.
function withoutSsl(text) {
  if (text === undefined || !SSL_IN_URL.test(text)) return text;
  return text
    .replace(/([?&])(?:ssl|sslmode)=[^&]*/gi, '$1')
    .replace(/\?&+/, '?')
    .replace(/&{2,}/g, '&')
    .replace(/[?&]$/, '')
    .replace(/(^|\s)sslmode\s*=\s*\S+/i, '$1');
}

function namesServer(given) {
  return given.connectionString === undefined && SERVER_FIELDS.some((field) => given[field] !== undefined);
}

// As in pg, null is "not given".
function givenOnly(object) {
  return Object.fromEntries(
    Object.entries(object ?? {}).filter(([, value]) => value !== undefined && value !== null),
  );
}

// A comma also separates the hosts of one URL (postgres://a,b/db): a piece without a scheme of its own belongs to
// the one before it as long as that one's hosts may go on.
function splitUrls(text) {
  if (text === '') return [];
  const items = [];
  for (const piece of text.split(',').map((item) => item.trim())) {
    const last = items.at(-1);
    const hostsGoOn = last !== undefined && /^[a-z]+:\/\/[^/?]*$/i.test(last) && !/^$|:\/\//.test(piece);
    if (hostsGoOn) items[items.length - 1] = `${last},${piece}`;
    else items.push(piece);
  }
  return items;
}

function readUrl(text, name) {
  const parts = parseConnectionString(text, name);
  const kind = parts.target_session_attrs;
  if (kind === undefined || SESSION_KINDS.includes(kind)) return text;
  throw malformed(name, text, `for target_session_attrs: ${SESSION_KINDS.join(', ')}`);
}

function malformed(name, text, accepted) {
  return new KeelError('KEEL_CONFIG', `${name}: "${redact(text)}" is not valid; accepted is ${accepted}`, {
    option: name,
  });
}

module.exports = { hardenedDefaults, resolveOptions };
