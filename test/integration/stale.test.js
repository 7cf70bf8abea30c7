'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');
const { startSilentProxy } = require('../support/silent-proxy');

const CHECK = 'are you there?';
const PATIENT = { acquireTimeoutMillis: 10_000 };

describe('connections that have died while they were idle', () => {
  let cluster;
  let proxy;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  beforeEach(async () => {
    proxy = await startSilentProxy(cluster);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.end({ force: true })));
    await proxy.close();
  });

  function make(more) {
    const pool = new Pool({ ...cluster.config(), ...more });
    open.push(pool);
    return pool;
  }

  const throughProxy = (more) => make({ host: proxy.host, port: proxy.port, ...more });

  async function warm(pool, count) {
    const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
    for (const client of clients) client.release();
    await until(() => pool.idleCount === count);
  }

  describe('are gone before anybody asks for them', () => {
    it('the backend was killed', async () => {
      const pool = make({ application_name: 'to be killed' });
      await warm(pool, 3);
      await cluster.psql(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be killed'`,
      );
      await until(() => pool.totalCount === 0, { what: 'the pool to notice' });
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    for (const how of ['fin', 'rst']) {
      it(`the link was cut by ${how.toUpperCase()}`, async () => {
        const pool = throughProxy();
        await warm(pool, 3);
        proxy.cut(how);
        await until(() => pool.totalCount === 0, { what: 'the pool to notice' });
        assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
      });
    }

    it('the server was restarted', async function () {
      this.timeout(40_000);
      const own = await startCluster();
      try {
        const pool = make(own.config());
        await warm(pool, 3);
        await own.restart();
        await until(() => pool.totalCount === 0, { what: 'the pool to notice' });
        assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
        await Promise.all(open.splice(0).map((one) => one.end()));
      } finally {
        await own.stop({ mode: 'immediate' });
      }
    });
  });

  describe('without a word (aliveBypassWindow)', () => {
    const past = async (ms) => {
      const end = performance.now() + ms;
      await until(() => performance.now() > end);
    };

    it('are found by a check, and the caller gets another one', async () => {
      const pool = throughProxy({ aliveBypassWindow: 30 });
      await warm(pool, 1);
      proxy.silence();
      await past(40);
      const start = performance.now();
      assert.equal((await pool.query({ text: 'select 1 as a', timeout: 10_000 })).rows[0].a, 1);
      // It need not wait until the silent one is given up.
      assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`);
    });

    it('when there is no room for another one, he gets it as soon as they are given up', async () => {
      const pool = throughProxy({
        ...{ aliveBypassWindow: 30, max: 2, connectionTimeoutMillis: 800 },
        ...PATIENT,
      });
      await warm(pool, 2);
      proxy.silence();
      await past(40);
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
      assert.ok(pool.metrics().nodes[0].connections.closed >= 1);
    });

    it('unchecked, they cost the caller his time', async () => {
      const pool = throughProxy();
      await warm(pool, 1);
      proxy.silence();
      await past(40);
      await assert.rejects(pool.query({ text: 'select 1', timeout: 200 }), {
        ...{ code: 'KEEL_QUERY_TIMEOUT', outcome: 'unknown' },
      });
    });

    it('what was idle for less is handed out unchecked', async () => {
      const pool = make({ aliveBypassWindow: 60_000, options: '-c log_min_duration_statement=0' });
      const checks = () => cluster.log().split(CHECK).length - 1;
      const before = checks();
      for (let i = 0; i < 20; i++) await pool.query('select 1');
      assert.equal(checks(), before);
    });

    it('what was idle for longer is the same connection after the check', async () => {
      const pool = make({ aliveBypassWindow: 0, options: '-c log_min_duration_statement=0' });
      const checks = () => cluster.log().split(CHECK).length - 1;
      const before = checks();
      const pids = new Set();
      for (let i = 0; i < 5; i++) {
        await past(2);
        pids.add((await pool.query('select pg_backend_pid() as pid')).rows[0].pid);
      }
      assert.equal(pids.size, 1);
      assert.ok(checks() > before, 'checks reached the server');
      assert.equal(pool.metrics().queries.started, 5);
    });
  });
});
