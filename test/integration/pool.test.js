'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const util = require('node:util');
const { Client, DatabaseError, KeelError, Pool, Query } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

const pidOf = async (queryable) => (await queryable.query('select pg_backend_pid() as pid')).rows[0].pid;

describe('Pool', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.ended || pool.ending || pool.end({ force: true })));
  });

  function make(more) {
    const pool = new Pool({ ...cluster.config(), ...more });
    open.push(pool);
    return pool;
  }

  const backends = async (name) =>
    Number(await cluster.psql(`select count(*) from pg_stat_activity where application_name = '${name}'`));

  describe('query()', () => {
    it('resolves, or calls back with undefined and the result', async () => {
      const pool = make();
      assert.deepEqual((await pool.query('select $1::int as n', [5])).rows, [{ n: 5 }]);
      const given = await new Promise((resolve) => {
        const returned = pool.query('select $1::int as n', [6], (...args) => resolve(args));
        assert.equal(returned, undefined);
      });
      assert.equal(given[0], undefined);
      assert.deepEqual(given[1].rows, [{ n: 6 }]);
      const [error] = await new Promise((resolve) => {
        pool.query('nonsense', (...args) => resolve(args));
      });
      assert.ok(error instanceof DatabaseError);
    });

    it('takes a Query object', async () => {
      const pool = make();
      const { rows } = await pool.query(new Query('select 1 as a'));
      assert.deepEqual(rows, [{ a: 1 }]);
    });

    it('refuses what is no query', async () => {
      const pool = make();
      const error = await new Promise((resolve) => {
        pool.query(resolve);
      });
      assert.match(error.message, /Passing a function as the first parameter/);
      await assert.rejects(pool.query(null), { name: 'TypeError' });
      await assert.rejects(pool.query({}), { message: /either text or a name/ });
    });

    it('does not cost the connection when the server reports an error', async () => {
      const pool = make({ max: 1 });
      const pid = await pidOf(pool);
      await assert.rejects(pool.query('select 1/0'), { code: '22012' });
      assert.equal(await pidOf(pool), pid);
    });

    it('with the same name and another text is an error', async () => {
      const pool = make({ max: 2 });
      await pool.query({ name: 'n', text: 'select 1 as a' });
      await assert.rejects(pool.query({ name: 'n', text: 'select 2 as a' }), {
        message: /must be unique - 'n'/,
      });
      await assert.rejects(pool.query({ name: 'bad', text: 'selec' }), { code: '42601' });
      assert.deepEqual((await pool.query({ name: 'bad', text: 'select 3 as a' })).rows, [{ a: 3 }]);
    });

    it('never leaves a transaction open for the next', async () => {
      const pool = make({ max: 1 });
      await pool.query('begin');
      const { rows } = await pool.query(
        "select coalesce(pg_current_xact_id_if_assigned()::text, 'none') as id, now() = statement_timestamp() as fresh",
      );
      assert.deepEqual(rows, [{ id: 'none', fresh: true }]);
    });
  });

  describe('connect()', () => {
    it('lends a client until release(), to promises and callbacks', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      assert.ok(client instanceof Client);
      const pid = client.processID;
      client.release();
      await new Promise((resolve, reject) => {
        pool.connect((error, again, release) => {
          if (error) return reject(error);
          assert.equal(again, client);
          assert.equal(again.processID, pid);
          assert.equal(release, again.release);
          release();
          return resolve();
        });
      });
    });

    it('refuses a second release()', async () => {
      const client = await make().connect();
      client.release();
      assert.throws(() => client.release(), {
        message: 'Release called on client which has already been released to the pool.',
      });
    });

    it('refuses queries after release()', async () => {
      const client = await make().connect();
      client.release();
      await assert.rejects(client.query('select 1'), { code: 'KEEL_MISUSE' });
    });

    for (const reason of [true, new Error('spoilt')]) {
      it(`release(${reason}) closes the connection`, async () => {
        const pool = make({ max: 1 });
        const client = await pool.connect();
        const removed = once(pool, 'remove');
        client.release(reason);
        assert.deepEqual(await removed, [client]);
        assert.notEqual(await pidOf(pool), client.processID);
      });
    }

    it('rolls back what a client left open, and keeps the connection', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      await client.query('begin');
      await client.query('create table left_behind (id int)');
      client.release();
      assert.equal(await pidOf(pool), client.processID);
      const { rows } = await pool.query("select to_regclass('left_behind') as name");
      assert.equal(rows[0].name, null);
    });

    it('a client that is ended by its holder is not used again', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      await client.end();
      client.release();
      assert.notEqual(await pidOf(pool), client.processID);
    });

    it('lends as many as max, and no more', async () => {
      const pool = make({ max: 3, application_name: 'as-many-as-max' });
      const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      let got = false;
      const fourth = pool.connect().then((client) => {
        got = true;
        return client;
      });
      assert.equal(pool.waitingCount, 1);
      assert.equal(got, false);
      assert.equal(await backends('as-many-as-max'), 3);
      clients[1].release();
      assert.equal(await fourth, clients[1]);
      fourth.then((client) => client.release());
      clients[0].release();
      clients[2].release();
    });
  });

  describe('counts', () => {
    it('follow what happens', async () => {
      const pool = make({ max: 2 });
      assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [0, 0, 0]);
      const first = await pool.connect();
      const second = await pool.connect();
      const third = pool.connect();
      assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [2, 0, 1]);
      first.release();
      const again = await third;
      assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [2, 0, 0]);
      again.release();
      second.release();
      assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [2, 2, 0]);
      assert.equal(pool._clients.length, 2);
    });

    it('a connection that is being opened counts, and who waits for it does not', async () => {
      const pool = make({ max: 2 });
      const client = pool.connect();
      assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [1, 0, 0]);
      (await client).release();
    });

    it('expiredCount: those that are out and too old', async () => {
      const pool = make({ maxLifetimeSeconds: 1 });
      const client = await pool.connect();
      assert.equal(pool.expiredCount, 0);
      await until(() => pool.expiredCount === 1);
      client.release();
      await until(() => pool.totalCount === 0, { what: 'the expired connection to go' });
      assert.equal(pool.expiredCount, 0);
    });
  });

  describe('events', () => {
    it('connect, acquire, release and remove come as in pg, with the client', async () => {
      const pool = make({ max: 1 });
      const seen = [];
      pool.on('connect', (client) => seen.push(['connect', client]));
      pool.on('acquire', (client) => seen.push(['acquire', client]));
      pool.on('release', (error, client) => seen.push(['release', error, client]));
      pool.on('remove', (client) => seen.push(['remove', client]));
      const client = await pool.connect();
      client.release();
      await pool.query('select 1');
      await pool.end();
      assert.deepEqual(seen, [
        ['connect', client],
        ['acquire', client],
        ['release', undefined, client],
        ['acquire', client],
        ['release', undefined, client],
        ['remove', client],
      ]);
    });

    it('connect: what a listener asks of the client comes before anybody else', async () => {
      const pool = make({ max: 4 });
      pool.on('connect', (client) => client.query("set my.setting = 'ready'"));
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => pool.query("select current_setting('my.setting') as v")),
      );
      assert.deepEqual(new Set(answers.map(({ rows }) => rows[0].v)), new Set(['ready']));
    });

    it('connect: so do all queries of an async listener, added while the pool is in use', async () => {
      const pool = make({ max: 3 });
      await pool.query('select 1');
      pool.on('connect', async (client) => {
        await client.query("set my.first = 'a'");
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        await client.query("set my.second = current_setting('my.first') ");
      });
      const held = await pool.connect();
      const { rows } = await pool.query("select current_setting('my.first') as v");
      assert.equal(rows[0].v, 'a');
      held.release();
    });

    it('error: an idle connection that the server killed, which is replaced', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      client.release();
      const failed = once(pool, 'error');
      const removed = new Promise((resolve) => {
        pool.on('remove', resolve);
      });
      await cluster.psql(`select pg_terminate_backend(${client.processID})`);
      const [error, failedClient] = await failed;
      assert.equal(error.code, '57P01');
      assert.equal(failedClient, client);
      assert.equal(error.client, client);
      await removed;
      assert.notEqual(await pidOf(pool), client.processID);
    });

    it('an idle connection that dies unheard does no harm', async () => {
      const pool = make({ max: 1 });
      const pid = await pidOf(pool);
      await cluster.psql(`select pg_terminate_backend(${pid})`);
      await until(() => pool.totalCount === 0);
      assert.notEqual(await pidOf(pool), pid);
    });

    it('a client that dies while it is out, unheard, fails its next query and is dropped', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      const ended = new Promise((resolve) => {
        client.on('end', resolve);
      });
      await cluster.psql(`select pg_terminate_backend(${client.processID})`);
      await ended;
      await assert.rejects(client.query('select 1'), { code: 'KEEL_CONNECTION_LOST', outcome: 'not-sent' });
      client.release();
      assert.notEqual(await pidOf(pool), client.processID);
    });

    it('notices and notifications reach the client of the connection', async () => {
      const pool = make({ max: 1 });
      const client = await pool.connect();
      const noticed = once(client, 'notice');
      const notified = once(client, 'notification');
      await client.query("listen news; notify news, 'x'; do $$ begin raise notice 'n'; end $$");
      assert.equal((await noticed)[0].message, 'n');
      assert.equal((await notified)[0].payload, 'x');
      client.release();
    });
  });

  describe('hooks', () => {
    it('onConnect runs once for every connection before anybody gets it', async () => {
      let calls = 0;
      const pool = make({
        max: 2,
        onConnect: async (client) => {
          calls += 1;
          await client.query("set my.hook = 'done'");
        },
      });
      const ask = () => pool.query("select current_setting('my.hook') as v");
      const answers = await Promise.all([ask(), ask(), ask(), ask()]);
      assert.ok(answers.every(({ rows }) => rows[0].v === 'done'));
      await until(() => calls === pool.totalCount);
    });

    it('onConnect that fails fails the request and closes the connection', async () => {
      let fail = true;
      const pool = make({
        max: 1,
        onConnect: () => {
          if (fail) throw new Error('not this one');
        },
      });
      await assert.rejects(pool.query('select 1'), { message: 'not this one' });
      await assert.rejects(pool.connect(), { message: 'not this one' });
      fail = false;
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    it('onConnect that fails on a connection to be kept warm is told by the event error', async () => {
      const refused = new Error('no warm ones');
      const pool = make({
        min: 1,
        onConnect: () => {
          throw refused;
        },
      });
      const [error] = await new Promise((resolve) => {
        pool.once('error', (...args) => resolve(args));
      });
      assert.equal(error, refused);
    });

    it('verify decides by a callback', async () => {
      let answer = new Error('refused');
      const pool = make({ max: 1, verify: (client, done) => client.query('select 1', () => done(answer)) });
      await assert.rejects(pool.connect(), { message: 'refused' });
      answer = undefined;
      const client = await pool.connect();
      client.release();
    });

    it("a Client class of the program's own is used for every query", async () => {
      const asked = [];
      class Spy extends Client {
        query(text, ...rest) {
          asked.push(text);
          return super.query(text, ...rest);
        }
      }
      const pool = make({ Client: Spy });
      await pool.query('select 1');
      const client = await pool.connect();
      assert.ok(client instanceof Spy);
      client.release();
      assert.deepEqual(asked, ['select 1']);
    });

    it('a tracer that replaces Client.prototype.query sees the queries of pools', async () => {
      const original = Client.prototype.query;
      const asked = [];
      Client.prototype.query = function query(...args) {
        asked.push(args[0]);
        return original.apply(this, args);
      };
      try {
        await make().query('select 1');
      } finally {
        Client.prototype.query = original;
      }
      assert.deepEqual(asked, ['select 1']);
    });

    it('type parsers set on a client hold for the queries of the pool that meet it', async () => {
      const pool = make({ max: 1 });
      pool.on('connect', (client) => client.setTypeParser(23, (value) => `#${value}`));
      assert.equal((await pool.query('select 7::int4 as v')).rows[0].v, '#7');
      assert.equal((await pool.query('select 7::int4 as v')).rows[0].v, '#7');
    });
  });

  describe('connections', () => {
    it('are retired after maxUses', async () => {
      const pool = make({ max: 1, maxUses: 2 });
      const pids = [];
      for (let i = 0; i < 4; i++) pids.push(await pidOf(pool));
      assert.equal(pids[0], pids[1]);
      assert.notEqual(pids[1], pids[2]);
      assert.equal(pids[2], pids[3]);
    });

    it('are closed when they have been idle for long enough, down to min', async () => {
      const pool = make({ max: 3, min: 1, idleTimeoutMillis: 50, application_name: 'idle-ones' });
      const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      for (const client of clients) client.release();
      await until(() => pool.totalCount === 1, { what: 'idle connections to be closed' });
      assert.equal(await backends('idle-ones'), 1);
    });

    it('are kept warm: min are there before anybody asks', async () => {
      const pool = make({ min: 2, application_name: 'warm-ones' });
      await until(() => pool.idleCount === 2, { what: 'the warm connections' });
      assert.equal(await backends('warm-ones'), 2);
    });
  });

  it('hides the password and the key, and its name contains "Pool"', () => {
    const ssl = { key: '-----BEGIN RSA PRIVATE KEY-----\nprivate\n-----END RSA PRIVATE KEY-----\n' };
    const pool = make({ password: 'hidden-secret', ssl });
    const shown = util.inspect(pool, { depth: 6 }) + JSON.stringify(pool.options);
    assert.doesNotMatch(shown, /hidden-secret|private/);
    assert.equal(pool.options.password, 'hidden-secret');
    assert.match(pool.constructor.name, /Pool/);
  });

  it('takes a key that is none, as pg does, says so when it connects, and does not show it', async () => {
    const ssl = { key: 'no key at all', rejectUnauthorized: false };
    const pool = make({ ssl });
    assert.doesNotMatch(util.inspect(pool) + JSON.stringify(pool), /no key at all/);
    const error = await pool.query('select 1').catch((failure) => failure);
    assert.deepEqual([error.code, error.cause.code], ['KEEL_CONNECT_FAILED', 'KEEL_CONFIG']);
    assert.match(error.message, /^ssl\.key: /);
    assert.doesNotMatch(`${error.message}${error.stack}${util.inspect(error)}`, /no key at all/);
  });

  it("keeps pg's defaults in its options", () => {
    const { max, min, maxUses, idleTimeoutMillis, allowExitOnIdle, maxLifetimeSeconds } = make().options;
    assert.deepEqual(
      { max, min, maxUses, idleTimeoutMillis, allowExitOnIdle, maxLifetimeSeconds },
      {
        max: 10,
        min: 0,
        maxUses: Infinity,
        idleTimeoutMillis: 10000,
        allowExitOnIdle: false,
        maxLifetimeSeconds: 0,
      },
    );
  });

  it('reports a client that is held for too long, with the stack that took it', async () => {
    const pool = make({ leakDetectionThreshold: 20 });
    const leaked = once(pool, 'leak');
    const client = await pool.connect();
    const [{ heldMs, stack }] = await leaked;
    assert.ok(heldMs >= 19); // timers round
    assert.match(stack, /pool\.test\.js/);
    client.release();
  });

  it('has KeelError for its own errors and DatabaseError for those of the server', () => {
    assert.ok(new KeelError('KEEL_CONFIG', 'x') instanceof Error);
    assert.equal(new KeelError('KEEL_CONFIG', 'x').name, 'KeelError');
    assert.equal(new DatabaseError('x', 1, 'error').name, 'error');
  });
});
