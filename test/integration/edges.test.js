'use strict';

const assert = require('node:assert/strict');
const util = require('node:util');
const { Client, Pool } = require('../../lib');
const { createDatabase } = require('../../lib/drizzle');
const { failureOf } = require('../support/failure');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

describe('at the edges', () => {
  let cluster;
  let pool;

  before(async () => {
    cluster = await sharedCluster();
    pool = new Pool({ ...cluster.config(), max: 1 });
  });

  after(() => pool.end());

  describe('a binary value', () => {
    it('is taken as it is when it is given', async () => {
      const bytes = Buffer.from('before');
      const asked = pool.query('select $1::bytea as v', [bytes]);
      bytes.fill(0);
      assert.equal((await asked).rows[0].v.toString(), 'before');
    });

    it('may be transferred away at once, and its neighbours get their own', async () => {
      const bytes = new Uint8Array(new ArrayBuffer(8)).fill(65);
      const asked = [
        pool.query('select $1::bytea as v', [Buffer.from('C')]),
        pool.query('select $1::bytea as v', [bytes]),
        pool.query('select 1 as v'),
      ];
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      const [first, second, third] = (await Promise.all(asked)).map(({ rows }) => rows[0].v);
      assert.deepEqual([first.toString(), second.toString(), third], ['C', 'AAAAAAAA', 1]);
    });

    it('may be empty, beside others and alone', async () => {
      const { rows } = await pool.query('select $1::bytea as v', [Buffer.alloc(0)]);
      assert.deepEqual(rows, [{ v: Buffer.alloc(0) }]);
    });

    it('longer than the server takes is told so', async () => {
      const error = await failureOf(pool.query('select length($1::bytea)', [Buffer.alloc(2 ** 30)]));
      assert.equal(error.code, 'KEEL_MISUSE');
      assert.match(error.message, /at most 1073741823 bytes, and one of 1073741824/);
    });
  });

  describe('a prepared statement whose table changes', () => {
    beforeEach(() => cluster.psql('drop table if exists changing; create table changing (n int)'));

    const warm = async () => {
      for (let i = 0; i < 4; i++) await pool.query('insert into changing values ($1)', [i]);
      for (let i = 0; i < 4; i++) await pool.query('select * from changing where n = $1', [i]);
    };

    it('takes the values of the new type', async () => {
      await warm();
      await cluster.psql('alter table changing alter n type bigint');
      await pool.query('insert into changing values ($1)', ['3000000000']);
      const { rows } = await pool.query('select * from changing where n = $1', ['3000000000']);
      assert.deepEqual(rows, [{ n: '3000000000' }]);
    });

    it('returns the new columns', async () => {
      await warm();
      await cluster.psql('alter table changing add m int default 7');
      const { rows } = await pool.query('select * from changing where n = $1', [2]);
      assert.deepEqual(rows, [{ n: 2, m: 7 }]);
    });

    it('returns them within the transaction that adds them', async () => {
      await warm();
      const client = await pool.connect();
      await client.query('begin');
      await client.query('alter table changing add m int default 8');
      const { rows } = await client.query('select * from changing where n = $1', [2]);
      await client.query('rollback');
      client.release();
      assert.deepEqual(rows, [{ n: 2, m: 8 }]);
    });

    it('tells of a value that is wrong for it, and of nothing twice', async () => {
      await warm();
      const error = await failureOf(pool.query('insert into changing values ($1)', ['none']));
      assert.equal(error.code, '22P02');
      assert.equal(error.outcome, 'rolled-back');
      const { rows } = await pool.query('select count(*)::int as n from changing');
      assert.deepEqual(rows, [{ n: 4 }]);
    });
  });

  describe('a query asked before connect()', () => {
    it('keeps to its time limit, though nobody connects', async () => {
      const client = new Client({ ...cluster.config(), query_timeout: 50 });
      const error = await failureOf(client.query('select 1'));
      assert.deepEqual([error.code, error.message], ['KEEL_QUERY_TIMEOUT', 'Query read timeout']);
      assert.equal(error.outcome, 'not-sent');
    });

    it('comes before those asked in the callback of connect() and its listeners', async () => {
      const client = new Client(cluster.config());
      const order = [];
      const ask = (name) => client.query('select 1').then(() => order.push(name));
      const first = ask('before');
      const others = new Promise((resolve) => {
        client.on('connect', () => resolve(ask('listener')));
      });
      await new Promise((resolve) => {
        client.connect(() => resolve(ask('callback')));
      });
      await Promise.all([first, others]);
      await client.end();
      assert.deepEqual(order, ['before', 'callback', 'listener']);
    });

    it('has the rest of its time afterwards', async () => {
      const client = new Client(cluster.config());
      const asked = failureOf(client.query({ text: 'select pg_sleep(5)', timeout: 200 }));
      await client.connect();
      assert.equal((await asked).code, 'KEEL_QUERY_TIMEOUT');
      await client.end();
    });
  });

  it('a hook that fails and a callback that throws leave the connection usable', async () => {
    let refuse = true;
    const hooked = new Pool({
      ...cluster.config(),
      max: 1,
      onConnect: () => {
        if (refuse) throw new Error('not yet');
      },
    });
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = new Promise((resolve) => {
      process.once('uncaughtException', resolve);
    });
    hooked.connect(() => {
      throw new Error('of the callback');
    });
    const error = await thrown;
    for (const listener of before) process.on('uncaughtException', listener);
    assert.equal(error.message, 'of the callback');
    refuse = false;
    assert.deepEqual((await hooked.query('select 1 as n')).rows, [{ n: 1 }]);
    await hooked.end();
  });

  it('a client that is destroyed ends the query that runs on it, and its place is free', async () => {
    const client = await pool.connect();
    const running = failureOf(client.query('select pg_sleep(30)'));
    client.release(true);
    const error = await running;
    assert.deepEqual([error.code, error.outcome], ['KEEL_CONNECTION_LOST', 'unknown']);
    assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }]);
  });

  it('a link that dies inside a transaction leaves nothing, unless it was to commit', async () => {
    const outcomeOf = async (text, values) => {
      const client = await pool.connect();
      await client.query('begin');
      const running = failureOf(client.query(text, values));
      client.release(true);
      return (await running).outcome;
    };
    assert.equal(await outcomeOf('select pg_sleep(30), $1::int', [1]), 'rolled-back');
    assert.equal(await outcomeOf('select pg_sleep(30), $1::int /* commit */', [1]), 'rolled-back');
    assert.equal(await outcomeOf('select pg_sleep(30); commit'), 'unknown');
  });

  it('a connection that its hook always refuses is not opened in a hurry', async () => {
    let opened = 0;
    const refusing = new Pool({
      ...cluster.config(),
      min: 2,
      onConnect: () => {
        opened += 1;
        throw new Error('never');
      },
    });
    const end = performance.now() + 500;
    await until(() => performance.now() > end, { what: 'half a second' });
    await refusing.end();
    assert.ok(opened >= 2 && opened < 30, `${opened} connections in half a second`);
  });

  it('a pool does not show the password of its connection string', () => {
    const own = new Pool({ connectionString: 'postgres://u:not-to-be-seen@h/db' });
    assert.doesNotMatch(util.inspect(own, { depth: 6 }) + JSON.stringify(own), /not-to-be-seen/);
    assert.match(own.options.connectionString, /not-to-be-seen/);
    return own.end();
  });

  it('the hardened profile says KEEL_CONNECT_FAILED, with what the server said as the cause', async () => {
    const url = new URL(cluster.url);
    url.pathname = '/no_such_database';
    const { pool: own, close } = createDatabase({ connectionString: url.href, min: 0 });
    const error = await failureOf(own.query('select 1'));
    await close();
    assert.deepEqual(
      [error.code, error.cause.code, error.outcome],
      ['KEEL_CONNECT_FAILED', '3D000', 'not-sent'],
    );
  });

  it('close() and end() of one database may meet', async () => {
    const { pool: own, close } = createDatabase({ connectionString: cluster.url });
    await own.query('select 1');
    await Promise.all([own.end(), close(), close()]);
    assert.equal(own.ended, true);
  });

  it('a wrong timeout of end() is a rejection, and ends nothing', async () => {
    const error = await failureOf(pool.end({ timeout: -1 }));
    assert.equal(error.code, 'KEEL_CONFIG');
    assert.deepEqual((await pool.query('select 1 as n')).rows, [{ n: 1 }]);
  });
});
