'use strict';

/*
 * What JavaScript has to repeat itself, because the engine does not know the whole of it: db.transaction(fn, { retry }) and
 * exactlyOnce. Only what the attempt before it did is known to be undone, after pauses by the engine's formula
 * (csrc/core/retry.c).
 */

const { setTimeout: sleep } = require('node:timers/promises');
const { DatabaseError, KeelError } = require('./errors');
const { emitSafely } = require('./statement');

const MAX_RETRIES = 3;
const RETRY_DELAY_MS = 1000;
const RETRY_MAX_DELAY_MS = 30_000;

/* The server has rolled it back for the sake of others: serialization_failure, deadlock_detected. */
const ROLLED_BACK = new Set(['40001', '40P01']);
/* The session is over: admin_shutdown, crash_shutdown, and what the engine says of a dead link. */
const LOST = new Set(['57P01', '57P02', 'KEEL_CONNECTION_LOST']);
/* No connection came about, and the next may. */
const NOT_OPENED = new Set(['57P03', '53300', 'KEEL_CONNECT_FAILED', 'KEEL_CONNECT_TIMEOUT']);

const CAUSES = 8; // of causes: an application may wrap what Drizzle has wrapped

const orElse = (value, usual) => Number(value ?? usual);
const isKnown = ({ code }) => ROLLED_BACK.has(code) || LOST.has(code) || NOT_OPENED.has(code);

/** The first of the causes that is a driver's: what that one was caused by may have happened to somebody else. */
function reasonOf(error) {
  let at = error;
  for (let i = 0; i < CAUSES && typeof at === 'object' && at !== null; i++, at = at.cause) {
    if (at instanceof KeelError || at instanceof DatabaseError || isKnown(at)) return at;
  }
  return error;
}

/** How often, and after which pauses: what is not said here is as the pool's own queries have it. */
function policyOf(own, { maxRetries, retryDelay, retryMaxDelay } = {}) {
  return {
    maxRetries: orElse(own.maxRetries, maxRetries || MAX_RETRIES),
    delay: orElse(own.retryDelay, retryDelay ?? RETRY_DELAY_MS),
    maxDelay: orElse(own.retryMaxDelay, retryMaxDelay ?? RETRY_MAX_DELAY_MS),
  };
}

/** Exponential with full jitter. */
function pauseOf({ delay, maxDelay }, retries) {
  return Math.random() * Math.min(maxDelay, delay * 2 ** retries);
}

// Attempts to connect are the engine's to repeat, where it was asked to.
function mayOpen({ code, cause }, pool) {
  if (Number(pool.options?.maxRetries) > 0) return false;
  return NOT_OPENED.has(code) && (!(cause instanceof DatabaseError) || NOT_OPENED.has(cause.code));
}

function announceRetry(pool, attempt, delay, error) {
  if (typeof pool?.emit !== 'function' || pool.listenerCount('retry') === 0) return;
  const event = { node: error.node ?? pool._where?.node, attempt, delay: Math.ceil(delay), error };
  emitSafely(pool, 'retry', event);
}

/**
 * @param {object} reason of the failure
 * @param {boolean} begun else nothing but a BEGIN can have been sent, and what became of that does not matter
 * @param {object} [pool] undefined: the transactions have one connection for all of them
 */
function mayRepeat(reason, begun, pool) {
  if (typeof reason !== 'object' || reason === null || (begun && reason.outcome === 'unknown')) return false;
  if (ROLLED_BACK.has(reason.code)) return true;
  // A client that is gone does not come back, and an error that does not say what came of it may be anything.
  if (pool === undefined || reason.outcome === undefined) return false;
  return LOST.has(reason.code) || mayOpen(reason, pool);
}

// Frozen, or not an object at all: what the application throws is its own. Of connecting the engine counts the attempts.
function tellAttempts(error, runs) {
  for (const told of new Set([error, reasonOf(error)])) {
    if (typeof told !== 'object' || told === null || !Object.isExtensible(told)) continue;
    Object.defineProperty(told, 'attempts', {
      configurable: true,
      enumerable: false,
      writable: true,
      value: Math.max(runs, Number(told.attempts) || 0),
    });
  }
}

/** Ends early when the pool begins to end, or with the signal. */
async function pauseFor(pool, ms, signal) {
  const stop = new AbortController();
  const end = () => stop.abort();
  pool?._pauses?.add(end);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  await sleep(ms, undefined, { signal: stop.signal }).catch(() => {});
  pool?._pauses?.delete(end);
  signal?.removeEventListener('abort', end);
}

/** False: there is no time for it, the pool is being closed and would refuse what comes, or nobody wants it any more. */
async function paused(delay, attempt, reason, pool, { left, signal }) {
  if (pool?.ending || signal?.aborted || delay >= left()) return false;
  announceRetry(pool, attempt + 1, delay, reason);
  await pauseFor(pool, delay, signal);
  return !pool?.ending && !signal?.aborted;
}

/** An attempt that was never sent does not undo that one before it was. Errors that are not ours say what they said. */
function tellOutcome(error, wasSent) {
  const reason = reasonOf(error);
  const isOurs = (reason instanceof KeelError || reason instanceof DatabaseError) && !Object.isFrozen(reason);
  if (wasSent && isOurs && reason.outcome === 'not-sent') reason.outcome = 'rolled-back';
}

const NO_LIMITS = { left: () => Infinity, signal: undefined };

/**
 * @param {(progress: { begun: boolean }) => Promise<T>} run one attempt from its beginning to its end
 * @param {true | { maxRetries?: number, retryDelay?: number, retryMaxDelay?: number }} retry
 * @param {object} [pool] that gives a connection to each
 * @param {{ left: () => number, signal?: AbortSignal }} [limits] ms that all attempts together still have
 * @template T
 */
async function repeat(run, retry, pool, limits = NO_LIMITS) {
  const policy = policyOf(retry === true ? {} : retry, pool?.options);
  let wasSent = false;
  for (let attempt = 1; ; attempt++) {
    const progress = { begun: false };
    try {
      return await run(progress);
    } catch (error) {
      const reason = reasonOf(error);
      const again = attempt <= policy.maxRetries && mayRepeat(reason, progress.begun, pool);
      const delay = pauseOf(policy, attempt - 1);
      if (!again || !(await paused(delay, attempt, reason, pool, limits))) {
        tellAttempts(error, attempt);
        tellOutcome(error, wasSent);
        throw error;
      }
      wasSent ||= reason.outcome !== 'not-sent';
    }
  }
}

module.exports = { repeat };
