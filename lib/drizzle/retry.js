'use strict';

/*
 * db.transaction(fn, { retry }): the whole function again, when what the attempt before it did is known to be undone. The
 * engine cannot do this: it does not know the function.
 */

const { setTimeout: sleep } = require('node:timers/promises');
const { DatabaseError } = require('../errors');
const { checkRetry } = require('../options');
const { MAX_RETRIES, announceRetry, pauseOf, policyOf } = require('../retry-policy');

/* The server has rolled it back for the sake of others: serialization_failure, deadlock_detected. */
const ROLLED_BACK = new Set(['40001', '40P01']);
/* The session is over: admin_shutdown, crash_shutdown, and what the engine says of a dead link. */
const LOST = new Set(['57P01', '57P02', 'KEEL_CONNECTION_LOST']);
/* No connection came about, and the next may. */
const NOT_OPENED = new Set(['57P03', '53300', 'KEEL_CONNECT_FAILED', 'KEEL_CONNECT_TIMEOUT']);

const CAUSES = 8; // of causes: an application may wrap what Drizzle has wrapped

const isKnown = ({ code }) => ROLLED_BACK.has(code) || LOST.has(code) || NOT_OPENED.has(code);

/** What made the transaction fail, if it is one of the above; else the error as it is. */
function reasonOf(error) {
  let at = error;
  for (let i = 0; i < CAUSES && typeof at === 'object' && at !== null; i++, at = at.cause) {
    if (isKnown(at)) return at;
  }
  return error;
}

/** `retry` taken out of a transaction's config, and what is left of it for Drizzle. */
function splitConfig({ retry, ...rest }) {
  checkRetry(retry ?? false);
  return { retry: retry ?? false, config: Object.keys(rest).length > 0 ? rest : undefined };
}

// Attempts to connect are the engine's to repeat, where it was asked to.
function mayOpen({ code, cause }, pool) {
  if (Number(pool.options?.maxRetries) > 0) return false;
  return NOT_OPENED.has(code) && (!(cause instanceof DatabaseError) || NOT_OPENED.has(cause.code));
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

/** False: the pool is being closed, and would refuse what comes. */
async function paused(policy, attempt, reason, pool) {
  if (pool?.ending) return false;
  const delay = pauseOf(policy, attempt - 1);
  announceRetry(pool, attempt + 1, delay, reason);
  await sleep(delay);
  return !pool?.ending;
}

/**
 * @param {(progress: { begun: boolean }) => Promise<T>} run one transaction from its beginning to its end
 * @param {boolean | { maxRetries?: number, retryDelay?: number, retryMaxDelay?: number }} retry
 * @param {object} [pool] that gives a connection to each
 * @template T
 */
async function repeat(run, retry, pool) {
  // Whoever asks for it means some: a pool that repeats nothing by itself is no answer.
  const usual = { ...pool?.options, maxRetries: pool?.options?.maxRetries || MAX_RETRIES };
  const policy = policyOf(retry === true ? {} : retry, usual);
  for (let attempt = 1; ; attempt++) {
    const progress = { begun: false };
    try {
      return await run(progress);
    } catch (error) {
      const again = attempt <= policy.maxRetries && mayRepeat(reasonOf(error), progress.begun, pool);
      if (!again || !(await paused(policy, attempt, reasonOf(error), pool))) {
        tellAttempts(error, attempt);
        throw error;
      }
    }
  }
}

module.exports = { repeat, splitConfig };
