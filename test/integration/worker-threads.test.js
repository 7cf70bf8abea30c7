'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { startCluster } = require('../support/cluster');
const { EngineClient, keywordsOf } = require('../support/engine-client');
const { until } = require('../support/poll');

const CLIENT = path.resolve(__dirname, '../support/engine-client.js');

/* What every worker begins with. */
const PROLOGUE = `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const { EngineClient } = require(${JSON.stringify(CLIENT)});
const client = new EngineClient(workerData);
const say = (message) => parentPort.postMessage(message);
`;

describe('worker threads', () => {
  let cluster;
  let options;
  let lastApplication = 0;

  before(async () => {
    // Else a backend in pg_sleep() would not notice that its client has gone.
    cluster = await startCluster({ config: { client_connection_check_interval: '50ms' } });
  });
  after(() => cluster.stop({ mode: 'immediate' }));
  beforeEach(() => {
    const keywords = keywordsOf(cluster, { application_name: `worker test ${++lastApplication}` });
    options = { max: 2, keywords };
  });

  function start(script) {
    const worker = new Worker(PROLOGUE + script, { eval: true, workerData: options });
    worker.failed = new Promise((resolve) => worker.once('error', resolve));
    worker.exited = new Promise((resolve) => worker.once('exit', resolve));
    worker.said = new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.said.catch(() => {});
    return worker;
  }

  function backends(condition = 'true') {
    const name = options.keywords.application_name;
    const where = `application_name = '${name}' and ${condition}`;
    return cluster.psql(`select count(*) from pg_stat_activity where ${where}`);
  }

  async function assertNoBackends() {
    await until(async () => (await backends()) === '0', { what: 'the connections to be closed' });
  }

  it('have an engine each, and work at once', async () => {
    const script = `
      (async () => {
        const numbers = Array.from({ length: 500 }, (_, i) => i);
        const answers = await Promise.all(numbers.map((i) => client.value('select $1::int', [String(i)])));
        const pid = await client.value('select pg_backend_pid()');
        say({ right: answers.every((answer, i) => answer === i), pid });
        await client.close();
      })();`;
    const workers = Array.from({ length: 5 }, () => start(script));
    const main = new EngineClient(options);
    const said = await Promise.all(workers.map((worker) => worker.said));
    assert.ok(said.every(({ right }) => right));
    assert.equal(new Set(said.map(({ pid }) => pid)).size, 5);
    assert.equal(await main.value('select 1'), 1);
    assert.deepEqual(await Promise.all(workers.map((worker) => worker.exited)), [0, 0, 0, 0, 0]);
    await main.close();
    await assertNoBackends();
  });

  const BUSY = `for (let i = 0; i < 6; i++) client.value('select pg_sleep(60)').catch(() => {});`;

  it('may be terminated with work in flight', async () => {
    const main = new EngineClient(options);
    await main.value('select 1');
    const workers = Array.from({ length: 3 }, () => start(BUSY));
    await until(async () => (await backends(`query ~ 'pg_sleep'`)) === '6', {
      what: 'all workers to be busy',
    });
    const begun = performance.now();
    await Promise.all(workers.map((worker) => worker.terminate()));
    assert.ok(performance.now() - begun < 3000);
    assert.equal(await main.value('select 2'), 2);
    await main.close();
    await assertNoBackends();
  });

  it('may be terminated in the middle of a flood of results', async () => {
    const flood = `
      for (let i = 0; i < 200; i++) client.ask({ text: 'select generate_series(1, 20000)', params: [] }).then(() => say('one'));`;
    for (let i = 0; i < 5; i++) {
      const worker = start(flood);
      await worker.said;
      await worker.terminate();
    }
    await assertNoBackends();
  });

  it('may be terminated while they start', async () => {
    for (let i = 0; i < 10; i++) {
      const worker = start(BUSY);
      if (i % 2) await new Promise((resolve) => worker.once('online', resolve));
      await worker.terminate();
    }
    await assertNoBackends();
  });

  it('may end by process.exit() and by an exception', async () => {
    const exits = start(
      `${BUSY} client.value('select 1').catch(() => {}); client.pool.stats(); process.exit(3);`,
    );
    assert.equal(await exits.exited, 3);
    const throws = start(`${BUSY} setTimeout(() => { throw new Error('on purpose'); }, 20);`);
    assert.match((await throws.failed).message, /on purpose/);
    assert.equal(await throws.exited, 1);
    await assertNoBackends();
  });

  it('may come and go many times', async () => {
    const script = `client.value('select $1::int', ['7']).then((answer) => { say(answer); return client.close(); });`;
    for (let i = 0; i < 20; i++) {
      const worker = start(script);
      assert.equal(await worker.said, 7);
      assert.equal(await worker.exited, 0);
    }
    await assertNoBackends();
  });
});
