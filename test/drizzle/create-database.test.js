'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { eq, sql } = require('drizzle-orm');
const { KeelError, Pool } = require('../..');
const { createDatabase } = require('../../lib/drizzle');
const { freshDatabase } = require('./support/drivers');
const schema = require('./support/schema');

const { groups, users } = schema;

const WRONG_OPTIONS = [
  ['connectionString', 'localhost'],
  ['connectionString', 5],
  ['readReplicaUrls', 'postgres://r1/db'],
  ['readReplicaUrls', ['postgres://r1/db', 'r2']],
  ['readWriteRatio', 1.5],
  ['min', -1],
  ['min', 11],
  ['max', 0],
  ['max', 2.5],
  ['poolSize', 'ten'],
  ['idleTimeoutMillis', Infinity],
  ['connectionTimeoutMillis', -1],
  ['acquireTimeoutMillis', '10s'],
  ['maxLifetimeSeconds', -1],
  ['maxLifetimeJitter', 5],
  ['maxUses', -1],
  ['healthCheckInterval', true],
  ['aliveBypassWindow', {}],
  ['maxRetries', -1],
  ['retryDelay', NaN],
  ['retryMaxDelay', 2 ** 40],
  ['statementTimeout', true],
  ['statement_timeout', '30s'],
  ['query_timeout', -1],
  ['slowQueryThreshold', []],
  ['circuitBreaker', true],
  ['circuitBreaker', 5],
  ['circuitBreaker', { failureTreshold: 5 }, 'failureTreshold'],
  ['circuitBreaker', { failureThreshold: 0 }, 'failureThreshold'],
  ['circuitBreaker', { slidingWindowType: 'BOTH' }, 'slidingWindowType'],
  ['circuitBreaker', { failureRateThreshold: 101 }, 'failureRateThreshold'],
  ['keepAlive', 'yes'],
  ['keepAliveInitialDelayMillis', 1.5],
  ['ssl', 'maybe'],
  ['ssl', 1],
  ['leakDetectionThreshold', -5],
  ['drainTimeout', 'long'],
  ['prepare', 'always'],
  ['password', 5],
  ['schema', 'users'],
  ['logger', 1],
  ['casing', 'kebab-case'],
  ['cache', new Map()],
  ['host', 5],
  ['port', 70000],
];

describe('createDatabase()', () => {
  let fresh;
  let database;

  before(async () => {
    fresh = await freshDatabase();
  });

  after(() => fresh?.drop());

  beforeEach(async () => {
    await fresh.psql('select start_over()');
    database = createDatabase({ connectionString: fresh.url, schema, max: 4 });
  });

  afterEach(() => database.close());

  it('gives a database with the schema, over the pool', async () => {
    const { db, pool } = database;
    assert.ok(pool instanceof Pool);
    assert.equal(db.$client, pool);
    assert.equal(
      (await db.query.users.findFirst({ where: eq(users.id, 1), with: { posts: true } })).posts.length,
      2,
    );
  });

  it('gives the same database bound to the primary', async () => {
    const { db, pool } = database;
    assert.equal(db.$primary.$client, pool);
    await db.$primary.transaction((tx) => tx.insert(groups).values({ name: 'written there' }));
    assert.equal(await db.$primary.$count(groups), 4);
    assert.equal((await db.$primary.query.users.findFirst()).name, 'Ada');
  });

  it('has members that work when they are taken apart', async () => {
    const { testConnection, health, metrics, close, readPool, writePool } = database;
    assert.equal(await testConnection(), true);
    assert.equal(typeof (await health()), 'object');
    assert.equal(typeof metrics(), 'object');
    const { query } = readPool;
    assert.equal((await query('select 1 as one')).rows[0].one, 1);
    const { connect } = writePool;
    (await connect()).release();
    await close();
  });

  it('starts from the hardened defaults, which explicit options beat', async () => {
    const { pool } = database;
    assert.equal(pool.options.max, 4);
    assert.equal(pool.options.min, 2);
    assert.equal(pool.options.idleTimeoutMillis, 30_000);
    const { rows } = await pool.query('show statement_timeout');
    assert.equal(rows[0].statement_timeout, '30s');
  });

  it('passes logger, casing and cache on to Drizzle', async () => {
    const lines = [];
    const other = createDatabase({
      connectionString: fresh.url,
      casing: 'snake_case',
      logger: { logQuery: (text) => lines.push(text) },
      cache: { strategy: () => 'explicit', onMutate: async ({ tables }) => lines.push(tables) },
    });
    try {
      await other.db.insert(schema.camelNotes).values({ noteText: 'x' });
      assert.match(lines[0], /"note_text"/);
      assert.deepEqual(lines[1], ['camel_notes']);
    } finally {
      await other.close();
    }
  });

  it('says whether the database answers, and never throws', async () => {
    const nowhere = createDatabase({
      host: '127.0.0.1',
      port: 1,
      user: 'nobody',
      database: 'none',
      maxRetries: 0,
    });
    try {
      assert.equal(await nowhere.testConnection(), false);
    } finally {
      await nowhere.close();
    }
    assert.equal(await nowhere.testConnection(), false);
  });

  describe('refuses, by an error that names it,', () => {
    const isConfigError = (error) => error instanceof KeelError && error.code === 'KEEL_CONFIG';

    for (const [option, value, named = option] of WRONG_OPTIONS) {
      it(`${option}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`, () => {
        assert.throws(
          () => createDatabase({ [option]: value }),
          (error) =>
            isConfigError(error) &&
            error.message.includes(named) &&
            /accepted (is|are) ./.test(error.message),
        );
      });
    }

    it('what is no object at all', () => {
      assert.throws(() => createDatabase('postgres://localhost/x'), isConfigError);
      assert.throws(() => createDatabase(null), isConfigError);
    });

    it('and shows neither password nor key', () => {
      for (const options of [
        { password: Buffer.from('s3cret') },
        { ssl: ['s3cret'] },
        { prepare: { key: 's3cret' } },
      ]) {
        assert.throws(
          () => createDatabase(options),
          (error) => isConfigError(error) && !error.message.includes('s3cret'),
        );
      }
    });
  });

  describe('close()', () => {
    it('lets running work finish', async () => {
      const running = database.db.execute(sql`select pg_sleep(0.2), 'done' as state`).execute();
      await database.pool.query('select 1');
      await database.close({ timeout: 5000 });
      assert.equal((await running).rows[0].state, 'done');
      await assert.rejects(database.pool.query('select 1'));
    });

    it('may be called more than once, and after the views were ended', async () => {
      await Promise.all([database.readPool.end(), database.writePool.end()]);
      await database.close();
      await database.close({ timeout: 1 });
      assert.equal(database.pool.ended, true);
    });

    it('may be called after the pool was ended', async () => {
      await database.pool.end();
      await database.close();
    });

    it('takes a callback on the views, as pg does', async () => {
      await new Promise((resolve, reject) =>
        database.readPool.end((error) => (error ? reject(error) : resolve())),
      );
      assert.equal(database.writePool.ended, true);
    });
  });

  for (const name of ['readPool', 'writePool']) {
    describe(name, () => {
      it('takes every form of query()', async () => {
        const pool = database[name];
        const expect = ({ rows }) => assert.deepEqual(rows, [{ x: 1 }]);
        expect(await pool.query('select 1 as x'));
        expect(await pool.query('select $1::int as x', [1]));
        expect(await pool.query({ text: 'select $1::int as x', values: [1] }));
        expect(await pool.query({ text: 'select $1::int as x' }, [1]));
        expect(
          await new Promise((resolve, reject) =>
            pool.query('select 1 as x', (e, r) => (e ? reject(e) : resolve(r))),
          ),
        );
        expect(
          await new Promise((resolve, reject) =>
            pool.query('select $1::int as x', [1], (e, r) => (e ? reject(e) : resolve(r))),
          ),
        );
        assert.deepEqual((await pool.query({ text: 'select 1', rowMode: 'array' })).rows, [[1]]);
        class Statement {
          get text() {
            return 'select $1::int as x';
          }
          get values() {
            return [1];
          }
        }
        expect(await pool.query(new Statement()));
        await assert.rejects(pool.query('select 1/0'), { code: '22012' });
      });

      it('leaves the config as it was given', async () => {
        const config = Object.freeze({ text: 'select 1' });
        await database[name].query(config);
        assert.deepEqual(config, { text: 'select 1' });
      });

      it('is a pool over the same connections', async () => {
        const view = database[name];
        assert.ok(view instanceof Pool && view instanceof EventEmitter);
        const acquired = once(view, 'acquire');
        const client = await view.connect();
        await acquired;
        assert.equal(view.totalCount, database.pool.totalCount);
        assert.equal(view.idleCount, database.pool.idleCount);
        assert.equal(view.options, database.pool.options);
        assert.equal((await client.query('select 1 as x')).rows[0].x, 1);
        client.release();
      });

      it('writes, too', async () => {
        await database[name].query("insert into groups (name) values ('through a view')");
        assert.equal(await database.db.$count(groups), 4);
      });
    });
  }
});
