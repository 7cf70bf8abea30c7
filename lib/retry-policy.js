'use strict';

/* What JavaScript repeats itself (whole transactions, exactlyOnce), by the engine's formula: see csrc/core/retry.c. */

const { emitSafely } = require('./statement');

const MAX_RETRIES = 3;
const RETRY_DELAY_MS = 1000;
const RETRY_MAX_DELAY_MS = 30_000;

const orElse = (value, usual) => Number(value ?? usual);

/**
 * @param {{ maxRetries?: number, retryDelay?: number, retryMaxDelay?: number }} own
 * @param {object} [options] the pool's: what is not said in `own` is as its queries have it
 */
function policyOf(own, options = {}) {
  return {
    maxRetries: orElse(own.maxRetries, options.maxRetries ?? MAX_RETRIES),
    delay: orElse(own.retryDelay, options.retryDelay ?? RETRY_DELAY_MS),
    maxDelay: orElse(own.retryMaxDelay, options.retryMaxDelay ?? RETRY_MAX_DELAY_MS),
  };
}

/** Exponential with full jitter. @param {number} retries that were made before */
function pauseOf({ delay, maxDelay }, retries) {
  return Math.random() * Math.min(maxDelay, delay * 2 ** retries);
}

/** @param {number} attempt the number of the one that comes */
function announceRetry(pool, attempt, delay, error) {
  if (typeof pool?.emit !== 'function' || pool.listenerCount('retry') === 0) return;
  const event = { node: error.node ?? pool._where?.node, attempt, delay: Math.ceil(delay), error };
  emitSafely(pool, 'retry', event);
}

module.exports = { MAX_RETRIES, announceRetry, pauseOf, policyOf };
