'use strict';

// A pool: lending, queries, events, counts, ending.

const counts = (pool) => ({
  total: pool.totalCount,
  idle: pool.idleCount,
  waiting: pool.waitingCount,
  expired: pool.expiredCount,
  ending: pool.ending,
  ended: pool.ended,
});

const lending = [
  {
    ask: 'connect and release',
    run: async (t) => {
      const pool = t.pool({ max: 2 });
      const seen = [counts(pool)];
      const client = await pool.connect();
      seen.push(counts(pool));
      const result = await client.query('select 1 as a');
      client.release();
      seen.push(counts(pool));
      return { seen, result, isClient: client instanceof t.pg.Client };
    },
  },
  {
    ask: 'connect with a callback',
    run: async (t) => {
      const pool = t.pool();
      const { args, returned } = await t.called((cb) => pool.connect(cb));
      const [err, client, release] = args;
      const same = client.release === release;
      release();
      return { returned, err, same, length: args.length, counts: counts(pool) };
    },
  },
  {
    ask: 'the same client comes again',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const first = await pool.connect();
      first.release();
      const second = await pool.connect();
      second.release();
      return first === second;
    },
  },
  {
    ask: 'what a session keeps from one user to the next',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      await pool.query(`set application_name = 'kept'`);
      await pool.query('create temp table kept as select 1 as a');
      return [await pool.query('show application_name'), await pool.query('select a + 0 as a from kept')];
    },
  },
  {
    ask: 'release twice',
    run: async (t) => {
      const pool = t.pool();
      const client = await pool.connect();
      client.release();
      return { again: await t.outcome(() => client.release()), counts: counts(pool) };
    },
  },
  {
    ask: 'release by the callback and by the client',
    run: async (t) => {
      const pool = t.pool();
      const { args } = await t.called((cb) => pool.connect(cb));
      args[2]();
      return t.outcome(() => args[1].release());
    },
  },
  ...[true, new Error('broken'), 'text', 1].map((value) => ({
    ask: `release(${value instanceof Error ? 'an error' : JSON.stringify(value)}) closes the connection`,
    run: async (t) => {
      const pool = t.listen(t.pool({ max: 1 }), 'error');
      pool.on('release', (err) => t.note('release', err));
      const removed = t.next(pool, 'remove');
      const client = await pool.connect();
      const pid = client.processID;
      client.release(value);
      await removed;
      const next = await pool.connect();
      const other = next.processID !== pid;
      next.release();
      return { other, counts: counts(pool) };
    },
  })),
  ...[undefined, null, false, 0, ''].map((value) => ({
    ask: `release(${JSON.stringify(value)}) keeps the connection`,
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      pool.on('release', (err) => t.note('release', err));
      const client = await pool.connect();
      client.release(value);
      return counts(pool);
    },
  })),
  {
    ask: 'waiting in the order of arrival',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const first = await pool.connect();
      const waiting = [1, 2, 3].map(async (n) => {
        const client = await pool.connect();
        t.note('served', n);
        client.release();
      });
      t.note('counts', counts(pool));
      first.release();
      await Promise.all(waiting);
      return counts(pool);
    },
  },
  {
    ask: 'never more than max',
    run: async (t) => {
      const pool = t.pool({ max: 3, application_name: 'never more' });
      const sleeping = Promise.all(Array.from({ length: 12 }, () => pool.query('select pg_sleep(0.02)')));
      await sleeping;
      const { rows } = await pool.query(
        `select count(*)::int as n from pg_stat_activity where application_name = 'never more'`,
      );
      return { rows, total: pool.totalCount };
    },
  },
  {
    ask: 'connectionTimeoutMillis while waiting',
    run: async (t) => {
      const pool = t.pool({ max: 1, connectionTimeoutMillis: 100 });
      const client = await pool.connect();
      const answers = [await t.outcome(() => pool.connect()), await t.outcome(() => pool.query('select 1'))];
      const { args } = await t.called((cb) => pool.connect(cb));
      client.release();
      return { answers, err: args[0], client: args[1], after: await pool.query('select 1 as a') };
    },
  },
  {
    ask: 'a connection that cannot be opened',
    run: async (t) => {
      const pool = t.pool({ port: 1 });
      const code = ({ rejected }) => (rejected.cause ?? rejected).code;
      const { args } = await t.called((cb) => pool.connect(cb));
      return {
        codes: [
          code(await t.outcome(() => pool.connect())),
          code(await t.outcome(() => pool.query('select 1'))),
        ],
        called: [(args[0].cause ?? args[0]).code, args[1], typeof args[2]],
        counts: counts(pool),
      };
    },
  },
  {
    ask: 'a client that was ended by its user',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const client = await pool.connect();
      const removed = t.next(pool, 'remove');
      await client.end();
      client.release();
      await removed;
      return { after: await pool.query('select 1 as a'), counts: counts(pool) };
    },
  },
];

const queries = [
  {
    ask: 'query in all its forms',
    run: async (t) => {
      const pool = t.pool();
      return [
        await pool.query('select 1 as a'),
        await pool.query('select $1::int as a', [2]),
        await pool.query({ text: 'select $1::int as a', values: [3] }),
        await pool.query({ text: 'select $1::int as a', rowMode: 'array' }, [4]),
        await pool.query({ text: 'select 5 as a', name: 'five' }),
        await t.called((cb) => pool.query('select 6 as a', cb)),
        await t.called((cb) => pool.query('select $1::int as a', [7], cb)),
        await t.called((cb) => pool.query({ text: 'select 8 as a' }, cb)),
        await t.called((cb) => pool.query('select 9 as a', undefined, cb)),
      ];
    },
  },
  {
    ask: 'query that fails',
    run: async (t) => {
      const pool = t.pool();
      return [
        await t.outcome(() => pool.query('selec')),
        await t.outcome(() => pool.query('select $1::int', ['x'])),
        await t.called((cb) => pool.query('selec', cb)),
        await t.called((cb) => pool.query('select $1::int', ['x'], cb)),
        await t.outcome(() => pool.query('select 1 as a')),
      ];
    },
  },
  ...[
    ['null', null],
    ['undefined', undefined],
    ['a number', 7],
    ['an empty object', {}],
    ['an array', []],
  ].map(([ask, query]) => ({
    ask: `query of ${ask}`,
    run: async (t) => {
      const pool = t.pool();
      return [await t.outcome(() => pool.query(query)), await t.outcome(() => pool.query('select 1 as a'))];
    },
  })),
  {
    ask: 'query of a function',
    run: async (t) => {
      const pool = t.pool();
      return (await t.called((cb) => pool.query(cb))).args;
    },
  },
  {
    ask: 'a text for values',
    run: async (t) => t.outcome(() => t.pool().query('select $1', 'x')),
  },
  {
    ask: 'a value that cannot be sent',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const bad = { toPostgres: () => { throw new RangeError('no'); } }; // prettier-ignore
      return [await t.outcome(() => pool.query('select $1::text', [bad])), await pool.query('select 1 as a')];
    },
  },
  {
    ask: 'a callback that is called once',
    run: async (t) => {
      const pool = t.pool();
      let calls = 0;
      await t.called((cb) => pool.query('select 1', (...args) => (calls++, cb(...args))));
      await pool.query('select 1');
      return calls;
    },
  },
  {
    ask: 'a transaction',
    run: async (t) => {
      const pool = t.pool();
      const client = await pool.connect();
      const answers = [];
      for (const sql of ['begin', `insert into differential.unlogged_copy values (88, 'pool')`, 'rollback'])
        answers.push(await client.query(sql));
      client.release();
      return [answers, await pool.query('select count(*) from differential.unlogged_copy where a = 88')];
    },
  },
  {
    ask: '200 queries at once',
    run: async (t) => {
      const pool = t.pool({ max: 5 });
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) => pool.query('select $1::int as n', [i])),
      );
      return { rows: results.map(({ rows }) => rows[0].n), counts: counts(pool) };
    },
  },
];

const pid = (client) => typeof client?.processID;
const events = [
  {
    ask: 'events of a query',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      for (const event of ['connect', 'acquire', 'remove'])
        pool.on(event, (client) => t.note(event, pid(client)));
      pool.on('release', (err, client) => t.note('release', err, pid(client)));
      for (const n of [1, 2]) {
        const client = await pool.connect();
        t.note('lent', n);
        await client.query('select 1');
        client.release();
      }
      // pg's end() resolves before its last connection is closed, ours after it.
      await Promise.all([t.next(pool, 'remove'), pool.end()]);
    },
  },
  {
    ask: 'a query in the event connect comes first',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      pool.on('connect', (client) => client.query(`set application_name = 'from event'`));
      return pool.query('show application_name');
    },
  },
  {
    ask: 'onConnect',
    run: async (t) => {
      const pool = t.pool({
        max: 1,
        onConnect: (client) => client.query(`set application_name = 'from hook'`),
      });
      return [await pool.query('show application_name'), await pool.query('show application_name')];
    },
  },
  {
    ask: 'onConnect that fails',
    run: async (t) => {
      const pool = t.pool({ max: 1, onConnect: () => { throw new RangeError('not this one'); } }); // prettier-ignore
      return [
        await t.outcome(() => pool.connect()),
        await t.outcome(() => pool.query('select 1')),
        counts(pool),
      ];
    },
  },
  {
    ask: 'onConnect that rejects',
    run: async (t) => {
      const pool = t.pool({ max: 1, onConnect: (client) => client.query('selec') });
      return [await t.outcome(() => pool.connect()), counts(pool)];
    },
  },
  {
    ask: 'verify',
    run: async (t) => {
      const pool = t.pool({ max: 1, verify: (client, done) => (t.note('verify', pid(client)), done()) });
      await pool.query('select 1');
      await pool.query('select 1');
    },
  },
  {
    ask: 'verify that fails',
    run: async (t) => {
      const pool = t.pool({ max: 1, verify: (client, done) => done(new Error('not verified')) });
      return t.outcome(() => pool.connect());
    },
  },
  {
    ask: 'an idle connection that the server ends',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const failed = t.next(pool, 'error');
      const removed = t.next(pool, 'remove');
      const client = await pool.connect();
      client.release();
      const killer = await t.connect();
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      const [err, lost] = await failed;
      await removed;
      const after = await pool.query('select 1 as a');
      return {
        code: err.code,
        message: err.message,
        same: lost === client,
        tied: err.client === client,
        after,
        counts: counts(pool),
      };
    },
  },
  {
    ask: 'a lent connection that the server ends',
    run: async (t) => {
      const pool = t.listen(t.pool({ max: 1 }), 'error');
      const client = await pool.connect();
      const failed = t.next(client, 'error');
      client.on('error', () => {}); // A second error without a listener would end the process under pg.
      const killer = await t.connect();
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      const [err] = await failed;
      const answer = await t.outcome(() => client.query('select 1'));
      client.release();
      return { code: err.code, message: err.message, answer, after: await pool.query('select 1 as a') };
    },
  },
  {
    ask: 'a query whose connection is lost',
    run: async (t) => {
      const pool = t.pool({ max: 1, application_name: 'to be lost' });
      pool.on('connect', (client) => client.on('error', () => {}));
      const killer = await t.connect();
      const answer = t.outcome(() => pool.query('select pg_sleep(10)'));
      await t.until(
        async () =>
          (
            await killer.query(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be lost' and query like '%sleep%'`,
            )
          ).rowCount,
        'the query to run',
      );
      return [await answer, await pool.query('select 1 as a')];
    },
  },
];

const retiring = [
  {
    ask: 'idleTimeoutMillis',
    run: async (t) => {
      const pool = t.pool({ max: 2, idleTimeoutMillis: 50 });
      const removed = t.next(pool, 'remove');
      await pool.query('select 1');
      await removed;
      return counts(pool);
    },
  },
  {
    ask: 'idleTimeoutMillis 0 keeps it',
    run: async (t) => {
      const pool = t.pool({ max: 2, idleTimeoutMillis: 0 });
      await pool.query('select 1');
      return counts(pool);
    },
  },
  {
    ask: 'maxUses',
    run: async (t) => {
      const pool = t.pool({ max: 1, maxUses: 2 });
      pool.on('remove', () => t.note('remove'));
      const pids = [];
      for (let i = 0; i < 5; i++) {
        const { rows } = await pool.query('select pg_backend_pid() as pid');
        pids.push(rows[0].pid);
      }
      await t.until(() => t.log.length === 2, 'the second retirement');
      return pids.map((value) => pids.indexOf(value));
    },
  },
  {
    ask: 'maxLifetimeSeconds',
    run: async (t) => {
      const pool = t.pool({ max: 1, maxLifetimeSeconds: 0.1 });
      const removed = t.next(pool, 'remove');
      await pool.query('select 1');
      await removed;
      return counts(pool);
    },
  },
  {
    ask: 'maxLifetimeSeconds of a lent client',
    run: async (t) => {
      const pool = t.pool({ max: 1, maxLifetimeSeconds: 0.05 });
      const removed = t.next(pool, 'remove');
      const client = await pool.connect();
      await t.until(() => pool.expiredCount === 1, 'expiry');
      const seen = counts(pool);
      const usable = await client.query('select 1 as a');
      client.release();
      await removed;
      return { seen, usable, after: counts(pool) };
    },
  },
];

const ending = [
  {
    ask: 'end',
    run: async (t) => {
      const pool = t.pool();
      await pool.query('select 1');
      const answer = await t.outcome(() => pool.end());
      return { answer, counts: counts(pool) };
    },
  },
  {
    ask: 'end with a callback',
    run: async (t) => {
      const pool = t.pool();
      await pool.query('select 1');
      const { args, returned } = await t.called((cb) => pool.end(cb));
      return { args, returned, counts: counts(pool) };
    },
  },
  { ask: 'end of an unused pool', run: async (t) => t.outcome(() => t.pool().end()) },
  {
    ask: 'end twice',
    run: async (t) => {
      const pool = t.pool();
      const first = pool.end();
      const second = await t.outcome(() => pool.end());
      await first;
      return [second, await t.outcome(() => pool.end()), (await t.called((cb) => pool.end(cb))).args];
    },
  },
  {
    ask: 'used after end',
    run: async (t) => {
      const pool = t.pool();
      await pool.end();
      return [
        await t.outcome(() => pool.connect()),
        await t.outcome(() => pool.query('select 1')),
        (await t.called((cb) => pool.connect(cb))).args,
        (await t.called((cb) => pool.query('select 1', cb))).args,
      ];
    },
  },
  {
    ask: 'end waits for lent clients',
    run: async (t) => {
      const pool = t.pool();
      const client = await pool.connect();
      const ended = pool.end().then(() => t.note('ended'));
      t.note('ending', counts(pool));
      const result = await client.query('select 1 as a');
      t.note('queried');
      client.release();
      await ended;
      return { result, counts: counts(pool) };
    },
  },
  {
    ask: 'end waits for running queries',
    run: async (t) => {
      const pool = t.pool();
      const running = pool.query('select pg_sleep(0.05), 1 as a');
      await t.until(() => pool.totalCount === 1, 'a connection');
      const ended = pool.end();
      const result = await running;
      await ended;
      return { result, counts: counts(pool) };
    },
  },
];

const shown = [
  {
    ask: 'options and their defaults',
    run: (t) => {
      const names = ['max', 'min', 'maxUses', 'allowExitOnIdle', 'maxLifetimeSeconds', 'idleTimeoutMillis'];
      const pick = (pool) => names.map((name) => [name, pool.options[name]]);
      return [
        pick(t.pool()),
        pick(t.pool({ max: 3, idleTimeoutMillis: 7, maxUses: 5, maxLifetimeSeconds: 60 })),
        pick(t.pool({ poolSize: 4 })),
      ];
    },
  },
  {
    ask: 'the password cannot be enumerated',
    run: (t) => {
      const pool = t.pool({ password: 'secret' });
      return [
        pool.options.password,
        Object.keys(pool.options).includes('password'),
        JSON.stringify(pool.options).includes('secret'),
      ];
    },
  },
  {
    ask: 'the options given are not changed',
    run: async (t) => {
      const given = Object.freeze(t.config({ max: 2 }));
      const pool = new t.pg.Pool(given);
      const result = await pool.query('select 1 as a');
      await pool.end();
      return { keys: Object.keys(given).sort(), result };
    },
  },
  {
    ask: 'names',
    run: (t) => {
      const pool = t.pool();
      return {
        constructor: pool.constructor.name.includes('Pool'),
        isPool: pool instanceof t.pg.Pool,
        emitter: pool instanceof require('node:events'),
        clients: Array.isArray(pool._clients),
      };
    },
  },
  {
    ask: 'a pool without new',
    run: async (t) => (await t.outcome(() => t.pg.Pool(t.config()))).threw instanceof TypeError,
  },
  {
    ask: 'a subclass of Pool',
    run: async (t) => {
      class Mine extends t.pg.Pool {
        query(...args) {
          t.note('query');
          return super.query(...args);
        }
      }
      const pool = new Mine(t.config());
      const result = await pool.query('select 1 as a');
      await pool.end();
      return { result, name: pool.constructor.name };
    },
  },
  {
    ask: 'a Client class of its own',
    run: async (t) => {
      class Mine extends t.pg.Client {
        connect(...args) {
          t.note('connect', args.length);
          return super.connect(...args);
        }
      }
      const pool = t.pool({ Client: Mine });
      const client = await pool.connect();
      const mine = client instanceof Mine;
      client.release();
      return { mine, result: await pool.query('select 1 as a') };
    },
  },
  {
    ask: 'a Promise class of its own',
    run: async (t) => {
      class Mine extends Promise {}
      const pool = t.pool({ Promise: Mine });
      const [connecting, querying] = [pool.connect(), pool.query('select 1')];
      const kinds = [connecting instanceof Mine, querying instanceof Mine];
      (await connecting).release();
      await querying;
      return kinds;
    },
  },
  {
    ask: 'log',
    run: async (t) => {
      const messages = [];
      const pool = t.pool({ log: (...args) => messages.push(args) });
      await pool.query('select 1');
      return { any: messages.length > 0, kinds: [...new Set(messages.flat().map((item) => typeof item))] };
    },
  },
];

module.exports = [...lending, ...queries, ...events, ...retiring, ...ending, ...shown];
