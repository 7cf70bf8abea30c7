'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const pg = require('pg');
const { Client, DatabaseError, KeelError, Pool } = require('../../lib');
const { failureOf } = require('../support/failure');
const { freePort } = require('../support/ports');
const { sharedCluster } = require('../support/shared');

describe('errors', () => {
  let cluster;
  let pool;
  let closedPort;

  before(async () => {
    cluster = await sharedCluster();
    await cluster.psql(`
      drop table if exists guarded;
      create table guarded (id int primary key, n int not null constraint small check (n < 10))`);
    pool = new Pool({ ...cluster.config(), max: 2 });
    closedPort = await freePort();
  });

  after(() => pool.end());

  describe('of what the protocol cannot carry', () => {
    const CASES = {
      'too many values': [
        { text: 'select 1', values: new Array(65_536).fill(1) },
        /at most 65535 values, and 65536/,
      ],
      'a name that is a number': [{ text: 'select $1::int', values: [1], name: 5 }, /name of a statement/],
      'a name with a zero byte': [
        { text: 'select $1::int', values: [1], name: 'a\0b' },
        /name of a statement/,
      ],
    };

    for (const [what, [query, message]] of Object.entries(CASES)) {
      it(what, async () => {
        const error = await failureOf(pool.query(query));
        assert.equal(error.code, 'KEEL_MISUSE');
        assert.equal(error.outcome, 'not-sent');
        assert.match(error.message, message);
      });
    }
  });

  describe('within a procedure that has committed', () => {
    before(() =>
      cluster.psql(`
        create or replace procedure commit_and_fail(id int) language plpgsql as $$
        begin
          insert into guarded values (id, 1);
          commit;
          raise exception 'cached plan must not change result type' using errcode = '0A000';
        end $$;
        drop table if exists settled_late;
        create table settled_late (
          id int, n int, constraint once unique (n) deferrable initially deferred);
        create or replace procedure commit_and_fail_at_the_end(first int) language plpgsql as $$
        begin
          insert into settled_late values (first, first);
          commit;
          insert into settled_late values (first + 1, first);
        end $$`),
    );

    // The commit that ends it is the server's own: its error comes without a context.
    it('the same when it fails at the very end', async () => {
      const repeating = new Pool({ ...cluster.config(), max: 1, maxRetries: 3, retryDelay: 1 });
      try {
        for (const ask of [
          { text: 'call commit_and_fail_at_the_end(1)' },
          { text: 'call commit_and_fail_at_the_end($1)', values: [2] },
          {
            text: `do $$ begin insert into settled_late values (3, 3); commit;
              insert into settled_late values (4, 3); end $$`,
          },
        ]) {
          const error = await failureOf(repeating.query(ask));
          assert.equal(error.code, '23505');
          assert.equal(error.outcome, 'unknown');
          assert.equal(error.attempts, 1);
        }
        const { rows } = await pool.query('select id, n from settled_late order by id');
        assert.deepEqual(
          rows,
          [1, 2, 3].map((id) => ({ id, n: id })),
        );
      } finally {
        await repeating.end();
      }
    });

    it('one that never began left no trace', async () => {
      for (const text of ['call nowhere()', 'call commit_and_fail(', 'call commit_and_fail(nowhere)']) {
        const error = await failureOf(pool.query(text));
        assert.match(error.code, /^42/);
        assert.equal(error.outcome, 'rolled-back');
      }
    });

    it('say that it may have happened, and do not make it happen twice', async () => {
      for (const id of [100, 101, 102]) {
        const error = await failureOf(pool.query('call commit_and_fail($1)', [id]));
        assert.equal(error.code, '0A000');
        assert.equal(error.outcome, 'unknown');
        assert.equal(error.attempts, 1);
      }
      const { rows } = await pool.query('select id from guarded where id >= 100 order by id');
      assert.deepEqual(rows, [{ id: 100 }, { id: 101 }, { id: 102 }]);
    });

    it('leave no trace when a transaction is around it', async () => {
      const client = await pool.connect();
      await client.query('begin');
      const error = await failureOf(client.query('do $$ begin perform 1 / 0; end $$'));
      assert.equal(error.outcome, 'rolled-back');
      await client.query('rollback');
      client.release();
    });
  });

  describe('of the server', () => {
    const CASES = {
      'a unique violation': 'insert into guarded values (1, 1); insert into guarded values (1, 1)',
      'a check that fails': 'insert into guarded values (2, 20)',
      'a missing value': 'insert into guarded (id) values (3)',
      'a missing table': 'select * from nowhere',
      'a syntax error': 'selec 1',
      'an error inside of a function': 'do $$ begin perform 1/0; end $$',
      'one raised with everything': `do $$ begin
        raise exception 'told' using detail = 'd', hint = 'h', errcode = 'ZZ123', schema = 's', table = 't',
          column = 'c', datatype = 'y', constraint = 'k'; end $$`,
    };
    for (const [name, text] of Object.entries(CASES)) {
      it(`${name}: all of pg's fields, and fate beside them`, async () => {
        const client = new pg.Client(cluster.config());
        await client.connect();
        const expected = await failureOf(client.query(text));
        await client.end();
        const actual = await failureOf(pool.query(text));
        assert.ok(actual instanceof DatabaseError);
        assert.deepEqual({ ...actual }, { ...expected });
        assert.deepEqual(Object.keys(actual), Object.keys(expected));
        assert.equal(actual.message, expected.message);
        assert.equal(actual.outcome, 'rolled-back');
        assert.equal(actual.attempts, 1);
      });
    }
  });

  describe('while connecting', () => {
    const nowhere = () => ({ ...cluster.config(), host: '127.0.0.1', port: closedPort });

    it('a Client: refused, told as pg tells it', async () => {
      const expected = await failureOf(new pg.Client(nowhere()).connect());
      const actual = await failureOf(new Client(nowhere()).connect());
      assert.ok(actual instanceof KeelError);
      const told = ({ message, code, errno, syscall, address, port }) => ({
        ...{ message, code, errno, syscall, address, port },
      });
      assert.deepEqual(told(actual), told(expected));
      assert.equal(actual.keelCode, 'KEEL_CONNECT_FAILED');
    });

    it('a Pool: refused, under the code of its own with the cause', async () => {
      const refused = new Pool(nowhere());
      for (const attempt of [() => refused.query('select 1'), () => refused.connect()]) {
        const error = await failureOf(attempt());
        assert.ok(error instanceof KeelError);
        assert.equal(error.code, 'KEEL_CONNECT_FAILED');
        assert.equal(error.cause.code, 'ECONNREFUSED');
        assert.equal(error.message, `connect ECONNREFUSED 127.0.0.1:${closedPort}`);
        assert.equal(error.outcome, 'not-sent');
        assert.equal(error.node, `127.0.0.1:${closedPort}`);
      }
      await refused.end();
    });

    it('a name that is not known', async () => {
      const unknown = new Pool({ ...cluster.config(), host: 'no-such-host.invalid' });
      const error = await failureOf(unknown.query('select 1'));
      assert.equal(error.code, 'KEEL_CONNECT_FAILED');
      assert.match(error.cause.code, /^(ENOTFOUND|EAI_AGAIN)$/);
      assert.equal(error.cause.syscall, 'getaddrinfo');
      assert.match(error.message, /^getaddrinfo \w+ no-such-host\.invalid$/);
      await unknown.end();
    });

    it('a socket that is not there', async () => {
      const error = await failureOf(new Client({ ...cluster.config(), host: '/no/such/folder' }).connect());
      assert.equal(error.code, 'ENOENT');
      assert.match(error.message, /^connect ENOENT \/no\/such\/folder/);
    });

    it("a database that is not there: the server's own error", async () => {
      const config = { ...cluster.config(), database: 'no_such_database' };
      const expected = await failureOf(new pg.Client(config).connect());
      const lost = new Pool(config);
      const hardened = new Pool({ ...config, hardened: true });
      for (const error of [
        await failureOf(new Client(config).connect()),
        await failureOf(lost.query('select 1')),
      ]) {
        assert.ok(error instanceof DatabaseError);
        assert.equal(error.code, '3D000');
        assert.equal(error.message, expected.message);
        assert.equal(error.outcome, 'not-sent');
      }
      const wrapped = await failureOf(hardened.query('select 1'));
      assert.equal(wrapped.code, 'KEEL_CONNECT_FAILED');
      assert.equal(wrapped.cause.code, '3D000');
      await Promise.all([lost.end(), hardened.end()]);
    });

    it('a server that hangs up', async () => {
      const server = net.createServer((socket) => socket.once('data', () => socket.destroy()));
      await new Promise((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const config = { ...cluster.config(), port: server.address().port };
      const error = await failureOf(new Client(config).connect());
      assert.ok(error instanceof KeelError);
      const hungUp = new Pool(config);
      assert.equal((await failureOf(hungUp.query('select 1'))).code, 'KEEL_CONNECT_FAILED');
      await hungUp.end();
      server.close();
    });
  });

  describe('lead to the caller', () => {
    async function callerOfOurs(ask) {
      await ask();
    }

    const ASYNC = {
      'pool.query()': () => pool.query('select nonsense'),
      'pool.query() refused before it is sent': () => pool.query({}),
      'client.query()': async () => {
        const client = await pool.connect();
        try {
          await client.query('select nonsense');
        } finally {
          client.release();
        }
      },
      'client.connect()': () => new Client({ ...cluster.config(), port: closedPort }).connect(),
      'pool.connect()': async () => {
        const refused = new Pool({ ...cluster.config(), port: closedPort });
        try {
          await refused.connect();
        } finally {
          refused.end();
        }
      },
      'Promise.all()': () => Promise.all([pool.query('select 1'), pool.query('select nonsense')]),
    };
    for (const [name, ask] of Object.entries(ASYNC)) {
      it(`${name}, awaited`, async () => {
        const error = await failureOf(callerOfOurs(ask));
        assert.match(error.stack, /callerOfOurs/);
      });
    }

    it('pool.query() with a callback', async () => {
      function callbackCaller(resolve) {
        pool.query('select nonsense', resolve);
      }
      const error = await new Promise(callbackCaller);
      assert.match(error.stack, /callbackCaller/);
      assert.match(error.stack, /^error: column "nonsense" does not exist\n/);
    });

    it('pool.connect() with a callback', async () => {
      const refused = new Pool({ ...cluster.config(), port: closedPort });
      function connectCaller(resolve) {
        refused.connect(resolve);
      }
      const error = await new Promise(connectCaller);
      assert.match(error.stack, /connectCaller/);
      await refused.end();
    });
  });

  it('never hold a parameter or the password', async () => {
    const secret = 'very-secret-value';
    const config = { ...cluster.config(), password: secret, port: closedPort };
    const refused = new Pool(config);
    const errors = [
      await failureOf(refused.query('select $1', [secret])),
      await failureOf(new Client(`postgres://u:${secret}@127.0.0.1:${closedPort}/d`).connect()),
      await failureOf(pool.query({ text: 'select $1', values: [secret], timeout: 'soon' })),
    ];
    for (const error of errors) {
      const shown = require('node:util').inspect(error, { depth: 5 }) + JSON.stringify(error) + error.stack;
      assert.doesNotMatch(shown, /very-secret/);
    }
    await refused.end();
  });
});
