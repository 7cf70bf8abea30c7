'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { startPgBouncer } = require('../support/pgbouncer');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

describe('behind PgBouncer in transaction mode', () => {
  let cluster;
  let bouncer;
  const pools = [];

  const open = (options) => {
    const pool = new Pool({ ...bouncer.config(), ...options });
    pools.push(pool);
    return pool;
  };

  before(async function () {
    this.timeout(60_000);
    cluster = await sharedCluster();
    // Few server sessions for many of ours: whoever comes next finds another's prepared statements there.
    bouncer = await startPgBouncer(cluster, { poolMode: 'transaction', default_pool_size: 3 });
    await cluster.psql(
      'drop table if exists counted; create table counted (id int primary key, n int not null)',
    );
    await cluster.psql('insert into counted select i, 0 from generate_series(1, 20) i');
  });

  afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));
  after(() => bouncer?.stop());

  const askMany = (pool, rounds) =>
    Promise.all(
      Array.from({ length: rounds }, async (_, i) => {
        const { rows } = await pool.query(`select $1::int + ${i % 7} as n`, [i]);
        return rows[0].n === i + (i % 7);
      }),
    );

  it('automatic preparation gives way without a word to the callers, and no answer is wrong', async () => {
    // Two pools stand for two processes that share the server's sessions.
    const [one, other] = [open({ max: 8 }), open({ max: 8 })];
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all([askMany(one, 100), askMany(other, 100)]);
      assert.ok(answers.flat().every(Boolean));
    }
  });

  it('a write is done once, be its statement prepared or not', async () => {
    const pool = open({ max: 8 });
    const writes = Array.from({ length: 400 }, (_, i) =>
      pool.query('update counted set n = n + $2 where id = $1', [1 + (i % 20), 1]),
    );
    await Promise.all(writes);
    const { rows } = await pool.query('select sum(n)::int as n from counted');
    assert.equal(rows[0].n, 400);
  });

  it('transactions keep to one session', async () => {
    const pool = open({ max: 8 });
    const pids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await pool.connect();
        await client.query('begin');
        const seen = [];
        for (let i = 0; i < 5; i++) {
          const { rows } = await client.query('select pg_backend_pid() as pid, $1::int as n', [i]);
          seen.push(rows[0].pid);
        }
        await client.query('commit');
        client.release();
        return new Set(seen).size;
      }),
    );
    assert.deepEqual([...new Set(pids)], [1]);
  });

  it('automatic preparation is left alone from the start, since a transaction could not be tried again', async () => {
    const pool = open({ max: 8 });
    const text = 'select $1::int + 41 as n';
    await Promise.all(Array.from({ length: 50 }, () => pool.query(text, [1])));
    const inside = Array.from({ length: 50 }, async () => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const { rows } = await client.query(text, [1]);
        await client.query('commit');
        return rows[0].n;
      } finally {
        client.release();
      }
    });
    assert.deepEqual([...new Set(await Promise.all(inside))], [42]);
    assert.equal(pool.metrics().queries.retried, 0);
    const { rows } = await pool.query(
      "select count(*)::int as n from pg_prepared_statements where statement like '%+ 41%'",
    );
    assert.equal(rows[0].n, 0);
  });

  it('checks are answered', async () => {
    const pool = open({ max: 4, aliveBypassWindow: 0, healthCheckInterval: 20 });
    const found = [];
    pool.on('health', ({ healthy }) => found.push(healthy));
    for (let round = 0; round < 20; round++) assert.ok((await askMany(pool, 10)).every(Boolean));
    await until(() => found.length >= 5, { what: 'five checks' });
    assert.ok(found.every(Boolean));
    assert.equal((await pool.health()).healthy, true);
    assert.equal(pool.metrics().nodes[0].connections.closed, 0);
  });

  it('prepare: false never prepares', async () => {
    const pool = open({ max: 4, prepare: false });
    assert.ok((await askMany(pool, 300)).every(Boolean));
    assert.equal(pool.metrics().queries.retried, 0);
  });
});
