'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client } = require('pg');
const { findBinaries } = require('./binaries');
const { makeCertificates } = require('./certificates');
const { until } = require('./poll');
const { freePort } = require('./ports');
const { childrenOf, signalAll } = require('./processes');
const { guard, unguard } = require('./reaper');
const { giveToServerUser, runAsServerUser, spawnServer } = require('./server-user');

// Reached over the Unix socket without a password, whatever the pg_hba.conf under test says.
const ADMIN = 'cluster_admin';
const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };
const START_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 5;

const DEFAULT_CONFIG = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: 200,
  shared_buffers: '32MB',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

/** A private PostgreSQL server of the test's own. Made by startCluster(). */
class Cluster {
  #options;
  #bin;
  #dir;
  #server = null;
  #frozen = [];

  constructor(options) {
    this.#options = options;
    this.#bin = findBinaries(options.version, { embedded: options.embedded });
    this.#dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-cluster-'));
    this.host = options.tcp === false ? this.socketDir : '127.0.0.1';
    this.port = 0;
    this.user = options.user ?? 'pgkeel';
    this.database = options.database ?? 'pgkeel';
    this.password = options.password;
    giveToServerUser(this.#dir);
    // mkdtemp makes it private to root; clients of any user may have to reach the socket.
    fs.chmodSync(this.#dir, 0o755);
    if (options.ssl) this.#makeCertificates();
  }

  get socketDir() {
    return path.join(this.#dir, 'socket');
  }

  get dataDir() {
    return path.join(this.#dir, 'data');
  }

  get logFile() {
    return path.join(this.#dir, 'server.log');
  }

  get url() {
    const secret = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}`;
    const login = `${encodeURIComponent(this.user)}${secret}@`;
    if (this.#options.tcp !== false) return `postgres://${login}${this.host}:${this.port}/${this.database}`;
    return `postgres://${login}/${this.database}?host=${encodeURIComponent(this.host)}&port=${this.port}`;
  }

  /** Options for pg's Pool and Client, TLS left out (see `certs`). */
  config() {
    const { host, port, user, database, password } = this;
    return { host, port, user, database, ...(password === undefined ? {} : { password }) };
  }

  /** The postmaster's process id; undefined while the server is stopped. */
  pid() {
    return this.#server?.exitCode === null && this.#server.signalCode === null ? this.#server.pid : undefined;
  }

  /** What the server has written to its log so far. */
  log() {
    return fs.existsSync(this.logFile) ? fs.readFileSync(this.logFile, 'utf8') : '';
  }

  /** Runs SQL as a superuser in `database` and answers as `psql -XAtq` does: a line a row, fields joined by |. */
  async psql(sql, database = this.database) {
    const client = new Client({ host: this.socketDir, port: this.port, user: ADMIN, database });
    client.on('error', () => {}); // A server that dies under us fails the query itself.
    await client.connect();
    try {
      const asSent = { getTypeParser: () => (text) => text };
      const results = [await client.query({ text: sql, rowMode: 'array', types: asSent })].flat();
      const lines = results.flatMap((result) => result.rows.map((row) => row.map((v) => v ?? '').join('|')));
      return lines.join('\n');
    } finally {
      await client.end();
    }
  }

  async start() {
    if (this.pid()) throw new Error('the cluster runs already');
    guard(this.#guarded);
    this.#server = spawnServer(path.join(this.#bin, 'postgres'), this.#arguments(), this.logFile, CLEAN_ENV);
    const spawned = this.#server;
    let failure;
    spawned.once('error', (err) => (failure = err));
    await until(
      () => {
        if (failure || !this.pid()) return true;
        return this.psql('select 1', 'postgres');
      },
      { timeout: START_TIMEOUT_MS, what: `PostgreSQL on port ${this.port}` },
    );
    if (failure || !this.pid())
      throw new Error(`PostgreSQL did not start:\n${this.log()}`, { cause: failure });
  }

  /** @param {{ mode?: 'smart' | 'fast' | 'immediate', remove?: boolean }} [options] */
  async stop({ mode = 'fast', remove = true } = {}) {
    const server = this.#server;
    if (this.pid()) {
      this.thaw();
      const exited = new Promise((resolve) => server.once('exit', resolve));
      server.kill(STOP_SIGNALS[mode]);
      await exited;
    }
    this.#server = null;
    if (!remove) return;
    unguard(this.#guarded);
    fs.rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Stops every process of the server where it is: connections stay, and nobody answers. Until thaw() or stop(). */
  freeze() {
    const postmaster = this.pid();
    signalAll([postmaster], 'SIGSTOP'); // First: what it cannot start cannot be missed.
    this.#frozen = [postmaster, ...childrenOf(postmaster)];
    signalAll(this.#frozen, 'SIGSTOP');
  }

  thaw() {
    signalAll(this.#frozen, 'SIGCONT');
    this.#frozen = [];
  }

  /** Stops and starts again on the same port with the same data. */
  async restart({ mode = 'fast' } = {}) {
    await this.stop({ mode, remove: false });
    await this.start();
  }

  async initialise() {
    try {
      this.#initdb();
      await this.#startOnFreePort();
      await this.#createUserAndDatabase();
    } catch (err) {
      await this.stop({ mode: 'immediate' });
      throw err;
    }
  }

  #initdb() {
    fs.mkdirSync(this.socketDir, { mode: 0o755 });
    giveToServerUser(this.socketDir);
    const locale = ['--encoding=UTF8', '--locale=C'];
    const args = ['-D', this.dataDir, '-U', ADMIN, '--auth=trust', '--no-sync', ...locale];
    runAsServerUser(path.join(this.#bin, 'initdb'), args, { env: CLEAN_ENV });
    fs.writeFileSync(path.join(this.dataDir, 'pg_hba.conf'), this.#hba());
  }

  #hba() {
    const method = this.password === undefined ? 'trust' : 'scram-sha-256';
    return [
      `local all ${ADMIN} trust`,
      ...(this.#options.hba ?? []),
      `local all,replication all ${method}`,
      `host all,replication all 127.0.0.1/32 ${method}`,
      '',
    ].join('\n');
  }

  async #startOnFreePort() {
    for (let attempt = 1; ; attempt++) {
      this.port = await freePort();
      try {
        return await this.start();
      } catch (err) {
        // Somebody took the port between our look and the server's bind.
        if (attempt === PORT_ATTEMPTS || !this.log().includes('Address already in use')) throw err;
        await this.stop({ remove: false });
        fs.rmSync(this.logFile, { force: true });
      }
    }
  }

  async #createUserAndDatabase() {
    const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
    const secret = this.password === undefined ? '' : ` password '${this.password.replaceAll("'", "''")}'`;
    await this.psql(`create role ${quoted(this.user)} superuser login${secret}`, 'postgres');
    if (this.database === 'postgres') return;
    await this.psql(`create database ${quoted(this.database)} owner ${quoted(this.user)}`, 'postgres');
  }

  #arguments() {
    const ssl = this.certs
      ? {
          ssl: 'on',
          ssl_cert_file: this.certs.serverCert,
          ssl_key_file: this.certs.serverKey,
          ssl_ca_file: this.caFile,
        }
      : {};
    const config = {
      ...DEFAULT_CONFIG,
      ...ssl,
      listen_addresses: this.#options.tcp === false ? '' : '127.0.0.1',
      unix_socket_directories: this.socketDir,
      port: this.port,
      ...this.#options.config,
    };
    const settings = Object.entries(config).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return ['-D', this.dataDir, ...settings];
  }

  #makeCertificates() {
    this.certs = makeCertificates(path.join(this.#dir, 'certs'), this.user);
    this.caFile = this.certs.ca;
    giveToServerUser(this.certs.serverKey);
  }

  #guarded = {
    pid: () => this.pid(),
    wake: () => this.thaw(),
    goneFile: '',
    dir: '',
  };

  static async create(options) {
    const cluster = new Cluster(options);
    cluster.#guarded.dir = cluster.#dir;
    cluster.#guarded.goneFile = path.join(cluster.dataDir, 'postmaster.pid');
    await cluster.initialise();
    return cluster;
  }
}

// PG* variables of the test's own environment are for clients; a server started with them may misbehave.
const CLEAN_ENV = Object.fromEntries(
  Object.entries({ ...process.env, LC_ALL: 'C', TZ: 'UTC' }).filter(([name]) => !name.startsWith('PG')),
);

/**
 * Starts a private, real PostgreSQL server. It is stopped and its files are removed by stop(), and also when
 * this process ends in any way.
 *
 * @param {object} [options]
 * @param {Record<string, string | number>} [options.config] settings for postgresql.conf
 * @param {string[]} [options.hba] lines that come first in pg_hba.conf
 * @param {boolean} [options.ssl] certificates of its own; see `certs` and `caFile`
 * @param {'14' | '15' | '16' | '17' | '18'} [options.version] default: what is installed
 * @param {boolean} [options.embedded] npm's server programs even where Debian's are installed
 * @param {boolean} [options.tcp] false: Unix socket only
 * @param {string} [options.user] a superuser, default pgkeel
 * @param {string} [options.database] default pgkeel
 * @param {string} [options.password] with one, clients log in by SCRAM; without, by trust
 * @returns {Promise<Cluster>}
 */
function startCluster(options = {}) {
  return Cluster.create(options);
}

module.exports = { startCluster };
