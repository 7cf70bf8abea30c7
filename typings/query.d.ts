import type { Connection } from './index';
import type { CustomTypesConfig } from './types';
import type { Prepare } from './config';

/** The type of a query's values: an array or a tuple. */
export type QueryConfigValues<T> = T extends readonly unknown[] ? T : never;

/**
 * One query. The object and its values are never changed.
 *
 * Without `values` (or with none in them), `name` and `rows` the text is sent as it is and may hold
 * several statements; the result is then an array with a result for each.
 */
export interface QueryConfig<I = any[]> extends QueryOptions {
  /** Prepares the statement under this name; the same name with another text is an error. */
  name?: string | undefined;
  text: string;
  /**
   * `$1`, `$2`, ...: `null` and `undefined` are NULL, a `Date` is sent in local time with its offset, Buffers
   * and typed arrays as bytes, arrays as PostgreSQL's, other objects as JSON unless they have
   * `toPostgres(prepareValue)`.
   */
  values?: QueryConfigValues<I> | undefined;
  types?: CustomTypesConfig | undefined;
}

/** What a query may say of itself beside its text and values. */
export interface QueryOptions {
  /** Where it goes: by what it does (`'auto'`, the default), to the primary, to a replica. */
  route?: 'auto' | 'primary' | 'replica' | undefined;
  /**
   * It may be done twice although it writes: with `maxRetries` it is repeated when the link dies under it. Its error then
   * has the outcome `'unknown'`, whatever the last attempt came to.
   */
  idempotent?: boolean | undefined;
  /**
   * Of `pool.query()`: a lone write whose effect is there once when it resolves, whatever happens to the link. It runs in a
   * transaction of its own; where the link dies it is repeated, `maxRetries` times (3 where none is given), if the server
   * says that nothing was done. It rejects with `outcome: 'unknown'` only where the server cannot say; see
   * docs/in-doubt.md. What cannot run in a transaction is refused by the server.
   */
  exactlyOnce?: boolean | undefined;
  /** Milliseconds for all of it: waiting, connecting, running and retries. Then `KEEL_QUERY_TIMEOUT`. */
  timeout?: number | undefined;
  /** The same as `timeout`. */
  query_timeout?: number | undefined;
  /** Aborting cancels it on the server and rejects with `KEEL_ABORTED`. */
  signal?: AbortSignal | undefined;
  prepare?: Prepare | undefined;
  /** Ask for results in binary form. */
  binary?: boolean | undefined;
  /** Accepted for pg's sake; all rows are fetched at once. */
  rows?: number | undefined;
  /** `'extended'` uses the extended protocol without values, too. */
  queryMode?: 'simple' | 'extended' | undefined;
  portal?: string | undefined;
}

/** A query whose rows are arrays. */
export interface QueryArrayConfig<I = any[]> extends QueryConfig<I> {
  rowMode: 'array';
}

/** One column of a result. */
export interface FieldDef {
  name: string;
  /** OID of the table the column comes from, or 0. */
  tableID: number;
  /** The column's number in its table, or 0. */
  columnID: number;
  dataTypeID: number;
  /** Bytes; negative for types of variable size. */
  dataTypeSize: number;
  dataTypeModifier: number;
  /** `'text'` or `'binary'`. */
  format: string;
}

export interface QueryResultBase {
  /** The first word of the server's command tag, as in `SELECT`; `null` at run time for an empty query. */
  command: string;
  /** Rows returned or changed; `null` for commands that count none. */
  rowCount: number | null;
  /** The OID an INSERT reported; otherwise `null` at run time. */
  oid: number;
  fields: FieldDef[];
}

export interface QueryResultRow {
  [column: string]: any;
}

export interface QueryResult<R extends QueryResultRow = any> extends QueryResultBase {
  rows: R[];
}

export interface QueryArrayResult<R extends any[] = any[]> extends QueryResultBase {
  rows: R[];
}

/** A result while its rows arrive (events `row` and `end` of {@link Query}). */
export interface ResultBuilder<R extends QueryResultRow = any> extends QueryResult<R> {
  addRow(row: R): void;
}

/** Anything that `client.query()` takes as a query of its own making: {@link Query}, a cursor, a COPY stream. */
export interface Submittable {
  submit: (connection: Connection) => void;
}

/** What NOTIFY sent (event `notification` of a client that listens). */
export interface Notification {
  /** The server process that sent it. */
  processId: number;
  channel: string;
  payload?: string | undefined;
}

/** Idle, in a transaction, in a failed transaction; `null`: not connected yet. */
export type TransactionStatus = 'I' | 'T' | 'E' | null;

/** What a stream may be given beside its text and values; options of its own beat those of its config. */
export interface StreamOptions extends Omit<
  QueryOptions,
  'timeout' | 'query_timeout' | 'rows' | 'queryMode' | 'portal' | 'exactlyOnce'
> {
  /** The most rows in one of `batches()`; default 100. There are fewer where no more have arrived. */
  batchSize?: number | undefined;
  /**
   * Milliseconds for all of it, the consumer's own time included. Without it nothing bounds a stream on this side: the
   * pool's or client's `query_timeout` is for answers. The server's `statement_timeout` counts while the consumer takes his
   * time, too (`createDatabase()` and `drizzle(url)` set one); a transaction can lift it with
   * `SET LOCAL statement_timeout = 0`.
   */
  timeout?: number | undefined;
  types?: CustomTypesConfig | undefined;
}

/** A query whose rows are arrays, as a stream's options have it. */
export interface StreamArrayOptions extends StreamOptions {
  rowMode: 'array';
}

/**
 * The rows of a query as they come: for one iteration, which sends the query when it begins. What the consumer has not
 * taken waits at the server; here are about a megabyte of rows at most, however long the result is.
 *
 * Leaving the loop early (`break`, `return`, an exception) cancels the query on the server, and the connection is used again.
 * Within a transaction the rest of the rows is let go by instead, since a cancel would make it a failed one.
 * Errors are those of `query()`, thrown from within the loop after the rows that came before them. Iterating a second time
 * throws `KEEL_MISUSE`.
 *
 * @example
 * for await (const row of pool.stream('SELECT * FROM log WHERE at > $1', [since])) await write(row);
 * for await (const rows of pool.stream(text, [], { batchSize: 1000 }).batches()) await writeAll(rows);
 */
export interface RowStream<R> extends AsyncIterable<R> {
  [Symbol.asyncIterator](): AsyncIterableIterator<R>;
  /** The same rows in arrays of up to `batchSize`, which costs less for each row. */
  batches(): AsyncIterableIterator<R[]>;
}

/** Who can give rows as they come: pools, and clients (not pg's, which may be used in their place elsewhere). */
export interface Streamable {
  /**
   * A query whose rows are taken as they come. A pool runs it on a connection of its own. A client runs its queries one after
   * the other: one that is given within the loop comes after the stream, the rest of which then waits in memory.
   */
  stream<R extends any[] = any[], I = any[]>(
    queryConfig: QueryArrayConfig<I>,
    values?: QueryConfigValues<I>,
    options?: StreamOptions,
  ): RowStream<R>;
  stream<R extends any[] = any[], I = any[]>(
    queryTextOrConfig: string | QueryConfig<I>,
    values: QueryConfigValues<I> | undefined,
    options: StreamArrayOptions,
  ): RowStream<R>;
  stream<R extends any[] = any[]>(
    queryTextOrConfig: string | QueryConfig,
    options: StreamArrayOptions,
  ): RowStream<R>;
  stream<R extends QueryResultRow = any, I = any[]>(
    queryTextOrConfig: string | QueryConfig<I>,
    values?: QueryConfigValues<I>,
    options?: StreamOptions,
  ): RowStream<R>;
  stream<R extends QueryResultRow = any>(
    queryTextOrConfig: string | QueryConfig,
    options: StreamOptions,
  ): RowStream<R>;
}

/** What pools and clients have in common. Each form gives a promise, or, given a callback, nothing. */
export interface Queryable {
  /** Takes the submittable as it is and returns it. */
  query<T extends Submittable>(queryStream: T): T;
  query<R extends any[] = any[], I = any[]>(
    queryConfig: QueryArrayConfig<I>,
    values?: QueryConfigValues<I>,
  ): Promise<QueryArrayResult<R>>;
  query<R extends QueryResultRow = any, I = any[]>(queryConfig: QueryConfig<I>): Promise<QueryResult<R>>;
  query<R extends QueryResultRow = any, I = any[]>(
    queryTextOrConfig: string | QueryConfig<I>,
    values?: QueryConfigValues<I>,
  ): Promise<QueryResult<R>>;
  query<R extends any[] = any[], I = any[]>(
    queryConfig: QueryArrayConfig<I>,
    callback: (err: Error, result: QueryArrayResult<R>) => void,
  ): void;
  query<R extends QueryResultRow = any, I = any[]>(
    queryTextOrConfig: string | QueryConfig<I>,
    callback: (err: Error, result: QueryResult<R>) => void,
  ): void;
  query<R extends QueryResultRow = any, I = any[]>(
    queryText: string,
    values: QueryConfigValues<I>,
    callback: (err: Error, result: QueryResult<R>) => void,
  ): void;
}
