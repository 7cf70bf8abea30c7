'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { randomNumbers } = require('../../scripts/lib/traffic');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');

const CANCELS = 10_000;
const CONNECTIONS = 4;
const VICTIMS = 6; // at a time
const INNOCENTS = 4;

describe('cancels beside queries that nobody cancels', function () {
  this.timeout(180_000);
  let cluster;
  let pool;

  before(async () => {
    cluster = await startCluster();
    await cluster.psql('create table innocent (caller int, n int); create table victim (n int)');
    pool = new Pool({ ...cluster.config(), max: CONNECTIONS, min: CONNECTIONS, application_name: 'cancels' });
    await until(() => pool.idleCount === CONNECTIONS);
  });

  after(async () => {
    await pool?.end({ force: true });
    await cluster?.stop({ mode: 'immediate' });
  });

  const backends = async () =>
    (await cluster.psql("select pid from pg_stat_activity where application_name = 'cancels' order by pid"))
      .split('\n')
      .map(Number);

  const later = (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    });

  const tally = { cancelled: 0, notSent: 0, running: 0, tooLate: 0, innocent: 0, inserted: 0 };
  const random = randomNumbers(20_260_104);

  // Some are over before their cancel comes, some wait for a connection, some run.
  const TEXTS = [
    "select 'victim', pg_sleep(0.3)",
    "select 'victim', count(*) from generate_series(1, 200000)",
    "select 'victim'",
    'insert into victim values ($1::int) returning n',
    'update victim set n = n + $1::int where n = -1',
  ];

  function victimOf(n) {
    const text = TEXTS[Math.floor(random() * TEXTS.length)];
    return { text, values: text.includes('$1') ? [n] : [] };
  }

  function giveUp(config) {
    const ms = random() * 12;
    if (random() < 0.4) return pool.query({ ...config, timeout: 1 + Math.floor(ms) });
    const controller = new AbortController();
    const asked = pool.query({ ...config, signal: controller.signal });
    if (ms < 1) setImmediate(() => controller.abort());
    else setTimeout(() => controller.abort(), ms);
    return asked;
  }

  async function beCancelled() {
    for (let n = 0; tally.cancelled + tally.tooLate < CANCELS; n++) {
      try {
        await giveUp(victimOf(n));
        tally.tooLate += 1;
      } catch (error) {
        if (error.code === 'KEEL_QUEUE_FULL') {
          await later(1); // its time was too short to begin with: no cancel, and none of the count
          continue;
        }
        if (!['KEEL_ABORTED', 'KEEL_QUERY_TIMEOUT'].includes(error.code)) throw error;
        tally.cancelled += 1;
        tally[error.outcome === 'not-sent' ? 'notSent' : 'running'] += 1;
      }
    }
  }

  const isOver = () => tally.cancelled + tally.tooLate >= CANCELS;

  async function beInnocent(caller) {
    for (let n = 0; !isOver(); n++) {
      const { rows } = await pool.query('select $1::int as caller, $2::int as n', [caller, n]);
      assert.deepEqual(rows, [{ caller, n }]);
      tally.innocent += 1;
      if (n % 4 > 0) continue;
      await pool.query('insert into innocent values ($1, $2)', [caller, n]);
      tally.inserted += 1;
    }
  }

  async function beInnocentInTransactions(caller) {
    for (let n = 0; !isOver(); n++) {
      const client = await pool.connect();
      await client.query('begin');
      await client.query('insert into innocent values ($1, $2)', [caller, n]);
      await client.query('commit');
      client.release();
      tally.inserted += 1;
      await later(5);
    }
  }

  it(`${CANCELS} of them are felt by nobody else, and cost no connection`, async () => {
    const before = await backends();
    const start = performance.now();
    await Promise.all([
      ...Array.from({ length: VICTIMS }, beCancelled),
      ...Array.from({ length: INNOCENTS }, (_, caller) => beInnocent(caller)),
      beInnocentInTransactions(INNOCENTS),
    ]);
    const seconds = (performance.now() - start) / 1000;
    // The last ones may be on their way to the server still.
    await until(() => pool.idleCount === CONNECTIONS, {
      timeout: 15_000,
      what: 'every connection to be idle',
    });
    const { connections } = pool.metrics().nodes[0];
    // A lone neighbour in the same pipeline that a cancel did hit is known to have left no trace, and is sent again.
    const { retried } = pool.metrics().queries;
    console.log(
      `      ${tally.running} cancelled while they ran or were sent, ${tally.notSent} while they waited, ` +
        `${tally.tooLate} too late; ${tally.innocent + tally.inserted} others answered, ${retried} of them sent again; ${seconds.toFixed(1)} s`,
    );
    assert.ok(tally.running > CANCELS / 20, 'a fair part of the cancels has to reach the server');
    assert.deepEqual([connections.created, connections.closed], [CONNECTIONS, 0]);
    assert.deepEqual(await backends(), before);
    assert.equal(
      await cluster.psql('select count(*), count(distinct (caller, n)) from innocent'),
      `${tally.inserted}|${tally.inserted}`,
    );
  });
});
