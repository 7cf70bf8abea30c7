'use strict';

/*
 * What happens to 1,000 fast statements at a time on 4 connections while a slow one runs; and, for comparison, while
 * it does not.
 */

const { setTimeout: pause } = require('node:timers/promises');
const point = require('./point');
const { expectKey } = require('./expect');

const SLEEP = { name: 'sleep', text: 'select pg_sleep($1::float8)' };

async function start(driver, beside) {
  const find = await point.finder(driver);
  const once = async () => {
    const id = point.randomKey();
    expectKey(await find(id), id);
  };
  return { once, beside };
}

const common = { callers: [1_000], connections: 4 };

module.exports = [
  {
    ...common,
    name: 'fast',
    title: 'batches of point selects on 4 connections',
    start: (driver) => start(driver, (seconds) => pause(seconds * 1000)),
  },
  {
    ...common,
    name: 'slow',
    title: 'the same beside one pg_sleep',
    start: (driver) => start(driver, async (seconds) => driver.run(SLEEP, [seconds])),
  },
];
