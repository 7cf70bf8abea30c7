'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { block } = require('../support/block');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');
const { freePort } = require('../support/ports');
const { sharedCluster } = require('../support/shared');

const CHECK = 'are you there?';

function heard(pool) {
  const events = [];
  pool.on('health', (health) => events.push(health));
  return events;
}

describe('health checks', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(() => Promise.all(open.splice(0).map((pool) => pool.end({ force: true }))));

  function make(more) {
    const pool = new Pool({ ...cluster.config(), ...more });
    open.push(pool);
    return pool;
  }

  const countChecks = (log) => log.split('\n').filter((line) => line.includes(CHECK)).length;

  describe('in the background', () => {
    it('tell listeners and figures that the server answers', async () => {
      const pool = make({ healthCheckInterval: 50 });
      const events = heard(pool);
      await until(() => events.length >= 3, { what: 'three checks' });
      for (const { latencyMs, ...rest } of events) {
        assert.deepEqual(rest, { node: `${cluster.host}:${cluster.port}`, healthy: true, role: 'primary' });
        assert.ok(latencyMs >= 0 && latencyMs < 5000, `${latencyMs} ms`);
      }
      const [node] = pool.metrics().nodes;
      assert.equal(node.healthy, true);
      assert.ok(Math.abs(Date.now() - node.lastCheck) < 2000);
      assert.equal(pool.totalCount, 1);
    });

    it('are none unless they were asked for', async () => {
      const pool = make();
      const events = heard(pool);
      const other = heard(make({ healthCheckInterval: 20 }));
      await until(() => other.length >= 5);
      assert.deepEqual([events.length, pool.totalCount, pool.metrics().nodes[0].lastCheck], [0, 0, null]);
    });

    it('are made while JavaScript is blocked', async () => {
      const pool = make({ healthCheckInterval: 200, options: '-c log_min_duration_statement=0' });
      const events = heard(pool);
      await until(() => events.length > 0);
      const before = countChecks(cluster.log());
      const told = events.length;
      const start = Date.now();
      block(3000);
      const { lastCheck } = pool.metrics().nodes[0];
      const end = Date.now();
      assert.ok(lastCheck > start && end - lastCheck < 1500, `the last one was ${end - lastCheck} ms ago`);
      // Each leaves two lines, of its Parse and its Bind.
      const made = (countChecks(cluster.log()) - before) / 2;
      assert.ok(made >= 6 && made <= 18, `${made} checks reached the server`);
      await until(() => events.length - told >= made - 1, { what: 'what they found' });
    });

    it('neither take the only connection from its user nor count as its use', async () => {
      const pool = make({ healthCheckInterval: 20, max: 1, idleTimeoutMillis: 300 });
      const events = heard(pool);
      const { rows } = await pool.query('select pg_backend_pid() as pid');
      const busy = pool.query('select pg_sleep(0.2)');
      await until(() => events.length >= 3);
      await busy;
      assert.equal((await pool.query('select pg_backend_pid() as pid')).rows[0].pid, rows[0].pid);
      // It is closed for idleness all the same; the next check opens another one.
      let pid = rows[0].pid;
      pool.on('remove', () => (pid = undefined));
      await until(() => pid === undefined, { what: 'the idle connection to be closed' });
    });

    it('end with the pool', async () => {
      const pool = make({ healthCheckInterval: 10 });
      const events = heard(pool);
      await until(() => events.length > 0);
      await pool.end();
      open.pop();
      const count = events.length;
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      assert.equal(events.length, count);
    });
  });

  describe('of a server that comes and goes', function () {
    this.timeout(40_000);
    let own;

    before(async () => {
      own = await startCluster();
    });
    after(() => own.stop({ mode: 'immediate' }));

    it('stopped and started again', async () => {
      const pool = make({ ...own.config(), healthCheckInterval: 100 });
      const events = heard(pool);
      await until(() => events.at(-1)?.healthy);
      await own.stop({ mode: 'fast', remove: false });
      await until(() => events.at(-1).healthy === false, { what: 'the stop to be noticed' });
      // While it goes down it may still answer that it does (57P03).
      await until(() => events.at(-1).error?.cause?.code === 'ECONNREFUSED', { what: 'the reason' });
      const { error, latencyMs } = events.at(-1);
      assert.equal(error.code, 'KEEL_CONNECT_FAILED');
      assert.equal(latencyMs, null);
      assert.equal(pool.metrics().nodes[0].healthy, false);
      await own.start();
      await until(() => events.at(-1).healthy, { timeout: 15_000, what: 'the start to be noticed' });
      assert.equal(pool.metrics().nodes[0].healthy, true);
    });

    it('frozen and thawed', async () => {
      const pool = make({ ...own.config(), healthCheckInterval: 100, connectionTimeoutMillis: 300 });
      const events = heard(pool);
      await until(() => events.at(-1)?.healthy);
      own.freeze();
      try {
        await until(() => events.at(-1).healthy === false, { what: 'the silence to be noticed' });
        assert.match(events.at(-1).error.code, /^KEEL_CONNECT_(TIMEOUT|FAILED)$/);
      } finally {
        own.thaw();
      }
      await until(() => events.at(-1).healthy, { timeout: 15_000, what: 'the thaw to be noticed' });
    });
  });

  describe('by hand', () => {
    it('with all connections in use it is the next answer that tells', async () => {
      const pool = make({ max: 1 });
      await pool.query('select 1');
      const busy = Promise.all([pool.query('select pg_sleep(0.2)'), pool.query('select pg_sleep(0.4)')]);
      const { healthy, nodes } = await pool.health();
      assert.deepEqual([healthy, nodes[0].latencyMs], [true, null]);
      await busy;
    });

    it('with all connections lent to those who ask for nothing it ends in time', async () => {
      const pool = make({ max: 1, connectionTimeoutMillis: 300 });
      const client = await pool.connect();
      const start = performance.now();
      const { healthy, nodes } = await pool.health();
      assert.equal(healthy, false);
      assert.equal(nodes[0].error.code, 'KEEL_ACQUIRE_TIMEOUT');
      assert.match(nodes[0].error.message, /no connection was free/);
      assert.ok(performance.now() - start < 2000);
      client.release();
      assert.equal((await pool.health()).healthy, true);
    });

    it('one dead connection is not the death of the node', async () => {
      const pool = make();
      const { rows } = await pool.query('select pg_backend_pid() as pid');
      await cluster.psql(`select pg_terminate_backend(${rows[0].pid})`);
      assert.equal((await pool.health()).healthy, true);
    });

    it('many at once share what is found', async () => {
      const pool = make();
      const answers = await Promise.all(Array.from({ length: 20 }, () => pool.health()));
      assert.ok(answers.every(({ healthy }) => healthy));
      assert.equal(pool.metrics().nodes[0].connections.created, 1);
    });

    it('is answered when the pool ends meanwhile', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      const asked = pool.health();
      const ending = pool.end();
      open.pop();
      const { healthy, nodes } = await asked;
      assert.deepEqual([healthy, nodes[0].error.code], [false, 'KEEL_POOL_CLOSED']);
      client.release();
      await ending;
    });

    it('is an event too', async () => {
      const pool = make({ port: await freePort(), connectionTimeoutMillis: 1000 });
      const events = heard(pool);
      const { nodes } = await pool.health();
      assert.deepEqual(events, nodes);
    });
  });
});
