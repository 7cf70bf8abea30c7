'use strict';

/* How a pool is to end: what end() and close() may be told. */

const { CODES, KeelError } = require('./errors');

const FOR_EVER = 2 ** 31 - 1;

const endedTwice = () => new KeelError(CODES.POOL_CLOSED, 'Called end on pool more than once');

/** @returns {{ hastens: boolean, timeout?: number, force?: boolean, error?: KeelError }} */
function readEndOptions({ timeout, force }) {
  const isTime = timeout === undefined || (Number.isInteger(timeout) && timeout >= 0 && timeout <= FOR_EVER);
  if (!isTime) return refuse('timeout', `a whole number of milliseconds from 0 to ${FOR_EVER}`);
  if (force !== undefined && typeof force !== 'boolean') return refuse('force', 'true, false');
  return { hastens: timeout !== undefined || force === true, timeout, force };
}

// Whoever says how to end, however wrongly, means to: it is that which is told of, and not that it was the second time.
function refuse(option, accepted) {
  const error = new KeelError(CODES.CONFIG, `${option}: accepted is ${accepted}`, { option });
  return { hastens: true, error };
}

module.exports = { FOR_EVER, endedTwice, readEndOptions };
