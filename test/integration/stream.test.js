'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const pg = require('pg');
const { Client, Pool } = require('../../lib');
const { until } = require('../support/poll');
const { sharedCluster } = require('../support/shared');

const FAILING = 'select 1/(x - 5000) from generate_series(1, 10000) x';
const ENDLESS = 'select generate_series(1, 1000000000) as i';

describe('streams', () => {
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

  async function all(stream) {
    const rows = [];
    for await (const row of stream) rows.push(row);
    return rows;
  }

  const pidOf = async (queryable) => (await queryable.query('select pg_backend_pid() as pid')).rows[0].pid;
  const isActive = async (pid) =>
    (await cluster.psql(`select count(*) from pg_stat_activity where state = 'active' and pid = ${pid}`)) !==
    '0';

  /** The stream is stopped at a full socket: neither side holds what nobody takes. */
  const serverWaits = (pid) =>
    until(
      async () =>
        (await cluster.psql(
          `select count(*) from pg_stat_activity where wait_event = 'ClientWrite' and pid = ${pid}`,
        )) !== '0',
      { what: 'the server to wait for its client' },
    );

  /** A stream of `pool` that has begun and is not taken from. */
  async function begun(queryable, text = ENDLESS) {
    const iterator = queryable.stream(text)[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).done, false);
    return iterator;
  }

  describe('rows', () => {
    it('come one by one, in order', async () => {
      const rows = await all(make().stream("select i, i || 'x' as t from generate_series(1, 5000) i"));
      assert.equal(rows.length, 5000);
      assert.deepEqual(rows[4321], { i: 4322, t: '4322x' });
    });

    it('come in batches of batchSize at most', async () => {
      const pool = make();
      for (const batchSize of [1, 7, 100, 10_000]) {
        const sizes = [];
        let last = 0;
        const text = 'select i from generate_series(1, $1::int) i';
        for await (const batch of pool.stream(text, [3000], { batchSize }).batches()) {
          sizes.push(batch.length);
          for (const { i } of batch) assert.equal(i, ++last);
        }
        assert.equal(last, 3000);
        assert.ok(sizes.every((size) => size > 0 && size <= batchSize));
      }
    });

    it('take values, types, rowMode, a name and a config', async () => {
      const pool = make();
      const types = { getTypeParser: () => (text) => `<${text}>` };
      const text = 'select $1::int as n, null as nothing';
      assert.deepEqual(await all(pool.stream(text, [5], { rowMode: 'array' })), [[5, null]]);
      assert.deepEqual(await all(pool.stream({ text, values: [6], types })), [{ n: '<6>', nothing: null }]);
      assert.deepEqual(await all(pool.stream({ text, name: 'named' }, [7])), [{ n: 7, nothing: null }]);
      assert.deepEqual(await all(pool.stream({ name: 'named', values: [8] })), [{ n: 8, nothing: null }]);
      assert.deepEqual(await all(pool.stream({ text, values: [9], binary: true })), [
        { n: 9, nothing: null },
      ]);
      assert.deepEqual(await all(pool.stream('select 1 as a', { batchSize: 3 })), [{ a: 1 }]);
    });

    it('are none of a statement that gives none', async () => {
      const pool = make();
      assert.deepEqual(await all(pool.stream('select 1 where false')), []);
      assert.deepEqual(await all(pool.stream('create temp table t (a int)')), []);
      assert.deepEqual(await all(pool.stream('')), []);
      assert.deepEqual(await all(pool.stream('insert into t values (1), (2) returning a')), [
        { a: 1 },
        { a: 2 },
      ]);
    });

    it('are those that pg gives for the same statement', async () => {
      const texts = [
        "select i, i / 7.0 as q, timestamptz '2024-02-29 12:00Z' + i * interval '1 hour' as d, repeat('é😀', i % 50) as t, array[i, null] as a, null as n," +
          " jsonb_build_object('i', i) as j, i % 2 = 0 as b, decode(md5(i::text), 'hex') as y" +
          ' from generate_series(1, 3000) i',
        'select repeat(chr(64 + i), i * 5000) as wide from generate_series(1, 26) i',
        'select from generate_series(1, 200)',
        'select 1 as a, 2 as a from generate_series(1, 50)',
      ];
      const client = new Client(cluster.config());
      const reference = new pg.Client(cluster.config());
      await Promise.all([client.connect(), reference.connect()]);
      for (const text of texts) {
        for (const rowMode of [undefined, 'array']) {
          const rows = await all(client.stream({ text, rowMode }));
          const expected = (await reference.query({ text, rowMode })).rows;
          assert.deepEqual(rows, expected);
        }
      }
      await Promise.all([client.end(), reference.end()]);
    });

    it('may be asked for before they are there, several at a time', async () => {
      const iterator = make().stream('select generate_series(1, 3) as i')[Symbol.asyncIterator]();
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => iterator.next()));
      assert.deepEqual(
        answers.map(({ value, done }) => (done ? 'done' : value.i)),
        [1, 2, 3, 'done', 'done'],
      );
    });
  });

  describe('a consumer that is slower than the server', () => {
    it('makes it wait, and gets every row', async () => {
      const pool = make({ max: 2 });
      const iterator = await begun(pool, 'select pg_backend_pid() as pid, generate_series(1, 1000000) as i');
      const { value } = await iterator.next();
      await serverWaits(value.pid);
      let last = value.i;
      for await (const { i } of iterator) assert.equal(i, ++last);
      assert.equal(last, 1_000_000);
    });

    // In a process of its own: what other tests have left in memory would blur the measure.
    it('5,000,000 rows do not make the process grow', async function slow() {
      this.timeout(120_000);
      const program = `
        const { Pool } = require(${JSON.stringify(require.resolve('../../lib'))});
        (async () => {
          const pool = new Pool(${JSON.stringify({ ...cluster.config(), max: 1 })});
          await pool.query('select 1');
          const text = "select i, md5(i::text) as hash from generate_series(1, 5000000) i";
          const before = process.memoryUsage().rss;
          let most = 0, rows = 0;
          for await (const batch of pool.stream(text, [], { batchSize: 1000 }).batches()) {
            rows += batch.length;
            if (rows % 50000 === 0) await new Promise(setImmediate);
            if (rows % 10000 === 0) most = Math.max(most, process.memoryUsage().rss);
            for (const end = performance.now() + 0.5; performance.now() < end;);
          }
          process.stdout.write(JSON.stringify({ rows, grown: (most - before) / 2 ** 20 }));
          await pool.end();
        })();`;
      const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', (data) => (output += data));
      await once(child, 'close');
      const { rows, grown } = JSON.parse(output);
      assert.equal(rows, 5_000_000);
      assert.ok(grown < 64, `it grew by ${grown} MiB`);
    });
  });

  describe('an early end', () => {
    for (const [name, leave] of Object.entries({
      break: async (stream) => {
        for await (const row of stream) if (row) break;
      },
      'break out of batches()': async (stream) => {
        for await (const batch of stream.batches()) if (batch) break;
      },
      throw: async (stream) => {
        const error = new Error('mine');
        const loop = async () => {
          for await (const row of stream) if (row) throw error;
        };
        await assert.rejects(loop(), error);
      },
      'return()': async (stream) => {
        const iterator = stream[Symbol.asyncIterator]();
        await iterator.next();
        assert.deepEqual(await iterator.return('value'), { value: 'value', done: true });
        assert.deepEqual(await iterator.next(), { value: undefined, done: true });
      },
      'throw()': async (stream) => {
        const iterator = stream[Symbol.asyncIterator]();
        await iterator.next();
        const error = new Error('mine');
        await assert.rejects(iterator.throw(error), error);
      },
      'return() while a row is waited for': async (stream) => {
        const iterator = stream[Symbol.asyncIterator]();
        await iterator.next();
        const rows = Array.from({ length: 300_000 }, () => iterator.next());
        await iterator.return();
        assert.equal((await rows.at(-1)).done, true);
      },
    })) {
      it(`by ${name} cancels it on the server, and the connection is used again`, async () => {
        const pool = make();
        const pid = await pidOf(pool);
        await leave(pool.stream(ENDLESS));
        assert.equal(await pidOf(pool), pid);
        assert.equal(await isActive(pid), false);
        assert.equal(pool.totalCount, 1);
      });
    }

    it('before the first row: nothing was sent', async () => {
      const pool = make();
      const iterator = pool.stream(ENDLESS)[Symbol.asyncIterator]();
      await iterator.return();
      assert.deepEqual(await iterator.next(), { value: undefined, done: true });
      assert.equal(pool.totalCount, 0);
    });

    it('of one that still waits for a connection', async () => {
      const pool = make();
      const client = await pool.connect();
      const iterator = pool.stream(ENDLESS)[Symbol.asyncIterator]();
      const row = iterator.next();
      await until(() => pool.waitingCount === 1, { what: 'the stream to wait' });
      await iterator.return();
      assert.equal((await row).done, true);
      assert.equal(pool.waitingCount, 0);
      client.release();
    });

    it('in a transaction leaves the transaction as it is', async () => {
      const client = await make().connect();
      await client.query('begin');
      await client.query('create temp table kept (a int) on commit drop');
      for await (const row of client.stream('select generate_series(1, 200000) as i')) if (row.i === 5) break;
      await client.query('insert into kept values (1)');
      assert.deepEqual((await client.query('select a from kept')).rows, [{ a: 1 }]);
      await client.query('commit');
      client.release();
    });
  });

  describe('errors', () => {
    it('in the middle: the rows before it are given, and its stack leads to the loop', async () => {
      const pool = make();
      let rows = 0;
      async function myLoop() {
        for await (const [n] of pool.stream({ text: FAILING, rowMode: 'array' })) rows += Number(n <= 1);
      }
      await assert.rejects(myLoop(), (error) => {
        assert.equal(error.constructor.name, 'DatabaseError');
        assert.equal(error.code, '22012');
        assert.match(error.stack, /async myLoop/);
        return true;
      });
      assert.equal(rows, 4999);
      assert.equal(pool.totalCount, 1);
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    it('after the error the iteration is over', async () => {
      const iterator = make().stream('select nonsense')[Symbol.asyncIterator]();
      await assert.rejects(iterator.next(), { code: '42703' });
      assert.deepEqual(await iterator.next(), { value: undefined, done: true });
    });

    it('of a parser give the statement up', async () => {
      const pool = make();
      const pid = await pidOf(pool);
      const mine = new Error('no such number');
      const parse = (text) => {
        if (text === '1000') throw mine;
        return text;
      };
      const types = { getTypeParser: () => parse };
      let rows = 0;
      await assert.rejects(async () => {
        for await (const row of pool.stream({ text: ENDLESS, types })) rows += Number(row.i > 0);
      }, mine);
      assert.equal(rows, 999);
      assert.equal(await pidOf(pool), pid);
    });

    it('of what was asked are those of query()', async () => {
      const pool = make();
      const first = (...args) => all(pool.stream(...args));
      await assert.rejects(first('select 1; select 2'), { code: '42601' });
      await assert.rejects(first({ text: 5 }), { code: 'KEEL_MISUSE' });
      await assert.rejects(first('select 1', [], { timeout: 'soon' }), {
        code: 'KEEL_CONFIG',
        option: 'timeout',
      });
      for (const batchSize of [0, -1, 1.5, 'x']) {
        await assert.rejects(first('select 1', [], { batchSize }), {
          code: 'KEEL_CONFIG',
          option: 'batchSize',
        });
      }
      await pool.end();
      open.length = 0;
      await assert.rejects(first('select 1'), { code: 'KEEL_POOL_CLOSED' });
    });

    it('a stream is for one iteration', async () => {
      const stream = make().stream('select 1');
      await all(stream);
      const misuse = { code: 'KEEL_MISUSE' };
      await assert.rejects(all(stream), misuse);
      assert.throws(() => stream.batches(), misuse);
    });
  });

  describe('is given up', () => {
    it('by its AbortSignal', async () => {
      const pool = make();
      const pid = await pidOf(pool);
      const controller = new AbortController();
      const reason = new Error('enough');
      let rows = 0;
      await assert.rejects(
        async () => {
          for await (const row of pool.stream(ENDLESS, [], { signal: controller.signal })) {
            if (row.i === 100) controller.abort(reason);
            rows += 1;
          }
        },
        (error) => error.code === 'KEEL_ABORTED' && error.cause === reason,
      );
      assert.ok(rows >= 100);
      assert.equal(await pidOf(pool), pid);
    });

    it('by its own timeout, and not by the usual one', async () => {
      const pool = make({ query_timeout: 100 });
      const slowly = async (options) => {
        let rows = 0;
        const wait = () => new Promise((resolve) => setTimeout(resolve, 30));
        for await (const batch of pool.stream('select generate_series(1, 200000) as i', options).batches()) {
          if (rows % 20_000 < batch.length) await wait();
          rows += batch.length;
        }
        return rows;
      };
      assert.equal(await slowly({ batchSize: 1000 }), 200_000);
      await assert.rejects(slowly({ batchSize: 1000, timeout: 100 }), { code: 'KEEL_QUERY_TIMEOUT' });
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    it('with its connection', async () => {
      const pool = make({ max: 2 });
      const iterator = await begun(pool, 'select pg_backend_pid() as pid, generate_series(1, 10000000) as i');
      const { pid } = (await iterator.next()).value;
      await serverWaits(pid);
      await cluster.psql(`select pg_terminate_backend(${pid})`);
      await assert.rejects(
        async () => {
          for await (const row of iterator) assert.equal(row.pid, pid);
        },
        ({ code }) => code === 'KEEL_CONNECTION_LOST' || code === '57P01',
      );
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });

    it('when the pool ends and it takes longer than the drain timeout', async () => {
      const pool = make();
      const iterator = await begun(pool);
      open.length = 0;
      await pool.end({ timeout: 100 });
      await assert.rejects(
        async () => {
          for await (const row of iterator) assert.ok(row);
        },
        { code: 'KEEL_POOL_CLOSED' },
      );
    });

    it('when its client is released', async () => {
      const pool = make();
      const client = await pool.connect();
      const iterator = await begun(client);
      client.release();
      await assert.rejects(
        async () => {
          for await (const row of iterator) assert.ok(row);
        },
        { code: 'KEEL_ABORTED' },
      );
      assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    });
  });

  it('a pool that ends waits for a stream that is being read', async () => {
    const pool = make();
    const iterator = await begun(pool, 'select generate_series(1, 100000) as i');
    open.length = 0;
    const ended = pool.end();
    let last = 1;
    for await (const { i } of iterator) assert.equal(i, ++last);
    assert.equal(last, 100_000);
    await ended;
  });

  it('two at once have a connection each, and others go on beside them', async () => {
    const pool = make({ max: 3 });
    const [a, b] = await Promise.all([begun(pool), begun(pool)]);
    assert.equal(pool.totalCount, 2);
    assert.equal((await pool.query('select 1 as a')).rows[0].a, 1);
    for (let i = 2; i < 5000; i++) {
      assert.equal((await a.next()).value.i, i);
      assert.equal((await b.next()).value.i, i);
    }
    await Promise.all([a.return(), b.return()]);
  });

  describe('of a client', () => {
    it('a query asked within the loop is answered: the rest of the rows waits in memory', async () => {
      const client = await make().connect();
      let sum = 0;
      for await (const { i } of client.stream('select generate_series(1, 300000) as i')) {
        if (i % 100_000 === 0) sum += (await client.query('select $1::int as n', [i])).rows[0].n;
      }
      assert.equal(sum, 600_000);
      client.release();
    });

    it('two of them one in the other', async () => {
      const client = await make().connect();
      const pairs = [];
      for await (const { i } of client.stream('select generate_series(1, 3) as i')) {
        for await (const { j } of client.stream('select generate_series(1, 2) as j')) pairs.push([i, j]);
      }
      assert.equal(pairs.length, 6);
      client.release();
    });

    it('asked before it is connected', async () => {
      const client = new Client(cluster.config());
      const row = client.stream('select 1 as a')[Symbol.asyncIterator]().next();
      await client.connect();
      assert.deepEqual((await row).value, { a: 1 });
      await client.end();
    });

    it('after a break the next query is answered', async () => {
      const client = new Client(cluster.config());
      await client.connect();
      const pid = await pidOf(client);
      for await (const row of client.stream(ENDLESS)) if (row) break;
      assert.equal(await pidOf(client), pid);
      await client.end();
    });
  });

  it('of a pool with hooks goes through a client, which comes back', async () => {
    const pool = make({ onConnect: (client) => client.query("set application_name = 'hooked'") });
    const text = "select current_setting('application_name') as name, generate_series(1, 1000) as i";
    const rows = await all(pool.stream(text));
    assert.equal(rows.length, 1000);
    assert.equal(rows[0].name, 'hooked');
    for await (const row of pool.stream(ENDLESS)) if (row) break;
    await assert.rejects(all(pool.stream('select nonsense')), { code: '42703' });
    await until(() => pool.idleCount === 1, { what: 'the client to come back' });
  });
});
