'use strict';

const { driverOver, nodePostgres } = require('./pg-like');

async function* stream(pool, { text }, values, size) {
  const QueryStream = require('pg-query-stream');
  const client = await pool.connect();
  try {
    let batch = [];
    for await (const row of client.query(new QueryStream(text, values, { batchSize: size }))) {
      batch.push(row);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } finally {
    client.release();
  }
}

module.exports = {
  packages: ['pg'],
  streamPackages: ['pg-query-stream'],
  open(config) {
    const { Pool } = require('pg');
    return driverOver(new Pool(config), nodePostgres, stream);
  },
};
