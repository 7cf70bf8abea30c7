'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { KeelError, Pool, installShutdownHandlers } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');
const { startMute } = require('../support/relay');

const ROOT = path.resolve(__dirname, '../..');
const NEVER_MS = 15_000;

describe('installShutdownHandlers()', () => {
  let cluster;
  const children = new Set();

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  /** A program that says "ready" and gets signals then. */
  function start(body, config = {}) {
    const program = `
      const { Pool, installShutdownHandlers } = require(${JSON.stringify(ROOT)});
      const { createDatabase } = require(${JSON.stringify(path.join(ROOT, 'lib/drizzle'))});
      const config = ${JSON.stringify({ ...cluster.config(), application_name: 'shutdown', ...config })};
      const say = (text) => require('fs').writeSync(1, text + '\\n');
      setTimeout(() => say('never ended'), ${NEVER_MS}); // and it keeps the process alive
      (async () => { ${body} say('ready'); })();`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    const ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    const says = (text) =>
      until(() => output.includes(text) || Promise.reject(new Error(output)), {
        timeout: 10_000,
        what: text,
      });
    return { child, ended, says, output: () => output };
  }

  async function signalled(body, signal, config) {
    const program = start(body, config);
    await program.says('ready');
    const begun = performance.now();
    program.child.kill(signal);
    const end = await program.ended;
    assert.doesNotMatch(program.output(), /never ended/);
    return { ...end, ms: performance.now() - begun, output: program.output() };
  }

  const SLOW =
    "const slow = pool.query('select pg_sleep(0.3)').then(() => say('finished'), (e) => say(e.code));";
  const POOL = "const pool = new Pool(config); await pool.query('select 1');";

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`${signal}: what is under way finishes, and the process ends as by the signal`, async () => {
      const body = `${POOL} ${SLOW} installShutdownHandlers(pool);`;
      const { code, signal: by, output } = await signalled(body, signal);
      assert.deepEqual([code, by], [null, signal], output);
      assert.match(output, /finished/);
    });
  }

  it('ends what createDatabase() gives, its close(), and functions, in the order given', async () => {
    const body = `
      const one = createDatabase(config), other = createDatabase(config);
      one.pool.on('remove', () => say('one closed'));
      other.pool.on('remove', () => say('other closed'));
      await one.pool.query('select 1');
      await other.pool.query('select 1');
      installShutdownHandlers([
        async ({ signal, timeout }) => { say(signal + ' ' + timeout); await one.pool.query('select 1'); say('requests'); },
        one, other.close, () => say('last'),
      ]);`;
    const { signal, output } = await signalled(body, 'SIGTERM', { min: 1, max: 1 });
    assert.equal(signal, 'SIGTERM', output);
    assert.match(output, /SIGTERM undefined\nrequests\n(one closed\n)+(other closed\n)+last\n/);
  });

  it('a second signal ends it at once', async () => {
    const program = start(`${POOL} const client = await pool.connect(); installShutdownHandlers(pool);
      pool.query('select 1').finally(() => say('draining'));
      process.on('SIGUSR2', () => say(String(pool.ending)));`);
    await program.says('ready');
    program.child.kill('SIGTERM');
    await until(async () => {
      program.child.kill('SIGUSR2');
      return program.output().includes('true');
    });
    const begun = performance.now();
    program.child.kill('SIGINT');
    assert.deepEqual(await program.ended, { code: null, signal: 'SIGINT' });
    assert.ok(performance.now() - begun < 2000);
  });

  it('timeout: a client that never comes back, and a function that never ends, hold it no longer', async () => {
    const body = `${POOL} const client = await pool.connect();
      installShutdownHandlers([() => new Promise(() => {}), pool], { timeout: 200 });`;
    const { signal, ms, output } = await signalled(body, 'SIGTERM');
    assert.equal(signal, 'SIGTERM', output);
    assert.ok(ms >= 190 && ms < 5000, `${ms} ms`);
    assert.match(output, /KEEL_SHUTDOWN.*its time was over/);
  });

  it('timeout: what still runs then is cancelled on the server, however much it is', async () => {
    const body = `const pool = new Pool(config);
      for (let i = 0; i < 20; i++) pool.query("select pg_sleep(60), 'left behind'").catch(() => {});
      while (pool.metrics().nodes[0].connections.active < 20) await new Promise((r) => setTimeout(r, 10));
      installShutdownHandlers(pool, { timeout: 200 });`;
    const { signal, output } = await signalled(body, 'SIGTERM', { max: 20 });
    assert.equal(signal, 'SIGTERM', output);
    const running =
      "select count(*) from pg_stat_activity where query like '%left behind%' and pid <> pg_backend_pid()";
    await until(async () => (await cluster.psql(running)) === '0', { what: 'the server to be rid of them' });
  });

  it('timeout: neither does a server that says nothing', async () => {
    const mute = await startMute();
    try {
      const body = `const pool = new Pool(config); pool.query('select 1').catch((e) => say(e.code));
        installShutdownHandlers(pool, { timeout: 100 });`;
      const { signal, ms, output } = await signalled(body, 'SIGTERM', { port: mute.port });
      assert.equal(signal, 'SIGTERM', output);
      assert.match(output, /KEEL_POOL_CLOSED/);
      assert.ok(ms < 5000, `${ms} ms`);
    } finally {
      mute.close();
    }
  });

  describe('exit', () => {
    it('a number: with that code', async () => {
      const { code } = await signalled(`${POOL} installShutdownHandlers(pool, { exit: 0 });`, 'SIGTERM');
      assert.equal(code, 0);
    });

    it('a number: 1 in place of 0 when something failed, which is told', async () => {
      const body = `${POOL} installShutdownHandlers([() => { throw new Error('on purpose'); }, pool], { exit: 0 });`;
      const { code, output } = await signalled(body, 'SIGTERM');
      assert.equal(code, 1);
      assert.match(output, /KEEL_SHUTDOWN.*on purpose/);
    });

    it('false: by itself, when nothing holds it', async () => {
      const body = `${POOL} installShutdownHandlers(pool, { exit: false });
        const held = setTimeout(() => {}, 60000);
        pool.on('remove', () => setTimeout(() => { say('still there'); process.exit(7); }, 200));`;
      const { code, output } = await signalled(body, 'SIGTERM');
      assert.equal(code, 7, output);
      assert.match(output, /still there/);
    });

    it('by the signal, where something else listens for it as well', async () => {
      const body = `${POOL} process.on('SIGTERM', () => say('heard')); installShutdownHandlers(pool);`;
      const { code, output } = await signalled(body, 'SIGTERM');
      assert.equal(code, 128 + 15, output);
      assert.equal(output.match(/heard/g).length, 1);
    });
  });

  it('listens for the signals that it is told, and for no others', async () => {
    const body = `${POOL} installShutdownHandlers(pool, { signals: ['SIGUSR2'] });
      pool.on('remove', () => say('closed'));`;
    assert.doesNotMatch((await signalled(body, 'SIGTERM')).output, /closed/);
    const { signal, output } = await signalled(body, 'SIGUSR2');
    assert.deepEqual([signal, /closed/.test(output)], ['SIGUSR2', true]);
  });

  it('gives a function that takes the handlers away, and ends a pool that is ending already', async () => {
    const body = `${POOL} pool.on('remove', () => say('closed'));
      installShutdownHandlers(pool)();`;
    assert.doesNotMatch((await signalled(body, 'SIGTERM')).output, /closed/);
    const ending = `${POOL} ${SLOW} installShutdownHandlers(pool); pool.end();`;
    const { signal, output } = await signalled(ending, 'SIGTERM');
    assert.equal(signal, 'SIGTERM');
    assert.match(output, /finished/);
  });

  it('nothing listens unless it is called', () => {
    const before = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    const pool = new Pool(cluster.config());
    assert.equal(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), before);
    const uninstall = installShutdownHandlers(pool, { signals: ['SIGTERM', 'SIGTERM', 'SIGINT'] });
    assert.equal(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), before + 2);
    uninstall();
    uninstall();
    assert.equal(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), before);
    return pool.end();
  });

  it('refuses nonsense', () => {
    const pool = new Pool(cluster.config());
    const NONSENSE = [
      [undefined, {}, 'target'],
      [[pool, 5], {}, 'target'],
      [{ close() {} }, {}, 'target'],
      [pool, { signals: [] }, 'signals'],
      [pool, { signals: 'SIGTERM' }, 'signals'],
      [pool, { signals: ['SIGKILL'] }, 'signals'],
      [pool, { signals: ['TERM'] }, 'signals'],
      [pool, { timeout: -1 }, 'timeout'],
      [pool, { timeout: '5s' }, 'timeout'],
      [pool, { exit: true }, 'exit'],
      [pool, { exit: 256 }, 'exit'],
    ];
    const before = process.listenerCount('SIGTERM');
    for (const [target, options, option] of NONSENSE) {
      assert.throws(
        () => installShutdownHandlers(target, options),
        (error) => error instanceof KeelError && error.code === 'KEEL_CONFIG' && error.option === option,
      );
    }
    assert.equal(process.listenerCount('SIGTERM'), before);
    return pool.end();
  });

  it('says so in a worker thread, which gets no signals', async () => {
    const program = `
      const { parentPort } = require('worker_threads');
      const { installShutdownHandlers } = require(${JSON.stringify(ROOT)});
      try { installShutdownHandlers(() => {}); } catch (error) { parentPort.postMessage(error.code); }`;
    const worker = new Worker(program, { eval: true });
    const code = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    assert.equal(code, 'KEEL_MISUSE');
    await worker.terminate();
  });

  it('is the same one in each entry of the package', async () => {
    const entries = [require('pgkeel/drizzle'), await import('pgkeel'), await import('pgkeel/drizzle')];
    for (const entry of entries) assert.equal(entry.installShutdownHandlers, installShutdownHandlers);
  });
});
