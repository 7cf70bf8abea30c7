'use strict';

const assert = require('node:assert/strict');
const { hardenedDefaults, Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');
const { freePort } = require('../support/ports');
const { sharedCluster } = require('../support/shared');

const SLEEP = "select pg_sleep(60), 'killed'";

describe('the circuit breaker', () => {
  const open = [];

  afterEach(() => Promise.all(open.splice(0).map((pool) => pool.end({ force: true }))));

  function make(options) {
    const pool = new Pool(options);
    pool.changes = [];
    pool.on('breaker', (change) => pool.changes.push(change));
    open.push(pool);
    return pool;
  }

  /** A pool of a port where nobody listens. */
  async function dead(circuitBreaker, more) {
    return make({ host: '127.0.0.1', port: await freePort(), circuitBreaker, ...more });
  }

  const failureOf = (promise) =>
    promise.then(
      () => assert.fail('it succeeded'),
      (error) => error,
    );
  const codesOf = async (promises) => (await Promise.all(promises.map(failureOf))).map(({ code }) => code);
  const breakerOf = (pool) => pool.metrics().nodes[0].breaker;
  const ways = (pool) => pool.changes.map(({ from, to }) => `${from} > ${to}`);

  async function fail(pool, times) {
    for (let i = 0; i < times; i++) await failureOf(pool.query('select 1'));
  }

  describe('of a server that refuses connections', () => {
    it('opens after so many failures in a row, and says what opened it', async () => {
      const pool = await dead({ failureThreshold: 3 });
      const node = `127.0.0.1:${pool.options.port}`;
      for (let i = 0; i < 3; i++) {
        await assert.rejects(pool.query('select 1'), { code: 'KEEL_CONNECT_FAILED' });
      }
      const error = await failureOf(pool.query('select 1'));
      assert.equal(error.code, 'KEEL_BREAKER_OPEN');
      assert.deepEqual([error.outcome, error.attempts, error.node], ['not-sent', 0, node]);
      assert.ok(error.retryAfter > 0 && error.retryAfter <= 5000, `${error.retryAfter}`);
      assert.equal(error.cause.code, 'KEEL_CONNECT_FAILED');
      assert.equal(error.cause.node, node);
      assert.equal(error.cause.cause.code, 'ECONNREFUSED');
      assert.equal(error.message, `The circuit breaker of ${node} is open: connect ECONNREFUSED ${node}`);
      assert.match(error.stack, /breaker\.test\.js/);
      await assert.rejects(pool.connect(), { code: 'KEEL_BREAKER_OPEN', outcome: 'not-sent' });
      await until(() => pool.changes.length > 0, { what: 'the event' });
      assert.deepEqual(pool.changes[0], { node, from: 'CLOSED', to: 'OPEN', reason: '3 failures in a row' });
    });

    it('is in the metrics', async () => {
      const pool = await dead({ failureThreshold: 2 });
      await fail(pool, 4);
      await failureOf(pool.connect());
      const { state, failures, opened, rejected, lastFailureTime } = breakerOf(pool);
      assert.ok(['OPEN', 'HALF_OPEN'].includes(state), state);
      assert.ok(failures >= 2, `${failures}`);
      assert.deepEqual([opened, rejected], [1, 3]);
      assert.ok(Math.abs(Date.now() - lastFailureTime) < 5000, `${lastFailureTime}`);
      const { started, failed, rejected: refused } = pool.metrics().queries;
      assert.deepEqual([started, failed, refused], [4, 2, 2]);
    });

    it('probes again and again, and no request is the probe', async () => {
      const pool = await dead({ failureThreshold: 1, resetTimeout: 20 });
      await fail(pool, 1);
      await until(() => pool.metrics().nodes[0].connections.failed >= 5, { what: 'probes' });
      assert.equal(breakerOf(pool).opened, 1);
      assert.deepEqual(ways(pool).slice(0, 5), [
        ...['CLOSED > OPEN', 'OPEN > HALF_OPEN', 'HALF_OPEN > OPEN', 'OPEN > HALF_OPEN', 'HALF_OPEN > OPEN'],
      ]);
      assert.equal(pool.changes[2].reason, 'the probe failed');
    });

    it('probes while JavaScript is blocked', async () => {
      const pool = await dead({ failureThreshold: 1, resetTimeout: 50 });
      await fail(pool, 1);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      // What the engine has done meanwhile; nothing of it needed this thread.
      const { failed } = pool.metrics().nodes[0].connections;
      assert.ok(failed > 5, `${failed} attempts`);
    });

    it('counts attempts made side by side up to the threshold, and refuses the rest of a burst', async () => {
      const pool = await dead({ failureThreshold: 5 }, { max: 10 });
      const codes = await codesOf(Array.from({ length: 20 }, () => pool.query('select 1')));
      assert.deepEqual([...new Set(codes)].sort(), ['KEEL_BREAKER_OPEN', 'KEEL_CONNECT_FAILED']);
      await until(() => pool.changes.length > 0, { what: 'the event' });
      assert.equal(pool.changes[0].reason, '5 failures in a row');
      assert.equal(breakerOf(pool).opened, 1);
    });

    it('is off unless it is asked for, and can be turned off', async () => {
      const port = await freePort();
      const defaults = {
        ...hardenedDefaults({ DATABASE_URL: `postgres://127.0.0.1:${port}/x` }),
        maxRetries: 0,
      };
      for (const options of [
        { host: '127.0.0.1', port },
        { ...defaults, min: 0, circuitBreaker: false },
      ]) {
        const pool = make(options);
        await fail(pool, 10);
        assert.deepEqual(pool.changes, []);
        await assert.rejects(pool.query('select 1'), { code: 'KEEL_CONNECT_FAILED' });
        assert.equal(breakerOf(pool).state, 'CLOSED');
      }
      const pool = make({ ...defaults, min: 0 });
      await fail(pool, 5);
      await assert.rejects(pool.query('select 1'), { code: 'KEEL_BREAKER_OPEN' });
    });

    it('refuses ten thousand at once in no time', async () => {
      const pool = await dead({ failureThreshold: 1 });
      await fail(pool, 1);
      const start = performance.now();
      const codes = await codesOf(Array.from({ length: 10_000 }, () => pool.query('select $1', ['x'])));
      const took = performance.now() - start;
      assert.deepEqual([...new Set(codes)], ['KEEL_BREAKER_OPEN']);
      assert.ok(took < 5000, `${took} ms`);
      assert.equal(breakerOf(pool).rejected, 10_000);
    });
  });

  describe('does not count', () => {
    let cluster;

    before(async () => {
      cluster = await sharedCluster();
    });

    it('what a server that lives answers to an attempt', async () => {
      const pool = make({
        ...cluster.config(),
        database: 'nowhere',
        circuitBreaker: { failureThreshold: 2 },
      });
      for (let i = 0; i < 6; i++) await assert.rejects(pool.query('select 1'), { code: '3D000' });
      assert.deepEqual(pool.changes, []);
    });

    it('too many connections (53300)', async () => {
      const config = { max_connections: 3, superuser_reserved_connections: 0 };
      const full = await startCluster({ config });
      try {
        const holder = make({ ...full.config(), max: 3 });
        const held = await Promise.all([holder.connect(), holder.connect(), holder.connect()]);
        const pool = make({ ...full.config(), circuitBreaker: { failureThreshold: 2 } });
        for (let i = 0; i < 6; i++) await assert.rejects(pool.query('select 1'), { code: '53300' });
        assert.equal(breakerOf(pool).failures, 0);
        held.forEach((client) => client.release());
      } finally {
        await full.stop({ mode: 'immediate' });
      }
    });

    it('errors of statements, deadlines and aborts', async () => {
      const pool = make({ ...cluster.config(), max: 2, circuitBreaker: { failureThreshold: 1 } });
      await assert.rejects(pool.query('select 1/0'), { code: '22012' });
      await assert.rejects(pool.query({ text: SLEEP, timeout: 20 }), { code: 'KEEL_QUERY_TIMEOUT' });
      const signal = AbortSignal.timeout(20);
      await assert.rejects(pool.query({ text: SLEEP, signal }), { code: 'KEEL_ABORTED' });
      await pool.query('select 1');
      assert.deepEqual(pool.changes, []);
      assert.equal(breakerOf(pool).failures, 0);
    });

    it('an idle connection that dies', async () => {
      const pool = make({ ...cluster.config(), circuitBreaker: { failureThreshold: 1 } });
      const { rows } = await pool.query('select pg_backend_pid() as pid');
      await cluster.psql(`select pg_terminate_backend(${rows[0].pid})`);
      await until(() => pool.metrics().nodes[0].connections.closed === 1, { what: 'its end' });
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
      assert.deepEqual(pool.changes, []);
    });
  });

  describe('of a server that lives', () => {
    let cluster;

    before(async () => {
      cluster = await sharedCluster();
    });

    it('counts each connection that dies under a statement, and closes by its own probe', async () => {
      const pool = make({ ...cluster.config(), max: 2, circuitBreaker: { failureThreshold: 2 } });
      const running = [pool.query(SLEEP), pool.query(SLEEP)].map(failureOf);
      const kill = `select count(pg_terminate_backend(pid)) from pg_stat_activity
        where query like '%killed%' and pid <> pg_backend_pid() and state = 'active'`;
      let killed = 0;
      await until(async () => (killed += Number(await cluster.psql(kill))) >= 2, { what: 'both to run' });
      for (const failure of running) assert.equal((await failure).code, '57P01');
      await until(() => pool.changes.length === 3, { what: 'the breaker to close' });
      assert.deepEqual(ways(pool), ['CLOSED > OPEN', 'OPEN > HALF_OPEN', 'HALF_OPEN > CLOSED']);
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
      assert.equal(breakerOf(pool).failures, 0);
    });

    it('opens at a rate of slow calls', async () => {
      const circuitBreaker = {
        ...{ slowCallRateThreshold: 100, slowCallDurationThreshold: 200 },
        ...{ slidingWindowSize: 3, minimumNumberOfCalls: 3 },
      };
      const pool = make({ ...cluster.config(), max: 1, circuitBreaker });
      // Connecting is a call too, and may take long on a machine that is busy.
      await pool.query('select 1');
      for (let i = 0; i < 3; i++) await pool.query('select pg_sleep(0.3)');
      const error = await failureOf(pool.query('select 1'));
      assert.equal(error.code, 'KEEL_BREAKER_OPEN');
      assert.equal(error.cause, undefined);
      assert.match(error.message, /^The circuit breaker of \S+ is open: too many calls were slow$/);
      assert.ok(error.retryAfter > 0);
      await until(() => pool.changes.length > 0, { what: 'the event' });
      assert.equal(pool.changes[0].reason, '3 of 3 calls were slow');
    });

    describe('by hand', () => {
      it('is opened, and closed again', async () => {
        const pool = make({ ...cluster.config(), max: 2 });
        const client = await pool.connect();
        const breaker = pool.breaker();
        assert.equal(breaker.state, 'CLOSED');
        breaker.open();
        assert.equal(breaker.state, 'OPEN');
        const error = await failureOf(pool.query('select 1'));
        assert.equal(error.code, 'KEEL_BREAKER_OPEN');
        assert.deepEqual([error.retryAfter, error.cause], [undefined, undefined]);
        assert.match(error.message, /was opened by hand$/);
        // Who has a connection goes on.
        assert.equal((await client.query('select 1 as a')).rows[0].a, 1);
        breaker.close();
        assert.equal(breaker.state, 'CLOSED');
        assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
        client.release();
        await until(() => pool.changes.length === 2, { what: 'the events' });
        assert.deepEqual(
          pool.changes.map(({ to, reason }) => [to, reason]),
          [
            ['OPEN', 'forced open'],
            ['CLOSED', 'closed by hand'],
          ],
        );
      });

      it('is reset', async () => {
        const pool = await dead({ failureThreshold: 2 });
        await fail(pool, 3);
        pool.breaker().reset();
        assert.deepEqual([breakerOf(pool).state, breakerOf(pool).failures], ['CLOSED', 0]);
        await assert.rejects(pool.query('select 1'), { code: 'KEEL_CONNECT_FAILED' });
      });

      it('knows the nodes by their names', () => {
        const pool = make(cluster.config());
        assert.equal(pool.breaker(pool.metrics().nodes[0].name).state, 'CLOSED');
        assert.throws(() => pool.breaker('elsewhere:1'), { code: 'KEEL_MISUSE' });
      });
    });
  });

  describe('of a server that goes away', () => {
    let cluster;

    before(async () => {
      cluster = await startCluster();
    });

    after(() => cluster.stop({ mode: 'immediate' }));

    async function untilOpen(pool) {
      await until(async () => (await failureOf(pool.query('select 1'))).code === 'KEEL_BREAKER_OPEN', {
        what: 'the breaker to open',
        timeout: 10_000,
      });
    }

    it('refuses in microseconds, and has healed within a second of its return', async () => {
      const pool = make({ ...cluster.config(), max: 4, circuitBreaker: {} });
      await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.05)')));
      await cluster.stop({ mode: 'immediate', remove: false });
      await untilOpen(pool);
      const times = [];
      for (let i = 0; i < 500; i++) {
        const start = performance.now();
        await failureOf(pool.query('select 1'));
        times.push(performance.now() - start);
      }
      times.sort((a, b) => a - b);
      assert.ok(times[250] < 1, `half of them take longer than ${times[250]} ms`);
      // The machine does other things, too: what is measured by the clock is not the refusal alone.
      assert.ok(times[490] < 20, `2 % of them take longer than ${times[490]} ms`);
      await cluster.start();
      const back = performance.now();
      await until(async () => (await pool.query('select 1 as a')).rows[0].a === 1, { what: 'recovery' });
      const healed = performance.now() - back;
      assert.ok(healed < 2000, `healed ${healed} ms after the server's return`);
      assert.equal(breakerOf(pool).state, 'CLOSED');
      assert.deepEqual([ways(pool)[0], ways(pool).at(-1)], ['CLOSED > OPEN', 'HALF_OPEN > CLOSED']);
      pool.changes.reduce((before, { from, to }) => (assert.equal(from, before), to), 'CLOSED');
    });

    it('counts attempts that a frozen server does not answer', async () => {
      const options = { connectionTimeoutMillis: 200, circuitBreaker: { failureThreshold: 2 } };
      const pool = make({ ...cluster.config(), ...options });
      cluster.freeze();
      try {
        await untilOpen(pool);
        const { cause } = await failureOf(pool.query('select 1'));
        assert.equal(cause.code, 'KEEL_CONNECT_TIMEOUT');
      } finally {
        cluster.thaw();
      }
      await until(async () => (await pool.query('select 1 as a')).rows[0].a === 1, { what: 'recovery' });
    });
  });
});
