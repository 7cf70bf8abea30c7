'use strict';

const { driverOver } = require('./pg-like');

function stream(pool, { text }, values, batchSize) {
  return pool.stream(text, values, { batchSize }).batches();
}

module.exports = {
  packages: ['pgkeel'],
  open(config) {
    const { Pool } = require('pgkeel');
    const drizzle = (pool) => require('pgkeel/drizzle').drizzle({ client: pool });
    return driverOver(new Pool(config), drizzle, stream);
  },
};
