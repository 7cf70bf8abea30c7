'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Client, Query, Result, DatabaseError, KeelError, types } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

describe('Client', () => {
  let cluster;
  let config;
  const open = [];

  before(async () => {
    cluster = await sharedCluster();
    config = cluster.config();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end()));
  });

  function make(more) {
    const client = new Client({ ...config, ...more });
    open.push(client);
    return client;
  }

  async function connected(more) {
    const client = make(more);
    await client.connect();
    return client;
  }

  describe('connect()', () => {
    it('resolves to the client', async () => {
      const client = make();
      assert.equal(await client.connect(), client);
      assert.equal(client.isConnected(), true);
      assert.equal(typeof client.processID, 'number');
    });

    it('calls back with null and the client, and says "connect"', async () => {
      const client = make();
      const said = once(client, 'connect');
      const given = await new Promise((resolve) => {
        client.connect((...args) => resolve(args));
      });
      assert.deepEqual(given, [null, client]);
      await said;
    });

    it('takes a connection string', async () => {
      const client = new Client(cluster.url);
      open.push(client);
      await client.connect();
      const { rows } = await client.query('select current_database() as name');
      assert.deepEqual(rows, [{ name: cluster.database }]);
    });

    it('takes a string with several hosts and asks for a server that can be written to', async () => {
      const { user, database, port } = cluster;
      const url = `postgres://${user}@127.0.0.1:1,127.0.0.1:${port}/${database}?target_session_attrs=read-write`;
      const client = new Client(url);
      open.push(client);
      await client.connect();
      assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
    });

    it("takes libpq's keyword form", async () => {
      const { user, database, port, host } = cluster;
      const client = new Client(`host=${host} port=${port} dbname=${database} user=${user}`);
      open.push(client);
      await client.connect();
      assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
    });

    it('goes by the Unix socket when the host is a folder', async () => {
      const client = await connected({ host: cluster.socketDir });
      assert.equal((await client.query('select inet_server_addr() as a')).rows[0].a, null);
    });

    it('a second time is an error, told by callback and promise', async () => {
      const client = await connected();
      const message = 'Client has already been connected. You cannot reuse a client.';
      await assert.rejects(client.connect(), { message });
      const error = await new Promise((resolve) => {
        client.connect(resolve);
      });
      assert.equal(error.message, message);
    });

    it('runs what was asked before it was connected, in order', async () => {
      const client = make();
      const order = [];
      const asked = [1, 2, 3].map((n) => client.query('select $1::int as n', [n]).then(() => order.push(n)));
      await client.connect();
      await Promise.all(asked);
      assert.deepEqual(order, [1, 2, 3]);
    });

    it('tells the parameters of the server', async () => {
      const client = make();
      const seen = {};
      client.connection.on('parameterStatus', (message) => {
        seen[message.parameterName] = message.parameterValue;
      });
      await client.connect();
      assert.equal(seen.client_encoding, 'UTF8');
      assert.match(seen.server_version, /^\d+/);
      await client.query("set application_name = 'renamed'");
      assert.equal(seen.application_name, 'renamed');
    });

    it('sends the session settings', async () => {
      const client = await connected({
        ...{ statement_timeout: 12345, lock_timeout: 2345, idle_in_transaction_session_timeout: 345000 },
        ...{ application_name: 'app', options: '-c geqo=off' },
      });
      const ask = async (name) => (await client.query(`show ${name}`)).rows[0][name];
      assert.equal(await ask('statement_timeout'), '12345ms');
      assert.equal(await ask('lock_timeout'), '2345ms');
      assert.equal(await ask('idle_in_transaction_session_timeout'), '345s');
      assert.equal(await ask('application_name'), 'app');
      assert.equal(await ask('geqo'), 'off');
    });
  });

  describe('query()', () => {
    it('gives a result with all members', async () => {
      const client = await connected();
      const result = await client.query('select 1::int4 as a, $1::text as b', ['x']);
      assert.equal(result.constructor.name, 'Result');
      assert.ok(result instanceof Result);
      assert.deepEqual(result.rows, [{ a: 1, b: 'x' }]);
      assert.deepEqual([result.command, result.rowCount, result.oid], ['SELECT', 1, null]);
      assert.deepEqual(
        { ...result.fields[0] },
        {
          ...{ name: 'a', tableID: 0, columnID: 0, dataTypeID: 23, dataTypeSize: 4, dataTypeModifier: -1 },
          format: 'text',
        },
      );
    });

    it('lets the application change the fields of a result without harm to the next', async () => {
      const client = await connected();
      const first = await client.query('select 1 as a');
      first.fields[0].name = 'changed';
      first.fields.push('more');
      const second = await client.query('select 1 as a');
      assert.deepEqual(
        second.fields.map((field) => field.name),
        ['a'],
      );
    });

    it('never changes the config nor the values that it is given', async () => {
      const client = await connected();
      const values = Object.freeze([Object.freeze({ a: 1 }), undefined]);
      const query = Object.freeze({ text: 'select $1::json as j, $2::text as t', values });
      assert.deepEqual((await client.query(query)).rows, [{ j: { a: 1 }, t: null }]);
      assert.deepEqual((await client.query(query, ['{}', 'x'])).rows, [{ j: {}, t: 'x' }]);
    });

    it('takes a callback as second or third argument or in the config', async () => {
      const client = await connected();
      const called = (ask) =>
        new Promise((resolve) => {
          assert.equal(
            ask((...args) => resolve(args)),
            undefined,
          );
        });
      const answers = [
        await called((done) => client.query('select 1 as n', done)),
        await called((done) => client.query('select $1::int as n', [1], done)),
        await called((done) => client.query({ text: 'select 1 as n', callback: done })),
        await called((done) => client.query({ text: 'select 1 as n' }, done)),
      ];
      for (const [error, result] of answers) {
        assert.equal(error, null);
        assert.deepEqual(result.rows, [{ n: 1 }]);
      }
      const [error, result] = await called((done) => client.query('select nonsense', done));
      assert.equal(error.code, '42703');
      assert.equal(result, undefined);
    });

    it('gives an array of results for several statements', async () => {
      const client = await connected();
      const results = await client.query('select 1 as a; select 2 as b; ; begin; commit');
      assert.deepEqual(
        results.map((result) => [result.command, result.rowCount, result.rows]),
        [
          ['SELECT', 1, [{ a: 1 }]],
          ['SELECT', 1, [{ b: 2 }]],
          ['BEGIN', null, []],
          ['COMMIT', null, []],
        ],
      );
    });

    it('an empty statement gives an empty result', async () => {
      const client = await connected();
      for (const text of ['', ';', '-- nothing']) {
        const { command, rowCount, rows, fields } = await client.query(text);
        assert.deepEqual(
          { command, rowCount, rows, fields },
          { command: null, rowCount: null, rows: [], fields: [] },
        );
      }
    });

    it('rows may be arrays, also with equal names', async () => {
      const client = await connected();
      const { rows } = await client.query({ text: 'select 1 as a, 2 as a', rowMode: 'array' });
      assert.deepEqual(rows, [[1, 2]]);
    });

    it('refuses what is no query', async () => {
      const client = await connected();
      assert.throws(() => client.query(null), { name: 'TypeError', message: /null or undefined query/ });
      assert.throws(() => client.query('select 1', [], 'no function'), { name: 'TypeError' });
      await assert.rejects(client.query({}), { message: /either text or a name/ });
      await assert.rejects(client.query({ text: 'select $1', values: 'x' }), {
        message: 'Query values must be an array',
      });
      await assert.rejects(client.query({ text: 'select 1', route: 'moon' }), {
        code: 'KEEL_CONFIG',
        message: /route/,
      });
      assert.deepEqual((await client.query('select 1 as a')).rows, [{ a: 1 }]);
    });

    it('a value that cannot be sent is an error of this query alone', async () => {
      const client = await connected();
      const cyclic = {};
      cyclic.self = cyclic;
      await assert.rejects(client.query('select $1', [cyclic]), { name: 'TypeError', message: /circular/i });
      assert.deepEqual((await client.query('select $1::int as a', [2])).rows, [{ a: 2 }]);
    });

    it('binary results where asked', async () => {
      const client = await connected();
      const { rows, fields } = await client.query({
        text: 'select $1::int4 as a',
        values: [7],
        binary: true,
      });
      assert.deepEqual(rows, [{ a: 7 }]);
      assert.equal(fields[0].format, 'binary');
    });

    it('keeps the state of the transaction', async () => {
      const client = make();
      assert.equal(client.getTransactionStatus(), null);
      await client.connect();
      assert.equal(client.getTransactionStatus(), 'I');
      await client.query('begin');
      assert.equal(client.getTransactionStatus(), 'T');
      await assert.rejects(client.query('nonsense'));
      assert.equal(client.getTransactionStatus(), 'E');
      await client.query('rollback');
      assert.equal(client.getTransactionStatus(), 'I');
    });
  });

  describe('type parsers', () => {
    const shout = { getTypeParser: () => (value) => `${value}!` };

    it("come from the query, then the client, then everybody's", async () => {
      const client = await connected();
      client.setTypeParser(25, (value) => value.toUpperCase());
      assert.equal((await client.query("select 'a'::text as v")).rows[0].v, 'A');
      assert.equal((await client.query({ text: "select 'a'::text as v", types: shout })).rows[0].v, 'a!');
      const other = await connected({ types: shout });
      assert.equal((await other.query('select 5 as v')).rows[0].v, '5!');
      assert.equal(client.getTypeParser(23), types.getTypeParser(23, 'text'));
    });

    it('changed for everybody hold from the next query on', async () => {
      const client = await connected();
      const original = types.getTypeParser(23);
      const ask = async () => (await client.query('select 5::int4 as v')).rows[0].v;
      assert.equal(await ask(), 5);
      types.setTypeParser(23, (value) => `<${value}>`);
      try {
        assert.equal(await ask(), '<5>');
      } finally {
        types.setTypeParser(23, original);
      }
      assert.equal(await ask(), 5);
    });

    it('that throw fail the query, not the connection', async () => {
      const client = await connected();
      const broken = {
        getTypeParser: () => () => {
          throw new RangeError('broken parser');
        },
      };
      await assert.rejects(client.query({ text: 'select 1 as a', types: broken }), {
        message: 'broken parser',
      });
      assert.equal((await client.query('select 1 as a')).rows[0].a, 1);
    });
  });

  describe('named statements', () => {
    it('are prepared once under their name and may be asked for by it alone', async () => {
      const client = await connected();
      await client.query({ name: 'double', text: 'select $1::int * 2 as n', values: [1] });
      const { rows } = await client.query({ name: 'double', values: [21] });
      assert.deepEqual(rows, [{ n: 42 }]);
      const listed = await client.query(
        "select count(*)::int as n from pg_prepared_statements where name = 'double'",
      );
      assert.equal(listed.rows[0].n, 1);
    });

    it('with another text are an error', async () => {
      const client = await connected();
      await client.query({ name: 'x', text: 'select 1' });
      await assert.rejects(client.query({ name: 'x', text: 'select 2' }), {
        message: "Prepared statements must be unique - 'x' was used for a different statement",
      });
      assert.equal((await client.query({ name: 'x', text: 'select 1' })).rowCount, 1);
    });

    it('that could not be parsed may be given another text', async () => {
      const client = await connected();
      await assert.rejects(client.query({ name: 'y', text: 'selec 1' }), { code: '42601' });
      const { rows } = await client.query({ name: 'y', text: 'select 1 as a' });
      assert.deepEqual(rows, [{ a: 1 }]);
    });
  });

  describe('Query objects', () => {
    it('are returned, and tell rows and their end', async () => {
      const client = await connected();
      const query = new Query('select generate_series(1, 3) as n');
      const rows = [];
      query.on('row', (row, result) => rows.push([row.n, result.fields.length]));
      assert.equal(client.query(query), query);
      const [result] = await once(query, 'end');
      assert.deepEqual(rows, [
        [1, 1],
        [2, 1],
        [3, 1],
      ]);
      assert.deepEqual([result.command, result.rowCount, result.rows.length], ['SELECT', 3, 0]);
    });

    it('keep their rows when nobody listens for them', async () => {
      const client = await connected();
      const query = client.query(new Query({ text: 'select $1::int as n', values: [4] }));
      const [result] = await once(query, 'end');
      assert.deepEqual(result.rows, [{ n: 4 }]);
    });

    it('tell an error, and no end after it', async () => {
      const client = await connected();
      const query = client.query(new Query('select 1/0'));
      let ended = false;
      query.on('end', () => {
        ended = true;
      });
      const [error] = await once(query, 'error');
      assert.equal(error.code, '22012');
      await client.query('select 1');
      assert.equal(ended, false);
    });

    it('call back when they have a callback', async () => {
      const client = await connected();
      const result = await new Promise((resolve, reject) => {
        client.query(
          new Query('select 1 as a', (error, answer) => (error ? reject(error) : resolve(answer))),
        );
      });
      assert.deepEqual(result.rows, [{ a: 1 }]);
    });
  });

  describe('events', () => {
    it('drain: when the last query has been answered', async () => {
      const client = await connected();
      let answered = 0;
      const drained = once(client, 'drain').then(() => answered);
      for (let i = 0; i < 3; i++) client.query('select 1', () => (answered += 1));
      assert.equal(await drained, 3);
    });

    it('notice: in the shape of pg', async () => {
      const client = await connected();
      const noticed = once(client, 'notice');
      await client.query("do $$ begin raise notice 'hello' using hint = 'there'; end $$");
      const [notice] = await noticed;
      const { name, message, severity, hint, code } = notice;
      assert.deepEqual(
        { name, message, severity, hint, code },
        {
          ...{ name: 'notice', message: 'hello', severity: 'NOTICE', hint: 'there', code: '00000' },
        },
      );
      assert.ok(!(notice instanceof Error));
    });

    it('notification: while nothing is asked', async () => {
      const listener = await connected();
      const speaker = await connected();
      await listener.query('listen news');
      const heard = once(listener, 'notification');
      await speaker.query("notify news, 'today'");
      const [{ channel, payload, processId, name }] = await heard;
      assert.deepEqual(
        [name, channel, payload, processId],
        ['notification', 'news', 'today', speaker.processID],
      );
    });

    it('error and end: when the server kills an idle connection', async () => {
      const client = await connected();
      const failed = once(client, 'error');
      const ended = new Promise((resolve) => {
        client.on('end', resolve);
      });
      await cluster.psql(`select pg_terminate_backend(${client.processID})`);
      const [error] = await failed;
      assert.equal(error.code, '57P01');
      assert.ok(error instanceof DatabaseError);
      await ended;
      await assert.rejects(client.query('select 1'), {
        message: 'Client has encountered a connection error and is not queryable',
      });
    });
  });

  describe('a connection that dies under a query', () => {
    it('fails it with what the server said, and all that wait behind it', async () => {
      const client = await connected();
      const failed = once(client, 'error');
      const running = client.query('select pg_sleep(60)');
      const waiting = Promise.allSettled([client.query('select 1'), client.query('select 2')]);
      running.catch(() => {}); // It may fail before we look.
      await cluster.psql(`select pg_terminate_backend(${client.processID})`);
      await assert.rejects(running, (error) => error instanceof DatabaseError && error.code === '57P01');
      for (const { reason } of await waiting) {
        assert.ok(reason instanceof DatabaseError || reason instanceof KeelError);
      }
      const [error] = await failed;
      assert.equal(error.message, 'Connection terminated unexpectedly');
    });

    it('fails it when the program destroys the stream', async () => {
      const client = await connected();
      const failed = once(client, 'error');
      const running = client.query('select pg_sleep(60)');
      client.connection.stream.destroy();
      await assert.rejects(running, {
        message: 'Connection terminated unexpectedly',
        code: 'KEEL_CONNECTION_LOST',
      });
      await failed;
    });
  });

  describe('end()', () => {
    it('calls back exactly once, and says "end"', async () => {
      const client = await connected();
      const ended = once(client, 'end');
      let calls = 0;
      await new Promise((resolve) => {
        client.end(() => {
          calls += 1;
          resolve();
        });
      });
      await ended;
      await new Promise((resolve) => {
        client.end(resolve);
      });
      assert.equal(calls, 1);
    });

    it('before connect() is done at once', async () => {
      await make().end();
      let called = false;
      make().end(() => {
        called = true;
      });
      assert.equal(called, true);
    });

    it('closes the connection on the server', async () => {
      const client = await connected();
      const { processID } = client;
      await client.end();
      const gone = async () =>
        (await cluster.psql(`select count(*) from pg_stat_activity where pid = ${processID}`)) === '0';
      await until(gone, { what: 'the backend to go' });
    });

    it('while a query runs ends it, as in pg', async () => {
      const client = await connected();
      const running = client.query('select pg_sleep(60)');
      const [outcome] = await Promise.allSettled([running, client.end()]);
      assert.equal(outcome.reason.message, 'Connection terminated');
    });

    it('while it connects fails connect()', async () => {
      const client = make();
      const connecting = client.connect();
      const asked = client.query('select 1');
      await Promise.all([
        client.end(),
        assert.rejects(connecting, { message: 'Connection terminated' }),
        assert.rejects(asked, { message: 'Connection terminated' }),
      ]);
    });

    it('refuses queries afterwards', async () => {
      const client = await connected();
      await client.end();
      const message = 'Client was closed and is not queryable';
      await assert.rejects(client.query('select 1'), { code: 'KEEL_POOL_CLOSED', message });
    });
  });
});
