'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client } = require('pg');
const { until } = require('./poll');
const { freePort } = require('./ports');
const { guard, unguard } = require('./reaper');
const { giveToServerUser, spawnServer } = require('./server-user');

const PROGRAMS = ['/usr/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'];

/**
 * Puts a PgBouncer in front of a cluster.
 * @param {object} cluster from startCluster()
 * @param {{ poolMode?: 'session' | 'transaction' | 'statement', config?: Record<string, string | number> }} [options]
 */
async function startPgBouncer(cluster, { poolMode = 'transaction', config = {} } = {}) {
  const program = PROGRAMS.find((file) => fs.existsSync(file));
  if (!program) throw new Error('pgbouncer is not installed (Debian: apt-get install pgbouncer)');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-pgbouncer-'));
  const port = await freePort();
  const files = writeFiles(dir, cluster, { listen_port: port, pool_mode: poolMode, ...config });
  const server = spawnServer(program, [files.ini], files.log);
  const running = () => server.exitCode === null && server.signalCode === null;
  const guarded = { pid: () => (running() ? server.pid : undefined), goneFile: files.pid, dir };
  guard(guarded);

  const bouncer = {
    host: '127.0.0.1',
    port,
    user: cluster.user,
    database: cluster.database,
    password: cluster.password,
    url: cluster.url.replace(`:${cluster.port}/`, `:${port}/`),
    config: () => ({ ...cluster.config(), host: '127.0.0.1', port }),
    log: () => fs.readFileSync(files.log, 'utf8'),
    async stop() {
      const exited = new Promise((resolve) => (running() ? server.once('exit', resolve) : resolve()));
      if (running()) server.kill('SIGTERM');
      await exited;
      unguard(guarded);
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    await until(() => !running() || answers(bouncer), { what: `PgBouncer on port ${port}` });
    if (!running()) throw new Error(`PgBouncer did not start:\n${bouncer.log()}`);
    return bouncer;
  } catch (err) {
    await bouncer.stop();
    throw err;
  }
}

async function answers(bouncer) {
  const client = new Client(bouncer.config());
  client.on('error', () => {});
  await client.connect();
  await client.end();
  return true;
}

function writeFiles(dir, cluster, options) {
  const file = (name) => path.join(dir, name);
  const settings = {
    listen_addr: '127.0.0.1',
    unix_socket_dir: dir,
    auth_type: cluster.password === undefined ? 'trust' : 'scram-sha-256',
    auth_file: file('users.txt'),
    admin_users: cluster.user,
    pidfile: file('pgbouncer.pid'),
    default_pool_size: 10,
    max_client_conn: 1000,
    // Session settings that drivers send at start-up and that PgBouncer would refuse.
    ignore_startup_parameters: 'extra_float_digits,options,statement_timeout,lock_timeout',
    ...options,
  };
  const target = `${cluster.database} = host=${cluster.socketDir} port=${cluster.port} user=${cluster.user}`;
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  fs.writeFileSync(file('pgbouncer.ini'), `[databases]\n${target}\n\n[pgbouncer]\n${lines.join('\n')}\n`);
  fs.writeFileSync(file('users.txt'), `"${cluster.user}" "${cluster.password ?? ''}"\n`);
  fs.writeFileSync(file('pgbouncer.log'), '');
  giveToServerUser(dir, file('pgbouncer.ini'), file('users.txt'), file('pgbouncer.log'));
  return { ini: file('pgbouncer.ini'), pid: file('pgbouncer.pid'), log: file('pgbouncer.log') };
}

module.exports = { startPgBouncer };
