import type { ConnectionOptions } from 'tls';
import type { Duplex } from 'stream';
import type { Client, ClientBase, ConnectionParameters, PoolClient } from './index';
import type { CustomTypesConfig } from './types';

/**
 * TLS to the server. Of the options of Node's `tls.connect` those named here are used.
 * PEM text may be a string or a Buffer; a string without a PEM header is taken as a file's path.
 * A file that cannot be read and PEM that cannot be parsed are `KEEL_CONFIG` errors.
 */
export interface SslOptions extends ConnectionOptions {
  ca?: ConnectionOptions['ca'];
  cert?: ConnectionOptions['cert'];
  key?: ConnectionOptions['key'];
  /** `false`: encrypt but do not ask who the server is. Default `true`. */
  rejectUnauthorized?: boolean | undefined;
  /** The name the server's certificate must carry; default is the host connected to. */
  servername?: string | undefined;
}

/** A password, or a function asked for one at every new connection. */
export type Password = string | ((params: ConnectionParameters) => string | Promise<string>);

/**
 * When a node is not asked any more, and requests for it are refused at once. What counts is what the node is to
 * blame for: connecting fails, a connection dies under a statement, a cancel or a rollback is not answered.
 * Errors of statements, deadlines and aborts never count, nor does a refusal by a server that lives (`53300`, `28P01`).
 *
 * The engine itself probes an open node by connecting to it; no request is used for that. The first probe comes after
 * 100 ms, the pauses double up to a second, each shortened by up to a half by chance. So it closes within a second
 * of the server's return, whatever `resetTimeout` says.
 *
 * Names, meanings and defaults of the rates are resilience4j's. They are off unless one of the two thresholds is given; the
 * failures in a row count beside them.
 */
export interface CircuitBreakerOptions {
  /** Failures in a row that open the breaker, at least 1. Default 5. */
  failureThreshold?: number | undefined;
  /** Milliseconds: the longest that an open one goes without a probe. Above 1000 it makes no difference. Default 30000. */
  resetTimeout?: number | undefined;
  /** Default `'COUNT_BASED'`. */
  slidingWindowType?: 'COUNT_BASED' | 'TIME_BASED' | undefined;
  /** Calls, or seconds with `TIME_BASED`; up to 100000. Default 100. */
  slidingWindowSize?: number | undefined;
  /** Rates are not computed from fewer calls. Default 100; with `COUNT_BASED` the window's size at most. */
  minimumNumberOfCalls?: number | undefined;
  /** Percent, 0 < rate <= 100: opens when so many of the last calls have failed. */
  failureRateThreshold?: number | undefined;
  /** Milliseconds; where a rate is given in place of `resetTimeout`. Default 60000. */
  waitDurationInOpenState?: number | undefined;
  /** Percent, 0 < rate <= 100: opens when so many of the last calls were slow. */
  slowCallRateThreshold?: number | undefined;
  /** Milliseconds; what takes longer is slow. Default 60000. */
  slowCallDurationThreshold?: number | undefined;
  /** Probes that must succeed one after the other before it closes. Default 1. */
  permittedNumberOfCallsInHalfOpenState?: number | undefined;
  /** Milliseconds that a probe may take, unless `connectionTimeoutMillis` is less. Default, and meant by 0, is 5000. */
  maxWaitDurationInHalfOpenState?: number | undefined;
}

/** `true`: every statement, `false`: none but named ones, `'auto'`: what is asked for repeatedly. */
export type Prepare = boolean | 'auto';

/**
 * Options of one connection.
 *
 * Defaults come from `PG*` environment variables, then from {@link defaults}. Where pg parses a number
 * out of text (`port`, and everything in a connection string or the environment), decimal text is
 * accepted at run time as well. Anything else that is wrong is a `KeelError` with code `KEEL_CONFIG`,
 * thrown by the constructor; its message names the option and what is accepted, never the password.
 */
export interface ClientConfig {
  user?: string | undefined;
  database?: string | undefined;
  password?: Password | undefined;
  /** 1 to 65535. Default 5432. */
  port?: number | undefined;
  /** Name, address, or the folder of a Unix socket (it begins with `/`). Default `localhost`. */
  host?: string | undefined;
  /** A `postgres://` or `postgresql://` URL, or libpq's `key=value` form; several hosts are possible. */
  connectionString?: string | undefined;
  /** TCP keepalive. */
  keepAlive?: boolean | undefined;
  /** Milliseconds of silence before the first keepalive probe. */
  keepAliveInitialDelayMillis?: number | undefined;
  /** @deprecated In pg's typings; refused with `KEEL_CONFIG`, because the engine opens its own sockets. */
  stream?: (() => Duplex | undefined) | undefined;
  /** Default `false`. At run time `'true'` and `'no-verify'` are accepted as well, as in pg. */
  ssl?: boolean | SslOptions | undefined;
  enableChannelBinding?: boolean | undefined;
  sslnegotiation?: 'postgres' | 'direct' | undefined;
  /** Milliseconds the server lets a statement run; `false` or 0: no limit. */
  statement_timeout?: false | number | undefined;
  /** The same as `statement_timeout`. */
  statementTimeout?: false | number | undefined;
  /** Milliseconds the caller waits for a query, which is then cancelled on the server; 0: no limit. */
  query_timeout?: number | undefined;
  /** The same as `query_timeout`. */
  queryTimeout?: number | undefined;
  /** Milliseconds the server lets a statement wait for a lock. */
  lock_timeout?: number | undefined;
  /** Milliseconds the server lets a transaction sit idle. */
  idle_in_transaction_session_timeout?: number | undefined;
  application_name?: string | undefined;
  fallback_application_name?: string | undefined;
  /** Milliseconds to open a connection, name resolution and TLS included; 0: no limit. Default 0. */
  connectionTimeoutMillis?: number | undefined;
  types?: CustomTypesConfig | undefined;
  /** Command-line options for the server, as in `-c geqo=off`. */
  options?: string | undefined;
  client_encoding?: string | undefined;
  /** Ask the server for binary results. Default `false`. */
  binary?: boolean | undefined;
  /**
   * Whether statements may be sent before those ahead of them are answered. A pool's lone statements that are known to
   * be quick share connections then, each with a Sync of its own, so that none is harmed by another's failure; slow and
   * unknown ones, transactions and clients have a connection to themselves. Off behind a pooler in any case. A client
   * runs its queries one after the other whatever this says. Default `true` for a pool.
   */
  pipeline?: boolean | undefined;
  /** Which of several hosts will do. Default `'any'`. */
  target_session_attrs?:
    'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby' | undefined;
  /** Automatic preparation of statements. */
  prepare?: Prepare | undefined;
  Promise?: PromiseConstructorLike | undefined;
}

/** Name of {@link ClientConfig} in older programs. */
export type ConnectionConfig = ClientConfig;

/** Process-wide defaults; what is assigned here holds for pools and clients made afterwards. */
export interface Defaults extends ClientConfig {
  poolSize?: number | undefined;
  max?: number | undefined;
  rows?: number | undefined;
  idleTimeoutMillis?: number | undefined;
  poolIdleTimeout?: number | undefined;
  reapIntervalMillis?: number | undefined;
  /** Assign `true` to get int8 as numbers. Write-only. */
  parseInt8?: boolean | undefined;
  parseInputDatesAsUTC?: boolean | undefined;
}

/** What a pool understands beside pg's options. All are off or neutral unless given. */
export interface HardeningOptions {
  /** Connection strings of replicas. Default none. */
  readReplicaUrls?: readonly string[] | undefined;
  /** Share of routable reads sent to replicas, 0 to 1. */
  readWriteRatio?: number | undefined;
  /** Milliseconds a request may wait for a connection; 0: no limit. */
  acquireTimeoutMillis?: number | undefined;
  /** Requests that may wait; one more is refused with `KEEL_QUEUE_FULL`. */
  maxWaiting?: number | undefined;
  /**
   * When more comes than can be served: a request that could not get a connection in time is refused when it comes
   * (`KEEL_QUEUE_FULL`), and one that has waited until what is left of its time will not do is not sent
   * (`KEEL_QUERY_TIMEOUT`, `outcome: 'not-sent'`). Default `false`; with `createDatabase()` and `drizzle(url)` `true`.
   */
  shed?: boolean | undefined;
  /** Connections retire early by up to this share of `maxLifetimeSeconds`, 0 to 1, so as not to go together. */
  maxLifetimeJitter?: number | undefined;
  /**
   * Milliseconds between background checks of every node (times 0.9 to 1.1); 0: none. A check asks an idle connection, or
   * a new one while there is room, and never takes the last free one from users; with all of them in use the answers
   * that their users get are the proof, so it should be longer than statements usually take. It goes on while JavaScript
   * is blocked. What it finds is the event `health` and `healthy` and `lastCheck` of the metrics.
   */
  healthCheckInterval?: number | undefined;
  /**
   * A connection idle for fewer milliseconds is handed out unchecked; any other is asked first whether it is still there,
   * in the caller's time. One that does not answer within `connectionTimeoutMillis` (5 s at most) is closed and the next is
   * taken; after half a second another one is tried beside it. 0: always checked.
   */
  aliveBypassWindow?: number | undefined;
  /**
   * How often, after the first attempt, the pool tries again what is known to be safe to repeat, within the request's own
   * time limits; 0 (the default of `new Pool()`): never.
   *
   * - No connection could be opened: always, unless the server has refused it for good (wrong password, no such database).
   * - The server has rolled the statement back for the sake of others (SQLSTATE 40001, 40P01): `pool.query()` and
   *   `pool.stream()`.
   * - The link died before the answer was complete: of these, what only reads, and what says `idempotent: true`.
   *
   * Statements of a client are never repeated, since nobody but its holder knows what came before them; for whole
   * transactions there is `db.transaction(fn, { retry: true })` of `pgkeel/drizzle`. A pool whose queries go through
   * clients (`onConnect`, `verify`, a listener for `connect`, `acquire` or `release`) repeats attempts to connect alone. A
   * stream of which rows were taken is not repeated. Each retry is an event `retry`.
   */
  maxRetries?: number | undefined;
  /** Milliseconds: the n-th retry, n from 0, waits `random(0, min(retryMaxDelay, retryDelay * 2^n))`. Default 1000. */
  retryDelay?: number | undefined;
  /** Milliseconds. Default 30000. */
  retryMaxDelay?: number | undefined;
  /** Milliseconds; a slower query is counted, kept and reported by the event `slowQuery`. */
  slowQueryThreshold?: number | undefined;
  /**
   * When the link dies under a `COMMIT`, the server is asked what became of it, and the `COMMIT` succeeds or fails
   * accordingly; see docs/in-doubt.md. Default `true`.
   */
  resolveCommits?: boolean | undefined;
  /** `false`, and in a plain pool `undefined`: none. `{}`: one with all defaults. */
  circuitBreaker?: false | CircuitBreakerOptions | undefined;
  /** Milliseconds; a client held longer is reported by the event `leak`. 0: off. */
  leakDetectionThreshold?: number | undefined;
  /** Milliseconds `end()` lets running work finish before it cancels it. */
  drainTimeout?: number | undefined;
}

export interface PoolConfig extends ClientConfig, HardeningOptions {
  /** What metrics call it. Default `'pool'`. */
  name?: string | undefined;
  /** Most connections per node, at least 1. Default 10. */
  max?: number | undefined;
  /** Older name of `max`. */
  poolSize?: number | undefined;
  /** Connections opened ahead and kept per node, not above `max`. Default 0. */
  min?: number | undefined;
  /** Milliseconds until an idle connection above `min` is closed; 0: never. Default 10000. */
  idleTimeoutMillis?: number | undefined | null;
  log?: ((...messages: any[]) => void) | undefined;
  /** An idle pool does not keep the process alive. */
  allowExitOnIdle?: boolean | undefined;
  /** A connection retires after so many checkouts; 0 or `Infinity`: no limit. */
  maxUses?: number | undefined;
  /** Seconds (not milliseconds) after which a connection retires; 0: never. Default 0. */
  maxLifetimeSeconds?: number | undefined;
  Client?: (new () => ClientBase) | undefined;
  /** Asked once for every new connection before anybody gets it; a rejection fails the request. */
  onConnect?: ((client: ClientBase) => void | Promise<void>) | undefined;
  /** As `onConnect`, with a callback. */
  verify?: ((client: PoolClient, done: (err?: Error) => void) => void) | undefined;
}

/** A pool's options after defaults (`pool.options`); `password` is there but not enumerable. */
export interface PoolOptions extends Omit<PoolConfig, 'verify' | 'password'> {
  // Functions given by the user are typed loosely here so that our pool can be passed where pg's is asked for.
  verify?: ((client: any, done: (err?: Error) => void) => void) | undefined;
  password?: string | (() => string | Promise<string>) | undefined;
  max: number;
  maxUses: number;
  allowExitOnIdle: boolean;
  maxLifetimeSeconds: number;
  idleTimeoutMillis: number | null;
}

/**
 * What {@link hardenedDefaults} returns. Development and production (`NODE_ENV=production`) differ
 * in `min` (2 / 5), `max` (10 / 20) and `ssl` (`false` / not verified, with one warning).
 */
export interface HardenedDefaults {
  /** `DATABASE_URL` */
  connectionString?: string | undefined;
  /** `READ_REPLICA_URLS`, comma separated */
  readReplicaUrls: string[];
  /** `READ_WRITE_RATIO`, 0.7 */
  readWriteRatio: number;
  /** `DB_POOL_MIN` */
  min: number;
  /** `DB_POOL_MAX` */
  max: number;
  /** `DB_IDLE_TIMEOUT_MS`, 30000 */
  idleTimeoutMillis: number;
  /** `DB_CONNECTION_TIMEOUT_MS`, 5000 */
  connectionTimeoutMillis: number;
  /** `DB_ACQUIRE_TIMEOUT_MS`, 10000 */
  acquireTimeoutMillis: number;
  /** `DB_MAX_WAITING`, 10000 */
  maxWaiting: number;
  /** 1800 seconds */
  maxLifetimeSeconds: number;
  /** 0.05 */
  maxLifetimeJitter: number;
  /** 0, off */
  maxUses: number;
  /** `DB_HEALTH_CHECK_INTERVAL_MS`, 30000 */
  healthCheckInterval: number;
  /** 500 */
  aliveBypassWindow: number;
  /** `MAX_QUERY_RETRIES`, 3 */
  maxRetries: number;
  /** `DB_RETRY_DELAY_MS`, 1000 */
  retryDelay: number;
  /** 30000 */
  retryMaxDelay: number;
  /** `DB_STATEMENT_TIMEOUT_MS`, 30000 */
  statementTimeout: number;
  /** `QUERY_TIMEOUT_MS`, 30000 */
  queryTimeout: number;
  /** `SLOW_QUERY_THRESHOLD`, 1000 */
  slowQueryThreshold: number;
  /** `CIRCUIT_BREAKER_FAILURE_THRESHOLD`, 5, and `CIRCUIT_BREAKER_RESET_TIMEOUT`, 30000 */
  circuitBreaker: { failureThreshold: number; resetTimeout: number };
  /** true */
  keepAlive: boolean;
  /** 10000 */
  keepAliveInitialDelayMillis: number;
  ssl: boolean | SslOptions;
  /** 0, off */
  leakDetectionThreshold: number;
  /** 10000 */
  drainTimeout: number;
  /** `'auto'` */
  prepare: Prepare;
}

/** What makes a client for a pool; for subclasses of {@link Client}. */
export type ClientConstructor = new (config?: string | ClientConfig) => Client;
