'use strict';

const assert = require('node:assert/strict');
const { setTimeout: pause } = require('node:timers/promises');
const { Pool } = require('../../lib');
const { createDatabase } = require('../../lib/drizzle');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

const CONNECTIONS = 4;
const DEADLINE_MS = 400;
const SECONDS = 1.5;
const STATEMENT = { name: 'overload', text: 'select pg_sleep(0.01)' };

describe('more requests than can be served', function () {
  this.timeout(60_000);
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.end({ force: true })));
  });

  function make(more) {
    const pool = new Pool({ ...cluster.config(), max: CONNECTIONS, ...more });
    open.push(pool);
    return pool;
  }

  const withDeadline = (more) =>
    make({ query_timeout: DEADLINE_MS, acquireTimeoutMillis: DEADLINE_MS, ...more });

  /** How many are answered in that time when nobody asks before he is answered. */
  async function answersOf(pool, callers) {
    const end = performance.now() + SECONDS * 1000;
    let count = 0;
    const caller = async () => {
      for (; performance.now() < end; count++) await pool.query(STATEMENT);
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return count;
  }

  /** So many in that time, whatever becomes of them. @returns the answers and the errors */
  async function flood(pool, total) {
    const began = performance.now();
    const requests = [];
    for (let now = began; requests.length < total; now = performance.now()) {
      const due = Math.min(total, ((now - began) / (SECONDS * 1000)) * total);
      while (requests.length < due)
        requests.push(
          pool.query(STATEMENT).then(
            () => undefined,
            (err) => err,
          ),
        );
      await pause(1);
    }
    const errors = (await Promise.all(requests)).filter(Boolean);
    return { answered: total - errors.length, errors };
  }

  it('as many are answered in time as without the rush, and the rest is refused before it is sent', async () => {
    const pool = withDeadline({ shed: true });
    const peak = await answersOf(pool, 2 * CONNECTIONS);
    const { answered, errors } = await flood(pool, 5 * peak);
    assert.ok(answered >= peak / 2, `${answered} answers, ${peak} without the rush`);
    const refused = errors.filter(({ code }) => code === 'KEEL_QUEUE_FULL');
    assert.ok(refused.length >= errors.length / 2, `${refused.length} of ${errors.length} refused at once`);
    for (const err of refused) {
      assert.equal(err.outcome, 'not-sent');
      assert.match(err.message, /: about [\d.]+ ms to wait \(total=4, idle=0, waiting=\d+\)$/);
    }
    const sent = errors.filter(({ outcome }) => outcome !== 'not-sent');
    assert.ok(sent.length <= answered / 4, `${sent.length} were sent in vain`);
    assert.ok(pool.metrics().queries.rejected >= refused.length);
  });

  it('nobody is refused when there is enough for all', async () => {
    const pool = withDeadline({ shed: true, query_timeout: 30_000, acquireTimeoutMillis: 30_000 });
    const peak = await answersOf(pool, 2 * CONNECTIONS);
    const { errors } = await flood(pool, Math.ceil(peak / 2));
    assert.deepEqual(errors, []);
  });

  it('a burst that can be served in time is', async () => {
    const pool = make({ shed: true, acquireTimeoutMillis: 30_000 });
    await answersOf(pool, 2 * CONNECTIONS);
    const answers = await Promise.all(Array.from({ length: 300 }, () => pool.query(STATEMENT)));
    assert.equal(answers.length, 300);
  });

  it('without the option everybody waits for as long as he said, as in pg', async () => {
    const pool = withDeadline();
    const peak = await answersOf(pool, 2 * CONNECTIONS);
    const { errors } = await flood(pool, 5 * peak);
    assert.ok(errors.length > 0);
    assert.deepEqual([...new Set(errors.map(({ code }) => code))].sort(), [
      ...['KEEL_ACQUIRE_TIMEOUT', 'KEEL_QUERY_TIMEOUT'].filter((code) =>
        errors.some((err) => err.code === code),
      ),
    ]);
  });

  it('createDatabase() sheds', async () => {
    const { pool } = createDatabase({
      connectionString: cluster.url,
      min: 0,
      max: 2,
      acquireTimeoutMillis: DEADLINE_MS,
    });
    open.push(pool);
    const peak = await answersOf(pool, CONNECTIONS);
    const { answered, errors } = await flood(pool, 5 * peak);
    assert.ok(answered > 0);
    assert.ok(errors.some(({ code }) => code === 'KEEL_QUEUE_FULL'));
  });

  it('what can no longer be done before its deadline is not sent', async () => {
    const pool = make({ shed: true, max: 1 });
    const slow = { name: 'slow', text: 'select pg_sleep(0.1), $1::text', values: ['known'] };
    for (let i = 0; i < 4; i++) await pool.query(slow);
    const client = await pool.connect();
    const late = pool.query({ ...slow, values: ['late'], query_timeout: 1000 });
    const other = pool.query('select 1 as a');
    const failure = assert.rejects(late, { code: 'KEEL_QUERY_TIMEOUT', outcome: 'not-sent', attempts: 0 });
    await until(() => pool.waitingCount === 2);
    await client.query('select pg_sleep(0.95)');
    client.release();
    await failure;
    assert.equal((await other).rows[0].a, 1);
  });
});
