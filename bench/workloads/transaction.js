'use strict';

const { eq, sql } = require('drizzle-orm');
const { accounts } = require('../schema');
const { ACCOUNTS, FRESH_ACCOUNTS } = require('../tables');
const { expectRows } = require('./expect');

const UPDATE = { name: 'pay_in', text: 'update accounts set balance = balance + 1 where id = $1' };
const SELECT = { name: 'balance', text: 'select id, balance from accounts where id = $1' };
const SUM = { name: 'sum', text: 'select sum(balance)::int as sum from accounts' };

/** Every caller pays into accounts of its own: nobody waits for a lock, and each balance is known beforehand. */
function payments({ run, rows }, callers, payIn) {
  const share = Math.floor(ACCOUNTS / callers);
  const paid = new Array(callers).fill(0);
  const once = async (caller) => {
    const turn = paid[caller]++;
    const id = 1 + caller * share + (turn % share);
    const balance = 1 + Math.floor(turn / share);
    const [row] = await payIn(id);
    if (row.id === id && row.balance === balance) return;
    throw new Error(`wanted a balance of ${balance} in account ${id}, got ${JSON.stringify(row)}`);
  };
  const finish = async (count) => expectRows(rows(await run(SUM, [])), [{ sum: count }]);
  return { once, finish };
}

async function start(driver, { callers }) {
  const payIn = (id) =>
    driver.transaction(async (run) => {
      await run(UPDATE, [id]);
      return driver.rows(await run(SELECT, [id]));
    });
  return payments(driver, callers, payIn);
}

async function startDrizzle(driver, { callers }) {
  const database = driver.database();
  const payIn = (id) =>
    database.transaction(async (tx) => {
      const balance = sql`${accounts.balance} + 1`;
      await tx.update(accounts).set({ balance }).where(eq(accounts.id, id));
      return tx.select().from(accounts).where(eq(accounts.id, id));
    });
  return payments(driver, callers, payIn);
}

module.exports = [
  { name: 'W5', title: 'begin, update, select, commit', callers: [10], fresh: FRESH_ACCOUNTS, start },
  {
    name: 'W5d',
    title: "as W5, through Drizzle's db.transaction",
    callers: [10],
    fresh: FRESH_ACCOUNTS,
    start: startDrizzle,
  },
];
