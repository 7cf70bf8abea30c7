'use strict';

/*
 * A workload is a module with
 *   name, title; callers: how many ask at a time, a case each; connections: the pool's `max` where it is not 10;
 *   start(driver, job) checks that the driver gives the right answers and returns { once, finish, beside, work }:
 *     once(caller) is one operation, which throws when the answer is wrong,
 *     finish(count) checks what `count` operations must have left behind,
 *     beside(seconds) is what goes on beside batches of operations,
 *     work() is the application's own part of an operation, to be weighed alone;
 *   fresh: SQL to run before each measurement.
 * `job` has what differs from case to case: callers, size (of whatever grows), workSteps (see ../work.js).
 */

const STANDARD = [
  ...require('./point'),
  ...require('./rows'),
  require('./insert'),
  ...require('./transaction'),
  ...require('./drizzle'),
];
const SLOW = require('./slow');
const scaling = require('./scaling');

const WORKLOADS = Object.fromEntries(
  [...STANDARD, ...SLOW, ...scaling.WORKLOADS].map((workload) => [workload.name, workload]),
);

function casesOf({ name, title, callers, fresh }) {
  return callers.map((count) => ({
    id: `${name}@${count}`,
    workload: name,
    title: `${title}; ${count} ${count === 1 ? 'caller' : 'callers'}`,
    callers: count,
    fresh,
  }));
}

/** W1 means W1@1, W1@10, ...; W6 means W6a, W6p, ...; W1@64 itself alone. */
function means(name, { id }) {
  if (!id.startsWith(name)) return false;
  return id.length === name.length || /^[a-z@]/.test(id.slice(name.length));
}

const CASES = {
  workloads: STANDARD.flatMap(casesOf),
  slow: SLOW.flatMap(casesOf),
  scaling: scaling.CASES,
  stream: [],
  overload: [],
  profile: [],
};

/** @param {keyof typeof CASES} kind @param {string[]} [only] */
function chooseCases(kind, only) {
  const all = CASES[kind];
  if (only === undefined) return all;
  const unknown = only.filter((name) => !all.some((each) => means(name, each)));
  if (unknown.length > 0)
    throw new Error(`no such workload: ${unknown}; there are ${all.map(({ id }) => id).join(', ')}`);
  return all.filter((each) => only.some((name) => means(name, each)));
}

module.exports = { WORKLOADS, chooseCases };
