'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { block } = require('../support/block');
const { sharedCluster } = require('../support/shared');

const CALLERS = 60;
const WORK_MS = 2;

const now = () => performance.timeOrigin + performance.now();

describe('an application that works on each answer', () => {
  let pool;

  before(async () => {
    const cluster = await sharedCluster();
    pool = new Pool({ ...cluster.config(), max: 4 });
    await Promise.all(Array.from({ length: CALLERS }, () => pool.query('select 1')));
  });

  after(() => pool.end());

  it('has what it asks next sent while answers are left', async () => {
    // After these nothing is asked, and portions have become large.
    await Promise.all(Array.from({ length: 1000 }, () => pool.query('select 1')));
    let lastTaken;
    const caller = async () => {
      await pool.query('select 1');
      block(WORK_MS); // from which it is seen how long the application takes
      await pool.query('select 1');
      lastTaken = now();
      block(WORK_MS);
      const { rows } = await pool.query('select extract(epoch from clock_timestamp())::float8 * 1000 as at');
      return rows[0].at;
    };
    const thirds = await Promise.all(Array.from({ length: CALLERS }, caller));
    const early = thirds.filter((at) => at < lastTaken).length;
    assert.ok(
      early > (2 * CALLERS) / 3,
      `${early} of ${CALLERS} third queries ran before the last second answer was taken`,
    );
  });

  it('misses none of them, however they come', async () => {
    for (let round = 0; round < 100; round++) {
      const work = round % 4 === 0 ? 0.05 : 0;
      const asked = async (_, i) => {
        const { rows } = await pool.query('select $1::int as i', [i]);
        block(work);
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
