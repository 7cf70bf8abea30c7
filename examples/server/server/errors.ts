import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DatabaseError, KeelError } from 'pgkeel';
import { ZodError } from 'zod';

/** An error that is the client's to solve, with the status it gets. */
export class RequestError extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
  ) {
    super(message);
  }
}

export function notFound(what: string): RequestError {
  return new RequestError(404, `${what} not found`);
}

// The database cannot serve now, and nothing is wrong with the request. SQLSTATEs are those of a server that starts, stops or
// has no connection left.
const UNAVAILABLE = new Set([
  'KEEL_CONNECT_FAILED',
  'KEEL_CONNECT_TIMEOUT',
  'KEEL_CONNECTION_LOST',
  'KEEL_ACQUIRE_TIMEOUT',
  'KEEL_QUEUE_FULL',
  'KEEL_QUERY_TIMEOUT',
  'KEEL_BREAKER_OPEN',
  'KEEL_POOL_CLOSED',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

const CONFLICTS = new Set(['23503', '23505', '23514', '40001', '40P01']);

interface Answer {
  status: number;
  message: string;
  details?: unknown;
  /** What is known of the request's effect: 'not-sent', 'rolled-back', 'unknown'. */
  outcome?: string | undefined;
  /** Seconds. */
  retryAfter?: number;
}

/** Drizzle wraps what the driver throws, and that may have a cause of its own. */
function databaseErrorIn(error: unknown): KeelError | DatabaseError | undefined {
  if (error instanceof KeelError || error instanceof DatabaseError) return error;
  return error instanceof Error ? databaseErrorIn(error.cause) : undefined;
}

/** An open breaker says when the database is looked at again. */
function retryAfterOf(error: KeelError | DatabaseError): number {
  const ms = error instanceof KeelError ? error.retryAfter : undefined;
  return Math.max(1, Math.ceil((ms ?? 1000) / 1000));
}

function answerFor(error: FastifyError | Error): Answer {
  if (error instanceof ZodError) {
    const details = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    return { status: 400, message: 'invalid request', details };
  }
  const cause = databaseErrorIn(error);
  if (cause && UNAVAILABLE.has(cause.code ?? '')) {
    const message = 'the database is not available';
    // Whoever is told to come back sends his order once more: not where the first one may have been placed.
    const again = cause.outcome === 'unknown' ? {} : { retryAfter: retryAfterOf(cause) };
    return { status: 503, message, outcome: cause.outcome, ...again };
  }
  if (cause instanceof DatabaseError && CONFLICTS.has(cause.code ?? '')) {
    return { status: 409, message: cause.constraint ? `conflicts with ${cause.constraint}` : 'conflict' };
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  return { status, message: status < 500 ? error.message : 'internal error' };
}

export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, message, details, outcome, retryAfter } = answerFor(error);
  // That the database is away is logged once, by the breaker, and not with every request.
  if (status >= 500) request.log[status === 503 ? 'info' : 'error']({ err: error }, 'request failed');
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
  // What is undefined is left out of the JSON.
  void reply.status(status).send({ error: message, details, outcome });
}
