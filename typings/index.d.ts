/// <reference types="node" />

import { EventEmitter } from 'events';
import type { Duplex, Readable, Writable } from 'stream';
import type {
  ClientConfig,
  Defaults,
  HardenedDefaults,
  Password,
  PoolConfig,
  PoolOptions,
  SslOptions,
} from './config';
import type { NoticeMessage } from './errors';
import type {
  Breaker,
  BreakerEvent,
  FailoverEvent,
  LeakEvent,
  NodeHealth,
  PoolHealth,
  PoolMetrics,
  RetryEvent,
  SlowQuery,
} from './metrics';
import type {
  FieldDef,
  Notification,
  QueryConfig,
  QueryConfigValues,
  QueryResult,
  QueryResultRow,
  Queryable,
  ResultBuilder,
  Streamable,
  Submittable,
  TransactionStatus,
} from './query';
import type * as Self from '.';
import type { CustomTypesConfig, TypeFormat, TypeParser, TypesRegistry } from './types';

export * from './config';
export * from './errors';
export * from './metrics';
export * from './query';
export * from './shutdown';
export * from './types';

/** Quotes a name for use in a statement. */
export function escapeIdentifier(str: string): string;
/** Quotes a string for use in a statement; parameters (`$1`) are nearly always better. */
export function escapeLiteral(str: string): string;

/** A connection's parameters after defaults, environment and connection string. */
export interface ConnectionParameters {
  user?: string | undefined;
  database?: string | undefined;
  /** Not enumerable. */
  password?: Password | null | undefined;
  port?: number | undefined;
  host?: string | undefined;
  ssl?: boolean | SslOptions | undefined;
  options?: string | undefined;
  application_name?: string | undefined;
  fallback_application_name?: string | undefined;
  client_encoding?: string | undefined;
  statement_timeout?: false | number | undefined;
  lock_timeout?: false | number | undefined;
  idle_in_transaction_session_timeout?: false | number | undefined;
  query_timeout?: false | number | undefined;
  /** Seconds. */
  connect_timeout?: unknown;
  binary?: unknown;
  replication?: unknown;
  isDomainSocket?: unknown;
  keepalives?: unknown;
  keepalives_idle?: unknown;
}

/** What a value becomes on its way to the server. */
export type PreparedValue = string | Buffer | null;

/** What other packages take from `pg/lib/utils`. */
export interface Utils {
  prepareValue(value: unknown): PreparedValue;
  normalizeQueryConfig(config: unknown, values?: unknown, callback?: unknown): QueryConfig;
  escapeIdentifier(str: string): string;
  escapeLiteral(str: string): string;
}

export interface QueryParse {
  name: string;
  text: string;
  types: string[];
}
export interface BindConfig {
  portal?: string | undefined;
  statement?: string | undefined;
  binary?: string | undefined;
  values?: Array<Buffer | null | undefined | string> | undefined;
  valueMapper?: ((param: any, index: number) => any) | undefined;
}
export interface ExecuteConfig {
  portal?: string | undefined;
  rows?: string | undefined;
}
export interface MessageConfig {
  type: string;
  name?: string | undefined;
}

/**
 * A client's link to the server, as far as pg's users look at it: an emitter of `parameterStatus`
 * with a `stream` to destroy. The protocol itself is spoken by the engine; the message methods are
 * here for submittables written for pg.
 */
export class Connection extends EventEmitter {
  constructor(config?: ClientConfig);
  readonly stream: Duplex;
  bind(config: BindConfig | null, more: boolean): void;
  execute(config: ExecuteConfig | null, more: boolean): void;
  parse(query: QueryParse, more: boolean): void;
  query(text: string): void;
  describe(msg: MessageConfig, more: boolean): void;
  close(msg: MessageConfig, more: boolean): void;
  flush(): void;
  sync(): void;
  end(): void;
}

/** A pool's events with what their listeners get. */
export interface PoolEvents {
  /** A connection was opened. */
  connect: [client: PoolClient];
  /** A client was handed out. */
  acquire: [client: PoolClient];
  /** A client came back; the error it was released with (`Error`, `true`) or `undefined`. */
  release: [err: any, client: PoolClient];
  /** A connection was closed. */
  remove: [client: PoolClient];
  /** An idle connection died. Without a listener nothing happens. */
  error: [err: Error, client: PoolClient];
  /** A node's circuit breaker changed its state. */
  breaker: [event: BreakerEvent];
  retry: [event: RetryEvent];
  slowQuery: [query: SlowQuery];
  health: [health: NodeHealth];
  failover: [event: FailoverEvent];
  leak: [event: LeakEvent];
}

export interface PoolEndOptions {
  /** Milliseconds for running work and clients that are out, before it is cancelled. Default `drainTimeout`. */
  timeout?: number | undefined;
  /** Cancel running work at once. */
  force?: boolean | undefined;
}

/**
 * Connections to one server, or to a primary and its replicas, shared by all callers.
 *
 * The constructor opens nothing and throws `KeelError` `KEEL_CONFIG` for a wrong option. Requests
 * fail with {@link DatabaseError} (the server's errors) or `KeelError` (everything else).
 */
export class Pool extends EventEmitter {
  /** A bare string is taken as a connection string. */
  constructor(config?: string | PoolConfig);

  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  /** Checked-out connections that will be closed when they come back. */
  readonly expiredCount: number;
  readonly ending: boolean;
  readonly ended: boolean;
  options: PoolOptions;

  /** Lends a client until its `release()`. Rejects with `KEEL_ACQUIRE_TIMEOUT`, `KEEL_QUEUE_FULL`, ... */
  connect(): Promise<PoolClient>;
  connect(
    callback: (err: Error | undefined, client: PoolClient | undefined, done: (release?: any) => void) => void,
  ): void;

  /**
   * Refuses new work, settles at once whoever waits for a client, lets accepted statements finish and clients that are out come
   * back, then cancels what still runs and closes all connections. Resolves when they are closed, at the latest soon after
   * `timeout`. Once more is an error as in pg, unless it is told `timeout` or `force`: then the end that is under way comes
   * so much sooner, and both promises resolve with it.
   */
  end(options?: PoolEndOptions): Promise<void>;
  end(callback: () => void): void;

  metrics(): PoolMetrics;
  /** Asks every node now. Never rejects. */
  health(): Promise<PoolHealth>;
  /**
   * A node's circuit breaker, to look at or to move by hand, also where `circuitBreaker` is not on.
   * @param node its name as in `metrics().nodes`; may be left out while there is one
   * @throws `KeelError` `KEEL_MISUSE`: there is no such node
   */
  breaker(node?: string): Breaker;

  on<K extends keyof PoolEvents>(event: K, listener: (...args: PoolEvents[K]) => void): this;
  // Said twice: TypeScript compares overloads less strictly, and a pool can be passed where pg's is asked for.
  on(event: 'error', listener: (err: Error, client: PoolClient) => void): this;
  once<K extends keyof PoolEvents>(event: K, listener: (...args: PoolEvents[K]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
}
export interface Pool extends Queryable, Streamable {}

/** A client's events with what their listeners get. */
export interface ClientEvents {
  connect: [];
  /** All its queries are done. */
  drain: [];
  /** The connection died while no query was on it. */
  error: [err: Error];
  notice: [notice: NoticeMessage];
  notification: [message: Notification];
  end: [];
}

/** What {@link Client} and {@link PoolClient} have in common. */
declare class ClientBase extends EventEmitter {
  /** Once only: a second call is an error, as in pg. Resolves to the client. */
  connect(): Promise<ClientBase>;
  connect(callback: ((err: Error) => void) | ((err: null, c: ClientBase) => void)): void;

  escapeIdentifier(str: string): string;
  escapeLiteral(str: string): string;
  /** Type parsers of this client alone. */
  setTypeParser(oid: number, parser: TypeParser): void;
  setTypeParser(oid: number, format: TypeFormat, parser: TypeParser): void;
  getTypeParser(oid: number, format?: TypeFormat): TypeParser;
  getTransactionStatus(): TransactionStatus;

  on<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
  // Said twice for the reason given at Pool.on.
  on(event: 'error', listener: (err: Error) => void): this;
  once<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;

  /** @deprecated In pg's typings but in no pg 8; declared so that a client may be passed as pg's. */
  copyFrom(queryText: string): Writable;
  /** @deprecated See `copyFrom`. */
  copyTo(queryText: string): Readable;
  /** @deprecated See `copyFrom`. */
  pauseDrain(): void;
  /** @deprecated See `copyFrom`. */
  resumeDrain(): void;
}
interface ClientBase extends Queryable {}
// A type only: there is no such value at run time, in pg neither.
export type { ClientBase };

/** One connection. Queries given to it run one after the other in the order they were given. */
export class Client extends ClientBase {
  constructor(config?: string | ClientConfig);

  user?: string | undefined;
  database?: string | undefined;
  port: number;
  host: string;
  /** Not enumerable. */
  password?: string | undefined;
  /** Whether TLS was asked for; at run time the options object where one was given. */
  ssl: boolean;
  /** The server process; `null` until connected. */
  processID: number | null;
  binary: boolean;
  readonly pipeline: boolean;
  readonly connection: Connection;
  readonly connectionParameters: ConnectionParameters;

  connect(): Promise<Client>;
  connect(callback: ((err: Error) => void) | ((err: null, c: Client) => void)): void;
  /** Calls back, or resolves, once the connection is closed; exactly once. */
  end(): Promise<void>;
  end(callback: (err: Error) => void): void;

  isConnected(): boolean;
  ref(): void;
  unref(): void;
}

export interface Client extends Streamable {}

/** A client lent by a pool. */
export interface PoolClient extends Client {
  /**
   * Gives it back, to be closed when given `true` or an error. A second call throws.
   * A connection that is not clean (open transaction, dead link) is never reused.
   */
  release(err?: Error | boolean): void;
}

/** A query as an object with events `row`, `end` (not after an error) and `error`; see {@link Submittable}. */
export class Query<R extends QueryResultRow = any, I extends readonly any[] = any>
  extends EventEmitter
  implements Submittable
{
  constructor(
    queryTextOrConfig?: string | QueryConfig<I>,
    callback?: (error: Error | undefined, result: ResultBuilder<R>) => void,
  );
  constructor(
    queryTextOrConfig?: string | QueryConfig<I>,
    values?: QueryConfigValues<I>,
    callback?: (error: Error | undefined, result: ResultBuilder<R>) => void,
  );
  submit: (connection: Connection) => void;
  on<E extends keyof QueryEvents<R>>(event: E, listener: (...args: QueryEvents<R>[E]) => void): this;
  // Said twice for the reason given at Pool.on.
  on(event: 'error', listener: (err: Error) => void): this;
  once<E extends keyof QueryEvents<R>>(event: E, listener: (...args: QueryEvents<R>[E]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** A query's events with what their listeners get. */
export interface QueryEvents<R extends QueryResultRow = any> {
  row: [row: R, result?: ResultBuilder<R>];
  end: [result: ResultBuilder<R>];
  error: [err: Error];
}

/** The results' constructor; `new Result('array', types)` builds rows as arrays. */
export class Result<R extends QueryResultRow = any> implements QueryResult<R> {
  constructor(rowMode?: string, types?: CustomTypesConfig);
  command: string;
  rowCount: number | null;
  oid: number;
  fields: FieldDef[];
  rows: R[];
  addRow(row: R): void;
}

/** A name of pg's typings: something that emits `error` with a client. */
export interface Events extends EventEmitter {
  on(event: 'error', listener: (err: Error, client: Client) => void): this;
}

/** The type parsers of this process; the same registry as that of the package `pg-types`. */
export const types: TypesRegistry;
export const defaults: Defaults;
export const utils: Utils;

/**
 * The contract's options filled from environment variables and, where these are silent, with values
 * for production or development. Reads nothing else and opens nothing.
 * @throws `KeelError` `KEEL_CONFIG`: a malformed value; names the variable, the value and what is accepted.
 */
export function hardenedDefaults(env?: NodeJS.ProcessEnv): HardenedDefaults;

/** This package's version. */
export const version: string;
/** The version of the libpq in use, as in `17.2`. */
export const libpqVersion: string;

/** There is one implementation: it is native already. As in pg this is not enumerable. */
export const native: typeof Self | null;
