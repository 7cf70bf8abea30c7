'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { createDatabase } = require('../../lib/drizzle');
const { Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');
const { startSilentProxy } = require('../support/silent-proxy');

const DEADLINE = 300;
const MARGIN = 1000;

describe('a link that falls silent', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  const endAll = () => Promise.all(open.splice(0).map((pool) => pool.end({ force: true })));
  afterEach(endAll);

  /** With the hardened profile, in which a server that does not end a cancelled statement has the time to connect for it. */
  function make(more) {
    const { pool } = createDatabase({
      ...{ ...cluster.config(), ssl: false, min: 0, max: 2, queryTimeout: DEADLINE, ...more },
      ...{ connectionTimeoutMillis: 500, healthCheckInterval: 0, maxRetries: 0, circuitBreaker: false },
    });
    open.push(pool);
    return pool;
  }

  /** The caller is told at his deadline. */
  async function timesOut(asked) {
    const start = performance.now();
    await assert.rejects(asked, { code: 'KEEL_QUERY_TIMEOUT', outcome: 'unknown' });
    const took = performance.now() - start;
    assert.ok(took > DEADLINE - 50 && took < DEADLINE + MARGIN, `${took} ms`);
  }

  async function recovers(pool) {
    await until(() => pool.metrics().nodes[0].connections.closed > 0, {
      what: 'the connection to be closed',
    });
    assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
  }

  it('a proxy that stalls in the middle of a statement', async () => {
    const proxy = await startSilentProxy(cluster);
    const pool = make({ host: proxy.host, port: proxy.port });
    try {
      await pool.query('select 1');
      const asked = pool.query("select pg_sleep(0.1), 'stalled'");
      const running = async () =>
        (await cluster.psql(
          `select count(*) from pg_stat_activity where query like '%stalled%' and pid <> pg_backend_pid()`,
        )) !== '0';
      const told = timesOut(asked);
      await until(running, { what: 'the statement to run' });
      proxy.silence();
      await told;
      await recovers(pool);
      await endAll();
    } finally {
      await proxy.close();
    }
  });

  it('a backend that is stopped', async () => {
    const pool = make();
    const client = await pool.connect();
    const pid = (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
    process.kill(pid, 'SIGSTOP');
    try {
      await timesOut(client.query('select 2'));
      client.release();
      await recovers(pool);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('a server that is stopped as a whole: nothing hangs, and it goes on when the server does', async function () {
    this.timeout(40_000);
    const own = await startCluster();
    const pool = make({ ...own.config(), acquireTimeoutMillis: 400 });
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    const pids = await Promise.all(
      clients.map(async (client) => (await client.query('select pg_backend_pid() as pid')).rows[0].pid),
    );
    for (const client of clients) client.release();
    own.freeze();
    try {
      await Promise.all(pids.map(() => timesOut(pool.query('select 1'))));
      const failures = await Promise.allSettled(Array.from({ length: 10 }, () => pool.query('select 1')));
      for (const { reason } of failures) {
        assert.match(reason.code, /^KEEL_(QUERY_TIMEOUT|ACQUIRE_TIMEOUT|CONNECT_TIMEOUT)$/);
        assert.equal(reason.outcome, 'not-sent');
      }
    } finally {
      own.thaw();
    }
    await until(() => pool.query('select 1').then(() => true), {
      timeout: 10_000,
      what: 'the pool to recover',
    });
    await endAll();
    await own.stop({ mode: 'immediate' });
  });

  describe('TCP keepalive', () => {
    /** Seconds until the next keepalive probe of the sockets that lead to `port`, from the kernel's own table. */
    function keepalives(port) {
      const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
      return fs
        .readFileSync('/proc/self/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, , to, state]) => to === remote && state === '01')
        .map((fields) => fields[5].split(':'))
        .filter(([kind]) => kind === '02')
        .map(([, ticks]) => parseInt(ticks, 16) / 100);
    }

    it('is on in the hardened profile, after ten seconds', async () => {
      const proxy = await startSilentProxy(cluster);
      const pool = make({ host: proxy.host, port: proxy.port });
      await pool.query('select 1');
      const [seconds, ...others] = keepalives(proxy.port);
      assert.deepEqual(others, []);
      assert.ok(seconds > 5 && seconds <= 10, `${seconds} s`);
      await endAll();
      await proxy.close();
    });

    it('keepAliveInitialDelayMillis; keepAlive: false', async () => {
      const proxy = await startSilentProxy(cluster);
      const config = { ...cluster.config(), host: proxy.host, port: proxy.port };
      for (const [options, check] of [
        [{ keepAlive: true, keepAliveInitialDelayMillis: 3000 }, (all) => all.length === 1 && all[0] <= 3],
        [{ keepAlive: false }, (all) => all.length === 0],
      ]) {
        const pool = new Pool({ ...config, ...options });
        await pool.query('select 1');
        const found = keepalives(proxy.port);
        assert.ok(check(found), `${JSON.stringify(options)}: ${found}`);
        await pool.end();
        await until(() => proxy.count === 0);
      }
      await proxy.close();
    });
  });
});
