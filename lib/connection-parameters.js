'use strict';

const dns = require('dns');
const defaults = require('./defaults');
const { KeelError } = require('./errors');
const { parseConnectionString } = require('./connection-string');
const { normalizeSsl } = require('./tls');

const TLS_MODES_OF_ENVIRONMENT = Object.freeze({
  disable: false,
  allow: false, // as long as the server does not insist, and then only libpq's keyword form says it
  prefer: true,
  require: true,
  'verify-ca': true,
  'verify-full': true,
  'no-verify': { rejectUnauthorized: false },
});

// The string beats what stands beside it, as in pg. But a URL that tells no password leaves a password function alone.
function flatten(config) {
  if (typeof config === 'string') return parseConnectionString(config);
  const given = config || {};
  if (!given.connectionString) return given;
  const said = parseConnectionString(given.connectionString);
  return { ...given, ...said, password: said.password || given.password };
}

/** What is given, else the environment's, else the default: an empty value counts as not given. */
function pick(config, key, variable = `PG${key.toUpperCase()}`) {
  return config[key] || (variable && process.env[variable]) || defaults[key];
}

function sslOf(config) {
  if (config.ssl !== undefined) return normalizeSsl(config.ssl);
  const mode = process.env.PGSSLMODE;
  if (!mode) return normalizeSsl(defaults.ssl);
  if (Object.hasOwn(TLS_MODES_OF_ENVIRONMENT, mode)) return TLS_MODES_OF_ENVIRONMENT[mode];
  const accepted = Object.keys(TLS_MODES_OF_ENVIRONMENT).join(', ');
  throw new KeelError('KEEL_CONFIG', `PGSSLMODE: "${mode}" is not valid; accepted are ${accepted}`, {
    option: 'PGSSLMODE',
  });
}

function portOf(value) {
  const port = parseInt(value, 10);
  const severalHosts = typeof value === 'string' && value.includes(',');
  if ((port >= 1 && port <= 65_535) || severalHosts) return port;
  throw new KeelError('KEEL_CONFIG', `port (or PGPORT): "${value}" is not valid; accepted is 1 to 65535`, {
    option: 'port',
  });
}

function hide(target, key, value) {
  Object.defineProperty(target, key, { configurable: true, enumerable: false, writable: true, value });
}

function quote(value) {
  return `'${String(value).replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
}

/** Where and how to connect, from a string or an object, the PG* variables and the defaults. */
class ConnectionParameters {
  constructor(config) {
    const given = flatten(config);
    this.user = pick(given, 'user');
    this.database = pick(given, 'database') ?? this.user;
    this.port = portOf(pick(given, 'port'));
    this.host = pick(given, 'host');
    hide(this, 'password', pick(given, 'password'));
    this.binary = pick(given, 'binary');
    this.options = pick(given, 'options');
    this.ssl = sslOf(given);
    if (this.ssl && this.ssl.key) hide(this.ssl, 'key', this.ssl.key);
    this.#readNegotiation(given);
    this.client_encoding = pick(given, 'client_encoding');
    this.replication = pick(given, 'replication');
    this.isDomainSocket = (this.host || '').startsWith('/');
    this.#readSession(given);
    this.#readTimes(given);
    // What the engine is to be given beside these: strings that only libpq understands, lists of hosts.
    hide(this, 'given', given);
  }

  #readNegotiation(given) {
    this.sslnegotiation = pick(given, 'sslnegotiation', 'PGSSLNEGOTIATION');
    const option = 'sslnegotiation';
    if (![undefined, 'postgres', 'direct'].includes(this.sslnegotiation)) {
      const message = `Invalid sslnegotiation value: "${this.sslnegotiation}". Valid values are "postgres" and "direct".`;
      throw new KeelError('KEEL_CONFIG', message, { option });
    }
    if (this.sslnegotiation === 'direct' && !this.ssl && !given.conninfo) {
      throw new KeelError('KEEL_CONFIG', 'sslnegotiation=direct requires SSL to be enabled', { option });
    }
  }

  #readSession(given) {
    this.application_name = pick(given, 'application_name', 'PGAPPNAME');
    for (const key of [
      'fallback_application_name',
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'query_timeout',
    ]) {
      this[key] = pick(given, key, null);
    }
  }

  #readTimes(given) {
    if (given.connectionTimeoutMillis === undefined)
      this.connect_timeout = process.env.PGCONNECT_TIMEOUT || 0;
    else this.connect_timeout = Math.floor(given.connectionTimeoutMillis / 1000);
    if (typeof given.keepAlive === 'boolean') this.keepalives = Number(given.keepAlive);
    if (typeof given.keepAliveInitialDelayMillis === 'number') {
      this.keepalives_idle = Math.floor(given.keepAliveInitialDelayMillis / 1000);
    }
  }

  /** The parameters as libpq's keyword string, with the host resolved. */
  getLibpqConnectionString(callback) {
    const tls = typeof this.ssl === 'object' ? this.ssl : this.ssl ? { sslmode: this.ssl } : {};
    const pairs = {
      user: this.user,
      password: this.password,
      port: this.port,
      application_name: this.application_name,
      fallback_application_name: this.fallback_application_name,
      connect_timeout: this.connect_timeout,
      options: this.options,
      sslmode: tls.sslmode,
      sslca: tls.sslca,
      sslkey: tls.sslkey,
      sslcert: tls.sslcert,
      sslrootcert: tls.sslrootcert,
      sslnegotiation: this.sslnegotiation,
      dbname: this.database || undefined,
      replication: this.replication || undefined,
      host: this.host || undefined,
    };
    if (this.isDomainSocket) return callback(null, joinPairs(pairs));
    pairs.client_encoding = this.client_encoding || undefined;
    dns.lookup(this.host, (error, address) => {
      if (error) callback(error, null);
      else callback(null, joinPairs({ ...pairs, hostaddr: address }));
    });
    return undefined;
  }
}

function joinPairs(pairs) {
  return Object.entries(pairs)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key}=${quote(value)}`)
    .join(' ');
}

module.exports = ConnectionParameters;
