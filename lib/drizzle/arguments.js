'use strict';

const { KeelError } = require('../errors');

const CASINGS = ['snake_case', 'camelCase'];
const CONFIG_KEYS = ['client', 'connection', 'schema', 'logger', 'casing', 'cache'];

/**
 * Sorts out the overloads of drizzle(): `(client | url)`, `(client | url, config)`,
 * `({ client | connection, ...config })`.
 * @returns {{ client?: object, connection?: object, config: object }}
 */
function readArguments(first, second) {
  if (typeof first === 'string') return { connection: { connectionString: first }, config: checked(second) };
  if (isClient(first)) return { client: first, config: checked(second) };
  if (isConfig(first)) return readConfig(first);
  throw new KeelError('KEEL_CONFIG', `drizzle() cannot work with ${nameOf(first)}: ${USAGE}`);
}

const USAGE =
  'accepted are a connection string, a pool or client, or an object with `client` or `connection` ' +
  '(pool options go into `connection`)';

function readConfig({ client, connection, ...config }) {
  checked(config);
  if (client !== undefined) {
    if (isClient(client)) return { client, config };
    throw new KeelError('KEEL_CONFIG', `client: ${nameOf(client)} is not a pool or client`);
  }
  if (typeof connection === 'string') return { connection: { connectionString: connection }, config };
  if (connection === undefined || isPlain(connection)) return { connection: connection ?? {}, config };
  throw new KeelError(
    'KEEL_CONFIG',
    `connection: ${nameOf(connection)} is not valid; accepted is a connection string or pool options`,
  );
}

function checked(config = {}) {
  if (!isPlain(config)) {
    throw new KeelError('KEEL_CONFIG', `drizzle()'s second argument: ${nameOf(config)} is not an object`);
  }
  checkDrizzleOptions(config);
  return config;
}

/** `schema`, `logger`, `casing` and `cache`, as drizzle() and createDatabase() take them. */
function checkDrizzleOptions({ schema, logger, casing, cache }) {
  refuse('schema', schema, isObject(schema), 'an object with tables and relations');
  refuse(
    'logger',
    logger,
    typeof logger === 'boolean' || typeof logger?.logQuery === 'function',
    'true, false or an object with logQuery(query, params)',
  );
  refuse('casing', casing, CASINGS.includes(casing), `${CASINGS.map((name) => `'${name}'`).join(' or ')}`);
  refuse('cache', cache, typeof cache?.onMutate === 'function', "a Cache (see 'drizzle-orm/cache/core')");
}

function refuse(name, value, valid, accepted) {
  if (value === undefined || valid) return;
  throw new KeelError('KEEL_CONFIG', `${name}: ${nameOf(value)} is not valid; accepted is ${accepted}`);
}

function isClient(value) {
  return isObject(value) && typeof value.query === 'function';
}

function isConfig(value) {
  return isPlain(value) && (Object.keys(value).length === 0 || CONFIG_KEYS.some((key) => key in value));
}

function isPlain(value) {
  if (!isObject(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isObject(value) {
  return typeof value === 'object' && value !== null;
}

// What was given may hold a password: only its kind is told, or the text of a short word.
function nameOf(value) {
  if (typeof value === 'string') return /^\w{0,20}$/.test(value) ? `"${value}"` : 'a string';
  if (typeof value === 'function') return 'a function';
  if (isObject(value)) return Array.isArray(value) ? 'an array' : 'an object of another kind';
  return String(value);
}

module.exports = { checkDrizzleOptions, readArguments };
