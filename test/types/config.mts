import { expectTypeOf } from 'expect-type';
import {
  type ClientConfig,
  type HardenedDefaults,
  Pool,
  type PoolConfig,
  type Prepare,
  hardenedDefaults,
} from 'pgkeel';

const all: PoolConfig = {
  connectionString: 'postgres://localhost/app',
  readReplicaUrls: ['postgres://replica/app'],
  readWriteRatio: 0.7,
  min: 2,
  max: 10,
  idleTimeoutMillis: 30000,
  connectionTimeoutMillis: 5000,
  acquireTimeoutMillis: 10000,
  maxWaiting: 10000,
  shed: true,
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
  ssl: { ca: 'pem', cert: Buffer.from('pem'), key: '/path', rejectUnauthorized: true, servername: 'db' },
  leakDetectionThreshold: 0,
  drainTimeout: 10000,
  resolveCommits: true,
  prepare: 'auto',
  password: async (params) => {
    expectTypeOf(params.user).toEqualTypeOf<string | undefined>();
    return 'from a vault';
  },
};
void new Pool(all);
void new Pool({ circuitBreaker: false, ssl: true, prepare: false, password: 'text' });
void new Pool({ circuitBreaker: { slidingWindowType: 'COUNT_BASED', failureRateThreshold: 50 } });
void new Pool({ statement_timeout: false, query_timeout: 1000, lock_timeout: 100 });

// @ts-expect-error: no such option
void new Pool({ maxConnections: 3 });
// @ts-expect-error: a number
void new Pool({ max: 'ten' });
// @ts-expect-error: milliseconds
void new Pool({ queryTimeout: '5s' });
// @ts-expect-error: true, false or an object
void new Pool({ ssl: 7 });
// @ts-expect-error: false or an object
void new Pool({ circuitBreaker: true });
// @ts-expect-error: no such knob
void new Pool({ circuitBreaker: { treshold: 3 } });
// @ts-expect-error: a list
void new Pool({ readReplicaUrls: 'postgres://replica/app' });
// @ts-expect-error: no such mode
void new Pool({ prepare: 'maybe' });
void new Pool('postgres://localhost/app');
// @ts-expect-error: no such kind of session
void new Pool({ target_session_attrs: 'writable' });

expectTypeOf<PoolConfig>().toExtend<ClientConfig>();
expectTypeOf(hardenedDefaults()).toEqualTypeOf<HardenedDefaults>();
expectTypeOf(hardenedDefaults({ NODE_ENV: 'production' }).max).toBeNumber();
expectTypeOf<HardenedDefaults['prepare']>().toEqualTypeOf<Prepare>();
expectTypeOf<HardenedDefaults>().toExtend<PoolConfig>();
void new Pool({ ...hardenedDefaults(process.env), max: 3 });
// @ts-expect-error: the environment's values are text
void hardenedDefaults({ DB_POOL_MAX: 10 });
