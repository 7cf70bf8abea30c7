'use strict';

const types = require('pg-types');
const { asSent } = require('../row-builder');

// date, timestamp, timestamptz, interval and their arrays, numeric[]: Drizzle's columns decode the server's
// text themselves (mode 'date' or 'string'), and a Date in between would lose microseconds.
const RAW = new Set([1082, 1114, 1184, 1186, 1182, 1115, 1185, 1187, 1231]);

/** Type parsers for every query of Drizzle's; one frozen object, so that a pool may recognise it. */
const rawTypes = Object.freeze({
  getTypeParser: (oid, format) => (RAW.has(oid) ? asSent : types.getTypeParser(oid, format)),
});

module.exports = { rawTypes };
