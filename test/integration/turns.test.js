'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { sharedCluster } = require('../support/shared');

const LIB = path.resolve(__dirname, '../../lib');
const TASKS = '/proc/self/task';
const QUERIES = 200;
const ROUNDS = 30;

/*
 * Who takes the engine's turns can only be seen from how often its thread is woken. A worker has an engine of its own, whose
 * thread is the one that comes with the worker's first pool. Each round asks one statement after the other.
 */
const WORKER = `'use strict';
const fs = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const { Pool } = require(${JSON.stringify(LIB)});
const tasks = () => fs.readdirSync('${TASKS}');
const before = new Set(tasks());
const pool = new Pool(workerData.config);
const engine = tasks().filter((id) => !before.has(id));
const wakes = () =>
  Number(/^voluntary_ctxt_switches:\\s+(\\d+)$/m.exec(fs.readFileSync('${TASKS}/' + engine[0] + '/status', 'utf8'))[1]);
const work = (ms) => { for (const end = performance.now() + ms; performance.now() < end; ); };
(async () => {
  for (let i = 0; i < 50; i++) await pool.query('select 1');
  const rounds = [];
  for (let round = 0; round < ${ROUNDS}; round++) {
    const start = wakes();
    for (let i = 0; i < ${QUERIES}; i++) {
      await pool.query('select 1');
      work(workerData.work);
    }
    rounds.push(wakes() - start);
  }
  await pool.end();
  parentPort.postMessage({ threads: engine.length, rounds });
})();`;

describe("the engine's turns", function () {
  this.timeout(60_000);
  let cluster;

  before(async function () {
    if (!fs.existsSync(TASKS)) this.skip();
    cluster = await sharedCluster();
  });

  async function wakesPerRound(workMs) {
    const workerData = { config: { ...cluster.config(), max: 1 }, work: workMs };
    const worker = new Worker(WORKER, { eval: true, workerData });
    const { threads, rounds } = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    assert.equal(threads, 1);
    return rounds;
  }

  // A machine that is busy with other things delays this thread, and the engine's steps in. In some round it does not.
  it("are taken by JavaScript's thread while it has nothing else to do", async () => {
    const rounds = await wakesPerRound(0);
    assert.ok(Math.min(...rounds) < QUERIES, `woken in each round: ${rounds}`);
  });

  it("are the engine's thread's while the application is busy", async () => {
    const rounds = await wakesPerRound(0.4);
    assert.ok(Math.max(...rounds) > QUERIES, `woken in each round: ${rounds}`);
  });
});
