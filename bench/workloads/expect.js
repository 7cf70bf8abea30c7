'use strict';

const { deepStrictEqual } = require('node:assert');

/** Rows of any kind (postgres.js' are an array with more to it) against what they must be. */
function expectRows(rows, expected) {
  deepStrictEqual(
    Array.from(rows, (row) => ({ ...row })),
    expected,
  );
}

/** The cheap check of every single answer. Outside of the loops, expectRows() looks at everything. */
function expectKey(rows, id, count = 1) {
  if (rows.length === count && rows[count - 1].id === id) return;
  throw new Error(
    `wanted ${count} rows that end with ${id}, got ${rows.length}: ${JSON.stringify(rows.at(-1))}`,
  );
}

module.exports = { expectKey, expectRows };
