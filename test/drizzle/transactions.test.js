'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { DrizzleQueryError, sql } = require('drizzle-orm');
const { KeelError, Pool } = require('../..');
const { drizzle } = require('../../lib/drizzle');
const { until } = require('../support/poll');
const { freshDatabase } = require('./support/drivers');
const { groups } = require('./support/schema');

const ROOT = path.join(__dirname, '../..');

// Whatever goes wrong here goes really wrong: sessions are killed by the server's administrator.
describe('transactions of pgkeel/drizzle, when something goes wrong', () => {
  let fresh;
  let pool;
  let db;

  before(async () => {
    fresh = await freshDatabase();
  });

  after(() => fresh?.drop());

  beforeEach(async () => {
    await fresh.psql('select start_over()');
    pool = new Pool({ connectionString: fresh.url, max: 1, connectionTimeoutMillis: 5000 });
    db = drizzle(pool);
  });

  afterEach(() => pool.end());

  const kill = (pid) => fresh.psql(`select pg_terminate_backend(${pid})`);
  async function killAndWait(pid) {
    await kill(pid);
    await until(async () => (await fresh.psql(`select 1 from pg_stat_activity where pid = ${pid}`)) === '');
  }
  const pidOf = async (by) => (await by.execute(sql`select pg_backend_pid() as pid`)).rows[0].pid;
  const add = (by, name) => by.insert(groups).values({ name });
  const isEnded = (error) =>
    error instanceof KeelError && error.code === 'KEEL_MISUSE' && /has ended/.test(error.message);

  async function assertPoolWorks() {
    assert.equal(await db.$count(groups), 3);
    assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [1, 1, 0]);
  }

  it('gives the client back after a BEGIN that the server refuses', async () => {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(
        db.transaction(async () => assert.fail('it never began'), { isolationLevel: 'bogus' }),
        (error) => error instanceof DrizzleQueryError && error.query === 'begin isolation level bogus',
      );
    }
    await assertPoolWorks();
  });

  it('keeps the connection after a BEGIN that the server refuses', async () => {
    const before = await pidOf(db);
    await assert.rejects(
      db.transaction(async () => {}, { isolationLevel: 'bogus' }),
      DrizzleQueryError,
    );
    assert.equal(await pidOf(db), before);
  });

  it('replaces a connection that is lost before BEGIN', async () => {
    // The pool of the test, but the server ends each session between the checkout and the BEGIN.
    const unlucky = {
      totalCount: 1,
      query: (...args) => pool.query(...args),
      async connect() {
        const client = await pool.connect();
        client.on('error', () => {});
        const { rows } = await client.query('select pg_backend_pid() as pid');
        await killAndWait(rows[0].pid);
        return client;
      },
    };
    for (let i = 0; i < 3; i++) {
      await assert.rejects(
        drizzle(unlucky).transaction((tx) => add(tx, 'never')),
        (error) => error instanceof DrizzleQueryError && error.cause.code === 'KEEL_CONNECTION_LOST',
      );
    }
    await assertPoolWorks();
  });

  it('asks the server for nothing when nothing was asked of the transaction', async () => {
    const texts = [];
    const spied = drizzle(pool, { logger: { logQuery: (text) => texts.push(text) } });
    const before = pool.metrics().queries.started;
    assert.equal(await spied.transaction(async () => 'fine'), 'fine');
    await assert.rejects(
      spied.transaction(async () => {
        throw new Error('no');
      }),
      /^Error: no$/,
    );
    assert.equal(pool.metrics().queries.started, before);
    assert.deepEqual(texts, ['begin', 'commit', 'begin', 'rollback']);
  });

  it('begins with its first statement, whatever that is', async () => {
    const firsts = [
      (tx) => add(tx, 'with values'),
      (tx) => tx.execute(sql`insert into groups (name) values ('without')`),
      (tx) => tx.transaction((inner) => add(inner, 'nested')),
    ];
    for (const first of firsts) {
      const failed = db.transaction(async (tx) => {
        await first(tx);
        assert.equal(await tx.$count(groups), 4);
        throw new Error('undo');
      });
      await assert.rejects(failed, /^Error: undo$/);
    }
    await assertPoolWorks();
  });

  it('stays a failed transaction when its first statement fails', async () => {
    const failed = db.transaction(async (tx) => {
      await assert.rejects(tx.execute(sql`select 1 / ${0}::int`), DrizzleQueryError);
      await add(tx, 'too late');
    });
    await assert.rejects(failed, (error) => error.cause.code === '25P02');
    await assertPoolWorks();
  });

  it('replaces a connection whose BEGIN was given up, as nobody knows what became of it', async () => {
    const hasty = new Pool({ connectionString: fresh.url, max: 1, query_timeout: 300 });
    let frozen;
    const unlucky = {
      totalCount: 1,
      query: (...args) => hasty.query(...args),
      async connect() {
        const client = await hasty.connect();
        frozen = (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
        process.kill(frozen, 'SIGSTOP');
        return client;
      },
    };
    try {
      await assert.rejects(
        drizzle(unlucky).transaction(async (tx) => {
          await assert.rejects(add(tx, 'perhaps'), DrizzleQueryError);
          // Whether the transaction has begun is not known, and outside of one this would stay.
          await add(tx, 'outside');
        }),
        (error) => error instanceof DrizzleQueryError && error.cause.code === 'KEEL_QUERY_TIMEOUT',
      );
    } finally {
      process.kill(frozen, 'SIGCONT');
    }
    try {
      assert.notEqual(await until(() => pidOf(drizzle(hasty))), frozen);
    } finally {
      await hasty.end();
    }
  });

  it('keeps the first error when the rollback fails, and destroys the connection', async () => {
    let gone;
    const first = new Error('what really happened');
    const failed = db.transaction(async (tx) => {
      gone = await pidOf(tx);
      await add(tx, 'lost');
      await kill(gone);
      throw first;
    });
    await assert.rejects(failed, (error) => error === first);
    assert.notEqual(await pidOf(db), gone);
    await assertPoolWorks();
  });

  it('survives a connection that dies while the transaction is idle', async () => {
    const failed = db.transaction(async (tx) => {
      const pid = await pidOf(tx);
      await killAndWait(pid);
      await add(tx, 'lost');
    });
    await assert.rejects(
      failed,
      (error) => error instanceof DrizzleQueryError && error.cause instanceof Error,
    );
    await assertPoolWorks();
  });

  it('rejects when the connection dies under COMMIT and the server has rolled back', async () => {
    await fresh.psql(`create function slow_commit() returns trigger language plpgsql as
      $$ begin perform pg_sleep(60); return null; end $$;
      create constraint trigger slow_commit after insert on groups deferrable initially deferred
      for each row when (new.name = 'slow') execute function slow_commit()`);
    let pid;
    const failed = assert.rejects(
      db.transaction(async (tx) => {
        pid = await pidOf(tx);
        await add(tx, 'slow');
      }),
      (error) => error.query === 'commit' && error.cause.outcome === 'rolled-back',
    );
    const committing = () =>
      fresh.psql(`select 1 from pg_stat_activity where pid = ${pid} and query = 'commit'`);
    await until(async () => pid && (await committing()) === '1');
    await kill(pid);
    await failed;
    await assertPoolWorks();
  });

  for (const how of ['committed', 'rolled back']) {
    it(`refuses a tx that is used after it was ${how}`, async () => {
      let kept;
      const built = {};
      const ran = db.transaction(async (tx) => {
        kept = tx;
        built.select = tx.select().from(groups);
        built.prepared = tx.select().from(groups).prepare('kept');
        built.raw = tx.execute(sql`select 1`);
        if (how === 'rolled back') tx.rollback();
      });
      await (how === 'committed' ? ran : assert.rejects(ran));
      const uses = {
        insert: () => add(kept, 'outside'),
        execute: () => kept.execute(sql`insert into groups (name) values ('outside')`),
        'relational query': () =>
          drizzle({ client: pool, schema: { groups } })
            .transaction(async (tx) => tx)
            .then((tx) => tx.query.groups.findMany()),
        count: () => kept.$count(groups),
        'query built before': () => built.select,
        'prepared before': () => built.prepared.execute(),
        'raw query built before': () => built.raw,
        'nested transaction': () => kept.transaction(async (tx) => add(tx, 'outside')),
      };
      for (const [name, use] of Object.entries(uses)) {
        await assert.rejects(async () => use(), isEnded, name);
      }
      await assertPoolWorks();
    });
  }

  it('refuses a nested tx after its savepoint was released, while the outer one goes on', async () => {
    await db.transaction(async (tx) => {
      const kept = await tx.transaction(async (inner) => inner);
      await assert.rejects(add(kept, 'outside'), (error) => isEnded(error) && /released/.test(error.message));
      await add(tx, 'inside');
    });
    assert.equal(await db.$count(groups), 4);
  });

  it('refuses queries that were not awaited and come too late, before they can reach another transaction', async () => {
    let late;
    await db.transaction(async (tx) => {
      late = tx.execute(sql`select pg_sleep(0.05)`).then(() => add(tx, 'too late'));
      late = assert.rejects(late, isEnded);
    });
    await late;
    await assertPoolWorks();
  });

  it('commits after queries that were given but not awaited', async () => {
    let forgotten;
    await db.transaction(async (tx) => {
      forgotten = add(tx, 'forgotten').execute();
    });
    await forgotten;
    assert.equal(await db.$count(groups), 4);
  });

  it('runs concurrent queries of a tx in the order in which they were given', async () => {
    await db.transaction(async (tx) => {
      const order = [];
      const query = (n, seconds) => tx.execute(sql`select pg_sleep(${seconds})`).then(() => order.push(n));
      await Promise.all([query(1, 0.05), query(2, 0.02), query(3, 0)]);
      assert.deepEqual(order, [1, 2, 3]);
    });
  });

  it("hands concurrent queries of a tx to pg's client one by one, which is all that client will take", async () => {
    const program = `
      const { Pool } = require('pg'); const { sql } = require('drizzle-orm');
      const { drizzle } = require(${JSON.stringify(path.join(ROOT, 'lib/drizzle'))});
      const pool = new Pool({ connectionString: process.env.DATABASE_URL });
      drizzle(pool).transaction((tx) => Promise.all([1, 2, 3].map((n) => tx.execute(sql\`select \${n}::int\`))))
        .then((all) => console.log(all.length)).finally(() => pool.end());`;
    const env = { ...process.env, DATABASE_URL: fresh.url };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', program], {
      cwd: ROOT,
      env,
    });
    assert.equal(stdout, '3\n');
    assert.doesNotMatch(stderr, /already executing a query/);
  });

  it('can only be rolled back when going back to a savepoint failed', async () => {
    const first = new Error('inner');
    const failed = db.transaction(async (tx) => {
      await add(tx, 'outer');
      const inner = tx.transaction(async (nested) => {
        await nested.execute(sql`release savepoint sp1`);
        throw first;
      });
      await assert.rejects(inner, (error) => error === first);
      await assert.rejects(add(tx, 'after'), KeelError);
    });
    await assert.rejects(failed, (error) => error instanceof KeelError && error.cause?.code === '3B001');
    await assertPoolWorks();
  });

  it('works over a single client, too', async () => {
    const client = await pool.connect();
    try {
      const single = drizzle(client);
      await single.transaction(async (tx) => {
        await add(tx, 'one');
        await assert.rejects(tx.transaction(async (inner) => inner.rollback()));
      });
      await assert.rejects(single.transaction(async (tx) => tx.rollback()));
      assert.equal(await single.$count(groups), 4);
    } finally {
      client.release();
    }
  });

  it('rejects with the connection error when no connection can be opened', async () => {
    const nowhere = new Pool({ host: '127.0.0.1', port: 1, max: 1 });
    try {
      await assert.rejects(
        drizzle(nowhere).transaction(async () => {}),
        (error) => !(error instanceof TypeError),
      );
    } finally {
      await nowhere.end();
    }
  });
});

describe('the cache around transactions', () => {
  let fresh;
  let pool;

  before(async () => {
    fresh = await freshDatabase();
    await fresh.psql('select start_over()');
    pool = new Pool({ connectionString: fresh.url, max: 2 });
  });

  after(async () => {
    await pool?.end();
    await fresh?.drop();
  });

  function cachedDatabase() {
    const entries = new Map();
    const mutated = [];
    const cache = {
      strategy: () => 'all',
      get: async (key) => entries.get(key),
      put: async (key, response) => void entries.set(key, response),
      async onMutate({ tables }) {
        mutated.push(tables);
        entries.clear();
      },
    };
    return { db: drizzle({ client: pool, cache }), entries, mutated };
  }

  const names = async (db) =>
    (await db.select({ name: groups.name }).from(groups).orderBy(groups.id)).map((row) => row.name);

  it('is invalidated once the write is done, not while it is under way', async () => {
    const { db, entries } = cachedDatabase();
    await fresh.psql('create table if not exists gate (open boolean)');
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query('lock table groups in share mode');
    const write = db.update(groups).set({ name: 'renamed' }).execute();
    const waits = () =>
      fresh.psql(`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'update%'`);
    await until(async () => (await waits()) === '1');
    entries.set('read in between', {});
    await holder.query('commit');
    holder.release();
    await write;
    assert.equal(entries.size, 0);
    await fresh.psql('select start_over()');
  });

  it('is neither read nor filled by a transaction that has written, and is invalidated after its commit', async () => {
    const { db, entries, mutated } = cachedDatabase();
    await names(db);
    await db.transaction(async (tx) => {
      await tx.insert(groups).values({ name: 'new' });
      assert.equal((await names(tx)).at(-1), 'new');
      assert.equal((await names(db)).at(-1), 'empty');
      assert.equal(entries.size, 1);
    });
    assert.equal(entries.size, 0);
    assert.deepEqual(mutated, [['groups'], ['groups']]);
    assert.equal((await names(db)).at(-1), 'new');
  });

  it('holds nothing of a transaction that was rolled back', async () => {
    const { db } = cachedDatabase();
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.insert(groups).values({ name: 'never' });
        await names(tx);
        tx.rollback();
      }),
    );
    assert.ok(!(await names(db)).includes('never'));
  });
});
