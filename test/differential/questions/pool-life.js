'use strict';

// A pool: events, retiring connections, ending, what it shows of itself.

const { counts } = require('../support/counts');

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
      const { args } = await t.called((cb) => pool.end(cb));
      return { args, counts: counts(pool) };
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
        (await t.called((cb) => pool.connect(cb))).args[0],
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

module.exports = [...events, ...retiring, ...ending, ...shown];
