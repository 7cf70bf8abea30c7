'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

const LIB = path.resolve(__dirname, '../../lib');

describe('pool.end()', () => {
  let cluster;

  before(async () => {
    cluster = await sharedCluster();
  });

  const make = (more) => new Pool({ ...cluster.config(), ...more });
  const backends = async (name) =>
    Number(await cluster.psql(`select count(*) from pg_stat_activity where application_name = '${name}'`));

  it('of a pool that was never used', async () => {
    const pool = make();
    await pool.end();
    assert.deepEqual([pool.ending, pool.ended], [true, true]);
  });

  it('calls back, or resolves, once; a second call is an error', async () => {
    const pool = make();
    await pool.query('select 1');
    let calls = 0;
    await new Promise((resolve) => {
      pool.end(() => {
        calls += 1;
        resolve();
      });
    });
    const message = 'Called end on pool more than once';
    await assert.rejects(pool.end(), { message });
    const error = await new Promise((resolve) => {
      pool.end(resolve);
    });
    assert.equal(error.message, message);
    assert.equal(calls, 1);
  });

  it('lets running and accepted statements finish, and closes every connection', async () => {
    const pool = make({ max: 2, application_name: 'finishing' });
    const asked = Array.from({ length: 6 }, (_, n) => pool.query('select $1::int as n, pg_sleep(0.02)', [n]));
    await pool.end();
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers.map(({ rows }) => rows[0].n),
      [0, 1, 2, 3, 4, 5],
    );
    await until(async () => (await backends('finishing')) === 0, { what: 'all backends to go' });
  });

  it('settles every waiting connect() at once, and waits for clients that are out', async () => {
    const pool = make({ max: 1 });
    const client = await pool.connect();
    const waiting = [pool.connect(), pool.connect()];
    const byCallback = new Promise((resolve) => {
      pool.connect(resolve);
    });
    let ended = false;
    const ending = pool.end().then(() => {
      ended = true;
    });
    for (const wait of waiting) {
      await assert.rejects(wait, { code: 'KEEL_POOL_CLOSED' });
    }
    assert.equal((await byCallback).code, 'KEEL_POOL_CLOSED');
    assert.equal((await client.query('select 1 as a')).rows[0].a, 1);
    assert.equal(ended, false);
    client.release();
    await ending;
  });

  it('refuses what comes afterwards, in every form', async () => {
    const pool = make();
    await pool.end();
    const expected = { code: 'KEEL_POOL_CLOSED', message: 'Cannot use a pool after calling end on the pool' };
    await assert.rejects(pool.query('select 1'), expected);
    await assert.rejects(pool.connect(), expected);
    for (const ask of [(done) => pool.query('select 1', done), (done) => pool.connect(done)]) {
      const error = await new Promise((resolve) => {
        ask(resolve);
      });
      assert.equal(error.message, expected.message);
    }
  });

  for (const [name, options] of Object.entries({ timeout: { timeout: 100 }, force: { force: true } })) {
    it(`${name}: what runs is cancelled then, and a client that is out loses its connection`, async () => {
      const pool = make({ max: 2, application_name: `ended-by-${name}` });
      const client = await pool.connect();
      const running = pool.query('select pg_sleep(60)');
      const refused = assert.rejects(running);
      await until(async () => (await backends(`ended-by-${name}`)) === 2);
      await pool.end(options);
      await refused;
      await assert.rejects(client.query('select 1'));
      client.release();
      await until(async () => (await backends(`ended-by-${name}`)) === 0, { what: 'all backends to go' });
    });
  }

  it('drainTimeout is the bound where none is given', async () => {
    const pool = make({ drainTimeout: 50 });
    const client = await pool.connect();
    await pool.end();
    client.release();
  });

  it('while a connection is being opened settles who waits for it', async () => {
    const pool = make();
    const waiting = pool.connect();
    const [outcome] = await Promise.allSettled([waiting, pool.end({ timeout: 2000 })]);
    if (outcome.status === 'fulfilled') outcome.value.release();
    else assert.equal(outcome.reason.code, 'KEEL_POOL_CLOSED');
    assert.equal(pool.ended, true);
  });

  it('refuses nonsense', async () => {
    const pool = make();
    await assert.rejects(pool.end({ timeout: 'soon' }), { code: 'KEEL_CONFIG' });
    await pool.end();
  });

  describe('and the process', () => {
    function run(body) {
      const program = `
        const { Client, Pool } = require(${JSON.stringify(LIB)});
        const config = ${JSON.stringify(cluster.config())};
        (async () => { ${body} })();`;
      const start = performance.now();
      const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
        encoding: 'utf8',
        timeout: 15_000,
      });
      return { status, stdout, stderr, ms: performance.now() - start };
    }

    const EXITS = {
      'a pool that was never used does not hold it': 'new Pool(config);',
      'an ended pool does not hold it':
        "const p = new Pool(config); await p.query('select 1'); await p.end();",
      'an idle pool with allowExitOnIdle does not hold it':
        "const p = new Pool({ ...config, allowExitOnIdle: true, idleTimeoutMillis: 60000 }); await p.query('select 1');",
      'an idle pool holds it until its connections are closed':
        "const p = new Pool({ ...config, idleTimeoutMillis: 100 }); await p.query('select 1');",
      'an ended client does not hold it':
        "const c = new Client(config); await c.connect(); await c.query('select 1'); await c.end();",
      'a client that is not referenced does not hold it':
        'const c = new Client(config); await c.connect(); c.unref();',
    };
    for (const [name, body] of Object.entries(EXITS)) {
      it(name, () => {
        const { status, stderr, ms } = run(`${body} console.log('done')`);
        assert.equal(status, 0, stderr);
        assert.ok(ms < 10_000);
      });
    }

    it('with allowExitOnIdle a client that is out, and work under way, hold it', () => {
      const { stdout } = run(`
        const p = new Pool({ ...config, allowExitOnIdle: true });
        await p.query('select pg_sleep(0.2)');
        const c = await p.connect();
        setTimeout(() => { c.release(); console.log('released'); }, 200).unref();
      `);
      assert.match(stdout, /released/);
    });
  });
});
