'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../..');
const { sharedCluster } = require('../support/shared');

describe('a client that is given back and asked for in one tick', () => {
  let cluster;
  let pool;

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(() => pool.ending || pool.end());

  function open(options) {
    pool = new Pool({ ...cluster.config(), max: 2, ...options });
    return pool;
  }

  const backendOf = async (client) => {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    return rows[0].pid;
  };

  it('is the same one, and is told of as any other', async () => {
    const told = [];
    open();
    for (const event of ['acquire', 'release']) pool.on(event, () => told.push(event));
    const first = await pool.connect();
    const pid = await backendOf(first);
    first.release();
    const second = await pool.connect();
    assert.equal(second, first);
    assert.equal(await backendOf(second), pid);
    assert.deepEqual(told, ['acquire', 'release', 'acquire']);
    second.release();
    assert.throws(() => second.release(), { code: 'KEEL_MISUSE' });
    assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [1, 1, 0]);
  });

  it('goes to whoever has waited for longer', async () => {
    open({ max: 1 });
    const held = await pool.connect();
    const order = [];
    const waiting = pool.connect().then((client) => {
      order.push('waited');
      client.release();
    });
    held.release();
    const late = pool.connect().then((client) => {
      order.push('late');
      client.release();
    });
    await Promise.all([waiting, late]);
    assert.deepEqual(order, ['waited', 'late']);
  });

  it('does not keep a query from its turn', async () => {
    open({ max: 1 });
    const held = await pool.connect();
    const order = [];
    const query = pool.query('select 1').then(() => order.push('query'));
    held.release();
    const client = await pool.connect();
    order.push('client');
    client.release();
    await query;
    assert.deepEqual(order, ['query', 'client']);
  });

  it('comes without what a transaction left open', async () => {
    open({ max: 1 });
    const first = await pool.connect();
    await first.query('begin');
    first.release();
    const second = await pool.connect();
    assert.equal(second.getTransactionStatus(), 'I');
    const { rows } = await second.query('select now() = statement_timestamp() as fresh');
    assert.equal(rows[0].fresh, true);
    second.release();
  });

  it('is another one when it was given back as broken', async () => {
    open({ max: 1 });
    const first = await pool.connect();
    const pid = await backendOf(first);
    first.release(new Error('broken'));
    const second = await pool.connect();
    assert.notEqual(await backendOf(second), pid);
    second.release();
  });

  it('is counted as a use, where uses are counted', async () => {
    open({ max: 1, maxUses: 3 });
    const pids = new Set();
    for (let i = 0; i < 9; i++) {
      const client = await pool.connect();
      pids.add(await backendOf(client));
      client.release();
    }
    assert.equal(pids.size, 3);
  });

  it('is retired when its time has come, however busy it is', async () => {
    open({ max: 1, maxLifetimeSeconds: 1, maxLifetimeJitter: 0 });
    const pids = new Set();
    const end = performance.now() + 3000;
    while (performance.now() < end && pids.size < 2) {
      const client = await pool.connect();
      pids.add(await backendOf(client));
      client.release();
    }
    assert.equal(pids.size, 2);
  });

  it('is back before the pool ends', async () => {
    open();
    const client = await pool.connect();
    client.release();
    await pool.end();
    assert.equal(pool.totalCount, 0);
  });
});
