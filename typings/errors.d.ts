/**
 * What is known of a failed request's effect:
 * - `'not-sent'`: the server never got it;
 * - `'rolled-back'`: it left no trace, as after any ordinary error of a lone statement, or a COMMIT whose link died and of
 *   which the server says that it did not come to pass;
 * - `'unknown'`: it may have happened, and the server could not be asked.
 */
export type Outcome = 'not-sent' | 'rolled-back' | 'unknown';

/** Codes of {@link KeelError}. */
export type KeelErrorCode =
  /** No connection could be opened; `cause.code` is `ECONNREFUSED`, `ENOTFOUND`, a SQLSTATE, ... */
  | 'KEEL_CONNECT_FAILED'
  /** Opening a connection took longer than `connectionTimeoutMillis`. */
  | 'KEEL_CONNECT_TIMEOUT'
  /** The link died while a request was on it, or between two requests of a client; see `outcome`. */
  | 'KEEL_CONNECTION_LOST'
  /** No connection became free within `acquireTimeoutMillis`; the message carries total, idle and waiting. */
  | 'KEEL_ACQUIRE_TIMEOUT'
  /** More than `maxWaiting` requests wait already, or so many that this one could not be served in time (`shed`). */
  | 'KEEL_QUEUE_FULL'
  /**
   * `queryTimeout` or the query's own `timeout` passed; the statement was cancelled on the server. With
   * `outcome: 'not-sent'` it never got there: it waited until its time was over, or too little was left (`shed`).
   */
  | 'KEEL_QUERY_TIMEOUT'
  /** The query's `signal` was aborted. */
  | 'KEEL_ABORTED'
  /** The node's circuit breaker is open: refused at once; `cause` is the failure that opened it, see `retryAfter`. */
  | 'KEEL_BREAKER_OPEN'
  /** Used after `end()`. */
  | 'KEEL_POOL_CLOSED'
  /** A bad option, environment variable or connection string. */
  | 'KEEL_CONFIG'
  /** A call that cannot be carried out, as a query without a text, or a client used after its release. */
  | 'KEEL_MISUSE'
  /** A Drizzle `tx` used after its transaction has ended. */
  | 'KEEL_TRANSACTION_ENDED'
  | 'KEEL_NO_MEMORY';

/** Node's codes of system errors, as in `ECONNREFUSED`. */
export type SystemErrorCode = `E${string}`;

/** What both kinds of error carry beside their own fields. */
export interface RequestFate {
  /**
   * How many times the request was tried, the first attempt included; an attempt that came no further than to connect
   * counts, too. 0: it was refused untried. Absent on errors of no request.
   */
  attempts?: number | undefined;
  outcome?: Outcome | undefined;
  /** The server concerned, as `host:port`; `undefined` where none is. */
  node?: string | undefined;
}

/** The fields of an error or a notice as the server sends them; a field it did not send is `undefined`. */
export interface ServerMessageFields {
  /** `ERROR`, `FATAL`, `PANIC`; of a notice `WARNING`, `NOTICE`, `DEBUG`, `INFO`, `LOG`. May be translated. */
  severity: string | undefined;
  /** SQLSTATE, five characters. */
  code: string | undefined;
  detail: string | undefined;
  hint: string | undefined;
  /** Where in the statement, counted in characters from 1, as decimal text. */
  position: string | undefined;
  internalPosition: string | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;
  /** Where in the server's own source the message comes from. */
  file: string | undefined;
  line: string | undefined;
  routine: string | undefined;
}

/** An error that the server reported. */
export declare class DatabaseError extends Error implements ServerMessageFields, RequestFate {
  constructor(message: string, length: number, name: 'error' | 'notice');
  /** `'error'`, as in pg. */
  readonly name: 'error' | 'notice';
  /** Size of the server's message in bytes. */
  readonly length: number;
  severity: string | undefined;
  code: string | undefined;
  detail: string | undefined;
  hint: string | undefined;
  position: string | undefined;
  internalPosition: string | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;
  file: string | undefined;
  line: string | undefined;
  routine: string | undefined;
  attempts?: number | undefined;
  outcome?: Outcome | undefined;
  node?: string | undefined;
}

/** A warning or a notice from the server (event `notice` of a client). */
export interface NoticeMessage extends ServerMessageFields {
  readonly name: 'notice';
  readonly length: number;
  readonly message: string | undefined;
}

/** Every error that is not the server's. Never holds a password or a parameter's value. */
export declare class KeelError extends Error implements RequestFate {
  constructor(code: KeelErrorCode, message: string, details?: KeelErrorDetails);
  /**
   * What went wrong. One exception: when a lone {@link Client} cannot connect, this is the system's code
   * as in pg (`ECONNREFUSED`, `ENOTFOUND`), and ours is in `keelCode`.
   */
  readonly code: KeelErrorCode | SystemErrorCode;
  readonly keelCode?: KeelErrorCode | undefined;
  readonly node: string | undefined;
  /**
   * What brought it about: a system error, a {@link DatabaseError}, what a password function threw, ...; when time was up, or
   * the pool closed, in a further attempt: what the one before it failed of.
   */
  readonly cause?: unknown;
  /**
   * With `KEEL_BREAKER_OPEN`: milliseconds until the engine's next probe begins or, where one is under way,
   * ends at the latest. `undefined`: opened by hand, there is none.
   */
  readonly retryAfter?: number | undefined;
  /** With `KEEL_CONFIG`: the option or the environment variable. */
  readonly option?: string | undefined;
  attempts?: number | undefined;
  outcome?: Outcome | undefined;
}

export interface KeelErrorDetails extends RequestFate {
  cause?: unknown;
  retryAfter?: number | undefined;
  option?: string | undefined;
}
