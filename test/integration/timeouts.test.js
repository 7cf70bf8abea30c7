'use strict';

const assert = require('node:assert/strict');
const { Client, Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');
const { startMute } = require('../support/relay');

describe('time limits and giving up', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.end({ force: true })));
  });

  function make(more) {
    const pool = new Pool({ ...cluster.config(), max: 1, ...more });
    open.push(pool);
    return pool;
  }

  const isRunning = async (mark) =>
    (await cluster.psql(
      `select count(*) from pg_stat_activity where state = 'active' and query like '%${mark}%' and pid <> pg_backend_pid()`,
    )) !== '0';

  describe('of queries', () => {
    const LIMITS = {
      'query_timeout of the pool': [{ query_timeout: 100 }, {}],
      'queryTimeout of the pool': [{ queryTimeout: 100 }, {}],
      'query_timeout of the query': [{}, { query_timeout: 100 }],
      'timeout of the query': [{}, { timeout: 100 }],
      'timeout of the query, before the longer one of the pool': [
        { query_timeout: 60_000 },
        { timeout: 100 },
      ],
    };
    for (const [name, [options, config]] of Object.entries(LIMITS)) {
      it(`${name}: the statement is cancelled on the server, and the connection is used again`, async () => {
        const pool = make(options);
        const { rows } = await pool.query('select pg_backend_pid() as pid');
        const text = "select pg_sleep(60), 'limited'";
        await assert.rejects(pool.query({ text, ...config }), {
          ...{ name: 'KeelError', code: 'KEEL_QUERY_TIMEOUT', message: 'Query read timeout' },
        });
        await until(async () => !(await isRunning('limited')), { what: 'the statement to be cancelled' });
        assert.equal((await pool.query('select pg_backend_pid() as pid')).rows[0].pid, rows[0].pid);
      });
    }

    it('of a Client', async () => {
      const client = new Client({ ...cluster.config(), query_timeout: 100 });
      await client.connect();
      await assert.rejects(client.query('select pg_sleep(60)'), { code: 'KEEL_QUERY_TIMEOUT' });
      assert.equal((await client.query('select 1 as a')).rows[0].a, 1);
      await client.end();
    });

    it('of a client that was lent: the others in its line are answered', async () => {
      const pool = make();
      const client = await pool.connect();
      const late = client.query({ text: 'select pg_sleep(60)', timeout: 100 });
      const behind = client.query('select 1 as a');
      await assert.rejects(late, { code: 'KEEL_QUERY_TIMEOUT', outcome: 'unknown' });
      assert.equal((await behind).rows[0].a, 1);
      client.release();
      assert.equal(pool.metrics().nodes[0].connections.closed, 0);
    });

    it('of one that still waits: it is never sent', async () => {
      const pool = make();
      const client = await pool.connect();
      await assert.rejects(pool.query({ text: 'select 1', timeout: 50 }), {
        ...{ code: 'KEEL_QUERY_TIMEOUT', outcome: 'not-sent' },
      });
      client.release();
    });

    it("the server's own limit is the server's error", async () => {
      await assert.rejects(make({ statement_timeout: 50 }).query('select pg_sleep(60)'), { code: '57014' });
    });
  });

  describe('an AbortSignal', () => {
    it('cancels what runs', async () => {
      const pool = make();
      const controller = new AbortController();
      const running = pool.query({ text: "select pg_sleep(60), 'abortable'", signal: controller.signal });
      await until(() => isRunning('abortable'), { what: 'the statement to run' });
      const reason = new Error('changed my mind');
      controller.abort(reason);
      await assert.rejects(running, (error) => {
        assert.equal(error.code, 'KEEL_ABORTED');
        assert.equal(error.cause, reason);
        return true;
      });
      await until(async () => !(await isRunning('abortable')), { what: 'the statement to be cancelled' });
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    it('takes back what waits', async () => {
      const pool = make();
      const client = await pool.connect();
      const controller = new AbortController();
      const waiting = pool.query({ text: 'select 1', signal: controller.signal });
      controller.abort();
      await assert.rejects(waiting, { code: 'KEEL_ABORTED', outcome: 'not-sent' });
      client.release();
    });

    it('that was aborted before: nothing is sent', async () => {
      const pool = make();
      await assert.rejects(pool.query({ text: 'select 1', signal: AbortSignal.abort() }), {
        code: 'KEEL_ABORTED',
      });
      assert.equal(pool.totalCount, 0);
    });

    it('takes back what a Client was asked before it connected', async () => {
      const client = new Client(cluster.config());
      const controller = new AbortController();
      const asked = client.query({ text: 'select 1', signal: controller.signal });
      controller.abort();
      await assert.rejects(asked, { code: 'KEEL_ABORTED' });
      await client.connect();
      assert.equal((await client.query('select 2 as a')).rows[0].a, 2);
      await client.end();
    });

    it('is left without a listener when the query is done', async () => {
      const pool = make();
      const { signal } = new AbortController();
      let listeners = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...args) => ((listeners += 1), addEventListener.apply(signal, args));
      signal.removeEventListener = (...args) => ((listeners -= 1), removeEventListener.apply(signal, args));
      await pool.query({ text: 'select 1', signal });
      await assert.rejects(pool.query({ text: 'nonsense', signal }));
      assert.equal(listeners, 0);
    });
  });

  describe('to wait for a connection', () => {
    for (const option of ['connectionTimeoutMillis', 'acquireTimeoutMillis']) {
      it(`${option}: for connect() and query(); the message tells the figures`, async () => {
        const pool = make({ [option]: 100 });
        const client = await pool.connect();
        const expected = {
          code: 'KEEL_ACQUIRE_TIMEOUT',
          outcome: 'not-sent',
          message: /^timeout exceeded when trying to connect \(total=1, idle=0, waiting=[12]\)$/,
        };
        await Promise.all([
          assert.rejects(pool.connect(), expected),
          assert.rejects(pool.query('select 1'), expected),
        ]);
        client.release();
        assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
      });
    }

    it('maxWaiting: one more is refused at once', async () => {
      const pool = make({ maxWaiting: 1 });
      const client = await pool.connect();
      const waiting = pool.query('select 1 as a');
      await assert.rejects(pool.query('select 2'), {
        ...{ code: 'KEEL_QUEUE_FULL', message: /\(total=1, idle=0, waiting=1\)$/ },
      });
      client.release();
      assert.equal((await waiting).rows[0].a, 1);
    });
  });

  describe('to open a connection, on a server that says nothing', () => {
    it('of a Client', async () => {
      const server = await startMute();
      const client = new Client({ ...cluster.config(), port: server.port, connectionTimeoutMillis: 100 });
      await assert.rejects(client.connect(), { message: 'timeout expired', code: 'KEEL_CONNECT_TIMEOUT' });
      await client.end();
      server.close();
    });

    it('of a Pool', async () => {
      const server = await startMute();
      const pool = make({ port: server.port, connectionTimeoutMillis: 100 });
      const expected = {
        ...{ code: 'KEEL_CONNECT_TIMEOUT', message: 'Connection terminated due to connection timeout' },
      };
      await Promise.all([
        assert.rejects(pool.query('select 1'), expected),
        assert.rejects(pool.connect(), expected),
      ]);
      await until(() => pool.totalCount === 0);
      server.close();
    });

    // The protocol's messages: a letter, a length that counts itself, what it holds.
    const AUTHENTICATION_OK = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
    const SILENT = {
      'before TLS is agreed': [[], { ssl: { rejectUnauthorized: false } }],
      'in the middle of the TLS handshake': [[Buffer.from('S')], { ssl: { rejectUnauthorized: false } }],
      'once it knows who asks': [[AUTHENTICATION_OK], {}],
      'in the middle of a message': [[AUTHENTICATION_OK.subarray(0, 4)], {}],
    };
    for (const [when, [answers, options]] of Object.entries(SILENT)) {
      it(`which has gone silent ${when}`, async () => {
        const server = await startMute(answers);
        const pool = make({ port: server.port, connectionTimeoutMillis: 150, ...options });
        const start = performance.now();
        await assert.rejects(pool.query('select 1'), { code: 'KEEL_CONNECT_TIMEOUT', outcome: 'not-sent' });
        const ms = performance.now() - start;
        assert.ok(ms >= 149 && ms < 2000, `${ms} ms`);
        await until(() => pool.totalCount === 0);
        server.close();
      });
    }

    it("a query's own limit holds for the opening too, and the attempt goes on for others", async () => {
      const server = await startMute();
      const pool = make({ port: server.port });
      const controller = new AbortController();
      const limited = pool.query({ text: 'select 1', timeout: 50 });
      const aborted = pool.query({ text: 'select 2', signal: controller.signal });
      await assert.rejects(limited, { code: 'KEEL_QUERY_TIMEOUT', outcome: 'not-sent' });
      controller.abort();
      await assert.rejects(aborted, { code: 'KEEL_ABORTED', outcome: 'not-sent' });
      assert.equal(pool.totalCount, 1);
      server.close();
    });

    it('a server that hangs up instead of answering is a failure, not a wait', async () => {
      const server = await startMute();
      const pool = make({ port: server.port });
      const asked = assert.rejects(pool.query('select 1'), {
        code: 'KEEL_CONNECT_FAILED',
        outcome: 'not-sent',
      });
      await until(() => server.connections() > 0);
      server.close();
      await asked;
    });
  });
});
