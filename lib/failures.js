'use strict';

/*
 * What the engine tells of a failure, as the error that an application sees: the server's errors as DatabaseError,
 * everything else as KeelError, with pg's text where pg has one for the case.
 */

const os = require('os');
const { CODES, DatabaseError, KeelError } = require('./errors');

// Node counts its resolver's errors apart from the system's.
const RESOLVER_ERRNO = { ENOTFOUND: -3008, EAI_AGAIN: -3001, EAI_FAIL: -3004, EAI_NODATA: -3007 };

const TEXTS = {
  [CODES.QUERY_TIMEOUT]: 'Query read timeout',
  [CODES.ABORTED]: 'The query was aborted',
  [CODES.CONNECTION_LOST]: 'Connection terminated unexpectedly',
  [CODES.POOL_CLOSED]: 'Cannot use a pool after calling end on the pool',
  [CODES.ACQUIRE_TIMEOUT]: 'timeout exceeded when trying to connect',
  [CODES.QUEUE_FULL]: 'too many requests are waiting for a connection',
  [CODES.CONNECT_TIMEOUT]: 'Connection terminated due to connection timeout',
  [CODES.CONNECT_FAILED]: 'no connection could be opened',
};

const CONNECTING = new Set([CODES.CONNECT_FAILED, CODES.CONNECT_TIMEOUT]);

const isServerError = (fields) => fields.C !== undefined && fields.S !== undefined;

function socketPath(message) {
  return /on socket "([^"]+)"/.exec(message)?.[1];
}

// libpq's text is the only place that says which of several addresses it was.
function addressOf(message, { host, port }) {
  const path = socketPath(message);
  if (path !== undefined) return { shown: path, details: { address: path } };
  const found = /server at "([^"]*)"(?: \(([^)]+)\))?, port (\d+)/.exec(message);
  const address = found?.[2] ?? found?.[1] ?? host;
  const used = found ? Number(found[3]) : port;
  return { shown: `${address}:${used}`, details: { address, port: used } };
}

/** The error of Node's own that pg would have met. */
function systemError(fields, where) {
  const { e: code, M: message = '' } = fields;
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    const error = new Error(`getaddrinfo ${code} ${where.host}`);
    return Object.assign(error, {
      errno: RESOLVER_ERRNO[code],
      code,
      syscall: 'getaddrinfo',
      hostname: where.host,
    });
  }
  const { shown, details } = addressOf(message, where);
  const number = os.constants.errno[code];
  const errno = number === undefined ? undefined : -number;
  return Object.assign(new Error(`connect ${code} ${shown}`), {
    errno,
    code,
    syscall: 'connect',
    ...details,
  });
}

function causeOf(fields, where) {
  if (isServerError(fields)) return DatabaseError.fromFields(fields, { outcome: 'not-sent' });
  if (fields.e !== undefined) return systemError(fields, where);
  if (fields.M === undefined) return undefined;
  const text = fields.M.trim();
  return new Error(
    /server does not support SSL/.test(text) ? 'The server does not support SSL connections' : text,
  );
}

/** @param {{ host?: string, port?: number, node?: string }} where */
function connectFailure(info, where) {
  const cause = causeOf(info.fields, where);
  const message = cause?.message || TEXTS[CODES.CONNECT_FAILED];
  return new KeelError(info.code, message, { ...fateOf(info, where), cause });
}

function fateOf({ outcome, attempts }, where) {
  return { outcome, attempts, node: where?.node };
}

function lossCause(fields) {
  if (isServerError(fields)) return DatabaseError.fromFields(fields);
  if (fields.M === undefined) return undefined;
  return Object.assign(new Error(fields.M.trim()), fields.e && { code: fields.e });
}

function lost(info, where) {
  const cause = lossCause(info.fields);
  return new KeelError(info.code, TEXTS[info.code], { ...fateOf(info, where), cause });
}

/** The failure that opened the breaker, as whoever met it was told; undefined: it was no failure that did. */
function breakerCause({ cause: code, fields }, where) {
  if (code === undefined) return undefined;
  const fate = CONNECTING.has(code)
    ? { outcome: 'not-sent', attempts: 0 }
    : { outcome: 'unknown', attempts: 1 };
  return errorOf({ code, fields, ...fate }, where);
}

function refusedByBreaker(info, where) {
  const cause = breakerCause(info, where);
  const retryAfter = info.retryAfter || undefined;
  // Without a failure, and not by hand.
  const because = cause === undefined ? 'too many calls were slow' : cause.message;
  const message =
    retryAfter === undefined
      ? `The circuit breaker of ${where.node} was opened by hand`
      : `The circuit breaker of ${where.node} is open: ${because}`;
  return new KeelError(info.code, message, { ...fateOf(info, where), cause, retryAfter });
}

/**
 * @param {import('./engine').Failure} info
 * @param {{ host?: string, port?: number, node?: string }} where
 */
function errorOf(info, where) {
  const { code, fields } = info;
  if (code === CODES.CONNECT_FAILED) return connectFailure(info, where);
  if (code === CODES.BREAKER_OPEN) return refusedByBreaker(info, where);
  // A server that kills a connection says so before it goes; the link's death is what follows.
  if (isServerError(fields)) return DatabaseError.fromFields(fields, fateOf(info, where));
  if (code === CODES.CONNECTION_LOST) return lost(info, where);
  return new KeelError(code, TEXTS[code] ?? fields.M ?? code, fateOf(info, where));
}

/**
 * Why a Client could not connect, as pg tells it: the server's refusal is a DatabaseError, what the password function
 * threw comes as it is, and `code` is the system's (`ECONNREFUSED`), with ours beside it in `keelCode`.
 */
function connectErrorOf(info, where, passwords) {
  const thrown = passwords.take(info.fields.M);
  if (thrown !== undefined) return thrown;
  if (isServerError(info.fields)) return DatabaseError.fromFields(info.fields, fateOf(info, where));
  if (info.code === CODES.CONNECT_TIMEOUT)
    return new KeelError(info.code, 'timeout expired', fateOf(info, where));
  const failure = errorOf(info, where);
  const { errno, code, syscall, address, port, hostname } = failure.cause ?? {};
  if (code === undefined) return failure;
  const system = { errno, code, syscall, ...(hostname === undefined ? { address, port } : { hostname }) };
  return Object.assign(failure, { keelCode: failure.code, ...system });
}

const FIGURES = /(: about [\d.]+ ms (to wait|needed))?( \(total=\d+, idle=\d+, waiting=\d+\))?$/;
const WITH_FIGURES = new Set([CODES.ACQUIRE_TIMEOUT, CODES.QUEUE_FULL, CODES.QUERY_TIMEOUT]);

/** Why a pool's request failed. */
function poolErrorOf(info, pool) {
  const thrown = pool._passwords.take(info.fields.M);
  if (thrown !== undefined) {
    return new KeelError(info.code, thrown.message, { ...fateOf(info, pool._where), cause: thrown });
  }
  // Without the hardened profile a server's refusal is what it is in pg.
  if (info.code === CODES.CONNECT_FAILED && isServerError(info.fields) && !pool.options.hardened) {
    return DatabaseError.fromFields(info.fields, fateOf(info, pool._where));
  }
  const error = errorOf(info, pool._where);
  // The figures of that moment; by now they may be others.
  if (WITH_FIGURES.has(info.code)) error.message += FIGURES.exec(info.fields.M)?.[0] ?? '';
  return error;
}

module.exports = { TEXTS, connectErrorOf, errorOf, isServerError, lost, poolErrorOf };
