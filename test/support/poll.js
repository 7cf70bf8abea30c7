'use strict';

const POLL_INTERVAL_MS = 10;

/**
 * Waits until `fn` returns (or resolves to) something truthy and gives it back.
 * `what` names the awaited state in the error of a wait that was in vain; an exception thrown by `fn`
 * counts as "not yet" and becomes the cause of that error.
 */
async function until(fn, { timeout = 5000, interval = POLL_INTERVAL_MS, what = 'the condition' } = {}) {
  const deadline = performance.now() + timeout;
  let lastError;
  for (;;) {
    try {
      const value = await fn();
      if (value) return value;
      lastError = undefined;
    } catch (err) {
      lastError = err;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeout} ms in vain for ${what}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

module.exports = { until };
