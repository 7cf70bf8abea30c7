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

// The database cannot serve now, and nothing is wrong with the request.
const UNAVAILABLE = new Set([
  'KEEL_CONNECT_FAILED',
  'KEEL_CONNECT_TIMEOUT',
  'KEEL_CONNECTION_LOST',
  'KEEL_ACQUIRE_TIMEOUT',
  'KEEL_QUEUE_FULL',
  'KEEL_QUERY_TIMEOUT',
  'KEEL_BREAKER_OPEN',
  'KEEL_POOL_CLOSED',
]);

const CONFLICTS = new Set(['23503', '23505', '23514', '40001', '40P01']);

interface Answer {
  status: number;
  message: string;
  details?: unknown;
}

function answerFor(error: FastifyError | Error): Answer {
  if (error instanceof ZodError) {
    const details = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    return { status: 400, message: 'invalid request', details };
  }
  // Drizzle wraps what the driver throws.
  const cause = error.cause ?? error;
  if (cause instanceof KeelError && UNAVAILABLE.has(cause.code)) {
    return { status: 503, message: 'the database is not available' };
  }
  if (cause instanceof DatabaseError && CONFLICTS.has(cause.code ?? '')) {
    return { status: 409, message: cause.constraint ? `conflicts with ${cause.constraint}` : 'conflict' };
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  return { status, message: status < 500 ? error.message : 'internal error' };
}

export function handleError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, message, details } = answerFor(error);
  if (status >= 500) request.log.error({ err: error }, 'request failed');
  if (status === 503) void reply.header('retry-after', '1');
  void reply.status(status).send({ error: message, ...(details === undefined ? {} : { details }) });
}
