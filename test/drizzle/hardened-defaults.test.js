'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { KeelError } = require('../../lib/errors');
const { hardenedDefaults, resolveOptions } = require('../../lib/hardened-defaults');

const MODULE = path.join(__dirname, '../../lib/hardened-defaults.js');

const COMMON = {
  readReplicaUrls: [],
  readWriteRatio: 0.7,
  idleTimeoutMillis: 30000,
  connectionTimeoutMillis: 5000,
  acquireTimeoutMillis: 10000,
  maxWaiting: 10000,
  maxLifetimeSeconds: 1800,
  maxLifetimeJitter: 0.05,
  maxUses: 0,
  healthCheckInterval: 30000,
  aliveBypassWindow: 500,
  maxRetries: 3,
  retryDelay: 1000,
  retryMaxDelay: 30000,
  statementTimeout: 30000,
  queryTimeout: 30000,
  slowQueryThreshold: 1000,
  circuitBreaker: { failureThreshold: 5, resetTimeout: 30000 },
  keepAlive: true,
  keepAliveInitialDelayMillis: 10000,
  leakDetectionThreshold: 0,
  drainTimeout: 10000,
  prepare: 'auto',
};

const VALID = [
  ['DATABASE_URL', 'postgres://u:p@h:5433/db', 'connectionString', 'postgres://u:p@h:5433/db'],
  ['DATABASE_URL', 'postgresql://a,b:5433/db?target_session_attrs=primary', 'connectionString', undefined],
  ['DATABASE_URL', 'postgres://u@[::1]:5432/db', 'connectionString', undefined],
  ['DATABASE_URL', 'postgres:///db?host=/run/postgresql', 'connectionString', undefined],
  ['DATABASE_URL', 'host=h dbname=db', 'connectionString', undefined],
  ['DATABASE_URL', '/run/postgresql db', 'connectionString', undefined],
  ['READ_REPLICA_URLS', 'postgres://r1/db', 'readReplicaUrls', ['postgres://r1/db']],
  [
    'READ_REPLICA_URLS',
    'postgres://r1/db, postgres://r2/db',
    'readReplicaUrls',
    ['postgres://r1/db', 'postgres://r2/db'],
  ],
  [
    'READ_REPLICA_URLS',
    'postgres://a,b/db,postgres://c/db',
    'readReplicaUrls',
    ['postgres://a,b/db', 'postgres://c/db'],
  ],
  ['READ_REPLICA_URLS', '', 'readReplicaUrls', []],
  ['READ_WRITE_RATIO', '0', 'readWriteRatio', 0],
  ['READ_WRITE_RATIO', '0.25', 'readWriteRatio', 0.25],
  ['READ_WRITE_RATIO', '1.0', 'readWriteRatio', 1],
  ['DB_POOL_MIN', '0', 'min', 0],
  ['DB_POOL_MAX', ' 50 ', 'max', 50],
  ['DB_IDLE_TIMEOUT_MS', '0', 'idleTimeoutMillis', 0],
  ['DB_CONNECTION_TIMEOUT_MS', '1', 'connectionTimeoutMillis', 1],
  ['DB_ACQUIRE_TIMEOUT_MS', '2', 'acquireTimeoutMillis', 2],
  ['DB_MAX_WAITING', '3', 'maxWaiting', 3],
  ['DB_HEALTH_CHECK_INTERVAL_MS', '4', 'healthCheckInterval', 4],
  ['MAX_QUERY_RETRIES', '0', 'maxRetries', 0],
  ['DB_RETRY_DELAY_MS', '5', 'retryDelay', 5],
  ['DB_STATEMENT_TIMEOUT_MS', '6', 'statementTimeout', 6],
  ['QUERY_TIMEOUT_MS', '7', 'queryTimeout', 7],
  ['SLOW_QUERY_THRESHOLD', '8', 'slowQueryThreshold', 8],
  ['CIRCUIT_BREAKER_FAILURE_THRESHOLD', '9', 'circuitBreaker', { failureThreshold: 9, resetTimeout: 30000 }],
  ['CIRCUIT_BREAKER_RESET_TIMEOUT', '10', 'circuitBreaker', { failureThreshold: 5, resetTimeout: 10 }],
];

const NUMBERS = [
  'DB_POOL_MIN',
  'DB_POOL_MAX',
  'DB_IDLE_TIMEOUT_MS',
  'DB_CONNECTION_TIMEOUT_MS',
  'DB_ACQUIRE_TIMEOUT_MS',
  'DB_MAX_WAITING',
  'DB_HEALTH_CHECK_INTERVAL_MS',
  'MAX_QUERY_RETRIES',
  'DB_RETRY_DELAY_MS',
  'DB_STATEMENT_TIMEOUT_MS',
  'QUERY_TIMEOUT_MS',
  'SLOW_QUERY_THRESHOLD',
  'CIRCUIT_BREAKER_FAILURE_THRESHOLD',
  'CIRCUIT_BREAKER_RESET_TIMEOUT',
];

const MALFORMED = [
  ...NUMBERS.flatMap((name) =>
    ['ten', '', '-1', '1.5', '10s', '1e3', '0x10', '99999999999'].map((text) => [name, text]),
  ),
  ['DB_POOL_MAX', '0'],
  ['CIRCUIT_BREAKER_FAILURE_THRESHOLD', '0'],
  ['CIRCUIT_BREAKER_RESET_TIMEOUT', '0'],
  ...['half', '', '-0.1', '1.1', '70%', '0,7', 'NaN'].map((text) => ['READ_WRITE_RATIO', text]),
  ...[
    '',
    'localhost',
    'mysql://localhost/db',
    'http://localhost',
    'postgres://h:port/db',
    'postgres://h:0/db',
    'postgres://h:70000/db',
    'postgres://a,b:x/db',
    'postgres://h/db?sslmode=maybe',
    'postgres://h/db?target_session_attrs=fastest',
    'postgres//h/db',
  ].map((text) => ['DATABASE_URL', text]),
  ...[
    'replica',
    'postgres://r1/db,',
    ',postgres://r1/db',
    'postgres://r1/db,mysql://r2/db',
    'postgres://r1:x/db',
  ].map((text) => ['READ_REPLICA_URLS', text]),
];

describe('hardenedDefaults()', () => {
  const isConfigError = (error) => error instanceof KeelError && error.code === 'KEEL_CONFIG';

  it('has the defaults of development', () => {
    for (const env of [{}, { NODE_ENV: 'development' }, { NODE_ENV: 'test' }]) {
      assert.deepEqual(hardenedDefaults(env), { ...COMMON, min: 2, max: 10, ssl: false });
    }
  });

  it('has the defaults of production', () => {
    const expected = { ...COMMON, min: 5, max: 20, ssl: { rejectUnauthorized: false } };
    assert.deepEqual(
      quietly(() => hardenedDefaults({ NODE_ENV: 'production' })),
      expected,
    );
  });

  it('reads process.env when it is given nothing', () => {
    process.env.SLOW_QUERY_THRESHOLD = '77';
    try {
      assert.equal(hardenedDefaults().slowQueryThreshold, 77);
    } finally {
      delete process.env.SLOW_QUERY_THRESHOLD;
    }
  });

  it('gives every caller objects of its own', () => {
    hardenedDefaults({}).circuitBreaker.failureThreshold = 1;
    hardenedDefaults({}).readReplicaUrls.push('x');
    assert.deepEqual(hardenedDefaults({}), { ...COMMON, min: 2, max: 10, ssl: false });
  });

  for (const [variable, text, option, value = text] of VALID) {
    it(`reads ${variable}=${JSON.stringify(text)}`, () => {
      assert.deepEqual(hardenedDefaults({ [variable]: text })[option], value);
    });
  }

  for (const [variable, text] of MALFORMED) {
    it(`refuses ${variable}=${JSON.stringify(text)}`, () => {
      assert.throws(
        () => hardenedDefaults({ [variable]: text }),
        (error) =>
          isConfigError(error) &&
          error.message.startsWith(variable) &&
          (shown(error.message, text) || /it is empty/.test(error.message)) &&
          /accepted (is|are) ./.test(error.message),
      );
    });
  }

  for (const [variable, text] of [
    ['DATABASE_URL', 'postgres://me:s3cret@h:bad/db'],
    ['DATABASE_URL', 'postgres//me:s3cret@h/db'],
    ['DATABASE_URL', 'me:s3cret@h/db'],
    ['DATABASE_URL', 'postgres://me:s3c@s3cret@h:x/db'],
    ['DATABASE_URL', 'postgres://me:s3cret'],
    ['DATABASE_URL', 'mysql://h/db?password=s3cret'],
    ['DATABASE_URL', 'http://h/?sslpassword=s3cret&x'],
    ['READ_REPLICA_URLS', 'postgres://ok:s3cret@h/db,postgres://me:s3cret@h:x/db'],
    ['DB_POOL_MAX', 'postgres://me:s3cret@h/db'],
  ]) {
    it(`does not show the password of ${variable}=${text}`, () => {
      assert.throws(
        () => hardenedDefaults({ [variable]: text }),
        (error) => isConfigError(error) && !error.message.includes('s3c') && error.message.includes('***'),
      );
    });
  }

  describe('sizes', () => {
    it('fit a small max when nobody asked for a min', () => {
      assert.equal(hardenedDefaults({ DB_POOL_MAX: '1' }).min, 1);
      assert.equal(resolveOptions({ max: 1 }, {}).min, 1);
      assert.equal(resolveOptions({ poolSize: 1 }, {}).min, 1);
    });

    it('are refused when the min that was asked for is above the max', () => {
      assert.throws(() => hardenedDefaults({ DB_POOL_MIN: '11' }), /DB_POOL_MIN: "11" .* which is 10$/);
      assert.throws(
        () => hardenedDefaults({ DB_POOL_MIN: '3', DB_POOL_MAX: '2' }),
        /DB_POOL_MIN: "3" .* which is 2$/,
      );
    });
  });

  describe('ssl', () => {
    const production = { NODE_ENV: 'production' };

    it('is left to a URL that speaks of it', () => {
      for (const query of [
        'sslmode=require',
        'sslmode=disable',
        'application_name=x&sslmode=verify-full',
        'ssl=true',
      ]) {
        const url = `postgres://h/db?${query}`;
        for (const env of [{}, production]) {
          assert.equal('ssl' in hardenedDefaults({ ...env, DATABASE_URL: url }), false, query);
          assert.equal('ssl' in resolveOptions({ connectionString: url }, env), false, query);
        }
      }
    });

    it('is left to PGSSLMODE', () => {
      assert.equal('ssl' in hardenedDefaults({ ...production, PGSSLMODE: 'verify-full' }), false);
    });

    it("given explicitly beats the environment's URL and its default", () => {
      const env = { ...production, DATABASE_URL: 'postgres://h/db?sslmode=disable&application_name=x' };
      const options = resolveOptions({ ssl: true }, env);
      assert.equal(options.ssl, true);
      assert.equal(options.connectionString, 'postgres://h/db?application_name=x');
      assert.equal(
        resolveOptions({ ssl: true }, { DATABASE_URL: 'postgres://h/db?sslmode=disable' }).connectionString,
        'postgres://h/db',
      );
    });

    it('warns once, in production only, and only when its default is taken', () => {
      const warnings = (statement) => {
        const program = `const { hardenedDefaults, resolveOptions } = require(${JSON.stringify(MODULE)});
          process.on('warning', (w) => console.log(w.code + ' ' + w.message)); const env = ${JSON.stringify(production)}; ${statement}`;
        const output = execFileSync(process.execPath, ['-e', program], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        return output.toString().split('\n').filter(Boolean);
      };
      const lines = warnings('hardenedDefaults(env); hardenedDefaults(env); resolveOptions({}, env)');
      assert.equal(lines.length, 1);
      assert.match(lines[0], /^KEEL_SSL_NOT_VERIFIED .*not verified/);
      assert.deepEqual(warnings('hardenedDefaults({})'), []);
      assert.deepEqual(
        warnings('resolveOptions({ ssl: true }, env); resolveOptions({ ssl: false }, env)'),
        [],
      );
      assert.deepEqual(
        warnings("resolveOptions({ connectionString: 'postgres://h/d?sslmode=disable' }, env)"),
        [],
      );
    });
  });

  describe('explicit options', () => {
    it('beat the environment, which beats the default', () => {
      const env = { DB_POOL_MAX: '33', QUERY_TIMEOUT_MS: '44', DATABASE_URL: 'postgres://env/db' };
      const options = resolveOptions({ max: 3, connectionString: 'postgres://code/db' }, env);
      assert.equal(options.max, 3);
      assert.equal(options.queryTimeout, 44);
      assert.equal(options.connectionString, 'postgres://code/db');
      assert.equal(options.statementTimeout, 30000);
    });

    it('that are undefined or null do not count', () => {
      const env = { DB_POOL_MAX: '33' };
      assert.equal(resolveOptions({ max: undefined, ssl: undefined }, env).max, 33);
      assert.equal(resolveOptions({ max: null, ssl: null }, env).max, 33);
    });

    it("by pg's names count as ours", () => {
      const options = resolveOptions({ statement_timeout: 5, query_timeout: 6, poolSize: 7 }, {});
      assert.deepEqual([options.statement_timeout, options.query_timeout, options.poolSize], [5, 6, 7]);
      for (const name of ['statementTimeout', 'queryTimeout', 'max'])
        assert.equal(name in options, false, name);
    });

    it('that name a server are not overruled by DATABASE_URL', () => {
      const env = { DATABASE_URL: 'postgres://env/db' };
      assert.equal('connectionString' in resolveOptions({ host: 'code' }, env), false);
      assert.equal(resolveOptions({ password: () => 'x' }, env).connectionString, 'postgres://env/db');
    });

    it('of the circuit breaker are merged member by member', () => {
      const env = { CIRCUIT_BREAKER_RESET_TIMEOUT: '123' };
      const { circuitBreaker } = resolveOptions(
        { circuitBreaker: { failureThreshold: 2, slidingWindowSize: 5 } },
        env,
      );
      assert.deepEqual(circuitBreaker, { failureThreshold: 2, resetTimeout: 123, slidingWindowSize: 5 });
      assert.equal(resolveOptions({ circuitBreaker: false }, env).circuitBreaker, false);
    });

    it("that are pg's alone pass through", () => {
      const options = resolveOptions({ application_name: 'app', allowExitOnIdle: true }, {});
      assert.deepEqual([options.application_name, options.allowExitOnIdle], ['app', true]);
    });
  });
});

// A port that is none is hidden: in a URL without a server it is the password.
function shown(message, text) {
  const items = [text, ...text.split(',')];
  return items.some(
    (item) => message.includes(`"${item}"`) || message.includes(`"${item.replace(/:(?:port|x)\b/, ':***')}"`),
  );
}

function quietly(fn) {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return fn();
  } finally {
    process.emitWarning = emitWarning;
  }
}
