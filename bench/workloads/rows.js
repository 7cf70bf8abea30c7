'use strict';

const { record } = require('../tables');
const { expectKey, expectRows } = require('./expect');

const COLUMNS = 'id, serial, score, price, active, name, email, note, created, data';
const FETCH = { name: 'fetch_records', text: `select ${COLUMNS} from records where id <= $1 order by id` };
// Enough to meet every value of every column; all of 100,000 would take longer than the measurement.
const CHECKED = 1_000;

function fetching(count) {
  return async ({ run, rows }) => {
    const fetched = rows(await run(FETCH, [count]));
    expectKey(fetched, count, count);
    for (const some of [fetched.slice(0, CHECKED), fetched.slice(-CHECKED)]) {
      const from = some[0].id;
      expectRows(
        some,
        some.map((_, index) => record(from + index)),
      );
    }
    const once = async () => expectKey(rows(await run(FETCH, [count])), count, count);
    return { once };
  };
}

module.exports = [
  { name: 'W2', title: '1,000 rows of 10 mixed columns', callers: [4], start: fetching(1_000) },
  { name: 'W3', title: '100,000 rows of 10 mixed columns', callers: [1], start: fetching(100_000) },
];
module.exports.COLUMNS = COLUMNS;
module.exports.FETCH = FETCH;
module.exports.fetching = fetching;
