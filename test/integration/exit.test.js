'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const { startCluster } = require('../support/cluster');
const { keywordsOf } = require('../support/engine-client');
const { until } = require('../support/poll');

const ENGINE = path.resolve(__dirname, '../../lib/engine.js');
const EXIT_LIMIT_MS = 3000;

/* What every child begins with. `busy` has work in flight on all connections, and more waiting. */
const PROLOGUE = `'use strict';
const { openPool } = require(${JSON.stringify(ENGINE)});
const options = JSON.parse(process.env.ENGINE_OPTIONS);
const pool = openPool(options, { poolClosed: () => globalThis.closed?.() });
const nothing = () => {};
const sink = { fields: nothing, rows: nothing, complete: nothing, done: nothing, error: nothing };
const ask = (text, more) => pool.query({ text, params: [] }, { ...sink, ...more });
const busy = (then) => {
  for (let i = 0; i < 2 * options.max; i++) ask('select pg_sleep(60)');
  const look = () => (pool.stats().running >= options.max ? then() : setTimeout(look, 5));
  look();
};
`;

describe('the end of a process', function () {
  let cluster;
  let lastApplication = 0;

  before(async () => {
    // Else a backend in pg_sleep() would not notice that its client has gone.
    cluster = await startCluster({ config: { client_connection_check_interval: '50ms' } });
  });
  after(() => cluster.stop({ mode: 'immediate' }));

  /** Runs a child to its end: how it ended, how long that took from when it said "now", what it wrote. */
  async function run(script, options = {}) {
    const application = `exit test ${++lastApplication}`;
    const keywords = { ...keywordsOf(cluster), application_name: application, ...options.keywords };
    const env = { ...process.env, ENGINE_OPTIONS: JSON.stringify({ max: 3, ...options, keywords }) };
    const child = spawn(process.execPath, ['-e', PROLOGUE + script], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let saidNow;
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      if (output.includes('now')) saidNow ??= performance.now();
      if (output.includes('kill me')) child.kill('SIGTERM');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    const [code, signal] = await new Promise((resolve) => child.once('close', (...end) => resolve(end)));
    const ms = performance.now() - saidNow;
    const backends = `select count(*) from pg_stat_activity where application_name = '${application}'`;
    await until(async () => (await cluster.psql(backends)) === '0', { what: 'the connections to be closed' });
    return { code, signal, ms, output };
  }

  async function assertEnds(script, expected, options) {
    const { ms, output, ...end } = await run(script, options);
    assert.deepEqual(end, { code: null, signal: null, ...expected }, output);
    assert.ok(ms < EXIT_LIMIT_MS, `${ms} ms to the end\n${output}`);
    return output;
  }

  const NOW = `console.log('now');`;

  it('by process.exit(), with work in flight', async () => {
    await assertEnds(`busy(() => { ${NOW} process.exit(3); });`, { code: 3 });
  });

  it('by an uncaught exception, with work in flight', async () => {
    const output = await assertEnds(`busy(() => { ${NOW} throw new Error('on purpose'); });`, { code: 1 });
    assert.match(output, /on purpose/);
  });

  it('by an unhandled rejection, with work in flight', async () => {
    await assertEnds(`busy(() => { ${NOW} Promise.reject(new Error('on purpose')); });`, { code: 1 });
  });

  it('by a signal, with work in flight', async () => {
    await assertEnds(`busy(() => { console.log('now, kill me'); });`, { signal: 'SIGTERM' });
  });

  it('by process.exit() before anything was handed over', async () => {
    await assertEnds(`${NOW} ask('select 1'); process.exit(4);`, { code: 4 });
  });

  it('by process.exit() while connecting', async () => {
    await assertEnds(`ask('select 1'); pool.stats(); setImmediate(() => { ${NOW} process.exit(4); });`, {
      code: 4,
    });
  });

  it('by process.exit() while a server is mute', async () => {
    const sockets = [];
    const mute = net.createServer((socket) => sockets.push(socket.on('error', () => {})));
    await new Promise((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      const keywords = { port: String(mute.address().port) };
      const script = `ask('select 1'); setTimeout(() => { ${NOW} process.exit(5); }, 50);`;
      await assertEnds(script, { code: 5 }, { keywords });
      assert.equal(sockets.length, 1);
    } finally {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => mute.close(resolve));
    }
  });

  it('by process.exit() within a sink, in the middle of a flood', async () => {
    const script = `
      for (let i = 0; i < 500; i++) ask('select generate_series(1, 1000)');
      ask('select 1', { rows: () => { ${NOW} process.exit(6); } });`;
    await assertEnds(script, { code: 6 });
  });

  it('by an exception within a sink', async () => {
    const script = `ask('select 1', { done: () => { ${NOW} throw new Error('on purpose'); } });`;
    assert.match(await assertEnds(script, { code: 1 }), /on purpose/);
  });

  it('with a listener that still uses the pool when the engine has gone', async () => {
    const script = `
      process.on('exit', () => {
        ask('select 1');
        pool.acquire(0, sink);
        pool.release(1, true);
        console.log('state', pool.stats().state);
        pool.close(0, true);
        try { openPool(options, {}); } catch (err) { console.log(err.code); }
      });
      busy(() => { ${NOW} process.exit(7); });`;
    assert.match(await assertEnds(script, { code: 7 }), /state 0\nKEEL_POOL_CLOSED/);
  });

  it('by itself, once the pool is closed', async () => {
    const script = `
      globalThis.closed = () => { ${NOW} };
      ask('select 1', { done: () => pool.close() });`;
    await assertEnds(script, { code: 0 });
  });

  it('not while a pool has connections', async () => {
    const script = `ask('select 1', { done: () => { ${NOW} setTimeout(() => process.exit(8), 200).unref(); } });`;
    await assertEnds(script, { code: 8 });
  });

  it("by itself in spite of connections, when only work is to keep it ('work')", async () => {
    const script = `pool.keepAlive = 'work'; ask('select pg_sleep(0.1)', { done: () => { ${NOW} } });`;
    const output = await assertEnds(script, { code: 0 });
    assert.match(output, /now/);
  });

  it("by itself in spite of work ('never'), and not while there is a reference", async () => {
    await assertEnds(`pool.keepAlive = 'never'; ask('select pg_sleep(60)'); ${NOW}`, { code: 0 });
    const held = `
      pool.keepAlive = 'never'; pool.ref();
      ask('select pg_sleep(0.1)', { done: () => { ${NOW} pool.unref(); } });`;
    assert.match(await assertEnds(held, { code: 0 }), /now/);
  });

  it('not before a connection that is to be warm has come', async () => {
    const script = `${NOW} setTimeout(() => process.exit(8), 200).unref();`;
    await assertEnds(script, { code: 8 }, { min: 1 });
  });

  it('by itself where a pool was opened and never used', async () => {
    await assertEnds(NOW, { code: 0 });
  });
});
