'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { drizzle } = require('../../lib/drizzle');
const { Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');

const THRESHOLD_MS = 40;

describe('clients that are held for too long', () => {
  let cluster;
  let pool;
  let leaks;

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(() => pool.ended || pool.end({ force: true }));

  function open(options) {
    pool = new Pool({ ...cluster.config(), leakDetectionThreshold: THRESHOLD_MS, ...options });
    leaks = [];
    pool.on('leak', (leak) => leaks.push(leak));
    return pool;
  }

  const later = (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  // A leak that is not to be reported has had the time for it.
  const longEnough = () => later(4 * THRESHOLD_MS);
  const firstFrame = ({ stack }) => stack.split('\n')[1];

  async function takeInTheEnd() {
    await later(1);
    return pool.connect();
  }

  it('are reported once, each with the function that took it', async () => {
    open();
    const [first, second] = [await takeInTheEnd(), await pool.connect()];
    await longEnough();
    assert.equal(leaks.length, 2);
    assert.ok(leaks.every(({ heldMs }) => heldMs >= THRESHOLD_MS));
    assert.match(firstFrame(leaks[0]), /at takeInTheEnd \(.*leaks\.test\.js/);
    assert.match(leaks[0].stack, /at async Context\..*leaks\.test\.js/);
    assert.match(firstFrame(leaks[1]), /leaks\.test\.js/);
    first.release();
    second.release();
    await longEnough();
    assert.equal(leaks.length, 2);
  });

  it('are reported to callers by callback as well', async () => {
    open();
    const client = await new Promise((resolve, reject) => {
      pool.connect(function taken(error, given) {
        if (error) reject(error);
        else resolve(given);
      });
    });
    await longEnough();
    assert.match(firstFrame(leaks[0]), /leaks\.test\.js/);
    client.release();
  });

  it('the time of one does not begin with that of another', async () => {
    const allowed = 10 * THRESHOLD_MS;
    open({ leakDetectionThreshold: allowed });
    const early = await pool.connect();
    await later(allowed / 4);
    const late = await pool.connect();
    early.release();
    const [leak] = await once(pool, 'leak');
    assert.ok(leak.heldMs >= allowed);
    late.release();
    assert.equal(leaks.length, 1);
  });

  it('are not those that came back in time, nor the wait for one, nor queries that take long', async () => {
    open({ max: 1 });
    pool.on('acquire', () => {}); // from here on every query takes a client
    const client = await pool.connect();
    const waiting = pool.connect();
    client.release();
    (await waiting).release();
    await pool.query(`select pg_sleep(${(3 * THRESHOLD_MS) / 1000})`);
    for await (const row of pool.stream(`select pg_sleep(${(3 * THRESHOLD_MS) / 1000})`)) void row;
    await longEnough();
    assert.deepEqual(leaks, []);
  });

  it('a transaction of Drizzle that takes long: with the place that began it', async () => {
    open();
    const db = drizzle(pool);
    await db.transaction(async function slowWork(tx) {
      await tx.execute('select 1');
      await longEnough();
    });
    assert.equal(leaks.length, 1);
    assert.match(firstFrame(leaks[0]), /leaks\.test\.js/);
    assert.doesNotMatch(leaks[0].stack, /pgkeel.lib|drizzle-orm/);
  });

  it('a stream that nobody goes on with, and not one that is read slowly', async () => {
    open();
    const text = "select repeat('x', 10000) from generate_series(1, 2000)";
    const slow = pool.stream(text)[Symbol.asyncIterator]();
    for (let i = 0; i < 12; i++) {
      await slow.next();
      await later(THRESHOLD_MS / 4);
    }
    await slow.return();
    assert.deepEqual(leaks, []);

    const left = pool.stream(text)[Symbol.asyncIterator]();
    await left.next();
    await longEnough();
    assert.equal(leaks.length, 1);
    assert.match(firstFrame(leaks[0]), /leaks\.test\.js/);
    await left.return();
  });

  it('without a listener: one warning for each place', async () => {
    open();
    pool.removeAllListeners('leak');
    const warnings = [];
    const hear = (warning) => warnings.push(warning);
    process.on('warning', hear);
    try {
      const clients = [];
      for (let i = 0; i < 2; i++) clients.push(await takeInTheEnd());
      await longEnough();
      for (const client of clients) client.release();
    } finally {
      process.removeListener('warning', hear);
    }
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['KEEL_LEAK'],
    );
    assert.match(warnings[0].message, /takeInTheEnd/);
  });

  it('are reported while end() waits for them', async () => {
    open();
    const client = await pool.connect();
    const ended = pool.end();
    await once(pool, 'leak');
    client.release();
    await ended;
  });

  it('are none once the pool is closed', async () => {
    open({ leakDetectionThreshold: 2 * THRESHOLD_MS });
    await pool.connect();
    await pool.end({ force: true });
    await longEnough();
    assert.deepEqual(leaks, []);
  });

  it('are not looked for unless somebody asks', async () => {
    open({ leakDetectionThreshold: 0 });
    const client = await pool.connect();
    await longEnough();
    client.release();
    assert.deepEqual(leaks, []);
  });
});
