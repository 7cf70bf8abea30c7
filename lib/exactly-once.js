'use strict';

/*
 * pool.query({ ..., exactlyOnce: true }): a write in a transaction of its own. When the link dies under its COMMIT the engine
 * asks the server what became of it, so that each attempt ends as done, as not done, or, where the server cannot say, as
 * unknown. What was not done is tried again.
 */

const { CODES, KeelError } = require('./errors');
const { TEXTS } = require('./failures');
const { checkQueryOptions } = require('./options');
const { repeat } = require('./repeat');
const { PRELUDE } = require('./statement');

const DEFAULT_RETRIES = 3;

/** What a client's query must not be told again: it answers by its promise, and its time is the budget's. */
const OURS = { exactlyOnce: undefined, callback: undefined, timeout: undefined, query_timeout: undefined };

/** One deadline for all attempts. */
class Budget {
  /** @param {number} limit ms; 0: none */
  constructor(limit) {
    this.end = limit > 0 ? performance.now() + limit : Infinity;
  }

  get left() {
    return this.end - performance.now();
  }

  /** For a statement. @param {string} outcome of what was sent before it */
  options(outcome) {
    if (this.end === Infinity) return {};
    const { left } = this;
    if (left > 0) return { timeout: Math.ceil(left) };
    throw new KeelError(CODES.QUERY_TIMEOUT, TEXTS[CODES.QUERY_TIMEOUT], { outcome, attempts: 1 });
  }
}

async function attempt(pool, config, values, budget) {
  const client = await pool._connectWithin(budget.left, config.signal ?? undefined);
  pool._holdsClients.keepsItself(client);
  // The statement that is under way says what happened; unheard, the event would end the process.
  const ignore = () => {};
  client.on('error', ignore);
  try {
    const asked = { ...config, ...budget.options('not-sent'), queryMode: 'extended', [PRELUDE]: 'begin' };
    const result = await client.query(asked, values);
    await client.query({ text: 'commit', ...budget.options('rolled-back') });
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
  const limit = config.timeout ?? (config.query_timeout || undefined) ?? pool._limits.queryTimeout;
  const budget = new Budget(Number(limit));
  const asked = { ...config, ...OURS };
  const retry = { maxRetries: pool.options.maxRetries ?? DEFAULT_RETRIES };
  const run = (progress) => {
    // Nothing is repeated whose outcome is unknown, be it the BEGIN's.
    progress.begun = true;
    return attempt(pool, asked, values, budget);
  };
  return repeat(run, retry, pool, { left: () => budget.left, signal: config.signal ?? undefined });
}

module.exports = { queryExactlyOnce };
