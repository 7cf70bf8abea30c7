'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');

// docs/pg-differences.md: a connection that comes back inside a transaction is rolled back; the session is as pg leaves it.
describe('what a client leaves behind when it is released', () => {
  let cluster;
  let pool;

  before(async () => {
    cluster = await startCluster({ config: { max_prepared_transactions: 4 } });
    await cluster.psql('create table kept (id int)');
  });
  after(() => cluster.stop({ mode: 'immediate' }));

  beforeEach(() => {
    pool = new Pool({ ...cluster.config(), max: 1 });
  });
  afterEach(() => pool.end({ force: true }));

  // Beside the contract's metrics the engine keeps why: what came back unclean, and what was closed for which reason.
  function counted() {
    const { resets, closed, closedReleased } = pool._engine.stats();
    assert.equal(pool.metrics().nodes[0].connections.closed, closed);
    return { resets, closed, closedReleased };
  }
  const NOTHING = { resets: 0, closed: 0, closedReleased: 0 };
  const ONE_RESET = { ...NOTHING, resets: 1 };
  const ONE_CLOSED = { ...NOTHING, closed: 1, closedReleased: 1 };
  const valueOf = async (text) => Object.values((await pool.query(text)).rows[0])[0];

  async function using(work, reason) {
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release(reason);
    }
    return client.processID;
  }

  async function assertNextOneIsClean(pid) {
    const next = await pool.connect();
    assert.equal(next.getTransactionStatus(), 'I');
    const { rows } = await next.query(
      'select pg_backend_pid() as pid, now() = statement_timestamp() as fresh',
    );
    next.release();
    assert.deepEqual(rows, [{ pid, fresh: true }]);
  }

  it('an open transaction is rolled back, and that is counted', async () => {
    const pid = await using(async (client) => {
      await client.query('begin');
      await client.query('insert into kept values (1)');
    });
    await assertNextOneIsClean(pid);
    assert.equal(await valueOf('select count(*)::int from kept where id = 1'), 0);
    assert.deepEqual(counted(), ONE_RESET);
  });

  it('so is one that has failed', async () => {
    const pid = await using(async (client) => {
      await client.query('begin');
      await assert.rejects(client.query('select 1/0'), { code: '22012' });
    });
    await assertNextOneIsClean(pid);
    assert.deepEqual(counted(), ONE_RESET);
  });

  it('and one that a query still under way will have opened', async () => {
    const client = await pool.connect();
    const slow = client.query('begin; insert into kept values (2); select pg_sleep(0.05)');
    client.release();
    await assertNextOneIsClean(client.processID);
    await slow;
    assert.equal(await valueOf('select count(*)::int from kept where id = 2'), 0);
    assert.deepEqual(counted(), ONE_RESET);
  });

  it('a query that still runs is finished before anybody else gets the connection', async () => {
    const client = await pool.connect();
    const slow = client.query("select pg_sleep(0.1), 'done' as answer");
    client.release();
    await assertNextOneIsClean(client.processID);
    assert.equal((await slow).rows[0].answer, 'done');
    assert.deepEqual(counted(), NOTHING);
  });

  it('with an error, or true, the connection is closed at once: what runs there is cancelled', async () => {
    const client = await pool.connect();
    const running = client.query("select pg_sleep(60), 'released with true'");
    const failed = assert.rejects(running, { code: 'KEEL_CONNECTION_LOST', outcome: 'unknown' });
    const isThere = async () =>
      (await cluster.psql(`select count(*) from pg_stat_activity where pid = ${client.processID}`)) !== '0';
    await until(isThere);
    client.release(true);
    await failed;
    await until(async () => !(await isThere()), { what: 'the server to be done with it' });
    assert.notEqual(await valueOf('select pg_backend_pid()'), client.processID);
    assert.deepEqual(counted(), ONE_CLOSED);
  });

  it('an open transaction on a connection that is closed so is rolled back by the server', async () => {
    await using(async (client) => {
      await client.query('begin');
      await client.query('insert into kept values (3)');
    }, new Error('in doubt about it'));
    assert.equal(await valueOf('select count(*)::int from kept where id = 3'), 0);
    assert.deepEqual(counted(), ONE_CLOSED);
  });

  it('settings, temporary tables and channels stay with the connection, as in pg', async () => {
    await using((client) =>
      client.query("set my.setting = 'left'; create temp table left_there (); listen left_here"),
    );
    assert.equal(await valueOf("select current_setting('my.setting')"), 'left');
    assert.notEqual(await valueOf("select to_regclass('pg_temp.left_there')"), null);
    assert.equal(await valueOf('select pg_listening_channels()'), 'left_here');
    assert.deepEqual(counted(), NOTHING);
  });

  it('and what a transaction had set goes with its rollback', async () => {
    await using((client) => client.query("begin; set my.other = 'left'; listen left_here"));
    assert.equal(await valueOf("select coalesce(current_setting('my.other', true), '')"), '');
    assert.equal((await pool.query('select pg_listening_channels()')).rows.length, 0);
    assert.deepEqual(counted(), ONE_RESET);
  });

  it('a prepared transaction is the server’s: it waits for its COMMIT PREPARED', async () => {
    await using((client) => client.query("begin; insert into kept values (4); prepare transaction 'later'"));
    assert.deepEqual(counted(), NOTHING);
    assert.equal(await valueOf('select count(*)::int from pg_prepared_xacts'), 1);
    await pool.query("commit prepared 'later'");
    assert.equal(await valueOf('select count(*)::int from kept where id = 4'), 1);
  });
});
