'use strict';

// A client: connecting, queueing, callbacks, ending, what it shows of itself.

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
      for (const n of [1, 2, 3]) client.query(`select ${n} as n`).then(({ rows }) => t.note('rows', rows));
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
      const client = t.listen(await t.connect(), 'error', 'end');
      const killer = await t.connect();
      const ended = t.next(client, 'end');
      await killer.query('select pg_terminate_backend($1)', [client.processID]);
      await ended;
      return t.outcome(() => client.query('select 1'));
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
      await t.until(
        async () =>
          (
            await killer.query('select 1 from pg_stat_activity where pid = $1 and query like $2', [
              client.processID,
              '%sleep%',
            ])
          ).rowCount,
        'the query to run',
      );
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
      await t.until(
        async () =>
          (
            await killer.query(
              'select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and query like $2',
              [client.processID, '%sleep%'],
            )
          ).rowCount,
        'the query to run',
      );
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
        client.query('select pg_sleep(0.05)'),
        client.query('select $1::int as a', [1]),
        client.query('selec'),
        client.query({ name: 'n', text: 'select 2 as a' }),
        client.query('select 3 as a; select 4 as b'),
        client.query('select $1::int as a', ['x']),
        client.query('select 5 as a'),
      ];
      queries.forEach((query, i) =>
        query.then(
          () => t.note('done', i),
          () => t.note('failed', i),
        ),
      );
      await Promise.allSettled(queries);
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

const timeouts = [
  {
    ask: 'query_timeout of the client',
    run: async (t) => {
      const client = await t.connect({ query_timeout: 100 });
      const killed = await t.outcome(() => client.query('select pg_sleep(2)'));
      return { message: killed.rejected?.message, isError: killed.rejected instanceof Error };
    },
  },
  {
    ask: 'query_timeout of a query',
    run: async (t) => {
      const client = await t.connect();
      const killed = await t.outcome(() => client.query({ text: 'select pg_sleep(2)', query_timeout: 100 }));
      return {
        message: killed.rejected?.message,
        quick: await t.outcome(() => client.query({ text: 'select 1 as a', query_timeout: 9000 })),
      };
    },
  },
  {
    ask: 'statement_timeout, lock_timeout and others reach the server',
    run: async (t) => {
      const client = await t.connect({
        statement_timeout: 1234,
        lock_timeout: 2345,
        idle_in_transaction_session_timeout: 3456,
        application_name: 'an "app" näme',
        options: '-c geqo=off -c work_mem=1234kB',
      });
      return client.query(`select name, setting from pg_settings where name in ('statement_timeout', 'lock_timeout',
        'idle_in_transaction_session_timeout', 'application_name', 'geqo', 'work_mem') order by name`);
    },
  },
  {
    ask: 'statement_timeout stops a query',
    run: async (t) => {
      const client = await t.connect({ statement_timeout: 50 });
      return [await t.outcome(() => client.query('select pg_sleep(2)')), await client.query('select 1 as a')];
    },
  },
  {
    ask: 'fallback_application_name',
    run: async (t) => {
      const show = async (options) => (await (await t.connect(options)).query('show application_name')).rows;
      return [
        await show({ fallback_application_name: 'fallback' }),
        await show({ fallback_application_name: 'fallback', application_name: 'mine' }),
        await show({}),
      ];
    },
  },
  {
    ask: 'settings of a session as a client finds them',
    run: async (t) => {
      const client = await t.connect();
      return client.query(
        `select name, setting from pg_settings where source in ('client', 'session') order by name`,
      );
    },
  },
  { ask: 'client_encoding in the options', options: { client_encoding: 'UTF8' }, sql: `select 'ä😀' as a` },
  {
    ask: 'a parameter in another encoding',
    setup: [`set client_encoding to 'UTF8'`],
    sql: 'select $1::text as a',
    values: ['ä😀'],
  },
];

const refused = [
  ['a port where nobody listens', { port: 1 }],
  ['a database that is not there', { database: 'nowhere' }],
  ['a user that is not there', { user: 'nobody_here' }],
  ['a host that is not there', { host: 'nowhere.invalid' }],
  ['a socket that is not there', { host: '/nowhere', port: 5432 }],
  ['a server without TLS', { ssl: true }],
  ['a bad setting', { options: '-c nothing_like_this=1' }],
].map(([ask, options]) => ({
  ask: `connect to ${ask}`,
  run: async (t) => {
    const { rejected, ...rest } = await t.outcome(() => t.client(options).connect());
    const called = await t.called((cb) => t.client(options).connect(cb));
    const root = rejected?.cause ?? rejected;
    return {
      rest,
      code: root?.code,
      isError: rejected instanceof Error,
      calledWith: (called.args[0].cause ?? called.args[0]).code,
    };
  },
}));

const strings = [
  {
    ask: 'a connection string',
    run: async (t) => {
      const { host, port, user, database } = t.config();
      const url = `postgres://${user}@${host}:${port}/${database}`;
      const forms = [
        url,
        { connectionString: url },
        `${url}?application_name=from%20url`,
        { connectionString: `${url}?options=-c%20geqo%3Doff` },
      ];
      const answers = [];
      for (const form of forms) {
        const client = new t.pg.Client(form);
        await client.connect();
        answers.push(
          (
            await client.query(
              `select current_user, current_database(), current_setting('application_name'), current_setting('geqo')`,
            )
          ).rows,
        );
        await client.end();
      }
      return answers;
    },
  },
  {
    ask: 'PG variables of the environment',
    run: async (t) => {
      const { host, port, user, database } = t.config();
      const wanted = {
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: user,
        PGDATABASE: database,
        PGAPPNAME: 'from env',
      };
      const before = Object.keys(wanted).map((name) => [name, process.env[name]]);
      Object.assign(process.env, wanted);
      try {
        const client = new t.pg.Client();
        await client.connect();
        const result = await client.query(
          `select current_user, current_database(), current_setting('application_name')`,
        );
        await client.end();
        return result;
      } finally {
        for (const [name, value] of before)
          value === undefined ? delete process.env[name] : (process.env[name] = value);
      }
    },
  },
  {
    ask: 'a password function is asked with the parameters',
    run: async (t) => {
      const client = t.client({ password: (parameters) => (t.note('asked', typeof parameters), 'x') });
      await client.connect();
      return typeof client.processID;
    },
  },
];

module.exports = [...life, ...order, ...timeouts, ...refused, ...strings];
