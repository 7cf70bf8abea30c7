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

  it('is cleaned first when a query on it was given up: the server may be in a transaction', async () => {
    open({ max: 1 });
    await pool.query('create temp table t (n int)');
    const first = await pool.connect();
    const giveUp = new AbortController();
    const text = 'begin; insert into t values (1); select pg_sleep(5)';
    const given = first.query({ text, signal: giveUp.signal });
    // Sent, and not yet answered; a lease passes only within 50 ms.
    setTimeout(() => giveUp.abort(), 5);
    await assert.rejects(given, { code: 'KEEL_ABORTED' });
    first.release();
    const second = await pool.connect();
    await second.query('insert into t values (2)');
    second.release();
    assert.deepEqual((await pool.query('select n from t')).rows, [{ n: 2 }]);
  });

  it("is there for a query of the pool's own, which comes before who connects after it", async () => {
    open({ max: 2 });
    const first = await pool.connect();
    const order = [];
    first.release();
    const query = pool.query('select 1').then(() => order.push('query'));
    const second = await pool.connect();
    order.push('client');
    second.release();
    await query;
    assert.equal(pool.metrics().nodes[0].connections.created, 1);
    assert.deepEqual(order, ['query', 'client']);
  });

  it('is another one when its connection has died in the meantime', async () => {
    open();
    const first = await pool.connect();
    const { connId } = first._link;
    const pid = await backendOf(first);
    first.release();
    const asked = pool.connect();
    // Its end has come with the same events as what made it be given back.
    pool._holdsClients.closed({ connId, code: 'KEEL_CONNECTION_LOST', outcome: 'unknown', fields: {} });
    const second = await asked;
    assert.notEqual(await backendOf(second), pid);
    second.release();
    await pool.end({ force: true });
  });

  it('is back before the pool ends', async () => {
    open();
    const client = await pool.connect();
    client.release();
    await pool.end();
    assert.equal(pool.totalCount, 0);
  });
});
