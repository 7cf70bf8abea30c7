'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../..');
const { PRELUDE } = require('../../lib/statement');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

const OF_POOL = "from pg_stat_activity where application_name = 'pipelining'";

describe('statements that share a connection', function () {
  this.timeout(30_000);
  let cluster;
  let pool;

  before(async () => {
    cluster = await sharedCluster();
  });

  function open(options) {
    pool = new Pool({ ...cluster.config(), application_name: 'pipelining', ...options });
    return pool;
  }

  beforeEach(() => cluster.psql('create table ledger (id int primary key, amount int not null)'));

  afterEach(async () => {
    await pool.end();
    await cluster.psql('drop table ledger');
  });

  const killAll = () => cluster.psql(`select pg_terminate_backend(pid) ${OF_POOL}`);

  /**
   * Until a text is known to be quick it has a connection of its own; and on a machine that is busy with other things it may
   * not be quick for a while. @param {(i: number) => unknown[]} values of the i-th query
   */
  async function learn(text, values) {
    let quick = 0;
    for (let i = 0; quick < 25; i++) {
      const start = performance.now();
      await pool.query(text, values(i));
      quick = performance.now() - start < 2 ? quick + 1 : 0;
    }
  }

  it('are not harmed by a neighbour that fails', async () => {
    open({ max: 1 });
    await learn('select 10 / $1::int as x', () => [5]);
    const asked = Array.from({ length: 500 }, (_, i) => pool.query('select 10 / $1::int as x', [i % 10]));
    const answers = await Promise.allSettled(asked);
    answers.forEach(({ value, reason }, i) => {
      if (i % 10 === 0) assert.equal(reason.code, '22012');
      else assert.equal(value.rows[0].x, Math.trunc(10 / (i % 10)));
    });
  });

  it('are not harmed by a neighbour that is given up', async () => {
    open({ max: 1 });
    const nap = 'select pg_sleep($1::float8), $2::int as x';
    await learn(nap, () => [0, 0]);
    const controller = new AbortController();
    const slow = pool.query({ text: nap, values: [20, 1], signal: controller.signal });
    const behind = [2, 3, 4].map((x) => pool.query(nap, [0, x]));
    controller.abort();
    await assert.rejects(slow, { code: 'KEEL_ABORTED' });
    const rows = (await Promise.all(behind)).map((result) => result.rows[0].x);
    assert.deepEqual(rows, [2, 3, 4]);
    assert.equal(pool.metrics().nodes[0].connections.created, 1);
  });

  it('go past one that a lock holds up, also when the lock waits for them', async () => {
    open({ max: 2 });
    const insert = 'insert into ledger values ($1, $2)';
    const read = 'select count(*)::int as n from ledger where id < $1';
    await learn(insert, (i) => [-i, 0]);
    await learn(read, () => [0]);
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(insert, [2, 0]);
    // The same key: it waits for the holder to end, who waits for what stands behind it on the only other connection.
    const blocked = pool.query(insert, [2, 1]);
    const behind = pool.query(read, [-1_000_000]);
    assert.equal((await behind).rows[0].n, 0);
    await holder.query('rollback');
    holder.release();
    assert.equal((await blocked).rowCount, 1);
    assert.equal(await cluster.psql('select amount from ledger where id = 2'), '1');
  });

  it('wait for none that is known to be slow', async () => {
    open({ max: 2 });
    const quick = 'select $1::int as x';
    await learn(quick, () => [0]);
    const slow = pool.query('select pg_sleep(3)');
    let over = false;
    slow.then(() => (over = true));
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => pool.query(quick, [i])));
    }
    assert.equal(over, false);
    await slow;
  });

  it('do what each of them is to do, once', async () => {
    open({ max: 3 });
    const insert = 'insert into ledger values ($1, $2)';
    await learn(insert, (i) => [-i, 0]);
    await cluster.psql('truncate ledger');
    await Promise.all(Array.from({ length: 3000 }, (_, i) => pool.query(insert, [i + 1, i])));
    assert.equal(await cluster.psql('select count(*), sum(amount) from ledger'), '3000|4498500');
  });

  it('are cut off together when their server process dies, and each is told the truth', async () => {
    open({ max: 1 });
    const nap = 'insert into ledger select $1, 0 from pg_sleep($2::float8)';
    await learn(nap, (i) => [-i, 0]);
    const asked = [1, 2, 3].map((id) => pool.query(nap, [id, id === 2 ? 20 : 0]));
    const settled = Promise.allSettled(asked);
    await asked[0];
    await killAll();
    const [first, second, third] = await settled;
    assert.equal(first.status, 'fulfilled');
    for (const { reason } of [second, third]) {
      assert.equal(reason.code, '57P01');
      assert.equal(reason.outcome, 'unknown');
    }
  });

  it('have a connection each with pipeline: false', async () => {
    open({ max: 2, pipeline: false });
    const nap = 'select pg_sleep($1::float8)';
    await learn(nap, () => [0]);
    const slow = [pool.query(nap, [0.5]), pool.query(nap, [0.5])];
    const waiting = pool.query(nap, [0]);
    await until(() => pool.waitingCount === 1);
    assert.equal(pool.totalCount, 2);
    await Promise.all([...slow, waiting]);
  });

  describe('a command in front of a statement', () => {
    const insert = { text: 'insert into ledger values ($1, 0)', values: [1] };

    async function onClient(run) {
      const client = await open({ max: 1 }).connect();
      try {
        await run(client);
      } finally {
        client.release();
      }
    }

    it('is run before it', () =>
      onClient(async (client) => {
        await client.query({ ...insert, [PRELUDE]: 'begin' });
        assert.equal(client.getTransactionStatus(), 'T');
        await client.query('rollback');
        assert.equal(await cluster.psql('select count(*) from ledger'), '0');
      }));

    it('keeps it from being run when it fails', () =>
      onClient(async (client) => {
        for (let i = 0; i < 3; i++) {
          const refused = client.query({ ...insert, [PRELUDE]: 'begin isolation level bogus' });
          await assert.rejects(refused, { code: '42601', outcome: 'rolled-back' });
          assert.equal(client.getTransactionStatus(), 'I');
        }
        assert.equal(await cluster.psql('select count(*) from ledger'), '0');
        await client.query(insert);
      }));

    it('leaves no trace when the link dies before the end of the transaction', () =>
      onClient(async (client) => {
        client.on('error', () => {});
        const dying = client.query({
          text: 'insert into ledger select $1, 0 from pg_sleep(20)',
          values: [1],
          [PRELUDE]: 'begin',
        });
        const outcome = assert.rejects(dying, { code: '57P01', outcome: 'rolled-back' });
        await until(
          async () => (await cluster.psql(`select count(*) ${OF_POOL} and state = 'active'`)) === '1',
        );
        await killAll();
        await outcome;
      }));
  });
});
