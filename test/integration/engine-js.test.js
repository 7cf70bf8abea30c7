'use strict';

const assert = require('node:assert/strict');
const { QUERY_FLAGS, libpqVersion } = require('../../lib/engine');
const { KeelError } = require('../../lib/errors');
const { EngineClient, keywordsOf } = require('../support/engine-client');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

describe('engine.js', () => {
  let cluster;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close(0, true)));
  });

  function client(options = {}) {
    const made = new EngineClient({ max: 4, keywords: keywordsOf(cluster), ...options });
    open.push(made);
    return made;
  }

  describe('queries', () => {
    it('answers with fields, rows, a command tag and how it ended', async () => {
      const text = 'select $1::int as n, $2::text as t, null as nothing';
      const { results, info } = await client().ask({ text, params: ['42', 'ж😀'] });
      assert.equal(results.length, 1);
      assert.deepEqual(results[0].rows, [{ n: 42, t: 'ж😀', nothing: null }]);
      assert.deepEqual(
        results[0].fields.map((field) => [field.name, field.dataTypeID, field.format]),
        [
          ['n', 23, 'text'],
          ['t', 25, 'text'],
          ['nothing', 25, 'text'],
        ],
      );
      assert.equal(results[0].tag, 'SELECT 1');
      assert.equal(info.status, 'I');
      assert.equal(info.attempts, 1);
      assert.ok(info.queueMs >= 0 && info.serverMs > 0 && info.connId > 0);
    });

    it('runs several statements in the simple protocol', async () => {
      const text = 'select 1 as a; ; select 2 as b, 3 as c; set application_name = x; select 4 where false';
      const { results } = await client().ask({ text });
      assert.deepEqual(
        results.map(({ tag, rows }) => [tag, rows]),
        [
          ['SELECT 1', [{ a: 1 }]],
          ['SELECT 1', [{ b: 2, c: 3 }]],
          ['SET', []],
          ['SELECT 0', []],
        ],
      );
    });

    it('says that an empty statement is empty', async () => {
      const { results } = await client().ask({ text: '' });
      assert.deepEqual(
        results.map(({ tag }) => tag),
        [''],
      );
      assert.deepEqual((await client().ask({ text: '-- nothing', params: [] })).results[0].tag, '');
    });

    it("fails with the server's fields", async () => {
      const pool = client();
      const failure = await pool.ask({ text: 'select 1/$1::int', params: ['0'] }).catch((err) => err);
      assert.equal(failure.code, 'KEEL_SERVER');
      assert.equal(failure.fields.C, '22012');
      assert.equal(failure.fields.S, 'ERROR');
      assert.equal(failure.fields.M, 'division by zero');
      assert.equal(failure.outcome, 'rolled-back');
      assert.equal(failure.attempts, 1);
      assert.equal(await pool.value('select 1'), 1);
    });

    it('carries text of any kind and length, and lone surrogates as replacements', async () => {
      const pool = client();
      const texts = [
        '',
        'plain',
        'äöü',
        '€',
        '😀'.repeat(1000),
        '\u0001\t\n',
        'a'.repeat(2 ** 20),
        '\ufeffbom',
      ];
      const lone = ['\ud83d', '\ude00', 'x\ud83d', '\ude00x', '\ud83dж'];
      const all = [...texts, ...lone];
      // In one tick: each text lies between others, whose lengths must not shift.
      const answers = await Promise.all(
        all.map((text) => pool.rows('select $1::text, $2::text', [text, 'end'])),
      );
      assert.deepEqual(
        answers.map(([row]) => row),
        all.map((text) => [text.toWellFormed(), 'end']),
      );
      const params = ['\ud83d', '\ude00', '\ud83d\ude00'];
      assert.deepEqual(await pool.rows('select $1::text, $2::text, $3::text', params), [
        ['\ufffd', '\ufffd', '😀'],
      ]);
    });

    it('refuses a NUL in text as the server does, and sends nothing that was not asked', async () => {
      const pool = client();
      for (const [request, code] of [
        [{ text: 'select $1::text', params: ['a\0b'] }, '22021'],
        [{ text: 'select 1\0', params: [] }, '22021'],
        [{ text: 'select 1; \0select 2' }, '22021'],
        [{ text: 'select 1', params: [], name: 'na\0me' }, undefined],
      ]) {
        const [failure, next] = await Promise.all([
          pool.ask(request).catch((err) => err),
          pool.value('select 7'),
        ]);
        assert.equal(failure.code, code === undefined ? 'KEEL_MISUSE' : 'KEEL_SERVER');
        assert.equal(failure.fields.C, code);
        assert.notEqual(failure.outcome, 'unknown');
        assert.equal(next, 7);
      }
    });

    it('carries binary parameters and nulls', async () => {
      const pool = client();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const text = 'select $1::bytea, $2::text, $3::bytea, $4::int';
      const params = [bytes, null, Buffer.alloc(0), '5'];
      const answers = await Promise.all([
        pool.rows(text, params),
        pool.rows(text, [params[2], 'x', params[0], null]),
      ]);
      assert.deepEqual(answers, [[[bytes, null, Buffer.alloc(0), 5]], [[Buffer.alloc(0), 'x', bytes, null]]]);
    });

    it('asks for results in binary', async () => {
      const text = "select 258::int4 as i, '\\xff00'::bytea as b, null::int8 as n, true as t";
      const { results } = await client().ask({ text, params: [], binary: true });
      assert.deepEqual(
        results[0].fields.map((field) => field.format),
        Array(4).fill('binary'),
      );
      assert.deepEqual(results[0].rows, [{ i: 258, b: Buffer.from([255, 0]).toString(), n: null, t: true }]);
    });

    it('runs named statements and prepared ones', async () => {
      const pool = client({ max: 1 });
      for (let i = 0; i < 3; i++) {
        assert.equal(await pool.value('select $1::int + 1', [String(i)], { name: 'plus one' }), i + 1);
        const flags = QUERY_FLAGS.PREPARE;
        assert.equal(await pool.value('select $1::int + 2', [String(i)], { flags }), i + 2);
        assert.equal(await pool.value('select $1::int', ['9'], { flags: QUERY_FLAGS.NO_PREPARE }), 9);
      }
      const names = await pool.rows('select name from pg_prepared_statements');
      assert.ok(names.some(([name]) => name === 'plus one'));
    });

    it('takes the most parameters there can be', async () => {
      const params = Array.from({ length: 65_535 }, (_, i) => String(i));
      const list = params.map((_, i) => `$${i + 1}::int`).join('+');
      await assert.rejects(client().value(`select ${list}`, params), (err) => err.fields.C === '54001');
      const array = `select cardinality(array[${params.map((_, i) => `$${i + 1}`).join()}])`;
      assert.equal(await client().value(array, params), 65_535);
    });

    it('refuses what the protocol has no room for, and nothing else', async () => {
      const pool = client();
      const params = Array.from({ length: 65_536 }, () => null);
      const answers = [
        pool.value('select 1'),
        pool.ask({ text: 'select 2', params }),
        pool.value('select 3'),
      ];
      const [first, refused, third] = await Promise.allSettled(answers);
      assert.deepEqual([first.value, refused.reason?.code, third.value], [1, 'KEEL_MISUSE', 3]);
    });

    it('answers a crowd in one tick, each its own', async () => {
      const pool = client();
      const numbers = Array.from({ length: 3000 }, (_, i) => i);
      const answers = await Promise.all(numbers.map((i) => pool.value('select $1::int', [String(i)])));
      assert.deepEqual(answers, numbers);
    });

    it('keeps the order of one lease', async () => {
      const pool = client();
      const { leaseId: lease, processId, host, port, ssl } = await pool.acquire();
      assert.deepEqual([host, port, ssl], [cluster.host, cluster.port, false]);
      const order = [];
      const note = (text) => pool.rows(text, [], { lease }).then(() => order.push(text));
      await Promise.all(
        ['begin', 'create temp table t (n int)', 'insert into t values (1)', 'commit'].map(note),
      );
      assert.deepEqual(order, ['begin', 'create temp table t (n int)', 'insert into t values (1)', 'commit']);
      assert.equal(await pool.value('select pg_backend_pid()', [], { lease }), processId);
      pool.pool.release(lease, false);
      await assert.rejects(pool.rows('select 1', [], { lease }), { code: 'KEEL_MISUSE' });
    });
  });

  describe('large results', () => {
    const ROWS = 30_000;
    const text = `select i, repeat('x', 100) || i as t from generate_series(1, ${ROWS}) i`;

    it('come whole and in order, in slices that leave the event loop alone', async () => {
      const pool = client();
      await pool.value('select 1');
      let slices = 0;
      let turns = 0;
      let running = true;
      let longest = 0;
      const measure = (before) =>
        setImmediate(() => {
          const now = performance.now();
          longest = Math.max(longest, now - before);
          turns += 1;
          if (running) measure(performance.now());
        });
      measure(performance.now());
      const { results } = await pool.ask({ text, params: [] }, { onRows: () => (slices += 1) });
      running = false;
      assert.equal(results[0].rows.length, ROWS);
      assert.ok(results[0].rows.every((row, i) => row.i === i + 1 && row.t === 'x'.repeat(100) + (i + 1)));
      assert.ok(slices > 100, `${slices} slices`);
      // 3 MB at 64 KB a turn.
      assert.ok(turns >= 30, `${turns} turns of the loop`);
      assert.ok(longest < 50, `${longest} ms in one turn`);
    });

    it('let short ones through', async () => {
      const pool = client({ max: 2 });
      await Promise.all([pool.value('select 1'), pool.value('select 2')]);
      let finished = false;
      const large = pool.ask({ text, params: [] }).then(() => (finished = true));
      let answered = 0;
      while (!finished) {
        await pool.value('select 1');
        answered += 1;
      }
      await large;
      assert.ok(answered >= 3, `${answered} answers meanwhile`);
    });

    it('may have a value larger than the transfer buffer', async () => {
      const pool = client();
      const [large, small] = await Promise.all([
        pool.rows("select repeat('ab', 5000000), 1, repeat('ä', 100000)"),
        pool.value('select 5'),
      ]);
      assert.deepEqual([large[0][0].length, large[0][1], large[0][2]], [10_000_000, 1, 'ä'.repeat(100_000)]);
      assert.equal(small, 5);
    });
  });

  describe('leases, aborts and timeouts', () => {
    it('gives a lease back only once its work is done', async () => {
      const pool = client({ max: 1 });
      const { leaseId: lease } = await pool.acquire();
      const slow = pool.value("select pg_sleep(0.05), 'first'", [], { lease });
      pool.pool.release(lease, false);
      const next = pool.acquire().then((info) => info.leaseId);
      await slow;
      assert.notEqual(await next, lease);
    });

    it('closes the connection of a lease that is destroyed', async () => {
      const pool = client({ max: 1 });
      const first = await pool.acquire();
      pool.pool.release(first.leaseId, true);
      const second = await pool.acquire();
      assert.notEqual(second.processId, first.processId);
      await until(() => pool.eventsOf('closed').length === 1, { what: 'the closed event' });
      assert.equal(pool.eventsOf('closed')[0][0].connId, first.connId);
    });

    it('says so when no lease came in time', async () => {
      const pool = client({ max: 1 });
      await pool.acquire();
      const failure = await pool.acquire(30).catch((err) => err);
      assert.deepEqual([failure.code, failure.outcome], ['KEEL_ACQUIRE_TIMEOUT', 'not-sent']);
    });

    it('gives up what waits and what runs', async () => {
      const pool = client({ max: 1 });
      const { leaseId: lease } = await pool.acquire();
      const running = pool.value('select pg_sleep(71)', [], { lease });
      const runningTag = pool.tag;
      const waiting = pool.acquire();
      const waitingTag = pool.tag;
      pool.pool.abort(waitingTag);
      await assert.rejects(waiting, { code: 'KEEL_ABORTED', outcome: 'not-sent' });
      const active =
        "select count(*) from pg_stat_activity where state = 'active' and query ~ 'pg_sleep[(]71'";
      await until(async () => (await cluster.psql(active)) === '1', { what: 'the query to run' });
      pool.pool.abort(runningTag);
      await assert.rejects(running, { code: 'KEEL_ABORTED' });
      await until(async () => (await cluster.psql(active)) === '0', { what: 'the query to be cancelled' });
      assert.equal(await pool.value('select 3', [], { lease }), 3);
      // A tag that is over names nobody, although its slot is used again.
      const next = pool.value('select 4', [], { lease });
      pool.pool.abort(runningTag);
      assert.equal(await next, 4);
    });

    it("cancels what takes longer than the request's own timeout", async () => {
      const pool = client();
      const failure = await pool.value('select pg_sleep(60)', [], { timeout: 30 }).catch((err) => err);
      assert.equal(failure.code, 'KEEL_QUERY_TIMEOUT');
    });
  });

  describe('the pool', () => {
    it('tells of connections, with their settings', async () => {
      const pool = client();
      const processId = await pool.value('select pg_backend_pid()');
      const [[opened]] = pool.eventsOf('opened');
      assert.equal(opened.processId, processId);
      assert.equal(opened.leaseId, 0);
      assert.ok(opened.serverVersion >= 100_000);
      assert.equal(opened.parameters.server_encoding, 'UTF8');
      assert.equal(opened.parameters.client_encoding, 'UTF8');
    });

    it('lends each new connection to its owner first, when it is asked to', async () => {
      const pool = client({ holdNew: true });
      const answer = pool.value('select current_setting($1)', ['my.setting']);
      const [[{ leaseId: lease }]] = await until(
        () => pool.eventsOf('opened').length && pool.eventsOf('opened'),
      );
      await pool.ask({ text: "set my.setting = 'set up'", lease });
      pool.pool.release(lease, false);
      assert.equal(await answer, 'set up');
    });

    it('hands on notices and notifications', async () => {
      const pool = client({ max: 1 });
      const { leaseId: lease, connId } = await pool.acquire();
      const script = "do $$ begin raise warning 'watch %', 'out' using detail = 'more'; end $$;";
      await pool.ask({ text: `listen ch; ${script} set timezone = 'Asia/Tokyo'`, lease });
      await cluster.psql("notify ch, 'payload ж'");
      const [notification] = await until(() => pool.eventsOf('notification')[0], {
        what: 'the notification',
      });
      assert.deepEqual(
        [notification.connId, notification.channel, notification.payload],
        [connId, 'ch', 'payload ж'],
      );
      const [[noticeFrom, fields]] = pool.eventsOf('notice');
      assert.equal(noticeFrom, connId);
      assert.deepEqual([fields.S, fields.M, fields.D], ['WARNING', 'watch out', 'more']);
    });

    it('tells why a connection was lost', async () => {
      const pool = client({ max: 1 });
      const processId = await pool.value('select pg_backend_pid()');
      await cluster.psql(`select pg_terminate_backend(${processId})`);
      const [closed] = await until(() => pool.eventsOf('closed')[0], { what: 'the closed event' });
      assert.equal(closed.code, 'KEEL_CONNECTION_LOST');
      assert.equal(closed.fields.C, '57P01');
      assert.notEqual(await pool.value('select pg_backend_pid()'), processId);
    });

    it('fails a request whose connection cannot be opened', async () => {
      const pool = client({ keywords: keywordsOf(cluster, { port: '1' }) });
      const failure = await pool.value('select 1').catch((err) => err);
      assert.equal(failure.code, 'KEEL_CONNECT_FAILED');
      assert.equal(failure.outcome, 'not-sent');
      assert.equal(failure.fields.e, 'ECONNREFUSED');
      const wrong = client({ keywords: keywordsOf(cluster, { dbname: 'no such database' }) });
      const refused = await wrong.value('select 1').catch((err) => err);
      assert.deepEqual([refused.code, refused.fields.C], ['KEEL_CONNECT_FAILED', '3D000']);
    });

    it('counts', async () => {
      const pool = client({ max: 3 });
      assert.deepEqual([pool.pool.counts().total, pool.pool.counts().max], [0, 3]);
      const running = pool.value('select pg_sleep(0.05)');
      assert.equal(pool.pool.stats().started, 1);
      await running;
      await pool.value('select 1/0').catch(() => {});
      const stats = pool.pool.stats();
      assert.deepEqual(
        [stats.state, stats.started, stats.succeeded, stats.failed, stats.running],
        [0, 2, 1, 1, 0],
      );
      assert.equal(stats.latencyServer.count, 2);
      assert.ok(stats.latencyServer.max >= 50, `${stats.latencyServer.max} ms`);
      await pool.close();
      assert.deepEqual([pool.pool.stats().state, pool.pool.stats().started], [2, 2]);
    });

    it('settles whatever waits when it closes, and refuses what comes after', async () => {
      const pool = client({ max: 1 });
      const { leaseId: lease } = await pool.acquire();
      const running = pool.value('select pg_sleep(60)', [], { lease });
      const waiting = [pool.acquire(), pool.value('select 1')];
      const settled = Promise.allSettled([running, ...waiting]);
      await pool.close(0);
      const reasons = (await settled).map((each) => each.reason?.code);
      assert.equal(reasons.length, 3);
      assert.ok(reasons.every((code) => typeof code === 'string' && code.startsWith('KEEL_')));
      assert.equal(reasons[1], 'KEEL_POOL_CLOSED');
      await assert.rejects(pool.value('select 1'), { code: 'KEEL_POOL_CLOSED', outcome: 'not-sent' });
      await assert.rejects(pool.acquire(), { code: 'KEEL_POOL_CLOSED' });
    });

    it('settles what is asked in the same tick as the end', async () => {
      const pool = client();
      await pool.value('select 1');
      const before = pool.value('select 2');
      const closed = pool.close();
      const after = pool.value('select 3').catch((err) => err.code);
      assert.equal(await before, 2);
      assert.equal(await after, 'KEEL_POOL_CLOSED');
      await closed;
    });

    it('opens and closes again and again', async () => {
      for (let i = 0; i < 30; i++) {
        const pool = client({ max: 2 });
        assert.equal(await pool.value('select $1::int', [String(i)]), i);
        await pool.close();
      }
    });
  });

  describe('options', () => {
    for (const [option, value] of [
      ['max', 0],
      ['max', -1],
      ['max', 1.5],
      ['max', '10'],
      ['max', 2 ** 32],
      ['idleTimeout', -5],
      ['idleTimeout', NaN],
      ['lifetimeJitter', 2],
      ['lifetimeJitter', 'x'],
      ['prepare', 'sometimes'],
      ['conninfo', 5],
      ['conninfo', 'a\0b'],
    ]) {
      it(`refuses ${option} ${JSON.stringify(value)}, naming it`, () => {
        assert.throws(
          () => new EngineClient({ [option]: value }),
          (err) =>
            err instanceof KeelError &&
            err.code === 'KEEL_CONFIG' &&
            err.option === option &&
            err.message !== '',
        );
      });
    }

    it("names libpq's options too", () => {
      const bad = { keywords: { host: 'localhost', no_such_keyword: 'x' } };
      assert.throws(() => new EngineClient(bad), { code: 'KEEL_CONFIG', message: /no_such_keyword/ });
      assert.throws(() => new EngineClient({ conninfo: 'host=a foo' }), { code: 'KEEL_CONFIG' });
    });
  });

  it("knows libpq's version", () => {
    assert.ok(libpqVersion() >= 140_000);
  });

  it('reports what a sink throws, and goes on', async () => {
    const pool = client();
    const thrown = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (err) => thrown.push(err.message));
    try {
      const bad = (name) => () => {
        throw new Error(name);
      };
      const sink = { fields: bad('fields'), rows: bad('rows'), complete: bad('complete'), done: bad('done') };
      pool.pool.query({ text: 'select 1', params: [] }, sink);
      pool.pool.query({ text: 'select 1/0', params: [] }, { error: bad('error') });
      pool.pool.acquire(undefined, { leased: bad('leased') });
      assert.equal(await pool.value('select 6'), 6);
      await until(() => thrown.length === 6, { what: 'six exceptions' });
      assert.deepEqual(thrown.sort(), ['complete', 'done', 'error', 'fields', 'leased', 'rows']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});
