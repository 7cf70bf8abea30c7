'use strict';

const { FRESH_ENTRIES } = require('../tables');
const { expectRows } = require('./expect');

const INSERT = {
  name: 'insert_entry',
  text: 'insert into entries (name, amount) values ($1, $2) returning id, amount',
};
const COUNT = {
  name: 'count_entries',
  text: `select count(*)::int as entries, count(distinct amount)::int as amounts from entries
    where name = 'entry ' || amount and amount > 0`,
};

async function start({ run, rows }) {
  let last = 0;
  const once = async () => {
    const amount = ++last;
    const [row] = rows(await run(INSERT, [`entry ${amount}`, amount]));
    if (row.amount !== amount || !(row.id > 0))
      throw new Error(`inserted ${amount}, got ${JSON.stringify(row)}`);
  };
  const finish = async (count) => {
    expectRows(rows(await run(COUNT, [])), [{ entries: count, amounts: count }]);
  };
  return { once, finish };
}

module.exports = {
  name: 'W4',
  title: 'insert returning',
  callers: [64],
  fresh: FRESH_ENTRIES,
  start,
};
