'use strict';

const { eq, lte, sql } = require('drizzle-orm');
const { items, records } = require('../schema');
const { item, record } = require('../tables');
const { expectKey, expectRows } = require('./expect');
const { randomKey } = require('./point');

const ROWS = 1_000;

async function finding(find) {
  for (const id of [1, 4711]) expectRows(await find(id), [item(id)]);
  const once = async () => {
    const id = randomKey();
    expectKey(await find(id), id);
  };
  return { once };
}

function startBuilder(driver) {
  const database = driver.database();
  return finding((id) => database.select().from(items).where(eq(items.id, id)));
}

function startPrepared(driver) {
  const byKey = eq(items.id, sql.placeholder('id'));
  const query = driver.database().select().from(items).where(byKey).prepare('find_item');
  return finding((id) => query.execute({ id }));
}

/** Drizzle makes numbers of bigints here (see schema.js). */
function expected(_, index) {
  const row = record(index + 1);
  return { ...row, serial: Number(row.serial) };
}

async function startMany(driver) {
  const database = driver.database();
  const fetch = () => database.select().from(records).where(lte(records.id, ROWS)).orderBy(records.id);
  expectRows(await fetch(), Array.from({ length: ROWS }, expected));
  const once = async () => expectKey(await fetch(), ROWS, ROWS);
  return { once };
}

module.exports = [
  { name: 'W6a', title: 'point select through Drizzle, built each time', callers: [64], start: startBuilder },
  { name: 'W6p', title: 'point select through Drizzle, prepared', callers: [64], start: startPrepared },
  { name: 'W6m', title: '1,000 rows through Drizzle, built each time', callers: [4], start: startMany },
];
