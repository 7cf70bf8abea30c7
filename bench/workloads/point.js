'use strict';

const { ITEMS, item } = require('../tables');
const { burn } = require('../work');
const { expectKey, expectRows } = require('./expect');

const FIND = { name: 'find_item', text: 'select id, name, quantity from items where id = $1' };

const randomKey = () => 1 + Math.floor(Math.random() * ITEMS);

/** @returns {(id: number) => Promise<object[]>} after a check of some answers */
async function finder({ run, rows }) {
  const find = async (id) => rows(await run(FIND, [id]));
  for (const id of [1, 4711, ITEMS]) expectRows(await find(id), [item(id)]);
  expectRows(await find(ITEMS + 1), []);
  return find;
}

async function start(driver) {
  await finder(driver);
  const { run, rows } = driver;
  const once = async () => {
    const id = randomKey();
    expectKey(rows(await run(FIND, [id])), id);
  };
  return { once };
}

async function startWithWork(driver, job) {
  const { once } = await start(driver);
  const work = () => burn(job.workSteps);
  const onceAndWork = async () => {
    await once();
    work();
  };
  return { once: onceAndWork, work };
}

module.exports = [
  { name: 'W1', title: 'point select by key, prepared', callers: [1, 10, 64, 512], start },
  {
    name: 'W1w',
    title: 'as W1, with 20 µs of application work per query',
    callers: [64],
    start: startWithWork,
  },
];
module.exports.FIND = FIND;
module.exports.finder = finder;
module.exports.randomKey = randomKey;
