'use strict';

const types = require('pg-types');

const INT8 = 20;
const INT8_ARRAY = 1016;
const INT4 = 23;
const INT4_ARRAY = 1007;

// Programs assign to these (`pg.defaults.ssl = true`); every Client and Pool made later reads them.
const defaults = {
  host: 'localhost',
  user: process.platform === 'win32' ? process.env.USERNAME : process.env.USER,
  database: undefined,
  password: null,
  connectionString: undefined,
  port: 5432,
  rows: 0,
  binary: false,
  max: 10,
  idleTimeoutMillis: 30000,
  client_encoding: '',
  ssl: false,
  sslnegotiation: undefined,
  application_name: undefined,
  fallback_application_name: undefined,
  options: undefined,
  parseInputDatesAsUTC: false,
  statement_timeout: false,
  lock_timeout: false,
  idle_in_transaction_session_timeout: false,
  query_timeout: false,
  connect_timeout: 0,
  keepalives: 1,
  keepalives_idle: 0,
};

const exactInt8 = types.getTypeParser(INT8, 'text');
const exactInt8Array = types.getTypeParser(INT8_ARRAY, 'text');

Object.defineProperty(defaults, 'parseInt8', {
  configurable: true,
  enumerable: true,
  // Numbers instead of strings, for those who know that theirs stay below 2^53.
  set(asNumber) {
    types.setTypeParser(INT8, 'text', asNumber ? types.getTypeParser(INT4, 'text') : exactInt8);
    types.setTypeParser(
      INT8_ARRAY,
      'text',
      asNumber ? types.getTypeParser(INT4_ARRAY, 'text') : exactInt8Array,
    );
  },
});

module.exports = defaults;
