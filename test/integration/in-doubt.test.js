'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { sql } = require('drizzle-orm');
const { Pool } = require('../../lib');
const { drizzle } = require('../../lib/drizzle');
const { startCluster } = require('../support/cluster');
const { startCommitCutter } = require('../support/commit-cutter');
const { startPgBouncer } = require('../support/pgbouncer');
const { until } = require('../support/poll');

const LATER_MS = 300;
// `npm run matrix` names one. Those before 15 are not asked: a test of its own says so.
const version = process.env.PGKEEL_TEST_POSTGRES;
const oldest = version === '14' ? '15' : version;

describe('COMMIT in doubt', function () {
  this.timeout(60_000);
  let cluster;
  let cutter;
  let lastId = 0;
  const pools = [];

  before(async () => {
    // What a transaction writes reaches the disk with its COMMIT and not before.
    const config = { wal_writer_delay: '10s', max_prepared_transactions: 2 };
    cluster = await startCluster({ config, ...(oldest && { version: oldest, embedded: true }) });
    cutter = await startCommitCutter({ host: cluster.host, port: cluster.port });
    await cluster.psql('create table ledger (id int primary key); create table noted (what text)');
  });

  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end({ force: true })));
    cutter.armed = undefined;
    cutter.refusing = false;
    if (cluster.pid() === undefined) await cluster.start();
  });

  after(async () => {
    await cutter?.close();
    await cluster?.stop({ mode: 'immediate' });
  });

  const open = (options) => {
    const pool = new Pool({ ...cluster.config(), port: cutter.port, max: 3, retryDelay: 20, ...options });
    pools.push(pool);
    return pool;
  };
  const isThere = async (id) => (await cluster.psql(`select count(*) from ledger where id = ${id}`)) === '1';

  async function withClient(pool, run) {
    const client = await pool.connect();
    client.on('error', () => {});
    try {
      return await run(client);
    } finally {
      client.release();
    }
  }

  /* Who commits: each writes `id` in a transaction and resolves when it is committed. */
  const WAYS = {
    'a client, with values': (pool, id) =>
      withClient(pool, async (client) => {
        await client.query('begin');
        await client.query('insert into ledger values ($1)', [id]);
        const { command } = await client.query('commit');
        assert.equal(command, 'COMMIT');
      }),
    'a client, by the simple protocol': (pool, id) =>
      withClient(pool, async (client) => {
        await client.query('begin');
        await client.query(`insert into ledger values (${id})`);
        await client.query('END');
      }),
    'db.transaction': async (pool, id) => {
      const db = drizzle({ client: pool });
      const answer = await db.transaction(async (tx) => {
        await tx.execute(sql`insert into ledger values (${id})`);
        return 'what the callback gave';
      });
      assert.equal(answer, 'what the callback gave');
    },
    exactlyOnce: async (pool, id) => {
      const text = 'insert into ledger values ($1) returning id';
      const { rows, rowCount } = await pool.query({ text, values: [id], exactlyOnce: true });
      assert.deepEqual([rows, rowCount], [[{ id }], 1]);
    },
  };

  const stop = () => cluster.stop({ mode: 'immediate', remove: false });
  const wait = (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    });

  // The postmaster lives on and starts anew beneath itself.
  async function crash() {
    const log = cluster.log().length;
    const pid = Number(
      await cluster.psql('select pid from pg_stat_activity where backend_type = $$walwriter$$'),
    );
    process.kill(pid, 'SIGKILL');
    await until(() => cluster.log().slice(log).includes('ready to accept connections'), {
      timeout: 20_000,
      what: 'the recovery',
    });
  }

  /* What happens to the server before we notice that the link is gone, and after. */
  const SERVERS = {
    'at once': {},
    'after an immediate restart': { first: stop, then: () => cluster.start() },
    'after a crash': { first: crash },
    'after a second': { first: stop, then: () => wait(1000).then(() => cluster.start()) },
  };

  const reasonOf = (error) => (error.outcome === undefined ? error.cause : error);
  const isLost = (outcome) => (error) => {
    const reason = reasonOf(error);
    assert.equal(reason.outcome, outcome, reason.stack);
    if (reason.severity === undefined) assert.equal(reason.code, 'KEEL_CONNECTION_LOST');
    return true;
  };

  for (const [way, commit] of Object.entries(WAYS)) {
    for (const [when, { first, then }] of Object.entries(SERVERS)) {
      it(`${way}: the answer is lost, the server is there ${when}: it is committed`, async () => {
        const id = ++lastId;
        const pool = open();
        const cut = cutter.cut('after', first);
        const committed = commit(pool, id);
        committed.catch(() => {});
        await cut;
        await then?.();
        await committed;
        assert.equal(await isThere(id), true);
        await until(() => pool.totalCount <= 3 && pool.waitingCount === 0);
      });

      const repeats = way === 'exactlyOnce';
      it(`${way}: the COMMIT is lost, the server is there ${when}: it is ${repeats ? 'repeated' : 'rolled back'}`, async () => {
        const id = ++lastId;
        const cut = cutter.cut('before', first);
        const committed = commit(open(), id);
        committed.catch(() => {});
        await cut;
        await then?.();
        if (repeats) await committed;
        else await assert.rejects(committed, isLost('rolled-back'));
        assert.equal(await isThere(id), repeats);
      });
    }

    for (const mode of ['after', 'before']) {
      it(`${way}: cut ${mode} the COMMIT, and the server does not come back: nobody knows`, async () => {
        const id = ++lastId;
        const begun = performance.now();
        const cut = cutter.cut(mode, stop);
        const committed = commit(open({ query_timeout: 1000 }), id);
        committed.catch(() => {});
        await cut;
        await assert.rejects(committed, isLost('unknown'));
        assert.ok(performance.now() - begun < 5000);
        await cluster.start();
        assert.equal(await isThere(id), mode === 'after');
      });
    }

    it(`${way}: the COMMIT arrives late: it is committed`, async () => {
      const id = ++lastId;
      const cut = cutter.cut('withheld');
      const committed = commit(open(), id);
      const { deliver, hangUp } = await cut;
      await wait(LATER_MS);
      assert.equal(await isThere(id), false);
      deliver();
      await committed;
      assert.equal(await isThere(id), true);
      hangUp();
    });

    it(`${way}: the COMMIT never arrives and the server does not notice: nobody knows, within the time`, async () => {
      const id = ++lastId;
      const cut = cutter.cut('withheld');
      const committed = commit(open({ query_timeout: 700 }), id);
      committed.catch(() => {});
      const { hangUp } = await cut;
      await assert.rejects(committed, isLost('unknown'));
      hangUp();
      assert.equal(await isThere(id), false);
    });
  }

  it('a link that stalls under the COMMIT is left to the deadline: nobody knows', async () => {
    const id = ++lastId;
    const cut = cutter.cut('stalled');
    const committed = WAYS['a client, with values'](open({ query_timeout: 500 }), id);
    committed.catch(() => {});
    const { hangUp } = await cut;
    await assert.rejects(committed, { code: 'KEEL_QUERY_TIMEOUT', outcome: 'unknown' });
    hangUp();
    assert.equal(await isThere(id), false);
  });

  it('an id that was given out a second time after a crash is not taken for ours', async () => {
    const id = ++lastId;
    const ids = [];
    const cut = cutter.cut('before', async () => {
      cutter.refusing = true;
      ids.push(await cluster.psql('select max(backend_xid::text::bigint) from pg_stat_activity'));
      await stop();
    });
    const committed = WAYS['a client, with values'](open(), id);
    committed.catch(() => {});
    await cut;
    await cluster.start();
    for (let i = 0; i < 5; i++)
      ids.push(
        await cluster.psql(`insert into noted values ('another') returning pg_current_xact_id()::text`),
      );
    assert.ok(ids.slice(1).includes(ids[0]), `the test proves nothing: ${ids}`);
    cutter.refusing = false;
    await assert.rejects(committed, isLost('rolled-back'));
    assert.equal(await isThere(id), false);
  });

  it('a transaction that has only read left no trace, and nobody is asked', async () => {
    const cut = cutter.cut('after', stop);
    const committed = withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('select count(*) from ledger where id = $1', [1]);
      await client.query('commit');
    });
    committed.catch(() => {});
    await cut;
    await assert.rejects(committed, isLost('rolled-back'));
  });

  it('a transaction that has failed is rolled back, whatever becomes of its COMMIT', async () => {
    const cut = cutter.cut('after');
    const committed = withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('insert into ledger values ($1)', [++lastId]);
      await client.query('select 1 / $1::int', [0]).catch(() => {});
      await client.query('commit');
    });
    committed.catch(() => {});
    await cut;
    await assert.rejects(committed, isLost('rolled-back'));
    assert.equal(await isThere(lastId), false);
  });

  it('what a savepoint took back counts as well: its transaction may have an id', async () => {
    const cut = cutter.cut('after');
    const id = ++lastId;
    await withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('savepoint a');
      await client.query('insert into ledger values ($1)', [id]);
      await client.query('insert into ledger values ($1)', [id]).catch(() => {});
      await client.query('rollback to savepoint a');
      await client.query('commit');
    });
    await cut;
    assert.equal(await isThere(id), false);
  });

  for (const [how, next] of Object.entries({
    'COMMIT AND CHAIN': 'commit and chain',
    'one text': 'commit; begin',
    'PREPARE TRANSACTION': "prepare transaction 'kept'; begin",
    'a savepoint taken back': 'savepoint a; rollback to a; release a',
  })) {
    it(`a transaction that follows another by ${how} is not taken for it`, async () => {
      const [first, second] = [++lastId, ++lastId];
      let cut;
      const committed = withClient(open(), async (client) => {
        await client.query('begin');
        await client.query('insert into ledger values ($1)', [first]);
        await client.query(next);
        await client.query('insert into ledger values ($1)', [second]);
        cut = cutter.cut('before');
        await client.query('commit');
      });
      await assert.rejects(committed, isLost('rolled-back'));
      await cut;
      assert.deepEqual([await isThere(first), await isThere(second)], [next.startsWith('commit'), false]);
      if (next.startsWith('prepare')) await cluster.psql("rollback prepared 'kept'");
    });
  }

  it('nor is one that follows by ROLLBACK AND CHAIN', async () => {
    const [first, second] = [++lastId, ++lastId];
    const cut = cutter.cut('after');
    await withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('insert into ledger values ($1)', [first]);
      await client.query('rollback and chain');
      await client.query('insert into ledger values ($1)', [second]);
      await client.query('commit');
    });
    await cut;
    assert.deepEqual([await isThere(first), await isThere(second)], [false, true]);
  });

  it('what was prepared lasts, whatever fails behind it in its text', async () => {
    const id = ++lastId;
    const text = `begin; insert into ledger values (${id}); prepare transaction 'kept'; select 1 / 0`;
    await assert.rejects(open().query(text), { code: '22012', outcome: 'unknown' });
    await cluster.psql("commit prepared 'kept'");
    assert.equal(await isThere(id), true);
  });

  it('a NOTIFY alone takes its id at the COMMIT: nobody knows', async () => {
    const cut = cutter.cut('after');
    const committed = withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('select pg_notify($1, $2)', ['somewhere', 'something']);
      await client.query('commit');
    });
    committed.catch(() => {});
    await cut;
    await assert.rejects(committed, isLost('unknown'));
  });

  it('resolveCommits: false asks for nothing', async () => {
    const id = ++lastId;
    const cut = cutter.cut('after');
    const committed = WAYS['a client, with values'](open({ resolveCommits: false }), id);
    committed.catch(() => {});
    await cut;
    await assert.rejects(committed, isLost('unknown'));
    assert.equal(await isThere(id), true);
  });

  it('behind a pooler, which may be at another server each time, it is asked all the same', async () => {
    const bouncer = await startPgBouncer(cluster, { config: { default_pool_size: 3 } });
    const between = await startCommitCutter({ host: '127.0.0.1', port: bouncer.port });
    const pool = new Pool({ ...bouncer.config(), port: between.port, max: 3 });
    try {
      for (const [mode, crashes] of [
        ['after', false],
        ['after', true],
        ['before', false],
      ]) {
        for (const way of ['a client, with values', 'a client, by the simple protocol', 'db.transaction']) {
          const id = ++lastId;
          const cut = between.cut(mode, crashes ? crash : undefined);
          const committed = WAYS[way](pool, id);
          committed.catch(() => {});
          await cut;
          if (mode === 'after') await committed;
          else await assert.rejects(committed, isLost('rolled-back'));
          assert.equal(await isThere(id), mode === 'after');
        }
      }
    } finally {
      await pool.end();
      await between.close();
      await bouncer.stop();
    }
  });

  describe('while the server cannot read what it is asked for', () => {
    const controlFile = () => path.join(cluster.dataDir, 'global', 'pg_control');
    const awayFile = () => `${controlFile()}.away`;
    const hide = () => fs.renameSync(controlFile(), awayFile());
    const show = () => fs.renameSync(awayFile(), controlFile());
    afterEach(() => fs.existsSync(awayFile()) && show());

    it('it is asked again', async () => {
      const id = ++lastId;
      const pool = open();
      const log = cluster.log().length;
      await Promise.all([pool.query('select 1'), pool.query('select 2')]);
      const cut = cutter.cut('after', async () => hide());
      const committed = WAYS['a client, with values'](pool, id);
      committed.catch(() => {});
      await cut;
      await until(() => cluster.log().slice(log).includes('could not open file'));
      show();
      await committed;
      assert.equal(await isThere(id), true);
    });

    it('a connection that is opened then does without, and the next one does not', async () => {
      const id = ++lastId;
      const pool = open();
      hide();
      const client = await pool.connect();
      client.release(true);
      show();
      const cut = cutter.cut('after');
      await WAYS['a client, with values'](pool, id);
      await cut;
      assert.equal(await isThere(id), true);
    });
  });

  it('what was prepared for asking may be dropped', async () => {
    await withClient(open(), async (client) => {
      for (const drop of ['select 1', 'deallocate all', 'discard all']) {
        await client.query(drop);
        await client.query('begin');
        await client.query('insert into ledger values ($1)', [++lastId]);
        await client.query('commit');
        assert.equal(await isThere(lastId), true);
      }
    });
  });

  it('end() waits for the answer', async () => {
    const id = ++lastId;
    const pool = open();
    const cut = cutter.cut('after', stop);
    const committed = WAYS['a client, with values'](pool, id);
    committed.catch(() => {});
    await cut;
    const ended = pools.pop().end();
    await wait(LATER_MS);
    await cluster.start();
    await committed;
    await ended;
    assert.equal(await isThere(id), true);
  });

  it('an abort ends the waiting', async () => {
    const abort = new AbortController();
    const cut = cutter.cut('after', stop);
    const committed = withClient(open(), async (client) => {
      await client.query('begin');
      await client.query('insert into ledger values ($1)', [++lastId]);
      await client.query({ text: 'commit', signal: abort.signal });
    });
    committed.catch(() => {});
    await cut;
    await wait(LATER_MS);
    abort.abort();
    await assert.rejects(committed, { code: 'KEEL_ABORTED', outcome: 'unknown' });
  });

  it('a server that may not say is not asked, and refuses nobody for it', async () => {
    await cluster.psql(`
      create role outsider login;
      grant all on ledger to outsider;
      revoke execute on function pg_control_system() from public;`);
    const id = ++lastId;
    const pool = open({ user: 'outsider', statement_timeout: 5000 });
    const { rows } = await pool.query('show statement_timeout');
    assert.equal(rows[0].statement_timeout, '5s');
    const cut = cutter.cut('after');
    const committed = WAYS['a client, with values'](pool, id);
    committed.catch(() => {});
    await cut;
    await assert.rejects(committed, isLost('unknown'));
    assert.equal(await isThere(id), true);
  });

  if (version === '14') {
    it('a server that is too old is not asked, and nothing else changes', async () => {
      const old = await startCluster({ version, embedded: true });
      const between = await startCommitCutter({ host: old.host, port: old.port });
      const pool = new Pool({ ...old.config(), port: between.port });
      try {
        await pool.query('create table ledger (id int primary key)');
        const cut = between.cut('after');
        const committed = WAYS['a client, with values'](pool, 1);
        committed.catch(() => {});
        await cut;
        await assert.rejects(committed, isLost('unknown'));
      } finally {
        await pool.end();
        await between.close();
        await old.stop({ mode: 'immediate' });
      }
    });
  }

  describe('exactlyOnce', () => {
    it("gives the statement's error, and the connection stays", async () => {
      const pool = open();
      await pool.query({ text: 'select 1', exactlyOnce: true });
      const twice = { text: 'insert into ledger values ($1), ($1)', values: [-1], exactlyOnce: true };
      await assert.rejects(pool.query(twice), { code: '23505', outcome: 'rolled-back', attempts: 1 });
      assert.equal(pool.totalCount, 1);
    });

    it('gives up after maxRetries, and says how often it has tried', async () => {
      const pool = open({ maxRetries: 2 });
      let cuts = 0;
      const cutAgain = () => {
        cuts += 1;
        if (cuts < 5) cutter.cut('before').then(cutAgain);
      };
      cutter.cut('before').then(cutAgain);
      const asked = pool.query({
        text: 'insert into ledger values ($1)',
        values: [++lastId],
        exactlyOnce: true,
      });
      await assert.rejects(asked, { outcome: 'rolled-back', attempts: 3 });
      assert.equal(await isThere(lastId), false);
    });

    it('takes a callback, a signal and a timeout', async () => {
      const pool = open();
      const config = { text: 'insert into ledger values ($1)', exactlyOnce: true, timeout: 10_000 };
      const { rowCount } = await new Promise((resolve, reject) => {
        pool.query(config, [++lastId], (error, result) => (error ? reject(error) : resolve(result)));
      });
      assert.equal(rowCount, 1);
      const late = { text: 'select pg_sleep(30)', exactlyOnce: true, timeout: 100 };
      await assert.rejects(pool.query(late), { code: 'KEEL_QUERY_TIMEOUT' });
      const given = { text: 'select 1', exactlyOnce: true, signal: AbortSignal.abort() };
      await assert.rejects(pool.query(given), { code: 'KEEL_ABORTED' });
    });

    it('has one time limit for all that it does, a wait for a client included', async () => {
      const pool = open({ max: 1, queryTimeout: 200 });
      const held = await pool.connect();
      const start = performance.now();
      const asked = pool.query({
        text: 'insert into ledger values ($1)',
        values: [++lastId],
        exactlyOnce: true,
      });
      await assert.rejects(asked, { outcome: 'not-sent' });
      assert.ok(performance.now() - start < 5000);
      held.release();
      assert.equal(await isThere(lastId), false);
    });

    it('is given up while it waits for a client', async () => {
      const pool = open({ max: 1 });
      const held = await pool.connect();
      const { signal } = new AbortController();
      const late = AbortSignal.timeout(50);
      await assert.rejects(pool.query({ text: 'select 1', exactlyOnce: true, signal: late }), {
        code: 'KEEL_ABORTED',
        outcome: 'not-sent',
      });
      held.release();
      await pool.query({ text: 'select 1', exactlyOnce: true, signal });
    });

    it('does not take a callback out of its config, as no query of the pool does', async () => {
      const text = 'insert into ledger values ($1), ($1)';
      const config = { text, values: [++lastId], exactlyOnce: true, callback: () => {} };
      await assert.rejects(open().query(config), { code: '23505', outcome: 'rolled-back' });
    });

    it('tells of its retries, and does not wait for them when the pool ends', async () => {
      const pool = open({ maxRetries: 2, retryDelay: 60_000, retryMaxDelay: 60_000 });
      const told = [];
      const pausing = new Promise((resolve) => {
        pool.on('retry', (event) => resolve(told.push(event)));
      });
      cutter.cut('before');
      const asked = pool.query({
        text: 'insert into ledger values ($1)',
        values: [++lastId],
        exactlyOnce: true,
      });
      const refused = assert.rejects(asked, { outcome: 'rolled-back', attempts: 1 });
      await pausing;
      await pool.end();
      await refused;
      assert.equal(told[0].attempt, 2);
      assert.equal(told[0].error.outcome, 'rolled-back');
    });

    it("is the pool's, and a flag", async () => {
      const pool = open();
      await withClient(pool, (client) =>
        assert.rejects(client.query({ text: 'select 1', exactlyOnce: true }), { code: 'KEEL_MISUSE' }),
      );
      await assert.rejects(pool.query({ text: 'select 1', exactlyOnce: 'yes' }), { code: 'KEEL_CONFIG' });
    });

    it('what cannot run in a transaction is refused by the server', async () => {
      await assert.rejects(open().query({ text: 'vacuum', exactlyOnce: true }), { code: '25001' });
    });
  });
});
