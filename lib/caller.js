'use strict';

const { DatabaseError, KeelError } = require('./errors');

/*
 * Errors come from the engine, where no stack leads to whoever asked. Capturing one with every query would cost more
 * than the query's own bookkeeping, so a promise's error is made inside of a reaction that the caller's await hangs on:
 * V8 then finds the awaiting functions by itself, and a query that succeeds pays nothing. A callback has nobody that
 * awaits it: there the stack is taken when it is given.
 */

const isOurs = (error) => error instanceof KeelError || error instanceof DatabaseError;

// The caller and who called it; each frame more costs as much as sending the query.
const FRAMES = 3;

/**
 * Rejects the promise that `resolve` belongs to with the error that `make` gives, whose stack names the async functions
 * that await the promise.
 */
function rejectForCaller(resolve, make) {
  let trigger;
  const reaction = new Promise((_resolve, reject) => {
    trigger = reject;
  }).catch(function failed() {
    const error = make();
    // The stack of what the application itself has thrown says more.
    if (isOurs(error)) Error.captureStackTrace(error, failed);
    throw error;
  });
  // In this order: the caller must hang on the reaction before it runs.
  resolve(reaction);
  trigger();
}

/** Where the call of `entry` came from, formatted only when it is read. */
function captureSite(entry, frames = Math.min(Error.stackTraceLimit, FRAMES)) {
  const site = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  Error.captureStackTrace(site, entry);
  Error.stackTraceLimit = limit;
  return site;
}

/** Gives `error` the stack of a site taken before. */
function atSite(error, site) {
  if (site === undefined || !isOurs(error)) return error;
  const frames = site.stack.slice(site.stack.indexOf('\n') + 1);
  const value = `${error.name}: ${error.message}\n${frames}`;
  Object.defineProperty(error, 'stack', { configurable: true, writable: true, value });
  return error;
}

module.exports = { rejectForCaller, captureSite, atSite };
