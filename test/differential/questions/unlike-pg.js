'use strict';

// Where the answer is meant to be another than pg's: ../meant.js says which and why.

const { execFile } = require('node:child_process');

const KILL = 'select pg_terminate_backend($1)';

/** A program of its own: an idle connection of its pool is killed, and nobody listens for errors. */
const LONELY_POOL = `
  const { Pool, Client } = require(process.argv[1]);
  const config = JSON.parse(process.argv[2]);
  (async () => {
    const pool = new Pool({ ...config, max: 1 });
    const killer = new Client(config);
    await killer.connect();
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    const removed = new Promise((resolve) => pool.once('remove', resolve));
    await killer.query('${KILL}', [rows[0].pid]);
    await removed;
    const after = await pool.query('select 1 as a');
    process.stdout.write('alive ' + after.rows[0].a);
    await killer.end();
    await pool.end();
  })();
`;

const runLonelyPool = (t) =>
  new Promise((resolve) => {
    const args = ['-e', LONELY_POOL, require.resolve(t.name), JSON.stringify(t.config())];
    execFile(process.execPath, args, (err, stdout) => resolve({ code: err ? err.code : 0, stdout }));
  });

const connections = [
  {
    ask: 'the connection after an error of pool.query',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const pid = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
      const before = await pid();
      await t.outcome(() => pool.query('selec'));
      return (await pid()) === before ? 'kept' : 'replaced';
    },
  },
  { ask: 'a pool without a listener for errors when its idle connection dies', run: runLonelyPool },
  {
    ask: 'those who wait when the pool ends',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const client = await pool.connect();
      let answer = 'never answered';
      const note = ({ resolved, rejected }) => (answer = rejected ? rejected.message : Boolean(resolved));
      t.outcome(() => pool.connect()).then(note);
      const ended = pool.end();
      client.release();
      await ended;
      return t.later(100).then(() => answer);
    },
  },
  {
    ask: 'connections that are closed when end has resolved',
    run: async (t) => {
      const pool = t.pool({ max: 2 });
      let removed = 0;
      pool.on('remove', () => removed++);
      await pool.query('select 1');
      await pool.end();
      return removed;
    },
  },
  {
    ask: 'min',
    run: async (t) => {
      const pool = t.pool({ max: 5, min: 2 });
      // The first query opens one connection in both; a third says that there was time for more.
      await pool.query('select pg_sleep(0.2)');
      return pool.totalCount;
    },
  },
  {
    ask: 'a client that is released in a transaction',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const first = await pool.connect();
      await first.query('begin');
      first.release();
      const second = await pool.connect();
      const { rows } = await second.query('select now() = statement_timestamp() as fresh');
      second.release();
      return { fresh: rows[0].fresh, status: second.getTransactionStatus() };
    },
  },
  {
    ask: 'a client that is used after its release',
    run: async (t) => {
      const pool = t.pool({ max: 1 });
      const client = await pool.connect();
      client.release();
      const { rejected } = await t.outcome(() => client.query('select 1'));
      return rejected ? rejected.message : 'answered';
    },
  },
  {
    ask: 'whether a Client class is asked to connect for a pool',
    run: async (t) => {
      class Mine extends t.pg.Client {
        connect(...args) {
          t.note('connect');
          return super.connect(...args);
        }
      }
      const client = await t.pool({ Client: Mine }).connect();
      const mine = client instanceof Mine;
      client.release();
      return mine;
    },
  },
  {
    ask: 'a password function where the server asks for none',
    run: async (t) => {
      const client = t.client({ password: () => (t.note('asked'), 'x') });
      await client.connect();
    },
  },
];

const errors = [
  {
    ask: 'what an error says of the attempt',
    run: async (t) => {
      const client = await t.connect();
      const { rejected } = await t.outcome(() => client.query('selec'));
      return { attempts: rejected.attempts, outcome: rejected.outcome };
    },
  },
  {
    ask: "the code of an error that is not the server's",
    run: async (t) => {
      const pool = t.pool();
      await pool.end();
      const { rejected } = await t.outcome(() => pool.query('select 1'));
      return rejected.code;
    },
  },
  {
    ask: 'the code of a refused connection',
    run: async (t) => {
      const { rejected } = await t.outcome(() => t.client({ port: 1 }).connect());
      return { code: rejected.code, cause: rejected.cause?.code, keelCode: rejected.keelCode };
    },
  },
  {
    ask: 'the message of a request that waited in vain',
    run: async (t) => {
      const pool = t.pool({ max: 1, connectionTimeoutMillis: 50 });
      const client = await pool.connect();
      const { rejected } = await t.outcome(() => pool.connect());
      client.release();
      return rejected.message;
    },
  },
  {
    ask: 'a query after its query_timeout',
    run: async (t) => {
      const client = await t.connect({ query_timeout: 100 });
      const observer = await t.connect();
      await t.outcome(() => client.query('select pg_sleep(1.5)'));
      const state = `select state from pg_stat_activity where pid = $1 and query like '%sleep%' and state = 'active'`;
      const idle = async () => (await observer.query(state, [client.processID])).rowCount === 0;
      return t.until(idle, 'the end of the query', 700).then(
        () => 'cancelled',
        () => 'still running',
      );
    },
  },
  {
    ask: 'options that make no sense',
    run: async (t) => {
      const wrong = [{ max: -1 }, { port: 70_000 }, { idleTimeoutMillis: 'soon' }, { ssl: 7 }];
      const outcomes = await Promise.all(
        wrong.map((options) => t.outcome(() => typeof new t.pg.Pool(options))),
      );
      return outcomes.map(({ threw }) => (threw ? threw.code : 'accepted'));
    },
  },
  {
    ask: 'a query object of another package',
    run: async (t) => {
      const client = await t.connect();
      const foreign = {
        submit(connection) {
          connection.query('select 1');
        },
        handleRowDescription() {},
        handleDataRow() {},
        handleCommandComplete() {},
        handleReadyForQuery: () => foreign.finish('answered'),
        handleError: (err) => foreign.finish(err.message),
      };
      return new Promise((resolve) => {
        foreign.finish = resolve;
        client.query(foreign);
      });
    },
  },
];

const results = [
  {
    ask: 'rows before an error',
    run: async (t) => {
      const client = await t.connect();
      const query = new t.pg.Query('select 1 / (3 - n) as q from generate_series(1, 5) n');
      query.on('row', (row) => t.note('row', row));
      client.query(query);
      await t.next(query, 'error');
    },
  },
  {
    ask: 'rowCount of rows fetched in portions',
    run: async (t) => {
      const client = await t.connect();
      const { rowCount } = await client.query({ text: 'select generate_series(1, 10) as n', rows: 3 });
      return rowCount;
    },
  },
  {
    ask: 'an error while rows are fetched in portions',
    run: async (t) => {
      const client = await t.connect();
      const text = 'select 1 / (5 - n) from generate_series(1, 10) n';
      const answers = Promise.allSettled([
        client.query({ text, rows: 2 }),
        client.query('select 1 as after'),
      ]);
      const [failed, after] = await Promise.race([answers, t.later(500, [{}, {}])]);
      return [failed.reason?.code, after.value?.rows];
    },
  },
  {
    ask: 'binary values',
    run: async (t) => {
      const client = await t.connect();
      const text = 'select $1::int8 as a, 0.1::float8 as b';
      return (await client.query({ text, values: ['-1'], binary: true })).rows;
    },
  },
  {
    ask: 'a named statement that was deallocated by hand',
    run: async (t) => {
      const client = await t.connect();
      const one = { name: 'one', text: 'select $1::int as a' };
      await client.query({ ...one, values: [1] });
      await client.query('deallocate one');
      const { resolved, rejected } = await t.outcome(() => client.query({ ...one, values: [2] }));
      return rejected ? rejected.code : resolved.rows;
    },
  },
  {
    ask: 'a named statement whose first values could not be sent',
    run: async (t) => {
      const client = await t.connect();
      const query = (value) => client.query({ name: 'n', text: 'select $1::text as a', values: [value] });
      const bad = {
        toPostgres() {
          throw new RangeError('bad');
        },
      };
      const first = await t.outcome(() => query(bad));
      const second = await t.outcome(() => query('good'));
      return [first.rejected.message, second.rejected?.code ?? second.resolved.rows];
    },
  },
  {
    ask: 'a password beside a connection string without one',
    run: (t) => {
      const beside = { connectionString: 'postgres://u@h/d', password: 'p' };
      return new t.pg.Client(beside).password;
    },
  },
];

module.exports = [...connections, ...errors, ...results];
