'use strict';

const { makeDatabase } = require('./database');
const { makeMigrate } = require('./migrate');
const { pickOrm } = require('./orm');

/** The public functions over the given modules of drizzle-orm. */
function makeDriver(modules) {
  const orm = pickOrm(modules);
  const { KeelSession, createDatabase, drizzle } = makeDatabase(orm);
  return { createDatabase, drizzle, migrate: makeMigrate(orm, KeelSession) };
}

module.exports = { makeDriver };
