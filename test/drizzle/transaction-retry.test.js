'use strict';

const assert = require('node:assert/strict');
const { DrizzleQueryError, eq, sql } = require('drizzle-orm');
const { Client, DatabaseError, KeelError, Pool } = require('../..');
const { drizzle } = require('../../lib/drizzle');
const { failureOf } = require('../support/failure');
const { until } = require('../support/poll');
const { freePort } = require('../support/ports');
const { freshDatabase } = require('./support/drivers');
const { groups, posts } = require('./support/schema');

const QUICK = { maxRetries: 3, retryDelay: 5 };

describe('db.transaction(fn, { retry })', function () {
  this.timeout(30_000);
  let fresh;
  let pool;
  let db;
  let retries;

  before(async () => {
    fresh = await freshDatabase();
  });

  after(() => fresh?.drop());

  beforeEach(() => fresh.psql('select start_over()'));

  afterEach(() => pool.ending || pool.end({ force: true }));

  function open(options) {
    pool = new Pool({ connectionString: fresh.url, max: 8, connectionTimeoutMillis: 5000, ...options });
    db = drizzle(pool);
    retries = [];
    pool.on('retry', (event) => retries.push(event));
  }

  const pidOf = async (by) => (await by.execute(sql`select pg_backend_pid() as pid`)).rows[0].pid;
  const add = (by, name) => by.insert(groups).values({ name });
  const names = () => fresh.psql('select name from groups where id > 3 order by id');
  const fail = (by, code) =>
    by.execute(sql.raw(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`));
  async function killAndWait(pid) {
    await fresh.psql(`select pg_terminate_backend(${pid})`);
    await until(async () => (await fresh.psql(`select 1 from pg_stat_activity where pid = ${pid}`)) === '');
  }

  it('repeats transactions that collide until all have succeeded', async () => {
    open();
    const like = () =>
      db.transaction(
        async (tx) => {
          const [{ likes }] = await tx.select().from(posts).where(eq(posts.id, 1));
          await tx
            .update(posts)
            .set({ likes: likes + 1 })
            .where(eq(posts.id, 1));
        },
        { isolationLevel: 'serializable', retry: { maxRetries: 100, retryDelay: 2, retryMaxDelay: 50 } },
      );
    await Promise.all(Array.from({ length: 12 }, like));
    assert.equal(await fresh.psql('select likes from posts where id = 1'), '15');
    assert.ok(retries.length > 0);
    for (const { attempt, delay, error, node } of retries) {
      assert.equal(error.code, '40001');
      assert.ok(error instanceof DatabaseError);
      assert.ok(attempt >= 2 && Number.isInteger(delay) && delay >= 0 && delay <= 50);
      assert.match(node, /:\d+$/);
    }
  });

  it('repeats the victim of a deadlock', async () => {
    open({ options: '-c deadlock_timeout=100ms' });
    let waiting = 0;
    const both = (first, second) =>
      db.transaction(
        async (tx) => {
          await tx.update(posts).set({ title: 'x' }).where(eq(posts.id, first));
          waiting += 1;
          await until(() => waiting >= 2);
          await tx
            .update(posts)
            .set({ likes: sql`likes + 1` })
            .where(eq(posts.id, second));
        },
        { retry: QUICK },
      );
    await Promise.all([both(1, 2), both(2, 1)]);
    assert.deepEqual(
      retries.map(({ error }) => error.code),
      ['40P01'],
    );
    assert.equal(await fresh.psql('select likes from posts where id < 3 order by id'), '4\n8');
  });

  it('repeats one whose connection was lost before COMMIT', async () => {
    open();
    let runs = 0;
    const result = await db.transaction(
      async (tx) => {
        runs += 1;
        const pid = await pidOf(tx);
        await add(tx, `run ${runs}`);
        if (runs === 1) await killAndWait(pid);
        await add(tx, 'end');
        return runs;
      },
      { retry: true },
    );
    assert.deepEqual([result, runs, await names()], [2, 2, 'run 2\nend']);
    assert.deepEqual([retries.length, retries[0].attempt], [1, 2]);
  });

  it('repeats one that was killed in the middle of a statement, BEGIN being sent with it or before', async () => {
    open();
    for (const config of [{}, { isolationLevel: 'serializable' }]) {
      let runs = 0;
      await db.transaction(
        async (tx) => {
          runs += 1;
          const nap = tx.execute(sql`select pg_sleep(${runs === 1 ? 30 : 0})`);
          if (runs > 1) return nap;
          nap.catch(() => {});
          const napping = "select pid from pg_stat_activity where wait_event = 'PgSleep'";
          await killAndWait(await until(() => fresh.psql(napping)));
          return nap;
        },
        { ...config, retry: QUICK },
      );
      assert.equal(runs, 2);
    }
  });

  it('does not repeat one whose COMMIT may have happened', async () => {
    open({ max: 1 });
    await fresh.psql(`create or replace function slow_commit() returns trigger language plpgsql as
      $$ begin perform pg_sleep(60); return null; end $$;
      drop trigger if exists slow_commit on groups;
      create constraint trigger slow_commit after insert on groups deferrable initially deferred
      for each row when (new.name = 'slow') execute function slow_commit()`);
    let runs = 0;
    const failed = failureOf(
      db.transaction(
        async (tx) => {
          runs += 1;
          await add(tx, 'slow');
        },
        { retry: QUICK },
      ),
    );
    let error;
    failed.then((failure) => (error = failure));
    const committing = "select pid from pg_stat_activity where query = 'commit' and state = 'active'";
    await until(
      async () => {
        const pid = await fresh.psql(committing);
        if (pid !== '' && error === undefined) await killAndWait(pid);
        return error;
      },
      { timeout: 20_000, what: 'the end of a transaction that is killed at each COMMIT' },
    );
    // Unless the server was asked, and said that it was rolled back: then it is as any other.
    const expected = error.cause.outcome === 'unknown' ? 1 : 1 + QUICK.maxRetries;
    assert.deepEqual([runs, error.attempts], [expected, expected]);
    assert.equal(await names(), '');
  });

  it('gives up after maxRetries and says how often it has tried', async () => {
    open();
    let runs = 0;
    const error = await failureOf(
      db.transaction(
        async (tx) => {
          runs += 1;
          await add(tx, 'never');
          await fail(tx, '40001');
        },
        { retry: { maxRetries: 2, retryDelay: 1 } },
      ),
    );
    assert.ok(error instanceof DrizzleQueryError);
    assert.deepEqual([runs, error.attempts, error.cause.attempts], [3, 3, 3]);
    assert.deepEqual([error.cause.code, error.cause.outcome], ['40001', 'rolled-back']);
    assert.deepEqual(
      retries.map(({ attempt }) => attempt),
      [2, 3],
    );
    assert.equal(await names(), '');
  });

  it('is as patient as its pool when nothing else is said', async () => {
    for (const [options, expected] of [
      [{ retryDelay: 1 }, 4],
      [{ retryDelay: 1, maxRetries: 1 }, 2],
    ]) {
      open(options);
      let runs = 0;
      const error = await failureOf(
        db.transaction(
          async (tx) => {
            runs += 1;
            await fail(tx, '40P01');
          },
          { retry: true },
        ),
      );
      assert.deepEqual([runs, error.attempts], [expected, expected]);
      await pool.end();
    }
  });

  it('takes a collision that the application has wrapped for what it is', async () => {
    open();
    let runs = 0;
    await db.transaction(
      async (tx) => {
        runs += 1;
        if (runs > 1) return;
        await fail(tx, '40001').catch((cause) => {
          throw new Error('transfer failed', { cause });
        });
      },
      { retry: QUICK },
    );
    assert.equal(runs, 2);
  });

  it('does not repeat what fails for another reason', async () => {
    open();
    const reasons = [
      ['the application', () => Promise.reject(new Error('mine'))],
      ['nothing at all', () => Promise.reject(undefined)],
      ['a frozen error', () => Promise.reject(Object.freeze(new Error('cold')))],
      ['a rollback', async (tx) => tx.rollback()],
      ['a constraint', (tx) => tx.insert(posts).values({ authorId: 99, title: 'x' })],
      ['a timeout of the server', (tx) => fail(tx, '57014')],
    ];
    for (const [name, run] of reasons) {
      let runs = 0;
      const ran = db.transaction(
        async (tx) => {
          runs += 1;
          await run(tx);
        },
        { retry: QUICK },
      );
      await assert.rejects(
        ran.catch((error) => Promise.reject(error ?? new Error('undefined'))),
        Error,
        name,
      );
      assert.equal(runs, 1, name);
    }
    assert.deepEqual(retries, []);
  });

  it('repeats nothing unless it is asked to', async () => {
    open({ maxRetries: 5, retryDelay: 1 });
    for (const config of [undefined, {}, { retry: false }, { retry: undefined }]) {
      let runs = 0;
      await failureOf(
        db.transaction(async (tx) => {
          runs += 1;
          await fail(tx, '40001');
        }, config),
      );
      assert.equal(runs, 1);
    }
  });

  it('leaves the rest of its config to Drizzle, and BEGIN to the first statement', async () => {
    open();
    const texts = [];
    const spied = drizzle(pool, { logger: { logQuery: (text) => texts.push(text) } });
    const before = pool.metrics().queries.started;
    assert.equal(await spied.transaction(async () => 'fine', { retry: true }), 'fine');
    assert.equal(pool.metrics().queries.started, before);
    assert.deepEqual(texts.splice(0), ['begin', 'commit']);
    await spied.transaction(async () => {}, { accessMode: 'read only', retry: true });
    assert.deepEqual(texts, ['begin read only', 'commit']);
  });

  it('refuses a retry that makes no sense', async () => {
    open();
    for (const [retry, option] of [
      [7, 'retry'],
      ['yes', 'retry'],
      [[], 'retry'],
      [{ maxRetries: -1 }, 'retry.maxRetries'],
      [{ retryDelay: 'soon' }, 'retry.retryDelay'],
    ]) {
      const error = await failureOf(db.transaction(async () => assert.fail('it ran'), { retry }));
      assert.ok(error instanceof KeelError);
      assert.deepEqual([error.code, error.option], ['KEEL_CONFIG', option]);
    }
  });

  it('repeats attempts to connect where the pool does not', async () => {
    const nowhere = { connectionString: undefined, host: '127.0.0.1', port: await freePort(), retryDelay: 1 };
    for (const [maxRetries, attempts, announced] of [
      [0, 3, 2],
      [1, 2, 1],
    ]) {
      open({ ...nowhere, maxRetries });
      const ran = db.transaction(async () => assert.fail('it ran'), {
        retry: { maxRetries: 2, retryDelay: 1 },
      });
      const error = await failureOf(ran);
      assert.deepEqual([error.code, error.attempts], ['KEEL_CONNECT_FAILED', attempts]);
      assert.equal(retries.length, announced);
      await pool.end();
    }
  });

  it('does not go on when its pool is being closed', async () => {
    open();
    const ran = failureOf(
      db.transaction((tx) => fail(tx, '40001'), { retry: { maxRetries: 100, retryDelay: 300 } }),
    );
    await until(() => retries.length > 0);
    await pool.end();
    assert.equal((await ran).cause.code, '40001');
  });

  it('repeats on a single client what leaves it alive', async () => {
    open();
    const client = new Client(fresh.url);
    await client.connect();
    const own = drizzle(client);
    let runs = 0;
    await own.transaction(
      async (tx) => {
        runs += 1;
        if (runs === 1) await fail(tx, '40001');
        await add(tx, 'of a client');
      },
      { retry: QUICK },
    );
    assert.deepEqual([runs, await names()], [2, 'of a client']);
    client.on('error', () => {});
    const error = await failureOf(
      own.transaction(
        async (tx) => {
          runs += 1;
          await killAndWait(await pidOf(tx));
          await add(tx, 'never');
        },
        { retry: QUICK },
      ),
    );
    assert.equal(runs, 3);
    assert.equal(error.attempts, 1);
    await client.end();
  });
});
