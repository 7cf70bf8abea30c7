'use strict';

// A pool: lending clients, queries.

const { counts } = require('../support/counts');

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
      const errors = [
        (await t.outcome(() => pool.connect())).rejected,
        (await t.outcome(() => pool.query('select 1'))).rejected,
        (await t.called((cb) => pool.connect(cb))).args[0],
      ];
      client.release();
      // Ours goes on with the pool's figures.
      const messages = errors.map(({ message }) => message.replace(/ \(total=.*\)$/, ''));
      return { messages, after: await pool.query('select 1 as a') };
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
      await t.until(() => pool.idleCount === 5, 'the last connection to be idle');
      return { rows: results.map(({ rows }) => rows[0].n), counts: counts(pool) };
    },
  },
];

module.exports = [...lending, ...queries];
