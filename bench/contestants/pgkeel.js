'use strict';

const { driverOver } = require('./pg-like');

module.exports = {
  packages: ['pgkeel'],
  open(config) {
    const { Pool } = require('pgkeel');
    return driverOver(new Pool(config), (pool) => require('pgkeel/drizzle').drizzle({ client: pool }));
  },
};
