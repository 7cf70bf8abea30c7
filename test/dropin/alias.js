'use strict';

/*
 * node -r alias.js program.js: whoever requires `pg` gets this package, as with "pg": "npm:pgkeel" in package.json.
 */

const Module = require('node:module');
const path = require('node:path');

const OURS = path.resolve(__dirname, '../..');
const resolve = Module._resolveFilename;

Module._resolveFilename = function resolveWithAlias(request, ...rest) {
  const aliased = request === 'pg' || request.startsWith('pg/') ? OURS + request.slice(2) : request;
  return resolve.call(this, aliased, ...rest);
};
