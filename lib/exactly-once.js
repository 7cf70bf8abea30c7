'use strict';

/*
 * pool.query({ ..., exactlyOnce: true }): a write in a transaction of its own. When the link dies under its COMMIT the engine
 * asks the server what became of it, so that each attempt ends as done, as not done, or, where the server cannot say, as
 * unknown. What was not done is tried again.
 */

const { setTimeout: sleep } = require('node:timers/promises');
const { CODES, KeelError } = require('./errors');
const { TEXTS } = require('./failures');
const { checkQueryOptions } = require('./options');
const { announceRetry, pauseOf, policyOf } = require('./retry-policy');
const { PRELUDE } = require('./statement');

const LINK_FAILURES = new Set([CODES.CONNECTION_LOST, CODES.CONNECT_FAILED, CODES.CONNECT_TIMEOUT]);
// The server goes down, is starting, has taken a deadlock or a conflict apart.
const WORTH_REPEATING = new Set(['57P01', '57P02', '57P03', '40001', '40P01']);

function isWorthRepeating({ outcome, code }) {
  if (outcome !== 'rolled-back' && outcome !== 'not-sent') return false;
  return LINK_FAILURES.has(code) || WORTH_REPEATING.has(code) || String(code).startsWith('08');
}

/** One deadline for all attempts. */
class Budget {
  constructor(limit) {
    this.end = limit ? performance.now() + limit : Infinity;
  }

  get left() {
    return this.end - performance.now();
  }

  /** For a statement. */
  options() {
    if (this.end === Infinity) return {};
    const { left } = this;
    if (left <= 0) throw new KeelError(CODES.QUERY_TIMEOUT, TEXTS[CODES.QUERY_TIMEOUT]);
    return { timeout: Math.ceil(left) };
  }
}

async function attempt(pool, config, values, budget) {
  const client = await pool.connect();
  // The statement that is under way says what happened; unheard, the event would end the process.
  const ignore = () => {};
  client.on('error', ignore);
  try {
    const asked = { ...config, ...budget.options(), queryMode: 'extended', [PRELUDE]: 'begin' };
    const result = await client.query(asked, values);
    await client.query({ text: 'commit', ...budget.options() });
    return result;
  } finally {
    client.removeListener('error', ignore);
    // What is still open is rolled back before anybody else gets the connection.
    client.release();
  }
}

/** @returns {Promise<object>} the statement's result */
async function queryExactlyOnce(pool, config, values) {
  checkQueryOptions(config);
  const { timeout, query_timeout: ofPg } = config;
  const asked = { ...config, exactlyOnce: undefined, timeout: undefined, query_timeout: undefined };
  const budget = new Budget(Number(timeout ?? ofPg ?? 0));
  const policy = policyOf({}, pool.options);
  for (let retry = 1; ; retry++) {
    try {
      return await attempt(pool, asked, values, budget);
    } catch (error) {
      if (typeof error.attempts === 'number') error.attempts = retry;
      if (retry > policy.maxRetries || pool.ending || !isWorthRepeating(error)) throw error;
      const delay = pauseOf(policy, retry - 1);
      if (delay >= budget.left) throw error;
      announceRetry(pool, retry + 1, delay, error);
      await sleep(delay);
    }
  }
}

module.exports = { queryExactlyOnce };
