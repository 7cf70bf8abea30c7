'use strict';

const fs = require('node:fs');
const path = require('node:path');
const pg = require('pg');
const stock = require('drizzle-orm/node-postgres');
const { Pool } = require('../../..');
const own = require('../../../lib/drizzle');
const { sharedCluster } = require('../../support/shared');
const schema = require('./schema');

const DDL = fs.readFileSync(path.join(__dirname, 'schema.sql'), 'utf8');
let databases = 0;

/** A database of its own on the shared server, with the tables of schema.sql where `ddl` says so. */
async function freshDatabase({ ddl = true } = {}) {
  const cluster = await sharedCluster();
  const database = `drizzle_${process.pid}_${++databases}`;
  await cluster.psql(`create database ${database} owner ${cluster.user}`);
  if (ddl) await cluster.psql(DDL, database);
  const url = new URL(cluster.url);
  url.pathname = `/${database}`;
  const psql = (sql) => cluster.psql(sql, database);
  return {
    cluster,
    database,
    url: url.href,
    psql,
    drop: () => cluster.psql(`drop database ${database} with (force)`),
  };
}

/**
 * The same application over each driver. `open(config)` gives a Drizzle database over the driver's one pool.
 * @param {string} url
 * @param {('reference' | 'own' | 'stock over ours')[]} names
 */
function openDrivers(url, names) {
  const makers = {
    reference: () => [stock.drizzle, new pg.Pool({ connectionString: url, max: 4 })],
    own: () => [own.drizzle, new Pool({ connectionString: url, max: 4 })],
    'stock over ours': () => [stock.drizzle, new Pool({ connectionString: url, max: 4 })],
  };
  return names.map((name) => {
    const [drizzle, pool] = makers[name]();
    return { name, pool, drizzle, open: (config = {}) => drizzle(pool, { schema, ...config }) };
  });
}

module.exports = { freshDatabase, openDrivers };
