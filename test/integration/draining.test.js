'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { createDatabase } = require('../../lib/drizzle');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');
const { startMute, startRelay } = require('../support/relay');

// Beside what a time limit itself takes.
const SOON_MS = 2000;

describe('an end that has something in its way', () => {
  let cluster;
  const cleanup = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(async () => {
    for (const undo of cleanup.splice(0).reverse()) await undo();
  });

  function make(more) {
    const pool = new Pool({ ...cluster.config(), max: 2, ...more });
    cleanup.push(() => pool.ended || pool.end({ force: true }));
    return pool;
  }

  const mine = (helper) => {
    cleanup.push(() => helper.close());
    return helper;
  };

  async function took(work) {
    const start = performance.now();
    await work();
    return performance.now() - start;
  }

  const isRunning = async (mark) =>
    (await cluster.psql(
      `select count(*) from pg_stat_activity where state = 'active' and query like '%${mark}%' and pid <> pg_backend_pid()`,
    )) !== '0';

  async function isPending(promise) {
    const pending = Symbol('pending');
    const nextTurn = new Promise((resolve) => {
      setImmediate(resolve, pending);
    });
    return (await Promise.race([promise, nextTurn])) === pending;
  }

  it('a client that never comes back costs the time limit, and its queries end', async () => {
    const pool = make();
    const client = await pool.connect();
    await client.query('begin');
    const ms = await took(() => pool.end({ timeout: 100 }));
    assert.ok(ms >= 99 && ms < SOON_MS, `${ms} ms`);
    await assert.rejects(client.query('commit'), { code: 'KEEL_CONNECTION_LOST', outcome: 'not-sent' });
    client.release();
  });

  it('what still runs then is cancelled on the server', async () => {
    const pool = make();
    const client = await pool.connect();
    const ends = [
      pool.query("select pg_sleep(60), 'drained alone'"),
      client.query("select pg_sleep(60), 'drained lent'"),
    ].map((query) => assert.rejects(query, { code: 'KEEL_POOL_CLOSED', outcome: 'unknown' }));
    await until(async () => (await isRunning('drained alone')) && (await isRunning('drained lent')));
    await pool.end({ timeout: 50 });
    await Promise.all(ends);
    await until(async () => !(await isRunning('drained')), { what: 'the server to cancel them' });
  });

  it('what waits in the queue then was never sent', async () => {
    const pool = make({ max: 1 });
    const client = await pool.connect();
    const waiting = pool.query('select 1');
    const refused = assert.rejects(waiting, { code: 'KEEL_POOL_CLOSED', outcome: 'not-sent' });
    const ending = pool.end({ timeout: 50 });
    assert.equal(await isPending(waiting.catch(() => {})), true); // accepted: it may still be its turn
    await refused;
    await ending;
    client.release();
  });

  it('a transaction under way may finish', async () => {
    const { db, pool, close } = createDatabase({ ...cluster.config(), max: 1 });
    cleanup.push(() => close({ force: true }));
    let ending;
    const answer = await db.transaction(async (tx) => {
      await tx.execute('select 1');
      ending = pool.end();
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      return (await tx.execute('select 7 as seven')).rows[0].seven;
    });
    assert.equal(answer, 7);
    await ending;
  });

  for (const [name, options, limit] of [
    ['a time limit', { timeout: 100 }, 100],
    ['force', { force: true }, 0],
  ]) {
    it(`a server that says nothing while a connection is opened: ${name}`, async () => {
      const mute = mine(await startMute());
      const pool = make({ port: mute.port });
      const refused = assert.rejects(pool.query('select 1'), {
        ...{ code: 'KEEL_POOL_CLOSED', outcome: 'not-sent' },
      });
      const waiting = assert.rejects(pool.connect(), { code: 'KEEL_POOL_CLOSED', outcome: 'not-sent' });
      await until(() => mute.connections() > 0);
      const ms = await took(() => pool.end(options));
      assert.ok(ms >= limit - 1 && ms < limit + SOON_MS, `${ms} ms`);
      await Promise.all([refused, waiting]);
    });

    it(`a server that has gone silent in the middle: ${name}`, async () => {
      const relay = mine(await startRelay(cluster));
      const pool = make({ port: relay.port });
      const client = await pool.connect();
      await pool.query('select 1');
      relay.stall();
      const ends = [pool.query('select 2'), client.query('select 3')].map((query) =>
        assert.rejects(query, { code: 'KEEL_POOL_CLOSED', outcome: 'unknown' }),
      );
      const ms = await took(() => pool.end(options));
      assert.ok(ms >= limit - 1 && ms < limit + SOON_MS, `${ms} ms`);
      await Promise.all(ends);
      client.release();
    });
  }

  it('a cancel that the server does not answer', async () => {
    const relay = mine(await startRelay(cluster));
    const pool = make({ port: relay.port, max: 1 });
    await pool.query('select 1');
    relay.stall();
    await assert.rejects(pool.query({ text: 'select 2', timeout: 50 }), { code: 'KEEL_QUERY_TIMEOUT' });
    const ms = await took(() => pool.end({ timeout: 100 }));
    assert.ok(ms < SOON_MS, `${ms} ms`);
  });

  describe('asked for once more', () => {
    it('with force: it comes at once, for both', async () => {
      const pool = make();
      const client = await pool.connect();
      const first = pool.end();
      assert.equal(await isPending(first), true);
      const ms = await took(() => Promise.all([pool.end({ force: true }), first]));
      assert.ok(ms < SOON_MS, `${ms} ms`);
      client.release();
    });

    it('with a time limit: the sooner of the two holds', async () => {
      const pool = make();
      const client = await pool.connect();
      const first = pool.end({ timeout: 150 });
      const ms = await took(() => Promise.all([pool.end({ timeout: 60_000 }), first]));
      assert.ok(ms >= 149 && ms < SOON_MS, `${ms} ms`);
      client.release();
    });

    it('without either: an error as in pg, and nothing else happens', async () => {
      const pool = make();
      const client = await pool.connect();
      const first = pool.end();
      await assert.rejects(pool.end(), { message: 'Called end on pool more than once' });
      await assert.rejects(pool.end({}), { message: 'Called end on pool more than once' });
      assert.equal(await isPending(first), true);
      client.release();
      await first;
      assert.deepEqual(await pool.end({ force: true }), undefined);
    });
  });

  it('refuses nonsense, and can still be ended', async () => {
    const pool = make();
    for (const options of [{ timeout: -1 }, { timeout: 1.5 }, { timeout: '5s' }, { force: 1 }])
      await assert.rejects(pool.end(options), { code: 'KEEL_CONFIG' });
    await pool.end();
  });

  describe("createDatabase()'s close()", () => {
    function database(more) {
      const made = createDatabase({ ...cluster.config(), max: 1, ...more });
      cleanup.push(() => made.close({ force: true }));
      return made;
    }

    it('waits for the same end whenever it is called, by any of its names', async () => {
      const { pool, readPool, writePool, close } = database();
      const client = await pool.connect();
      const ends = [close(), close(), readPool.end(), writePool.end()];
      assert.equal(await isPending(Promise.race(ends)), true);
      client.release();
      await Promise.all(ends);
      await close();
    });

    it('is bounded by its time limit, by drainTimeout where it has none, and hastened by another call', async () => {
      for (const [options, calls] of [
        [{}, [{ timeout: 50 }]],
        [{ drainTimeout: 50 }, [undefined]],
        [{}, [undefined, { timeout: 50 }]],
        [{}, [{ timeout: 60_000 }, undefined, { force: true }]],
      ]) {
        const { pool, close } = database(options);
        const client = await pool.connect();
        const ms = await took(() => Promise.all(calls.map((call) => close(call))));
        assert.ok(ms < SOON_MS, `${JSON.stringify(calls)}: ${ms} ms`);
        client.release();
      }
    });

    it('goes on after a call that was refused', async () => {
      const { pool, close } = database();
      await assert.rejects(close({ timeout: 'soon' }), { code: 'KEEL_CONFIG' });
      assert.equal(pool.ending, false);
      await close();
      assert.equal(pool.ended, true);
    });
  });
});
