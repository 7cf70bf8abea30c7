'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');

const CALLERS = 60;
const WORK_MS = 2;

const now = () => performance.timeOrigin + performance.now();
const workFor = (ms) => {
  for (const end = now() + ms; now() < end;);
};

describe('an application that works on each answer', () => {
  let pool;

  before(async () => {
    const cluster = await sharedCluster();
    pool = new Pool({ ...cluster.config(), max: 4 });
    await Promise.all(Array.from({ length: CALLERS }, () => pool.query('select 1')));
  });

  after(() => pool.end());

  it('has what it asks next sent while answers are left', async () => {
    let lastFirst;
    const caller = async () => {
      await pool.query('select 1');
      lastFirst = now();
      workFor(WORK_MS);
      const { rows } = await pool.query('select extract(epoch from clock_timestamp())::float8 * 1000 as at');
      return rows[0].at;
    };
    const calls = Promise.all(Array.from({ length: CALLERS }, caller));
    // All are handed over, and all are answered, before any answer is taken.
    process.nextTick(() => setImmediate(workFor, 200));
    const seconds = await calls;
    const early = seconds.filter((at) => at < lastFirst).length;
    assert.ok(
      early > CALLERS / 4,
      `${early} of ${CALLERS} second queries ran before the last answer was taken`,
    );
  });

  it('misses none of them, however they come', async () => {
    for (let round = 0; round < 100; round++) {
      const work = round % 4 === 0 ? 0.05 : 0;
      const asked = async (_, i) => {
        const { rows } = await pool.query('select $1::int as i', [i]);
        workFor(work);
        return rows[0].i;
      };
      const answers = await Promise.all(Array.from({ length: 500 }, asked));
      assert.deepEqual(
        answers,
        answers.map((_, i) => i),
      );
    }
  });
});
