'use strict';

const { makeDriver } = require('./driver');
const { requireOrm } = require('./orm');
const { installShutdownHandlers } = require('../shutdown');

const { createDatabase, drizzle, migrate } = makeDriver(requireOrm());

module.exports = { createDatabase, drizzle, installShutdownHandlers, migrate };
