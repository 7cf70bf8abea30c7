'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { freePort } = require('../support/ports');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

const SUMMARY = { count: 0, min: 0, max: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0 };

/** The shape of a value: its keys and the types of what they lead to. */
function shapeOf(value) {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member)]));
}

describe('pool.metrics() and pool.health()', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(() => Promise.all(open.splice(0).map((pool) => pool.end())));

  function make(more) {
    const pool = new Pool({ ...cluster.config(), ...more });
    open.push(pool);
    return pool;
  }

  it('have the shape of the contract', () => {
    const { host, port } = cluster;
    const node = {
      ...{ name: `${host}:${port}`, role: 'primary', host, port, healthy: true, lastCheck: null },
      breaker: { state: 'CLOSED', failures: 0, opened: 0, rejected: 0, lastFailureTime: null },
      connections: {
        ...{ total: 0, idle: 0, active: 0, connecting: 0, waiting: 0, min: 0, max: 7 },
        ...{ created: 0, closed: 0, failed: 0, utilization: 0 },
      },
      queries: { started: 0, succeeded: 0, failed: 0 },
      lag: { bytes: null, ms: null },
    };
    assert.deepEqual(make({ max: 7, name: 'orders' }).metrics(), {
      name: 'orders',
      state: 'open',
      queries: {
        ...{ started: 0, succeeded: 0, failed: 0, retried: 0, timedOut: 0 },
        ...{ cancelled: 0, rejected: 0, slow: 0, running: 0 },
      },
      latency: { total: SUMMARY, queue: SUMMARY, server: SUMMARY, delivery: SUMMARY },
      nodes: [node],
      slowQueries: [],
    });
  });

  it('count what was done, and keep their shape', async () => {
    const pool = make({ max: 2 });
    const before = shapeOf(pool.metrics());
    await Promise.all([pool.query('select 1'), pool.query('select pg_sleep(0.02)'), pool.query('select 2')]);
    await assert.rejects(pool.query('nonsense'));
    await assert.rejects(pool.query({ text: 'select pg_sleep(60)', timeout: 20 }));
    const metrics = pool.metrics();
    assert.deepEqual(shapeOf(metrics), before);
    const { started, succeeded, failed, timedOut, running } = metrics.queries;
    assert.deepEqual(
      { started, succeeded, failed, timedOut, running },
      {
        ...{ started: 5, succeeded: 3, failed: 1, timedOut: 1, running: 0 },
      },
    );
    assert.ok(metrics.latency.total.count >= 3);
    assert.ok(metrics.latency.server.max >= 19, 'the slowest statement slept 20 ms');
    assert.ok(metrics.latency.total.max >= metrics.latency.total.p50);
    const { created } = metrics.nodes[0].connections;
    assert.ok(created >= 1 && created <= 2);
    // The statement that was given up may have to be confirmed as cancelled first.
    await until(() => pool.idleCount === pool.totalCount, { what: 'all connections to be idle' });
  });

  it('tell how much is in use', async () => {
    const pool = make({ max: 4 });
    const client = await pool.connect();
    const { active, utilization } = pool.metrics().nodes[0].connections;
    assert.deepEqual([active, utilization], [1, 0.25]);
    client.release();
  });

  it('know the state', async () => {
    const pool = make();
    const client = await pool.connect();
    const ending = pool.end();
    open.pop();
    assert.equal(pool.metrics().state, 'draining');
    client.release();
    await ending;
    assert.equal(pool.metrics().state, 'closed');
  });

  it('health: a server that answers', async () => {
    const pool = make();
    const { healthy, state, nodes } = await pool.health();
    assert.deepEqual([healthy, state, nodes.length], [true, 'open', 1]);
    assert.equal(nodes[0].node, `${cluster.host}:${cluster.port}`);
    assert.equal(typeof nodes[0].latencyMs, 'number');
    const [node] = pool.metrics().nodes;
    assert.equal(node.healthy, true);
    assert.ok(Math.abs(Date.now() - node.lastCheck) < 5000);
  });

  it('health: one that does not, told within its time', async () => {
    const pool = make({ port: await freePort(), connectionTimeoutMillis: 1000 });
    const { healthy, nodes } = await pool.health();
    assert.equal(healthy, false);
    assert.equal(nodes[0].error.code, 'KEEL_CONNECT_FAILED');
    assert.equal(nodes[0].latencyMs, null);
    assert.equal(pool.metrics().nodes[0].healthy, false);
  });

  it('health: of a closed pool', async () => {
    const pool = make();
    await pool.end();
    open.pop();
    const { healthy, state } = await pool.health();
    assert.deepEqual([healthy, state], [false, 'closed']);
  });
});
