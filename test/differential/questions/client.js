'use strict';

// A client: its life, the order of its queries, what it shows of itself.

const visible = ['user', 'database', 'binary', 'pipeline', 'ssl'];

const life = [
  {
    ask: 'connect resolves to the client',
    run: async (t) => {
      const client = t.client();
      return { same: (await client.connect()) === client };
    },
  },
  {
    ask: 'connect with a callback',
    run: async (t) => {
      const client = t.client();
      const { args, returned } = await t.called((cb) => client.connect(cb));
      return { length: args.length, err: args[0], same: args[1] === client, returned };
    },
  },
  {
    ask: 'connect twice',
    run: async (t) => {
      const client = await t.connect();
      return [
        await t.outcome(() => client.connect()),
        await t.called((cb) => client.connect(cb)),
        await client.query('select 1'),
      ];
    },
  },
  {
    ask: 'connect while connecting',
    run: async (t) => {
      const client = t.client();
      const connected = t.next(client, 'connect');
      client.connect();
      const second = await t.outcome(() => client.connect());
      await connected;
      return second;
    },
  },
  {
    ask: 'connect after end',
    run: async (t) => {
      const client = await t.connect();
      await client.end();
      return t.outcome(() => client.connect());
    },
  },
  {
    ask: 'queries before connect wait for it',
    run: async (t) => {
      const client = t.client();
      const query = client.query('select 1 as a');
      await client.connect();
      return query;
    },
  },
  {
    ask: 'a query after end',
    run: async (t) => {
      const client = await t.connect();
      await client.end();
      return [
        await t.outcome(() => client.query('select 1')),
        await t.called((cb) => client.query('select 1', cb)),
      ];
    },
  },
  {
    ask: 'a query while ending',
    run: async (t) => {
      const client = await t.connect();
      const ended = client.end();
      const answer = await t.outcome(() => client.query('select 1'));
      await ended;
      return answer;
    },
  },
  {
    ask: 'end with a promise',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'end', 'error');
      return t.outcome(() => client.end());
    },
  },
  {
    ask: 'end with a callback',
    run: async (t) => {
      const client = await t.connect();
      const { args, returned } = await t.called((cb) => client.end(cb));
      return { args, returned };
    },
  },
  {
    ask: 'end before connect',
    run: async (t) => [await t.outcome(() => t.client().end()), await t.called((cb) => t.client().end(cb))],
  },
  {
    ask: 'end twice',
    run: async (t) => {
      const client = await t.connect();
      const both = await Promise.allSettled([client.end(), client.end()]);
      return [both, await t.outcome(() => client.end()), await t.called((cb) => client.end(cb))];
    },
  },
  {
    ask: 'end while a query runs',
    run: async (t) => {
      const client = await t.connect();
      const running = t.outcome(() => client.query('select pg_sleep(10)'));
      const waiting = t.outcome(() => client.query('select 1'));
      await client.end();
      return [await running, await waiting];
    },
  },
  {
    ask: 'events of a life',
    run: async (t) => {
      const client = t.listen(t.client(), 'connect', 'drain', 'end', 'error');
      await client.connect();
      t.note('connected');
      await client.query('select 1');
      await t.until(() => t.log.some(([event]) => event === 'drain'), 'drain');
      const ended = t.next(client, 'end');
      await client.end();
      await ended;
    },
  },
  {
    ask: 'drain comes after the last query',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'drain');
      const drained = t.next(client, 'drain');
      for (const n of [1, 2, 3]) client.query(`select ${n} as n`, (err, { rows }) => t.note('rows', rows));
      await drained;
    },
  },
  {
    ask: 'what it shows before and after connecting',
    run: async (t) => {
      const client = t.client();
      const look = () => ({
        values: visible.map((name) => [name, client[name]]),
        processID: typeof client.processID,
        status: client.getTransactionStatus(),
        queryable: client._queryable,
        ending: client._ending,
        connected: client._connected,
      });
      const before = look();
      await client.connect();
      const connected = look();
      await client.end();
      return { before, connected, after: look() };
    },
  },
  {
    ask: 'processID is the server process',
    run: async (t) => {
      const client = await t.connect();
      const { rows } = await client.query('select pg_backend_pid() as pid');
      return client.processID === rows[0].pid;
    },
  },
  {
    ask: 'the password cannot be enumerated',
    run: (t) => {
      const client = t.client({ password: 'secret' });
      const parameters = client.connectionParameters;
      return {
        own: [
          client.password,
          Object.keys(client).includes('password'),
          JSON.stringify(parameters).includes('secret'),
        ],
        parameters: [parameters.password, Object.keys(parameters).includes('password')],
      };
    },
  },
  {
    ask: 'transaction status',
    run: async (t) => {
      const client = await t.connect();
      const seen = [client.getTransactionStatus()];
      for (const sql of ['select 1', 'begin', 'select 1', 'selec', 'rollback', 'begin', 'commit']) {
        const { rejected } = await t.outcome(() => client.query(sql));
        // The error may be here before the server has said that it is ready again.
        if (rejected) await t.until(() => client.getTransactionStatus() === 'E', 'the failed state');
        seen.push([sql, client.getTransactionStatus()]);
      }
      return seen;
    },
  },
  {
    ask: 'parameterStatus of its connection',
    run: async (t) => {
      const client = t.client();
      const names = [];
      client.connection.on('parameterStatus', (message) =>
        names.push([message.parameterName, typeof message.parameterValue]),
      );
      await client.connect();
      return names.sort();
    },
  },
  {
    ask: 'it is an emitter with these methods',
    run: (t) => {
      const methods = [
        'connect',
        'query',
        'end',
        'escapeIdentifier',
        'escapeLiteral',
        'setTypeParser',
        'getTypeParser',
        'ref',
        'unref',
      ];
      const { Client } = t.pg;
      const missing = methods.filter((name) => typeof Client.prototype[name] !== 'function');
      return {
        missing,
        name: Client.name,
        emitter: t.client() instanceof require('node:events'),
        query: Client.Query === t.pg.Query,
      };
    },
  },
  {
    ask: 'a connection that the server ends',
    run: async (t) => {
      const client = await t.connect();
      const killer = await t.connect();
      const ended = t.next(client, 'end');
      const failed = t.next(client, 'error');
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      const [err] = await failed;
      await ended;
      return { err, after: await t.outcome(() => client.query('select 1')) };
    },
  },
  {
    ask: 'how often a connection that the server ends says so',
    run: async (t) => {
      const client = await t.connect();
      client.on('error', (err) => t.note('error', err.message));
      const killer = await t.connect();
      const ended = t.next(client, 'end');
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      await ended;
    },
  },
  {
    ask: 'a connection that the server ends under a query',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'error', 'end');
      const killer = await t.connect();
      const ended = t.next(client, 'end');
      const answers = Promise.all([
        t.outcome(() => client.query('select pg_sleep(10)')),
        t.outcome(() => client.query('select 1 as waiting')),
        t.outcome(() => client.query('select 2 as waiting', [])),
      ]);
      await t.running(killer, client.processID);
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      await ended;
      return { answers: await answers, after: await t.outcome(() => client.query('select 3')) };
    },
  },
  {
    ask: 'a query cancelled by another session',
    run: async (t) => {
      const client = await t.connect();
      const killer = await t.connect();
      const answer = t.outcome(() => client.query('select pg_sleep(10)'));
      await t.running(killer, client.processID);
      await killer.query('select pg_cancel_backend($1)', [client.processID]);
      return [await answer, await client.query('select 1 as a')];
    },
  },
  {
    ask: 'the stream destroyed by hand',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'error');
      const ended = t.next(client, 'end');
      client.connection.stream.destroy();
      await ended;
      return t.outcome(() => client.query('select 1'));
    },
  },
];

const order = [
  {
    ask: 'queries are answered in the order they were given',
    run: async (t) => {
      const client = await t.connect();
      const queries = [
        'select pg_sleep(0.05)',
        { text: 'select $1::int as a', values: [1] },
        'selec',
        { name: 'n', text: 'select 2 as a' },
        'select 3 as a; select 4 as b',
        { text: 'select $1::int as a', values: ['x'] },
        'select 5 as a',
      ];
      const drained = t.next(client, 'drain');
      queries.forEach((query, i) => client.query(query, (err) => t.note(err ? 'failed' : 'done', i)));
      await drained;
    },
  },
  {
    ask: 'a query given in a callback comes after those that wait',
    run: async (t) => {
      const client = await t.connect();
      const done = t.next(client, 'drain');
      client.query('select 1', () => {
        t.note('first');
        client.query('select 3', () => t.note('third'));
      });
      client.query('select 2', () => t.note('second'));
      await done;
    },
  },
  {
    ask: 'callbacks and promises',
    run: async (t) => {
      const client = await t.connect();
      return [
        await t.called((cb) => client.query('select 1 as a', cb)),
        await t.called((cb) => client.query('select $1::int as a', [2], cb)),
        await t.called((cb) => client.query({ text: 'select $1::int as a', values: [3] }, cb)),
        await t.called((cb) => client.query({ text: 'select $1::int as a' }, [4], cb)),
        await t.called((cb) => client.query({ text: 'select 5 as a', callback: cb })),
        await t.called((cb) => client.query('select 6 as a', undefined, cb)),
        await t.called((cb) => client.query('select 7 as a', null, cb)),
        await t.called((cb) => client.query('selec', cb)),
        await t.called((cb) => client.query('select $1::int', ['x'], cb)),
        await t.called((cb) => client.query({}, cb)),
        await t.called((cb) => client.query('select $1', 'no list', cb)),
      ];
    },
  },
  {
    ask: 'a query is never answered before its call returns',
    run: async (t) => {
      const client = await t.connect();
      let returned = false;
      const seen = new Promise((resolve) => client.query({}, () => resolve(returned)));
      returned = true;
      return seen;
    },
  },
  {
    ask: 'a query under way is not cut short by a failed one behind it',
    run: async (t) => {
      const client = await t.connect();
      return Promise.allSettled([
        client.query('select pg_sleep(0.02), 1 as a'),
        client.query({}),
        client.query('select 2 as a'),
      ]);
    },
  },
  {
    ask: 'many queries at once',
    run: async (t) => {
      const client = await t.connect();
      const all = await Promise.all(
        Array.from({ length: 300 }, (_, i) => client.query('select $1::int as n', [i])),
      );
      return all.map(({ rows }) => rows[0].n);
    },
  },
];

module.exports = [...life, ...order];
