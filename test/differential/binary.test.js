'use strict';

const assert = require('node:assert/strict');
const { Client, types } = require('../../lib/index.js');
const { sharedCluster } = require('../support/shared');
const literals = require('./support/literals');
const { normalise } = require('./support/normalise');
const { cast, typeName } = require('./support/sql');

// pg cannot be the reference here: it reads binary values as UTF-8 text first and so loses every byte above 0x7f.
// The reference is what pg-types makes of the true bytes, asked of the type's own send function.
describe('differential: binary results are what pg-types makes of the bytes', () => {
  let client;

  before(async () => {
    client = new Client((await sharedCluster()).config());
    await client.connect();
  });

  after(() => client.end());

  async function sendFunction(name) {
    const sql = 'select oid::int as oid, typsend::text as send from pg_type where oid = to_regtype($1)';
    const { rows } = await client.query(sql, [name]);
    return rows[0];
  }

  async function expected(expressions, name) {
    const { oid, send } = await sendFunction(name);
    const argument = send === 'textsend' ? '::text' : '';
    const columns = expressions
      .map((sql, i) => `pg_catalog.${send}((${sql})${argument}) as c${i}`)
      .join(', ');
    const { rows } = await client.query(`select ${columns}`);
    const parser = types.getTypeParser(oid, 'binary');
    return Object.values(rows[0]).map((bytes) => (bytes === null ? null : parser(bytes)));
  }

  async function check(expressions, name) {
    const columns = expressions.map((sql, i) => `${sql} as c${i}`).join(', ');
    const text = `select ${columns} where $1::int = 1`;
    const { rows, fields } = await client.query({ text, values: [1], binary: true });
    const view = (value) => normalise(value, require('../../lib/index.js'));
    assert.deepEqual(view(Object.values(rows[0])), view(await expected(expressions, name)));
    assert.ok(fields.every(({ format }) => format === 'binary'));
  }

  const noBinaryForm = ['aclitem', 'gtsvector'];
  // pg-types has a parser for these that gives undefined and complains on the console.
  const unreadArrays = ['bool', 'regproc'];
  for (const [type, values] of Object.entries(literals)) {
    if (values.length === 0 || noBinaryForm.includes(type)) continue;
    const scalars = [...values, null].map((value) => cast(value, type));
    const list = `${typeName(type)}[]`;

    it(`${type}`, () => check(scalars, typeName(type)));

    if (unreadArrays.includes(type)) continue;
    it(`${type}[]`, () =>
      check(
        [
          `array[${scalars.join(', ')}]::${list}`,
          `'{}'::${list}`,
          `null::${list}`,
          `array[array[${scalars[0]}, null], array[${scalars[0]}, ${scalars[0]}]]::${list}`,
        ],
        list,
      ));
  }
});
