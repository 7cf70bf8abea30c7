'use strict';

const { driverOver, nodePostgres } = require('./pg-like');

module.exports = {
  packages: ['pg'],
  open(config) {
    const { Pool } = require('pg');
    return driverOver(new Pool(config), nodePostgres);
  },
};
