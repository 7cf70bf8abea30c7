'use strict';

const assert = require('node:assert/strict');
const { sql } = require('drizzle-orm');
const { Client, Pool } = require('../..');
const { createDatabase, drizzle } = require('../../lib/drizzle');
const { failureOf } = require('../support/failure');
const { startCluster } = require('../support/cluster');
const { freePort } = require('../support/ports');
const { until } = require('../support/poll');

const OURS = "from pg_stat_activity where application_name = 'retrying'";

// Whatever goes wrong here goes really wrong: backends are killed, transactions collide, the server is stopped.
describe('retries', function () {
  this.timeout(60_000);
  let cluster;
  let pool;
  let retries;

  before(async () => {
    cluster = await startCluster();
    await cluster.psql(`
      create table ledger (id int primary key, n int not null default 0);
      create sequence tries;
      create function not_at_first() returns trigger language plpgsql as $$ begin
        if nextval('tries') = 1 then raise exception 'once' using errcode = '40001'; end if;
        return null;
      end $$;
      create constraint trigger not_at_first after insert on ledger deferrable initially deferred
        for each row when (new.n < 0) execute function not_at_first();
      create function slow_at_first() returns timestamptz language plpgsql as $$ begin
        perform pg_sleep(0.2);
        if nextval('tries') = 1 then raise exception 'once' using errcode = '40001'; end if;
        return clock_timestamp();
      end $$;
      create function touch(first int, second int) returns void language plpgsql as $$ begin
        update ledger set n = n + 1 where id = first;
        update ledger set n = n + 1 where id = second;
      end $$`);
  });

  after(() => cluster?.stop({ mode: 'immediate' }));

  beforeEach(() => cluster.psql(`truncate ledger; alter sequence tries restart`));

  afterEach(() => pool.ending || pool.end({ force: true }));

  function open(options) {
    const usual = { max: 2, maxRetries: 3, retryDelay: 20, application_name: 'retrying' };
    pool = new Pool({ ...cluster.config(), ...usual, ...options });
    retries = [];
    pool.on('retry', (event) => retries.push(event));
    return pool;
  }

  const active = (how = 'true') =>
    until(async () => (await cluster.psql(`select 1 ${OURS} and state = 'active' and ${how}`)) === '1');
  const napping = () => active("wait_event = 'PgSleep'");
  const waitingForLock = () => active("wait_event_type = 'Lock'");
  const killAll = () => cluster.psql(`select pg_terminate_backend(pid) ${OURS}`);
  const ids = () => cluster.psql('select id from ledger order by id');

  /** Kills the backend of what was asked while it naps there. */
  async function killed(asked) {
    asked.catch(() => {});
    await napping();
    await killAll();
    return asked;
  }

  /** Until a text is known to be quick it has a connection of its own; on a busy machine that may take a while. */
  async function learn(text, values) {
    for (let i = 0, quick = 0; quick < 25; i++) {
      const start = performance.now();
      await pool.query(text, values(i));
      quick = performance.now() - start < 2 ? quick + 1 : 0;
    }
  }

  describe('when the link dies', () => {
    it('a read is sent again', async () => {
      open();
      const { rows } = await killed(pool.query('select 7 as n, pg_sleep(0.5)'));
      assert.equal(rows[0].n, 7);
      assert.equal(retries.length, 1);
      const [{ node, attempt, delay, error }] = retries;
      assert.deepEqual([node, attempt], [`${cluster.host}:${cluster.port}`, 2]);
      assert.ok(Number.isInteger(delay) && delay >= 0 && delay <= 20, `${delay}`);
      assert.deepEqual([error.code, error.attempts, error.outcome], ['57P01', 1, 'unknown']);
      assert.equal(pool.metrics().queries.retried, 1);
      assert.deepEqual([pool.metrics().queries.failed, pool.metrics().queries.succeeded], [0, 1]);
    });

    it('a read is sent as often as it may, and then its error says how often', async () => {
      open({ maxRetries: 1 });
      const asked = pool.query('select pg_sleep(30)');
      asked.catch(() => {});
      let last = '';
      for (let i = 0; i < 2; i++) {
        // The second may be there before the first is seen to be gone.
        last = await until(async () => {
          const pid = await cluster.psql(`select pid ${OURS} and state = 'active'`);
          return pid !== '' && pid !== last && pid;
        });
        await cluster.psql(`select pg_terminate_backend(${last})`);
      }
      const error = await failureOf(asked);
      assert.deepEqual([error.code, error.attempts], ['57P01', 2]);
      assert.equal(retries.length, 1);
    });

    it('the time limit is that of all attempts, and then its error says what the one before failed of', async () => {
      open();
      const asked = pool.query({ text: 'select pg_sleep(30)', timeout: 1500 });
      const start = performance.now();
      const error = await failureOf(killed(asked));
      assert.deepEqual([error.code, error.attempts, error.cause.code], ['KEEL_QUERY_TIMEOUT', 2, '57P01']);
      const took = performance.now() - start;
      assert.ok(took > 1000 && took < 5000, `${took} ms`);
    });

    it('a write is not, and its outcome is unknown', async () => {
      open();
      const error = await failureOf(killed(pool.query('insert into ledger select 1 from pg_sleep(0.5)')));
      assert.deepEqual([error.code, error.attempts, error.outcome], ['57P01', 1, 'unknown']);
      assert.deepEqual(retries, []);
      assert.equal(pool.metrics().queries.retried, 0);
    });

    it('a call of an unknown function is not: it may write', async () => {
      open();
      await cluster.psql(`create or replace function writes() returns int language sql as
        $$ insert into ledger select 1 from pg_sleep(0.5) returning id $$`);
      const error = await failureOf(killed(pool.query('select writes()')));
      assert.deepEqual([error.code, error.attempts, error.outcome], ['57P01', 1, 'unknown']);
    });

    it('a write that is idempotent is sent again', async () => {
      open();
      const text = 'insert into ledger select $1::int from pg_sleep(0.5) on conflict do nothing';
      const { rowCount } = await killed(pool.query({ text, values: [1], idempotent: true }));
      assert.equal(rowCount, 1);
      assert.equal(await ids(), '1');
    });

    it('an idempotent write that fails later on may have happened before', async () => {
      open({ retryDelay: 0 });
      const text = 'insert into ledger select $1::int from pg_sleep(0.5)';
      const asked = pool.query({ text, values: [1], idempotent: true });
      asked.catch(() => {});
      await napping();
      // As if the first sending had done it, and only its answer was lost.
      await cluster.psql('insert into ledger values (1)');
      await killAll();
      const error = await failureOf(asked);
      assert.deepEqual([error.code, error.attempts, error.outcome], ['23505', 2, 'unknown']);
    });

    it("statements of a client are its holder's to repeat", async () => {
      open();
      const client = await pool.connect();
      client.on('error', () => {});
      const error = await failureOf(killed(client.query('select pg_sleep(0.5)')));
      assert.equal(error.attempts, 1);
      client.release();
      assert.deepEqual(retries, []);
    });

    it('those that shared its connection are each treated as what they are', async () => {
      open({ max: 1 });
      const read = 'select pg_sleep($1::float8), $2::int as n';
      const write = 'insert into ledger values ($1::int)';
      await learn(read, (i) => [0, i]);
      await learn(write, (i) => [-i - 1]);
      const reads = [0.5, 0].map((nap, n) => pool.query(read, [nap, n]));
      const written = failureOf(pool.query(write, [1]));
      await killed(reads[0]);
      const answers = await Promise.all(reads);
      assert.deepEqual(
        answers.map(({ rows }) => rows[0].n),
        [0, 1],
      );
      assert.deepEqual([(await written).code, (await written).outcome], ['57P01', 'unknown']);
      assert.equal(retries.length, 2);
    });
  });

  describe('of results', () => {
    const LARGE = 'select i, case when i = 30000 then pg_sleep(0.5) end from generate_series(1, 40000) i';

    it('rows of which many had come are given once', async () => {
      open();
      await pool.query(LARGE); // known from now on to be large: its rows are handed over as they come
      const { rows } = await killed(pool.query(LARGE));
      assert.equal(rows.length, 40_000);
      assert.ok(rows.every(({ i }, at) => i === at + 1));
      assert.equal(retries.length, 1);
    });

    it("Drizzle's are, too", async () => {
      const db = drizzle(open());
      const ask = () =>
        db
          .select({ i: sql`i`.mapWith(Number), nap: sql`case when i = 30000 then pg_sleep(0.5) end` })
          .from(sql`generate_series(1, 40000) i`);
      await ask();
      const rows = await killed(ask().execute());
      assert.equal(rows.length, 40_000);
      assert.ok(rows.every(({ i }, at) => i === at + 1));
      assert.equal(retries.length, 1);
    });

    it('a stream of which rows were taken is not repeated', async () => {
      open();
      let taken = 0;
      const error = await failureOf(
        (async () => {
          for await (const { i } of pool.stream(LARGE)) {
            assert.equal(i, ++taken);
            if (taken === 1000) killed(Promise.resolve());
          }
        })(),
      );
      assert.equal(error.code, '57P01');
      assert.ok(taken >= 1000 && taken <= 30_000, `${taken} rows`);
      assert.deepEqual(retries, []);
    });

    it('a stream that has given none is', async () => {
      open();
      const read = async () => {
        const taken = [];
        const text = 'select i from generate_series(1, 3) i, (select pg_sleep(0.5)) nap';
        for await (const { i } of pool.stream(text)) taken.push(i);
        return taken;
      };
      assert.deepEqual(await killed(read()), [1, 2, 3]);
      assert.equal(retries.length, 1);
    });

    it('what looked complete and failed at its commit does not count', async () => {
      open();
      const { rows, rowCount } = await pool.query('insert into ledger values ($1, -1) returning id', [5]);
      assert.deepEqual([rows, rowCount], [[{ id: 5 }], 1]);
      assert.equal(retries.length, 1);
      assert.equal(retries[0].error.code, '40001');
      assert.equal(await ids(), '5');
    });

    it('nor do the results of several statements', async () => {
      open();
      const results = await pool.query('select 1 as a; insert into ledger values (6, -1) returning id');
      assert.deepEqual(
        results.map(({ rows }) => rows),
        [[{ a: 1 }], [{ id: 6 }]],
      );
      assert.equal(retries.length, 1);
    });
  });

  describe('when the server rolls back', () => {
    const OPTIONS = '-c default_transaction_isolation=repeatable\\ read';

    it('a lone statement that met another one is sent again (40001)', async () => {
      await cluster.psql('insert into ledger values (1)');
      open({ options: OPTIONS });
      const other = new Client(cluster.config());
      await other.connect();
      await other.query('begin; update ledger set n = n + 1 where id = 1');
      const asked = pool.query('update ledger set n = n + 1 where id = $1 returning n', [1]);
      await waitingForLock();
      await other.query('commit');
      assert.deepEqual((await asked).rows, [{ n: 2 }]);
      await other.end();
      assert.deepEqual(
        retries.map(({ attempt, error }) => [attempt, error.code, error.outcome]),
        [[2, '40001', 'rolled-back']],
      );
    });

    it('without maxRetries it is told of it', async () => {
      await cluster.psql('insert into ledger values (1)');
      open({ options: OPTIONS, maxRetries: 0 });
      const other = new Client(cluster.config());
      await other.connect();
      await other.query('begin; update ledger set n = n + 1 where id = 1');
      const asked = failureOf(pool.query('update ledger set n = n + 1 where id = 1'));
      await waitingForLock();
      await other.query('commit');
      const error = await asked;
      await other.end();
      assert.deepEqual([error.code, error.attempts, error.outcome], ['40001', 1, 'rolled-back']);
    });

    it('the victim of a deadlock is sent again (40P01)', async () => {
      await cluster.psql('insert into ledger values (1), (2)');
      open({ options: '-c deadlock_timeout=2s' });
      const other = new Client({ ...cluster.config(), options: '-c deadlock_timeout=60s' });
      await other.connect();
      await other.query('begin; update ledger set n = n + 10 where id = 2');
      const asked = pool.query('select touch(1, 2)');
      await waitingForLock();
      await other.query('update ledger set n = n + 10 where id = 1');
      await other.query('commit');
      await asked;
      await other.end();
      assert.deepEqual(
        retries.map(({ error }) => error.code),
        ['40P01'],
      );
      assert.equal(await cluster.psql('select id, n from ledger order by id'), '1|11\n2|11');
    });

    it('it does not wait for JavaScript', async () => {
      open();
      const asked = pool.query('select slow_at_first() as at');
      await active();
      const end = Date.now() + 1500;
      while (Date.now() < end);
      const { at } = (await asked).rows[0];
      assert.ok(at.getTime() < end, `${at.getTime() - end} ms too late`);
    });

    it('other errors are answers', async () => {
      open();
      for (const code of ['23505', '55P03', '57014', '40002', 'XX000']) {
        const raise = `do $$ begin raise exception 'no' using errcode = '${code}'; end $$`;
        const error = await failureOf(pool.query(raise));
        assert.deepEqual([error.code, error.attempts, error.outcome], [code, 1, 'rolled-back']);
      }
      assert.deepEqual(retries, []);
    });

    it('what came behind a COMMIT of the same text is not repeated', async () => {
      open();
      const text = `insert into ledger values (1); commit;
        do $$ begin raise exception 'no' using errcode = '40001'; end $$`;
      const error = await failureOf(pool.query(text));
      assert.deepEqual([error.code, error.attempts, error.outcome], ['40001', 1, 'unknown']);
      assert.equal(await ids(), '1');
    });
  });

  describe('when no connection can be opened', () => {
    const patient = { maxRetries: 200, retryDelay: 20, retryMaxDelay: 200 };

    it('requests wait for a server that comes back', async () => {
      open({ ...patient, max: 4 });
      await pool.query('select 1');
      await cluster.stop({ mode: 'immediate', remove: false });
      const asked = Array.from({ length: 20 }, (_, i) => pool.query('insert into ledger values ($1)', [i]));
      const client = pool.connect();
      await until(() => retries.length >= 21);
      await cluster.start();
      // One that was given to the dead link before its end was noticed has an unknown outcome, and is absent.
      const answers = await Promise.allSettled(asked);
      const lost = answers.filter(({ status }) => status === 'rejected');
      for (const { reason } of lost) assert.equal(reason.outcome, 'unknown');
      assert.ok(lost.length <= 1, `${lost.length} of 20 failed`);
      (await client).release();
      assert.equal(await cluster.psql('select count(*) from ledger'), String(20 - lost.length));
      for (const { error } of retries) assert.match(error.code, /^(KEEL_CONNECT_FAILED|57P0[13])$/);
    });

    it('the error after the last attempt says how many there were', async () => {
      open({ port: await freePort(), maxRetries: 2, retryDelay: 1 });
      const errors = await Promise.all([failureOf(pool.query('select 1')), failureOf(pool.connect())]);
      for (const error of errors) {
        assert.deepEqual([error.code, error.attempts], ['KEEL_CONNECT_FAILED', 3]);
        assert.deepEqual([error.outcome, error.cause.code], ['not-sent', 'ECONNREFUSED']);
      }
      assert.deepEqual(retries.map(({ attempt }) => attempt).sort(), [2, 2, 3, 3]);
      assert.equal(pool.metrics().queries.retried, 2);
    });

    it('testConnection() says how things are now', async () => {
      const { host, database, user } = cluster.config();
      const retrying = { maxRetries: 5, retryDelay: 10_000, circuitBreaker: false };
      const db = createDatabase({ host, port: await freePort(), user, database, min: 0, ...retrying });
      pool = db.pool;
      pool.on('retry', () => assert.fail('it was tried again'));
      assert.equal(await db.testConnection(), false);
      await db.close();
    });

    it('an attempt counts without retries, too', async () => {
      open({ port: await freePort(), maxRetries: 0 });
      assert.equal((await failureOf(pool.query('select 1'))).attempts, 1);
    });

    it('what the server refuses for good is told at once', async () => {
      for (const [option, code] of [
        [{ database: 'nowhere' }, '3D000'],
        [{ user: 'nobody' }, '28000'],
        [{ options: '-c no_such_setting=1' }, '42704'],
      ]) {
        open({ ...option, maxRetries: 5, retryDelay: 10_000 });
        const error = await failureOf(pool.query('select 1'));
        assert.deepEqual([error.code, error.attempts], [code, 1]);
        assert.deepEqual(retries, []);
        await pool.end();
      }
    });

    it('the time a request may take is all that it has', async () => {
      open({ port: await freePort(), maxRetries: 1000, retryDelay: 10_000, acquireTimeoutMillis: 300 });
      const start = performance.now();
      const errors = await Promise.all([
        failureOf(pool.query('select 1')),
        failureOf(pool.query({ text: 'select 1', timeout: 200 })),
        failureOf(pool.connect()),
      ]);
      for (const { code, outcome } of errors)
        assert.deepEqual([code, outcome], ['KEEL_CONNECT_FAILED', 'not-sent']);
      assert.ok(performance.now() - start < 3000);
    });

    it('a request that pauses can be given up', async () => {
      open({ port: await freePort(), maxRetries: 1000, retryDelay: 500 });
      const controller = new AbortController();
      const asked = failureOf(pool.query({ text: 'select 1', signal: controller.signal }));
      await until(() => retries.length > 0);
      controller.abort();
      const error = await asked;
      assert.deepEqual([error.code, error.outcome], ['KEEL_ABORTED', 'not-sent']);
      assert.ok(error.attempts >= 1);
    });

    it('end() does not wait for it longer than it may', async () => {
      open({ port: await freePort(), maxRetries: 1000, retryDelay: 100 });
      const asked = failureOf(pool.query('select 1'));
      const client = failureOf(pool.connect());
      await until(() => retries.length >= 2);
      const start = performance.now();
      await pool.end({ timeout: 200 });
      assert.ok(performance.now() - start < 3000);
      assert.deepEqual(
        [(await client).code, (await client).cause.code],
        ['KEEL_POOL_CLOSED', 'KEEL_CONNECT_FAILED'],
      );
      assert.match((await asked).code, /^KEEL_(POOL_CLOSED|CONNECT_FAILED)$/);
    });
  });

  it('a listener that throws harms nobody but itself', async () => {
    open();
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = new Promise((resolve) => {
      process.once('uncaughtException', resolve);
    });
    pool.on('retry', () => {
      throw new Error('of the listener');
    });
    const { rows } = await pool.query('insert into ledger values (7, -1) returning id');
    const error = await thrown;
    for (const listener of before) process.on('uncaughtException', listener);
    assert.equal(error.message, 'of the listener');
    assert.deepEqual(rows, [{ id: 7 }]);
  });
});
