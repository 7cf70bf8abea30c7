'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client, Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');

describe('passwords', () => {
  const PASSWORD = "sé'cret\\ @/:";
  let cluster;
  let config;

  before(async () => {
    cluster = await startCluster({ password: PASSWORD });
    config = { ...cluster.config() };
    delete config.password;
  });

  after(() => cluster.stop());

  async function logIn(options) {
    const client = new Client({ ...config, ...options });
    try {
      await client.connect();
      return (await client.query('select current_user as name')).rows[0].name;
    } finally {
      await client.end();
    }
  }

  it('as text, and in a URL', async () => {
    assert.equal(await logIn({ password: PASSWORD }), cluster.user);
    assert.equal(await logIn({ connectionString: cluster.url }), cluster.user);
  });

  for (const [name, password] of Object.entries({
    'a function': () => PASSWORD,
    'an async function': async () => PASSWORD,
  })) {
    it(`from ${name}`, async () => assert.equal(await logIn({ password }), cluster.user));
  }

  it('from a function that is asked with the parameters, at every new connection of a pool', async () => {
    const asked = [];
    const pool = new Pool({
      ...config,
      max: 2,
      password: (parameters) => {
        asked.push([parameters.host, parameters.port, parameters.user, parameters.database]);
        return PASSWORD;
      },
    });
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    for (const client of clients) client.release(true);
    await pool.query('select 1');
    await pool.end();
    const { host, port, user, database } = cluster;
    assert.deepEqual(asked, Array(3).fill([host, port, user, database]));
  });

  it('that are wrong: 28P01', async () => {
    await assert.rejects(logIn({ password: 'wrong' }), { code: '28P01', name: 'error', severity: 'FATAL' });
    const pool = new Pool({ ...config, password: 'wrong' });
    await assert.rejects(pool.query('select 1'), { code: '28P01' });
    await assert.rejects(pool.connect(), { code: '28P01' });
    await pool.end();
  });

  it('from a function that throws: its own error', async () => {
    const thrown = new Error('the vault is shut');
    const password = async () => {
      throw thrown;
    };
    await assert.rejects(logIn({ password }), (error) => error === thrown);
    const pool = new Pool({ ...config, password });
    await assert.rejects(pool.query('select 1'), (error) => {
      assert.equal(error.code, 'KEEL_CONNECT_FAILED');
      assert.equal(error.message, 'the vault is shut');
      assert.equal(error.cause, thrown);
      return true;
    });
    await pool.end();
  });

  it('from a function that returns no text', async () => {
    await assert.rejects(logIn({ password: () => 5 }), {
      name: 'TypeError',
      message: 'Password must be a string',
    });
  });

  it('from a function that waits for longer than a connection may take', async () => {
    const password = () => new Promise(() => {});
    await assert.rejects(logIn({ password, connectionTimeoutMillis: 100 }), { code: 'KEEL_CONNECT_TIMEOUT' });
  });

  it('from PGPASSWORD, or a pass file', async () => {
    const file = path.join(os.tmpdir(), `pgkeel-pass-${process.pid}`);
    const escaped = PASSWORD.replace(/[\\:]/g, '\\$&');
    fs.writeFileSync(file, `${cluster.host}:${cluster.port}:*:${cluster.user}:${escaped}\n`, { mode: 0o600 });
    try {
      assert.equal(await logIn({ passfile: file }), cluster.user);
      process.env.PGPASSWORD = PASSWORD;
      assert.equal(await logIn({}), cluster.user);
    } finally {
      delete process.env.PGPASSWORD;
      fs.rmSync(file);
    }
  });

  it('from nowhere', async () => {
    await assert.rejects(logIn({}), (error) => /password/.test(error.message));
  });
});
