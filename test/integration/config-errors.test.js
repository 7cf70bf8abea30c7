'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client, KeelError, Pool, hardenedDefaults } = require('../../lib/index.js');
const { sharedCluster } = require('../support/shared');

const SECRET = 'hunter2secret';
const missing = path.join(os.tmpdir(), 'pgkeel-no-such-file.pem');
const noCertificate = path.join(__dirname, '../../package.json');
const garbage = '-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';

/** The error of `fn`, be it thrown or rejected with; `how` says which. */
async function failureOf(fn) {
  let returned;
  try {
    returned = fn();
  } catch (err) {
    return { err, how: 'thrown' };
  }
  try {
    await returned;
  } catch (err) {
    return { err, how: 'rejected' };
  }
  return {};
}

function assertConfigError(err, option, accepted) {
  assert.ok(err instanceof KeelError, `no KeelError but ${err}`);
  assert.equal(err.code, 'KEEL_CONFIG');
  const shown = `${err.message}\n${err.stack}\n${JSON.stringify(err)}\n${err.cause}`;
  assert.ok(!shown.includes(SECRET), 'it shows the password');
  assert.ok(err.message.includes(option), `"${err.message}" does not name ${option}`);
  assert.match(err.message, accepted);
}

/** Runs `fn` with environment variables set, and puts back what was there. */
async function withEnvironment(variables, fn) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  Object.assign(process.env, variables);
  try {
    return await fn();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const WHOLE = /accepted is a whole number/;
const MILLISECONDS = /accepted is a whole number of milliseconds/;
const FRACTION = /accepted is a number from 0 to 1/;
const BOOLEAN = /accepted is true, false/;

// Of a pool and a client.
const connectionOptions = [
  ['port', { port: 'abc' }, WHOLE],
  ['port', { port: 0 }, WHOLE],
  ['port', { port: 65_536 }, WHOLE],
  ['port', { port: -5432 }, WHOLE],
  ['port', { port: 54.32 }, WHOLE],
  ['port', { port: NaN }, WHOLE],
  ['host', { host: 7 }, /accepted is a string/],
  ['user', { user: {} }, /accepted is a string/],
  ['database', { database: ['a'] }, /accepted is a string/],
  ['password', { password: 12_345 }, /accepted is a string or a function/],
  ['application_name', { application_name: 7 }, /accepted is a string/],
  ['ssl', { ssl: 7 }, /accepted are true, false/],
  ['ssl', { ssl: 'bogus' }, /accepted are true, false/],
  ['ssl', { ssl: ['a'] }, /accepted are true, false/],
  ['ssl.ca', { ssl: { ca: missing } }, /cannot be read/],
  ['ssl.cert', { ssl: { cert: missing } }, /cannot be read/],
  ['ssl.key', { ssl: { key: missing } }, /cannot be read/],
  ['ssl.ca', { ssl: { ca: noCertificate } }, /PEM/],
  ['ssl.ca', { ssl: { ca: 7 } }, /PEM/],
  ['ssl.ca', { ssl: { ca: '' } }, /PEM/],
  ['ssl.ca', { ssl: { ca: garbage } }, /PEM|certificate/],
  ['ssl.cert', { ssl: { cert: Buffer.from('not PEM') } }, /PEM/],
  ['ssl.servername', { ssl: { servername: 7 } }, /accepted is a host name/],
  ['ssl.rejectUnauthorized', { ssl: { rejectUnauthorized: 'no' } }, BOOLEAN],
  ['sslnegotiation', { sslnegotiation: 'indirect' }, /"postgres" and "direct"/],
  ['sslnegotiation', { sslnegotiation: 'direct', ssl: false }, /requires SSL/],
  ['connectionTimeoutMillis', { connectionTimeoutMillis: -1 }, MILLISECONDS],
  ['connectionTimeoutMillis', { connectionTimeoutMillis: '5s' }, MILLISECONDS],
  ['connectionTimeoutMillis', { connectionTimeoutMillis: 2 ** 31 }, MILLISECONDS],
  ['statement_timeout', { statement_timeout: -1 }, MILLISECONDS],
  ['statementTimeout', { statementTimeout: 'never' }, MILLISECONDS],
  ['query_timeout', { query_timeout: NaN }, MILLISECONDS],
  ['queryTimeout', { queryTimeout: '5s' }, MILLISECONDS],
  ['lock_timeout', { lock_timeout: '1min' }, MILLISECONDS],
  ['idle_in_transaction_session_timeout', { idle_in_transaction_session_timeout: -1 }, MILLISECONDS],
  ['keepAlive', { keepAlive: 'yes' }, BOOLEAN],
  ['keepAliveInitialDelayMillis', { keepAliveInitialDelayMillis: -1 }, MILLISECONDS],
  ['types', { types: {} }, /getTypeParser/],
  ['types', { types: 'text' }, /getTypeParser/],
  ['prepare', { prepare: 'maybe' }, /accepted is true, false, 'auto'/],
  ['target_session_attrs', { target_session_attrs: 'bogus' }, /read-write/],
  ['Promise', { Promise: {} }, /accepted is a function/],
];

const poolOptions = [
  ['max', { max: 0 }, WHOLE],
  ['max', { max: -1 }, WHOLE],
  ['max', { max: 'ten' }, WHOLE],
  ['max', { max: 1.5 }, WHOLE],
  ['max', { max: NaN }, WHOLE],
  ['max', { max: Infinity }, WHOLE],
  ['poolSize', { poolSize: -2 }, WHOLE],
  ['min', { min: -1 }, WHOLE],
  ['min', { min: 5, max: 4 }, /from 0 to max, which is 4/],
  ['min', { min: 11 }, /from 0 to max, which is 10/],
  ['idleTimeoutMillis', { idleTimeoutMillis: -1 }, MILLISECONDS],
  ['idleTimeoutMillis', { idleTimeoutMillis: 'soon' }, MILLISECONDS],
  ['acquireTimeoutMillis', { acquireTimeoutMillis: -1 }, MILLISECONDS],
  ['maxWaiting', { maxWaiting: -1 }, WHOLE],
  ['maxUses', { maxUses: -1 }, WHOLE],
  ['maxLifetimeSeconds', { maxLifetimeSeconds: -1 }, /seconds/],
  ['maxLifetimeJitter', { maxLifetimeJitter: 2 }, FRACTION],
  ['maxLifetimeJitter', { maxLifetimeJitter: -0.1 }, FRACTION],
  ['readWriteRatio', { readWriteRatio: 1.1 }, FRACTION],
  ['readWriteRatio', { readWriteRatio: 'most' }, FRACTION],
  ['readReplicaUrls', { readReplicaUrls: 'postgres://h/d' }, /an array of connection strings/],
  ['readReplicaUrls', { readReplicaUrls: [7] }, /an array of connection strings/],
  ['healthCheckInterval', { healthCheckInterval: -1 }, MILLISECONDS],
  ['aliveBypassWindow', { aliveBypassWindow: 'a' }, MILLISECONDS],
  ['maxRetries', { maxRetries: -1 }, WHOLE],
  ['maxRetries', { maxRetries: 2.5 }, WHOLE],
  ['retryDelay', { retryDelay: -1 }, MILLISECONDS],
  ['retryMaxDelay', { retryMaxDelay: '1s' }, MILLISECONDS],
  ['slowQueryThreshold', { slowQueryThreshold: -1 }, MILLISECONDS],
  ['leakDetectionThreshold', { leakDetectionThreshold: -1 }, MILLISECONDS],
  ['drainTimeout', { drainTimeout: -1 }, MILLISECONDS],
  ['allowExitOnIdle', { allowExitOnIdle: 'yes' }, BOOLEAN],
  ['resolveCommits', { resolveCommits: 'no' }, BOOLEAN],
  ['circuitBreaker', { circuitBreaker: true }, /accepted is an object .* or false/],
  ['circuitBreaker', { circuitBreaker: 5 }, /accepted is an object .* or false/],
  ['circuitBreaker.failureThreshold', { circuitBreaker: { failureThreshold: 0 } }, WHOLE],
  [
    'circuitBreaker.slidingWindowSize',
    { circuitBreaker: { slidingWindowSize: 100_001 } },
    /from 1 to 100000/,
  ],
  ['circuitBreaker.resetTimeout', { circuitBreaker: { resetTimeout: -1 } }, MILLISECONDS],
  ['circuitBreaker.treshold', { circuitBreaker: { treshold: 3 } }, /failureThreshold, resetTimeout/],
  ['circuitBreaker.slidingWindowType', { circuitBreaker: { slidingWindowType: 'x' } }, /COUNT_BASED/],
  ['circuitBreaker.failureRateThreshold', { circuitBreaker: { failureRateThreshold: 101 } }, /up to 100/],
  ['Client', { Client: 'pg' }, /accepted is/],
  ['Client', { Client: class Other {} }, /accepted is/],
  ['onConnect', { onConnect: 'SET x' }, /accepted is a function/],
  ['verify', { verify: true }, /accepted is a function/],
  ['log', { log: 'debug' }, /accepted is a function/],
];

const URL_FORM = /accepted is a URL such as postgres:/;
// Named is the string, or what is wrong in it.
const strings = [
  ['a port that is too large', `postgres://u:${SECRET}@h:99999999/db`, URL_FORM],
  ['port 0', `postgres://u:${SECRET}@h:0/db`, URL_FORM],
  ['a port that is no number', `postgres://u:${SECRET}@h:port/db`, URL_FORM],
  ['a port of the second host', `postgres://u:${SECRET}@a:1,b:x/db`, URL_FORM],
  ['another scheme', `http://u:${SECRET}@x`, URL_FORM],
  ['mysql', `mysql://u:${SECRET}@x/db`, URL_FORM],
  ['no scheme', `u:${SECRET}@host/db`, URL_FORM],
  ['a word', 'database', URL_FORM],
  ['an unclosed bracket', `postgres://u:${SECRET}@[::1/db`, URL_FORM],
  ['two URLs', `postgres://u:${SECRET}@h/db,postgres://u:${SECRET}@i/db`, /two URLs|accepted is/],
  ['a password with a slash', `postgres://u:${SECRET}/x@h/db`, URL_FORM],
  ['a bad sslmode', `postgres://u:${SECRET}@h/db?sslmode=bogus`, /verify-full/, 'sslmode'],
  [
    'a bad target_session_attrs',
    `postgres://u:${SECRET}@h/db?target_session_attrs=bogus`,
    /read-write/,
    'target_session_attrs',
  ],
  ['a certificate that is not there', `postgres://u:${SECRET}@h/db?sslrootcert=${missing}`, /cannot be read/],
  ['an unknown keyword', `host=h password=${SECRET} nonsense=1`, /libpq does not know/, 'nonsense'],
  ['an unclosed quote', `host=h password='${SECRET}`, /accepted are/, 'connection string'],
  ['a keyword without a value', `host=h password=${SECRET} port`, /accepted are/, 'connection string'],
  ['a bad port among keywords', `host=h password=${SECRET} port=abc`, /1 to 65535/, 'port'],
  ['a bad sslmode among keywords', `host=h password=${SECRET} sslmode=bogus`, /verify-full/, 'sslmode'],
];

const noStrings = [7, true, {}, ['postgres://h'], Symbol.iterator];

const variables = [
  ['DB_POOL_MAX', 'abc', WHOLE],
  ['DB_POOL_MAX', '0', WHOLE],
  ['DB_POOL_MAX', '-1', WHOLE],
  ['DB_POOL_MAX', '10.5', WHOLE],
  ['DB_POOL_MAX', '1e3', WHOLE],
  ['DB_POOL_MIN', 'two', WHOLE],
  ['DB_IDLE_TIMEOUT_MS', '30s', MILLISECONDS],
  ['DB_CONNECTION_TIMEOUT_MS', '-1', MILLISECONDS],
  ['DB_ACQUIRE_TIMEOUT_MS', '99999999999', MILLISECONDS],
  ['DB_MAX_WAITING', 'many', WHOLE],
  ['DB_HEALTH_CHECK_INTERVAL_MS', 'x', MILLISECONDS],
  ['DB_RETRY_DELAY_MS', '1 s', MILLISECONDS],
  ['DB_STATEMENT_TIMEOUT_MS', 'NaN', MILLISECONDS],
  ['QUERY_TIMEOUT_MS', '', MILLISECONDS],
  ['QUERY_TIMEOUT_MS', '0x10', MILLISECONDS],
  ['SLOW_QUERY_THRESHOLD', 'null', MILLISECONDS],
  ['MAX_QUERY_RETRIES', '-3', WHOLE],
  ['CIRCUIT_BREAKER_FAILURE_THRESHOLD', '0', WHOLE],
  ['CIRCUIT_BREAKER_RESET_TIMEOUT', 'later', MILLISECONDS],
  ['READ_WRITE_RATIO', '70%', FRACTION],
  ['READ_WRITE_RATIO', '1.5', FRACTION],
  ['READ_REPLICA_URLS', `postgres://u:${SECRET}@a/d,http://u:${SECRET}@b`, URL_FORM],
  ['READ_REPLICA_URLS', `postgres://u:${SECRET}@a:port/d`, URL_FORM],
  ['DATABASE_URL', `mysql://u:${SECRET}@h/d`, URL_FORM],
  ['DATABASE_URL', `postgres://u:${SECRET}@h:123456/d`, URL_FORM],
  ['DATABASE_URL', `postgres://u:${SECRET}@h/d?sslmode=bogus`, /sslmode/],
  ['DATABASE_URL', '', URL_FORM],
];

const libpqVariables = [
  ['PGPORT', 'abc', /1 to 65535/],
  ['PGPORT', '70000', /1 to 65535/],
  ['PGSSLMODE', 'bogus', /verify-full/],
  ['PGSSLNEGOTIATION', 'indirect', /"postgres" and "direct"/],
  ['PGTARGETSESSIONATTRS', 'bogus', /target_session_attrs|PGTARGETSESSIONATTRS/],
  ['PGSERVICE', 'no_such_service', /no_such_service/],
];

const queryOptions = [
  ['route', { route: 'secondary' }, /'auto', 'primary', 'replica'/],
  ['idempotent', { idempotent: 'yes' }, BOOLEAN],
  ['timeout', { timeout: '5s' }, MILLISECONDS],
  ['timeout', { timeout: -1 }, MILLISECONDS],
  ['signal', { signal: true }, /AbortSignal/],
  ['prepare', { prepare: 'maybe' }, /'auto'/],
];

const accepted = [
  ['nothing', undefined],
  [
    'null everywhere',
    { port: null, max: null, ssl: null, types: null, idleTimeoutMillis: null, password: null },
  ],
  ['unknown options', { colour: 'blue', max: 3 }],
  [
    'numbers as text',
    { port: '5432', max: '20', min: '1', idleTimeoutMillis: '1000', query_timeout: '5000' },
  ],
  [
    'no limits',
    { idleTimeoutMillis: 0, connectionTimeoutMillis: 0, statement_timeout: false, maxUses: Infinity },
  ],
  ['a lifetime that is a fraction', { maxLifetimeSeconds: 0.5 }],
  ['ssl true', { ssl: true }],
  ["ssl 'true'", { ssl: 'true' }],
  ["ssl 'no-verify'", { ssl: 'no-verify' }],
  ["ssl with a server's name", { ssl: { rejectUnauthorized: true, servername: 'db' } }],
  ['several hosts', { connectionString: 'postgres://u@a:1,b:2/d?target_session_attrs=read-write' }],
  ["libpq's keywords", { connectionString: 'host=a,b port=1,2 dbname=d' }],
  ['a Unix socket', { host: '/tmp' }],
  ['the breaker turned off', { circuitBreaker: false }],
  ['every hardened default', hardenedDefaults({})],
  [
    'every hardened default of production',
    hardenedDefaults({ NODE_ENV: 'production', PGSSLMODE: 'require' }),
  ],
];

describe('wrong options, variables and connection strings', () => {
  let config;

  before(async () => {
    config = { ...(await sharedCluster()).config(), password: SECRET };
  });

  async function refusesAtOnce(make, option, pattern) {
    const { err, how } = await failureOf(make);
    assertConfigError(err, option, pattern);
    assert.equal(how, 'thrown');
  }

  const shown = (options) => {
    const [[name, value]] = Object.entries(options);
    return `${name}: ${typeof value === 'object' ? JSON.stringify(value).slice(0, 60) : String(value)}`;
  };

  for (const [option, wrong, pattern] of connectionOptions) {
    it(`${shown(wrong)} is refused by Pool and Client`, async () => {
      await refusesAtOnce(() => new Pool({ ...config, ...wrong }), option, pattern);
      const { err } = await failureOf(() => new Client({ ...config, ...wrong }).connect());
      assertConfigError(err, option, pattern);
    });
  }

  for (const [option, wrong, pattern] of poolOptions) {
    it(`${shown(wrong)} is refused by Pool`, () =>
      refusesAtOnce(() => new Pool({ ...config, ...wrong }), option, pattern));
  }

  for (const [what, connectionString, pattern, named = 'connectionString'] of strings) {
    it(`a connection string with ${what}`, async () => {
      await refusesAtOnce(() => new Pool({ connectionString }), named, pattern);
      const { err } = await failureOf(() => new Client(connectionString).connect());
      assertConfigError(err, named, pattern);
    });
  }

  for (const connectionString of noStrings) {
    it(`a connection string that is of type ${typeof connectionString}: ${String(connectionString)}`, () =>
      refusesAtOnce(() => new Pool({ connectionString }), 'connectionString', URL_FORM));
  }

  for (const [name, value, pattern] of variables) {
    it(`${name}='${value.slice(0, 20)}' is refused by hardenedDefaults`, () =>
      refusesAtOnce(() => hardenedDefaults({ [name]: value }), name, pattern));
  }

  for (const [name, value, pattern] of libpqVariables) {
    it(`${name}=${value}`, () =>
      withEnvironment({ [name]: value, PGPASSWORD: SECRET }, async () => {
        const { err } = await failureOf(() => new Client({ host: config.host }).connect());
        assertConfigError(err, '', pattern);
        await refusesAtOnce(() => new Pool({ host: config.host }), '', pattern);
      }));
  }

  it('a process that has no wrong variable set gets its defaults', () => {
    assert.equal(hardenedDefaults({ DB_POOL_MAX: ' 7 ' }).max, 7);
  });

  for (const [option, wrong, pattern] of queryOptions) {
    it(`${shown(wrong)} of a query`, async () => {
      const pool = new Pool(config);
      try {
        const { err } = await failureOf(() => pool.query({ text: 'SELECT 1', ...wrong }));
        assertConfigError(err, option, pattern);
      } finally {
        await pool.end();
      }
    });
  }

  it('a wrong timeout of end()', async () => {
    const pool = new Pool(config);
    const { err } = await failureOf(() => pool.end({ timeout: '1s' }));
    assertConfigError(err, 'timeout', MILLISECONDS);
    await pool.end();
  });

  for (const [what, options] of accepted) {
    it(`accepted is ${what}`, async () => {
      const pool = new Pool(options);
      assert.ok(new Client(options) instanceof Client);
      await pool.end();
    });
  }

  it('the file that is said not to be there is not there', () => {
    assert.ok(!fs.existsSync(missing));
  });
});
