'use strict';

/* Every public method of Pool and Client in every state that an application can bring them into. */

const assert = require('node:assert/strict');
const { Client, Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

const OK = 'ok';

const outcomeOf = async (act) => {
  try {
    await act();
    return OK;
  } catch (error) {
    return error.code ?? `${error.name}: ${error.message}`;
  }
};

const viaCallback = (act) =>
  new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve(value)));
  });

const CLIENT_METHODS = {
  'query()': (client) => client.query('select 1'),
  'query() with values': (client) => client.query('select $1::int', [1]),
  'query() with a callback': (client) => viaCallback((done) => client.query('select 1', done)),
  'query() of a name': (client) => client.query({ name: 'matrix', text: 'select 1' }),
  'connect()': (client) => client.connect(),
  'connect() with a callback': (client) => viaCallback((done) => client.connect(done)),
  'getTransactionStatus()': (client) => client.getTransactionStatus(),
  'isConnected()': (client) => client.isConnected(),
  'setTypeParser()': (client) => client.setTypeParser(999999, String),
  'getTypeParser()': (client) => client.getTypeParser(23),
  'escapeIdentifier()': (client) => client.escapeIdentifier('x'),
  'escapeLiteral()': (client) => client.escapeLiteral('x'),
  'cancel()': (client) => client.cancel(client, {}),
  'ref()': (client) => client.ref(),
  'unref()': (client) => {
    client.unref();
    client.ref();
  },
  'end()': (client) => client.end(),
  'end() with a callback': (client) => viaCallback((done) => client.end(done)),
};

const harmless = Object.fromEntries(
  ['getTransactionStatus()', 'isConnected()', 'setTypeParser()', 'getTypeParser()', 'escapeIdentifier()']
    .concat(['escapeLiteral()', 'cancel()', 'ref()', 'unref()', 'end()', 'end() with a callback'])
    .map((method) => [method, OK]),
);
const connectedAlready = { 'connect()': 'KEEL_MISUSE', 'connect() with a callback': 'KEEL_MISUSE' };
const queries = (outcome) => ({
  'query()': outcome,
  'query() with values': outcome,
  'query() with a callback': outcome,
  'query() of a name': outcome,
});

const CLIENT_STATES = {
  'that is idle': { bring: async () => {}, expected: { ...harmless, ...connectedAlready, ...queries(OK) } },
  'that is busy': {
    bring: async (client) => {
      client.query('select pg_sleep(0.05)').catch(() => {});
    },
    expected: { ...harmless, ...connectedAlready, ...queries(OK) },
  },
  'in a transaction': {
    bring: (client) => client.query('begin'),
    expected: { ...harmless, ...connectedAlready, ...queries(OK) },
  },
  'in a failed transaction': {
    bring: async (client) => {
      await client.query('begin');
      await assert.rejects(client.query('select 1/0'));
    },
    expected: { ...harmless, ...connectedAlready, ...queries('25P02') },
  },
  'that was closed': {
    bring: (client) => client.end(),
    expected: { ...harmless, ...connectedAlready, ...queries('KEEL_POOL_CLOSED') },
  },
  'whose connection was lost': {
    bring: async (client, cluster) => {
      client.on('error', () => {});
      const ended = new Promise((resolve) => {
        client.on('end', resolve);
      });
      await cluster.psql(`select pg_terminate_backend(${client.processID})`);
      await ended;
    },
    expected: { ...harmless, ...connectedAlready, ...queries('KEEL_CONNECTION_LOST') },
  },
};

// A pool's client differs from one's own only in what its release() adds.
const RELEASED = {
  expected: { ...harmless, ...connectedAlready, ...queries('KEEL_MISUSE') },
};

const POOL_METHODS = {
  'query()': (pool) => pool.query('select 1'),
  'query() with values': (pool) => pool.query('select $1::int', [1]),
  'query() with a callback': (pool) => viaCallback((done) => pool.query('select 1', done)),
  'query() of a name': (pool) => pool.query({ name: 'matrix', text: 'select 1' }),
  'connect()': async (pool) => (await pool.connect()).release(),
  'connect() with a callback': async (pool) => {
    const client = await viaCallback((done) => pool.connect(done));
    client.release();
  },
  'metrics()': (pool) => assert.equal(pool.metrics().nodes.length, 1),
  'health()': async (pool) => assert.equal((await pool.health()).nodes.length, 1),
  totalCount: (pool) => assert.equal(typeof pool.totalCount, 'number'),
  idleCount: (pool) => assert.equal(typeof pool.idleCount, 'number'),
  waitingCount: (pool) => assert.equal(typeof pool.waitingCount, 'number'),
  expiredCount: (pool) => assert.equal(typeof pool.expiredCount, 'number'),
  options: (pool) => assert.equal(pool.options.max, 1),
  // A second call with options hastens the first; a plain one is what pg knows.
  'end()': (pool) => (pool.ending ? pool.end() : pool.end({ timeout: 2000 })),
  'end() with a callback': (pool) => viaCallback((done) => pool.end(done)),
};
const figures = Object.fromEntries(
  ['metrics()', 'health()', 'totalCount', 'idleCount', 'waitingCount', 'expiredCount', 'options'].map(
    (method) => [method, OK],
  ),
);
const poolWorks = Object.fromEntries(Object.keys(POOL_METHODS).map((method) => [method, OK]));
const poolRefuses = Object.fromEntries(
  Object.keys(POOL_METHODS).map((method) => [method, figures[method] ?? 'KEEL_POOL_CLOSED']),
);

const POOL_STATES = {
  'that was not used': { bring: async () => {}, expected: poolWorks },
  'that is idle': { bring: (pool) => pool.query('select 1'), expected: poolWorks },
  'that is busy': {
    bring: async (pool) => {
      pool.query('select pg_sleep(0.05)').catch(() => {});
    },
    expected: poolWorks,
  },
  'with a transaction left open': { bring: (pool) => pool.query('begin'), expected: poolWorks },
  'whose connection was lost': {
    bring: async (pool, cluster) => {
      const { rows } = await pool.query('select pg_backend_pid() as pid');
      await cluster.psql(`select pg_terminate_backend(${rows[0].pid})`);
      await until(() => pool.totalCount === 0);
    },
    expected: poolWorks,
  },
  'that is closing': {
    bring: async (pool) => {
      pool.query('select pg_sleep(0.05)').catch(() => {});
      pool.end();
    },
    expected: poolRefuses,
  },
  'that was closed': { bring: (pool) => pool.end(), expected: poolRefuses },
};

describe('every method in every state', () => {
  let cluster;

  before(async () => {
    cluster = await sharedCluster();
  });

  for (const [state, { bring, expected }] of Object.entries(CLIENT_STATES)) {
    describe(`a Client ${state}`, () => {
      for (const [method, act] of Object.entries(CLIENT_METHODS)) {
        it(`${method}: ${expected[method]}`, async () => {
          const client = new Client(cluster.config());
          await client.connect();
          await bring(client, cluster);
          assert.equal(await outcomeOf(() => act(client)), expected[method]);
          await client.end();
        });
      }
    });

    describe(`a pool's client ${state}`, () => {
      for (const [method, act] of Object.entries(CLIENT_METHODS)) {
        it(`${method}: ${expected[method]}, and the pool works on`, async () => {
          const pool = new Pool({ ...cluster.config(), max: 1 });
          const client = await pool.connect();
          await bring(client, cluster);
          assert.equal(await outcomeOf(() => act(client)), expected[method]);
          client.release();
          assert.throws(() => client.release(), { code: 'KEEL_MISUSE' });
          const { rows } = await pool.query(
            'select 1 as works, pg_current_xact_id_if_assigned() as transaction',
          );
          assert.deepEqual(rows, [{ works: 1, transaction: null }]);
          await pool.end();
        });
      }
    });
  }

  describe("a pool's client that was released", () => {
    for (const [method, act] of Object.entries(CLIENT_METHODS)) {
      it(`${method}: ${RELEASED.expected[method]}, and the pool works on`, async () => {
        const pool = new Pool({ ...cluster.config(), max: 1 });
        const client = await pool.connect();
        client.release();
        assert.equal(await outcomeOf(() => act(client)), RELEASED.expected[method]);
        assert.equal((await pool.query('select 1 as works')).rows[0].works, 1);
        await pool.end();
      });
    }
  });

  for (const [state, { bring, expected }] of Object.entries(POOL_STATES)) {
    describe(`a Pool ${state}`, () => {
      for (const [method, act] of Object.entries(POOL_METHODS)) {
        it(`${method}: ${expected[method]}`, async () => {
          const pool = new Pool({ ...cluster.config(), max: 1 });
          await bring(pool, cluster);
          assert.equal(await outcomeOf(() => act(pool)), expected[method]);
          if (!pool.ending) await pool.end();
          await until(() => pool.ended);
        });
      }
    });
  }
});
