'use strict';

const literals = require('../support/literals');
const { cast, typeName } = require('../support/sql');

const types = Object.entries(literals);

/** A column for each value and one for NULL. */
function columns(type, values) {
  return [...values, null].map((value, i) => `${cast(value, type)} as c${i}`).join(', ');
}

const scalars = types.map(([type, values]) => ({
  ask: `${type}: values`,
  sql: `select ${columns(type, values)}`,
}));

const asArrays = types.map(([type, values]) => ({
  ask: `${type}: values of a prepared statement, rows as arrays`,
  query: { text: `select $1::int as n, ${columns(type, values)}`, values: [1], rowMode: 'array' },
}));

const parameters = types.map(([type, values]) => ({
  ask: `${type}: text parameters, a row each`,
  run: async (t) => {
    const client = await t.connect();
    const results = [];
    for (const value of [...values, null]) {
      results.push(await t.outcome(() => client.query(`select $1::${typeName(type)} as v`, [value])));
    }
    return results;
  },
}));

const catalogue = {
  ask: 'every type of the catalogue is asked about',
  run: async (t) => {
    const client = await t.connect();
    const { rows } = await client.query(`select typname from pg_type
      where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typcategory <> 'A'`);
    const forgotten = rows.filter((row) => !(row.typname in literals));
    if (forgotten.length > 0) throw new Error(`not in literals.js: ${JSON.stringify(forgotten)}`);
    return rows.length;
  },
};

module.exports = [catalogue, ...scalars, ...asArrays, ...parameters];
