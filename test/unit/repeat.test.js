'use strict';

const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { KeelError } = require('../../lib');
const { repeat } = require('../../lib/repeat');
const { failureOf } = require('../support/failure');

const QUICK = { maxRetries: 3, retryDelay: 1 };

function poolOf(options = {}) {
  return Object.assign(new EventEmitter(), { options, ending: false, _pauses: new Set() });
}

const lost = (outcome) => new KeelError('KEEL_CONNECTION_LOST', 'gone', { outcome, attempts: 1 });

/** Runs that fail with these, one after the other, and then succeed. */
function failing(...errors) {
  const run = async (progress) => {
    run.times += 1;
    progress.begun = true;
    if (errors.length > 0) throw errors.shift();
    return run.times;
  };
  run.times = 0;
  return run;
}

describe('what JavaScript repeats', () => {
  it('is what is known to be undone', async () => {
    assert.equal(await repeat(failing(lost('rolled-back'), lost('not-sent')), QUICK, poolOf()), 3);
  });

  it('is not what may have been done', async () => {
    const run = failing(lost('unknown'));
    assert.equal((await failureOf(repeat(run, QUICK, poolOf()))).outcome, 'unknown');
    assert.equal(run.times, 1);
  });

  it('is not what an open breaker refuses, whatever has opened it', async () => {
    const refused = new KeelError('KEEL_BREAKER_OPEN', 'open', { cause: lost('rolled-back') });
    const run = failing(refused);
    assert.equal(await failureOf(repeat(run, QUICK, poolOf())), refused);
    assert.equal(run.times, 1);
    assert.equal(refused.cause.attempts, 1);
  });

  it('was sent, even if the last attempt was not', async () => {
    const run = failing(lost('rolled-back'), lost('not-sent'));
    const error = await failureOf(repeat(run, { maxRetries: 1, retryDelay: 1 }, poolOf()));
    assert.deepEqual([error.outcome, error.attempts], ['rolled-back', 2]);
  });

  it("leaves the application's own errors, and frozen ones, as they are", async () => {
    const frozen = Object.freeze(lost('not-sent'));
    const own = Object.freeze({ code: 'KEEL_CONNECTION_LOST', outcome: 'not-sent' });
    const lookalike = { code: '57P01', outcome: 'not-sent' };
    for (const last of [frozen, own, lookalike]) {
      const run = failing(lost('rolled-back'), last);
      assert.equal(await failureOf(repeat(run, { maxRetries: 1, retryDelay: 1 }, poolOf())), last);
      assert.equal(last.outcome, 'not-sent');
    }
  });

  it('is given up when a pause would outlast what is left', async () => {
    const slow = { maxRetries: 3, retryDelay: 60_000, retryMaxDelay: 60_000 };
    const run = failing(lost('rolled-back'));
    await failureOf(repeat(run, slow, poolOf(), { left: () => 0 }));
    assert.equal(run.times, 1);
  });

  it('does not pause for a pool that ends, nor for a signal', async () => {
    const slow = { maxRetries: 3, retryDelay: 3_600_000, retryMaxDelay: 3_600_000 };
    const abort = new AbortController();
    for (const end of [
      (pool) => {
        pool.ending = true;
        for (const wake of pool._pauses) wake();
      },
      () => abort.abort(),
    ]) {
      const pool = poolOf();
      pool.once('retry', () => setImmediate(end, pool));
      const limits = { left: () => Infinity, signal: abort.signal };
      const error = await failureOf(repeat(failing(lost('rolled-back')), slow, pool, limits));
      assert.equal(error.code, 'KEEL_CONNECTION_LOST');
      assert.equal(pool._pauses.size, 0);
    }
  });
});
