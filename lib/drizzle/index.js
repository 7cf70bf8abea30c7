'use strict';

const { makeDriver } = require('./driver');
const { requireOrm } = require('./orm');

const { createDatabase, drizzle, migrate } = makeDriver(requireOrm());

module.exports = { createDatabase, drizzle, migrate };
