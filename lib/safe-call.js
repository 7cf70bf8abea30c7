'use strict';

/**
 * Reports what a caller's function threw, as Node.js does for any callback: as an uncaught exception, but after the
 * work at hand, so that one faulty function does not cost the others their events.
 */
function reportUncaught(err) {
  process.nextTick(() => {
    throw err;
  });
}

/** Calls a function of the application from which nothing may come back. */
function safeCall(fn, ...args) {
  try {
    fn(...args);
  } catch (err) {
    reportUncaught(err);
  }
}

module.exports = { reportUncaught, safeCall };
