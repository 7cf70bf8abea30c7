'use strict';

const { parse } = require('pg-connection-string');
const { KeelError } = require('./errors');
const { redact } = require('./redact');

const ACCEPTED =
  'accepted is a URL such as postgres://user:password@host:5432/database, several hosts separated by commas, ' +
  "the path of a Unix socket's folder, or libpq's keywords (host=... dbname=...)";
const KEYWORDS = /^\s*[a-z_]+\s*=/i;
const URL_FORM = /^(postgres(?:ql)?|pg|tcp|pgsql):\/\/([^/?#]*)(.*)$/is;
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const SYSTEM_ROOTS = /([?&])sslrootcert=system(&|$)/i;

function invalid(option, text, why, cause) {
  return new KeelError('KEEL_CONFIG', `${option}: "${redact(text)}" is not valid, ${why}; ${ACCEPTED}`, {
    option,
    cause,
  });
}

/**
 * The options that a connection string stands for. A string in libpq's keyword form stays as it is, in `conninfo`,
 * beside what can be told of it.
 * @param {string} text
 * @param {string} [option] what to call it in an error
 */
function parseConnectionString(text, option = 'connectionString') {
  if (typeof text !== 'string' || text.trim() === '') {
    const what = typeof text === 'string' ? 'it is empty' : `it is of type ${typeof text}`;
    throw new KeelError('KEEL_CONFIG', `${option}: ${what}; ${ACCEPTED}`, { option });
  }
  if (text.startsWith('/') || text.startsWith('socket:')) return parse(text);
  const url = URL_FORM.exec(text);
  if (url) return parseUrl(text, url, option);
  if (KEYWORDS.test(text)) return { conninfo: text, ...describeKeywords(text) };
  throw invalid(option, text, 'it does not begin with postgres://');
}

function parseUrl(text, [, scheme, authority, rest], option) {
  const at = authority.lastIndexOf('@') + 1;
  const hosts = authority.slice(at).split(',').map(splitHost);
  const bad = hosts.find((host) => host === null || !isPort(host.port));
  if (bad !== undefined) throw invalid(option, text, 'a host or port is malformed (ports are 1 to 65535)');
  if (rest.includes('://')) throw invalid(option, text, 'it holds two URLs');
  const several = hosts.length > 1;
  const single = several ? `${scheme}://${authority.slice(0, at)}several${rest}` : text;
  checkSslMode(rest, text, option);
  const config = parseSingle(single.replace(SYSTEM_ROOTS, keepSeparator), text, option);
  if (several) {
    config.host = hosts.map(({ name }) => decodeURIComponent(name)).join(',');
    config.port = hosts.map(({ port }) => port).join(',');
  }
  return config;
}

// pg-connection-string lets a mode that it does not know pass for "no TLS".
function checkSslMode(rest, text, option) {
  const query = rest.includes('?') ? rest.slice(rest.indexOf('?') + 1) : '';
  const mode = new URLSearchParams(query).get('sslmode');
  if (mode === null || SSL_MODES.includes(mode)) return;
  const message = `${option}: "${redact(text)}" is not valid; accepted are for sslmode: ${SSL_MODES.join(', ')}`;
  throw new KeelError('KEEL_CONFIG', message, { option: 'sslmode' });
}

function keepSeparator(_match, before, after) {
  return after === '&' ? before : '';
}

function parseSingle(url, text, option) {
  try {
    return parse(url);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') {
      throw new KeelError('KEEL_CONFIG', `${option}: a file that it names cannot be read: ${error.message}`, {
        option,
        cause: error,
      });
    }
    throw invalid(option, text, redact(error.message), error);
  }
}

function splitHost(text) {
  const match = /^(\[[^\]]+\]|[^:[\]]*)(?::(.*))?$/s.exec(text);
  if (!match) return null;
  return { name: match[1].replace(/^\[(.+)\]$/, '$1'), port: match[2] ?? '' };
}

function isPort(text) {
  return text === '' || (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535);
}

// Only to show where a client leads: libpq reads the string itself.
function describeKeywords(text) {
  const found = {};
  const pair = /([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)/gi;
  for (const [, key, raw] of text.matchAll(pair)) {
    const value = raw.startsWith("'") ? raw.slice(1, -1).replace(/\\(.)/g, '$1') : raw;
    if (key === 'dbname') found.database = value;
    if (key === 'host' || key === 'port' || key === 'user' || key === 'application_name') found[key] = value;
  }
  return found;
}

module.exports = { parseConnectionString };
