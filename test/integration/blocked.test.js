'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { block } = require('../support/block');
const { startCluster } = require('../support/cluster');
const { until } = require('../support/poll');

const BLOCKED_MS = 5000;
// 50 ms where there is nothing else to do; a machine that is busy with other tests needs some more.
const LATE_MS = 250;
const LONE = 6;
const LENT = 2;
const timeoutOf = (i) => 1500 + 400 * i;

/** When the server cancelled each statement, by the number in its text. In its own log, by its own clock. */
function cancelsIn(log) {
  const times = new Map();
  const pending = new Map(); // by process: the statement comes in the line after the error
  for (const line of log.split('\n')) {
    const [, date, time, pid, message] = /^(\S+) (\S+) UTC \[(\d+)\] \S* ?(.*)$/.exec(line) ?? [];
    if (/ERROR:\s+canceling statement due to user request/.test(message ?? ''))
      pending.set(pid, Date.parse(`${date}T${time}Z`));
    const number = /STATEMENT:.*'blocked (\d+)'/.exec(message ?? '')?.[1];
    if (number !== undefined && pending.has(pid)) times.set(Number(number), pending.get(pid));
  }
  return times;
}

describe('while JavaScript is busy with something else for 5 s', function () {
  this.timeout(60_000);
  let cluster;
  let pool;

  before(async () => {
    cluster = await startCluster({ config: { log_timezone: 'UTC' } });
    pool = new Pool({ ...cluster.config(), max: LONE + LENT, min: LONE + LENT });
    await until(() => pool.idleCount === LONE + LENT);
  });

  after(async () => {
    await pool?.end({ force: true });
    await cluster?.stop({ mode: 'immediate' });
  });

  it('statements are cancelled on the server when their time is over', async () => {
    const clients = await Promise.all(Array.from({ length: LENT }, () => pool.connect()));
    const askedAt = Date.now();
    const outcomes = Promise.allSettled(
      Array.from({ length: LONE + LENT }, (_, i) =>
        (clients[i] ?? pool).query({ text: `select pg_sleep(60), 'blocked ${i}'`, timeout: timeoutOf(i) }),
      ),
    );
    const running =
      "select count(*) from pg_stat_activity where state = 'active' and query like '%''blocked %'";
    await until(async () => Number(await cluster.psql(running)) > LONE + LENT); // and this one
    block(BLOCKED_MS);
    // Read before anybody has heard of anything: what is there was done while JavaScript was blocked.
    const cancelled = cancelsIn(cluster.log());
    for (const { reason } of await outcomes) assert.equal(reason.code, 'KEEL_QUERY_TIMEOUT');
    for (const client of clients) client.release();

    const late = Array.from({ length: LONE + LENT }, (_, i) => cancelled.get(i) - askedAt - timeoutOf(i));
    console.log(`      after their time: ${late.map((ms) => `${ms} ms`).join(', ')}`);
    for (const ms of late) assert.ok(ms > -50 && ms < LATE_MS, `${ms} ms late`);
    assert.equal(pool.metrics().nodes[0].connections.closed, 0);
  });
});
