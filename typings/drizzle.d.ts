import type { Assume, DrizzleConfig, ExtractTablesWithRelations, SQLWrapper } from 'drizzle-orm';
import type { MigrationConfig } from 'drizzle-orm/migrator';
import type { PgDatabase, PgQueryResultHKT, PgTransaction, PgTransactionConfig } from 'drizzle-orm/pg-core';
import type {
  Client,
  Pool,
  PoolClient,
  PoolConfig,
  PoolEndOptions,
  PoolHealth,
  PoolMetrics,
  QueryResult,
  QueryResultRow,
  RowStream,
  StreamOptions,
} from './index.js';

export { installShutdownHandlers } from './index.js';
export type { ShutdownInfo, ShutdownOptions, ShutdownTarget } from './index.js';

/** What `db.execute()` and writes without `returning()` resolve to: a result as pg gives it. */
export interface KeelQueryResultHKT extends PgQueryResultHKT {
  type: QueryResult<Assume<this['row'], QueryResultRow>>;
}

/**
 * A Drizzle database over pgkeel. Wherever `NodePgDatabase` of drizzle-orm/node-postgres is asked for, this may
 * be given.
 *
 * Queries reject with `DrizzleQueryError`, whose `cause` is a `DatabaseError` (the server's errors) or a
 * `KeelError` (everything else). In a transaction: a `tx` that is used after its transaction has ended rejects
 * with a `KeelError`, code `KEEL_MISUSE`; queries run at the same time are sent one after the other, in the order
 * in which they were given; when a rollback fails, the connection is closed and the first error is the one thrown.
 */
export interface KeelDatabase<TSchema extends Record<string, unknown> = Record<string, never>>
  extends PgDatabase<KeelQueryResultHKT, TSchema>, Streaming {
  /**
   * Runs the function in a transaction: committed when it resolves, rolled back when it rejects.
   *
   * With `retry` **the function is run again**, in a new transaction, when the one before it is known to be undone: the
   * server has rolled it back for the sake of others (SQLSTATE 40001, 40P01), or the connection was lost before COMMIT
   * was sent. Never when the outcome is `'unknown'`. So whatever it does beside its `tx` (mail, files, variables) it may
   * do more than once. The error of the last run carries `attempts`, and each further run is announced by the pool's
   * event `retry`.
   *
   * @example
   * await db.transaction(
   *   async (tx) => {
   *     const [account] = await tx.select().from(accounts).where(eq(accounts.id, id));
   *     await tx.update(accounts).set({ balance: account.balance - amount }).where(eq(accounts.id, id));
   *   },
   *   { isolationLevel: 'serializable', retry: true },
   * );
   */
  transaction<T>(
    transaction: (tx: KeelTransaction<TSchema>) => Promise<T>,
    config?: KeelTransactionConfig,
  ): Promise<T>;
}

/** Drizzle's, and whether the function may be run again. */
export interface KeelTransactionConfig extends PgTransactionConfig {
  /** `true`: as often as the pool retries its own queries (`maxRetries`; 3 if that is 0), with its pauses. */
  retry?: boolean | TransactionRetry | undefined;
}

/** What is left out is the pool's. The n-th pause is `random(0, min(retryMaxDelay, retryDelay * 2^n))`, n from 0. */
export interface TransactionRetry {
  /** Runs after the first. */
  maxRetries?: number | undefined;
  /** Milliseconds. Default 1000. */
  retryDelay?: number | undefined;
  /** Milliseconds. Default 30000. */
  retryMaxDelay?: number | undefined;
}

/** The `tx` of a transaction. */
export interface KeelTransaction<TSchema extends Record<string, unknown> = Record<string, never>>
  extends PgTransaction<KeelQueryResultHKT, TSchema, ExtractTablesWithRelations<TSchema>>, Streaming {
  transaction<T>(transaction: (tx: KeelTransaction<TSchema>) => Promise<T>): Promise<T>;
}

/** Of a stream over Drizzle. */
export type DrizzleStreamOptions = Pick<StreamOptions, 'batchSize' | 'signal' | 'timeout'>;

/** What a database and a `tx` have in common beside Drizzle's own. */
export interface Streaming {
  /**
   * The rows of a query as they come, as the query itself would give them: see {@link RowStream}. It runs here, on the
   * database or in the transaction, whichever of them the query was built with; the cache is not asked. Over this package's
   * pools and clients only. Rejects with `DrizzleQueryError`, as the query does.
   *
   * @example
   * for await (const user of db.$stream(db.select().from(users))) await write(user);
   */
  $stream<R>(query: PromiseLike<R[]>, options?: DrizzleStreamOptions): RowStream<R>;
  $stream<R extends QueryResultRow>(
    query: PromiseLike<QueryResult<R>>,
    options?: DrizzleStreamOptions,
  ): RowStream<R>;
  /** `findFirst()`: the one it finds, or none. */
  $stream<R>(query: PromiseLike<R | undefined>, options?: DrizzleStreamOptions): RowStream<R>;
  /** A prepared query without placeholders. */
  $stream<R>(query: { execute(): Promise<R[]> }, options?: DrizzleStreamOptions): RowStream<R>;
  $stream<R extends QueryResultRow = Record<string, unknown>>(
    query: SQLWrapper | string,
    options?: DrizzleStreamOptions,
  ): RowStream<R>;
}

/** What a database can be opened over, beside this package's own: pg's `Pool`, `PoolClient` and `Client`. */
export interface PgClientLike {
  query(...args: any[]): any;
}

/** A pool or client to open a database over. */
export type KeelClient = Pool | PoolClient | Client | PgClientLike;

/**
 * Opens a Drizzle database, as `drizzle()` of drizzle-orm/node-postgres does and with the same arguments:
 * `drizzle(client | url)`, `drizzle(client | url, config)`, `drizzle({ client | connection, ...config })`.
 *
 * A client that is given is used as it is. A pool that is opened for a URL or for `connection` starts from
 * `hardenedDefaults()`; what is given explicitly beats them. With neither, the environment says where the
 * database is (`DATABASE_URL`, `PG*`).
 *
 * @throws `KeelError` `KEEL_CONFIG` for a wrong argument, option or environment variable
 */
export declare function drizzle<
  TSchema extends Record<string, unknown> = Record<string, never>,
  TClient extends KeelClient = Pool,
>(
  ...params:
    | [TClient | string]
    | [TClient | string, DrizzleConfig<TSchema>]
    | [DrizzleConfig<TSchema> & ({ client: TClient } | { connection?: string | PoolConfig | undefined })]
): KeelDatabase<TSchema> & { $client: KeelClient extends TClient ? Pool : TClient };

export declare namespace drizzle {
  /** A database that builds statements and opens nothing; running one rejects. */
  function mock<TSchema extends Record<string, unknown> = Record<string, never>>(
    config?: DrizzleConfig<TSchema>,
  ): KeelDatabase<TSchema> & { $client: '$client is not available on drizzle.mock()' };
}

/** Options of {@link createDatabase}: those of `drizzle()`, those of `Pool`; the latter start from `hardenedDefaults()`. */
export interface CreateDatabaseOptions<TSchema extends Record<string, unknown> = Record<string, never>>
  extends PoolConfig, DrizzleConfig<TSchema> {}

/** What {@link createDatabase} gives. Every member may be taken out of the object and used on its own. */
export interface KeelDatabaseHandle<TSchema extends Record<string, unknown> = Record<string, never>> {
  /** Reads are routed by the options; transactions, writes and migrations go to the primary. */
  db: KeelDatabase<TSchema> & {
    $client: Pool;
    /** The same database bound to the primary: for reads that must see what was just written. */
    $primary: KeelDatabase<TSchema> & { $client: Pool };
  };
  pool: Pool;
  /** A view over the same connections that prefers replicas and falls back to the primary. Its `end()` is `close()`. */
  readPool: Pool;
  /** A view over the same connections that never leaves the primary. Its `end()` is `close()`. */
  writePool: Pool;
  /** Whether the primary answers, asked once: nothing is retried. Never rejects. */
  testConnection: () => Promise<boolean>;
  /** Asks every node now. Never rejects. */
  health: () => Promise<PoolHealth>;
  metrics: () => PoolMetrics;
  /**
   * Lets running work finish (for `timeout` milliseconds at most, then it is cancelled) and closes all connections. May be called
   * again: it then waits for the same end, or hastens it with `timeout` or `force`.
   */
  close: (options?: PoolEndOptions) => Promise<void>;
}

/**
 * Opens a pool with `hardenedDefaults()` and a Drizzle database over it; nothing is connected yet.
 *
 * @example
 * import * as schema from './schema';
 * export const { db, pool, testConnection, close } = createDatabase({ schema });
 *
 * @throws `KeelError` `KEEL_CONFIG` for a wrong option or environment variable; the message names it
 */
export declare function createDatabase<TSchema extends Record<string, unknown> = Record<string, never>>(
  options?: CreateDatabaseOptions<TSchema>,
): KeelDatabaseHandle<TSchema>;

/**
 * Applies the migrations that drizzle-kit generated and that are not applied yet, on the primary and under an
 * advisory lock of the server: of several processes that start together one migrates and the others wait for it.
 * The pool's statement and query time limits do not hold for migrations.
 *
 * Rejects with `DrizzleQueryError` when a statement fails; the migrations of this run are rolled back then and the
 * lock is free again. Rejects with an `Error` when the folder has no journal.
 */
export declare function migrate<TSchema extends Record<string, unknown>>(
  db: KeelDatabase<TSchema>,
  config: MigrationConfig,
): Promise<void>;
