'use strict';

// What a connection is opened with, and what becomes of one that cannot be opened.

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
];

module.exports = [...timeouts, ...refused, ...strings];
