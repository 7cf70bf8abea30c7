'use strict';

const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { Client } = require('pg');
const { startCluster } = require('../support/cluster');
const { startPgBouncer } = require('../support/pgbouncer');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

async function ask(config, sql) {
  const client = new Client(config);
  await client.connect();
  try {
    const result = await client.query({ text: sql, rowMode: 'array' });
    return result.rows[0][0];
  } finally {
    await client.end();
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('test cluster', () => {
  it('serves clients over TCP as the asked user, and psql() answers in plain text', async () => {
    const cluster = await sharedCluster();
    assert.equal(await ask(cluster.config(), 'select current_user'), 'pgkeel');
    assert.equal(await ask({ connectionString: cluster.url }, 'select current_database()'), 'pgkeel');
    assert.equal(await cluster.psql("select 1, true, null; select 'two'"), '1|t|\ntwo');
    assert.equal(await sharedCluster(), cluster);
  });

  it('takes settings, pg_hba lines, a password and TLS, and restarts with its data on its port', async () => {
    const cluster = await startCluster({
      config: { work_mem: '7MB' },
      hba: ['host all nobody_here 127.0.0.1/32 reject'],
      password: "it's a secret",
      ssl: true,
    });
    try {
      assert.equal(await ask(cluster.config(), 'show work_mem'), '7MB');
      await assert.rejects(ask({ ...cluster.config(), password: 'wrong' }, 'select 1'), { code: '28P01' });
      await assert.rejects(ask({ ...cluster.config(), user: 'nobody_here' }, 'select 1'), { code: '28000' });
      const ssl = { ca: fs.readFileSync(cluster.caFile, 'utf8') };
      const encrypted = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
      assert.equal(await ask({ ...cluster.config(), ssl }, encrypted), true);
      const stranger = { ca: fs.readFileSync(cluster.certs.otherCa, 'utf8') };
      await assert.rejects(ask({ ...cluster.config(), ssl: stranger }, 'select 1'), /certificate/);

      await cluster.psql('create table kept (n int); insert into kept values (42)');
      const [pid, port] = [cluster.pid(), cluster.port];
      await cluster.restart({ mode: 'immediate' });
      assert.notEqual(cluster.pid(), pid);
      assert.equal(cluster.port, port);
      assert.equal(await ask(cluster.config(), 'select n from kept'), 42);
    } finally {
      await cluster.stop();
    }
    assert.equal(cluster.pid(), undefined);
    assert.equal(fs.existsSync(cluster.dataDir), false);
  });

  it('listens on its socket only when TCP is off', async () => {
    const cluster = await startCluster({ tcp: false });
    try {
      assert.equal(await ask(cluster.config(), 'select inet_server_addr() is null'), true);
      assert.equal(await ask({ connectionString: cluster.url }, 'select 1'), 1);
      await assert.rejects(ask({ ...cluster.config(), host: '127.0.0.1' }, 'select 1'), {
        code: 'ECONNREFUSED',
      });
    } finally {
      await cluster.stop();
    }
  });

  it("runs npm's server programs too", async () => {
    const cluster = await startCluster({ embedded: true });
    try {
      assert.match(await ask(cluster.config(), 'show server_version'), /^18\./);
    } finally {
      await cluster.stop();
    }
  });

  it('says why a server does not start', async () => {
    await assert.rejects(startCluster({ config: { no_such_setting: 1 } }), /no_such_setting/);
  });

  for (const [end, exitCode] of [
    ['process.exit(3)', 3],
    ['setTimeout(() => { throw new Error("uncaught") }, 1)', 1],
    ["process.kill(process.pid, 'SIGTERM')", 143],
    ["process.kill(process.pid, 'SIGINT')", 130],
  ]) {
    it(`leaves no server and no files after ${end}`, async () => {
      const { pid, dir } = await runAndDie(end, (code) => assert.equal(code, exitCode));
      assert.equal(fs.existsSync(dir), false);
      await until(() => !isAlive(pid), { what: 'the server to be gone' });
    });
  }

  if (fs.existsSync('/usr/bin/setpriv')) {
    it('leaves no server after SIGKILL', async () => {
      const { pid, dir } = await runAndDie("process.kill(process.pid, 'SIGKILL')", () => {});
      await until(() => !isAlive(pid), { what: 'the server to follow its parent' });
      fs.rmSync(dir, { recursive: true });
    });
  }
});

async function runAndDie(end, checkCode) {
  const script = `require(${JSON.stringify(path.resolve(__dirname, '../support/cluster.js'))})
    .startCluster().then((c) => { console.log(JSON.stringify({ pid: c.pid(), dir: require('path').dirname(c.dataDir) })); ${end}; });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  checkCode(await new Promise((resolve) => child.once('close', resolve)));
  return JSON.parse(output);
}

describe('test PgBouncer', () => {
  it('pools transactions of many clients over few server connections', async () => {
    const cluster = await sharedCluster();
    const bouncer = await startPgBouncer(cluster, {
      poolMode: 'transaction',
      config: { default_pool_size: 1 },
    });
    try {
      const pid = await ask(bouncer.config(), 'select pg_backend_pid()');
      assert.equal(await ask({ connectionString: bouncer.url }, 'select pg_backend_pid()'), pid);
      const admin = { ...bouncer.config(), database: 'pgbouncer' };
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', showPoolMode(admin)]);
      assert.equal(stdout.trim(), 'transaction');
    } finally {
      await bouncer.stop();
    }
  });
});

// The admin console speaks the simple protocol only, and pg asks it that way when there are no parameters.
function showPoolMode(config) {
  return `const { Client } = require(${JSON.stringify(require.resolve('pg'))});
    const client = new Client(${JSON.stringify(config)});
    client.connect()
      .then(() => client.query('show pools'))
      .then((r) => { console.log(r.rows.find((row) => row.database === 'pgkeel').pool_mode); return client.end(); });`;
}
