'use strict';

const assert = require('node:assert/strict');
const { DrizzleQueryError, is, sql } = require('drizzle-orm');
const { PgDatabase, PgTransaction } = require('drizzle-orm/pg-core');
const { Client, KeelError, Pool } = require('../..');
const { drizzle } = require('../../lib/drizzle');
const { freshDatabase } = require('./support/drivers');
const schema = require('./support/schema');

const { users } = schema;

describe('drizzle() of pgkeel/drizzle', () => {
  let fresh;
  let opened = [];

  before(async () => {
    fresh = await freshDatabase();
    await fresh.psql('select start_over()');
  });

  after(() => fresh?.drop());

  afterEach(async () => {
    await Promise.all(opened.map((client) => client.end()));
    opened = [];
  });

  function keep(client) {
    opened.push(client);
    return client;
  }

  async function assertWorks(db) {
    assert.equal(await db.$count(users), 4);
    assert.equal((await db.transaction((tx) => tx.select().from(users).limit(1)))[0].name, 'Ada');
  }

  describe('takes', () => {
    it('a connection string', async () => {
      const db = drizzle(fresh.url);
      await assertWorks(db);
      assert.ok(keep(db.$client) instanceof Pool);
    });

    it('a connection string and a config', async () => {
      const db = drizzle(fresh.url, { schema });
      keep(db.$client);
      assert.equal((await db.query.users.findFirst()).name, 'Ada');
    });

    it('a pool', async () => {
      const pool = keep(new Pool({ connectionString: fresh.url }));
      const db = drizzle(pool);
      await assertWorks(db);
      assert.equal(db.$client, pool);
    });

    it('a pool and a config', async () => {
      const db = drizzle(keep(new Pool({ connectionString: fresh.url })), { schema, casing: 'snake_case' });
      assert.equal((await db.query.users.findFirst()).name, 'Ada');
    });

    it('a connected client', async () => {
      const client = keep(new Client(fresh.url));
      await client.connect();
      await assertWorks(drizzle(client));
    });

    it('a client of a pool', async () => {
      const pool = keep(new Pool({ connectionString: fresh.url, max: 1 }));
      const client = await pool.connect();
      await assertWorks(drizzle({ client }));
      client.release();
    });

    it('an object with a client', async () => {
      const client = keep(new Pool({ connectionString: fresh.url }));
      const db = drizzle({ client, schema });
      assert.equal(db.$client, client);
      assert.equal((await db.query.users.findFirst()).name, 'Ada');
    });

    it('an object with a connection string', async () => {
      const db = drizzle({ connection: fresh.url, schema });
      keep(db.$client);
      assert.equal((await db.query.users.findFirst()).name, 'Ada');
    });

    it('an object with pool options', async () => {
      const db = drizzle({ connection: { connectionString: fresh.url, max: 3 } });
      await assertWorks(db);
      assert.equal(keep(db.$client).options.max, 3);
    });

    it("pg's own pool", async () => {
      const pg = require('pg');
      await assertWorks(drizzle(keep(new pg.Pool({ connectionString: fresh.url }))));
    });

    it('a config alone, and then asks the environment', async () => {
      const before = process.env.DATABASE_URL;
      process.env.DATABASE_URL = fresh.url;
      try {
        const db = drizzle({ schema });
        keep(db.$client);
        assert.equal((await db.query.users.findFirst()).name, 'Ada');
      } finally {
        if (before === undefined) delete process.env.DATABASE_URL;
        else process.env.DATABASE_URL = before;
      }
    });
  });

  it('opens pools of its own with the hardened defaults, given ones stay as they are', () => {
    const own = keep(drizzle(fresh.url).$client);
    const plain = keep(new Pool({ connectionString: fresh.url }));
    assert.equal(own.options.idleTimeoutMillis, 30_000);
    assert.equal(own.options.connectionTimeoutMillis, 5_000);
    assert.notEqual(drizzle(plain).$client.options.idleTimeoutMillis, 30_000);
  });

  describe('refuses, by an error that says what is accepted,', () => {
    const wrong = [
      ['nothing', []],
      ['null', [null]],
      ['an empty string', ['']],
      ['text that is no connection string', ['nonsense']],
      ['a number', [5432]],
      ['pool options without `connection`', [{ host: 'localhost' }]],
      ['a client that is none', [{ client: {} }]],
      ['a connection that is none', [{ connection: 5 }]],
      ['a second argument that is no config', ['postgres://localhost/x', 'schema']],
      ['a logger that is none', [{ connection: 'postgres://localhost/x', logger: 'yes' }]],
      ['an unknown casing', [{ connection: 'postgres://localhost/x', casing: 'kebab-case' }]],
      ['a schema that is none', [{ connection: 'postgres://localhost/x', schema: 'public' }]],
      ['a cache that is none', [{ connection: 'postgres://localhost/x', cache: new Map() }]],
    ];
    for (const [name, args] of wrong) {
      it(name, () => {
        assert.throws(
          () => drizzle(...args),
          (error) =>
            error instanceof KeelError &&
            error.code === 'KEEL_CONFIG' &&
            /accepted|valid|object/.test(error.message),
        );
      });
    }

    it('and never shows a password', () => {
      for (const args of [
        ['postgres://me:s3cret@host:bad/x'],
        [{ url: 'postgres://me:s3cret@host/x' }],
        ['me:s3cret@h'],
      ]) {
        assert.throws(
          () => drizzle(...args),
          (error) => error instanceof KeelError && !error.message.includes('s3cret'),
        );
      }
    });
  });

  describe('mock()', () => {
    it('builds statements', () => {
      const db = drizzle.mock({ schema });
      assert.equal(db.select({ id: users.id }).from(users).toSQL().sql, 'select "id" from "users"');
      assert.match(db.query.users.findMany({ with: { posts: true } }).toSQL().sql, /left join lateral/);
      assert.ok(drizzle.mock());
    });

    it('opens nothing and says so when it is asked to run something', async () => {
      const db = drizzle.mock();
      assert.deepEqual(db.$client, {});
      await assert.rejects(
        db.select().from(users),
        (error) => error instanceof DrizzleQueryError && error.cause instanceof KeelError,
      );
      await assert.rejects(
        db.transaction(async () => {}),
        KeelError,
      );
    });
  });

  it('logs to the console with logger: true, and to nobody with false', async () => {
    const pool = keep(new Pool({ connectionString: fresh.url }));
    const lines = [];
    const log = console.log;
    console.log = (line) => lines.push(line);
    try {
      await drizzle({ client: pool, logger: true }).execute(sql`select ${1}::int`);
      await drizzle({ client: pool, logger: false }).execute(sql`select ${2}::int`);
    } finally {
      console.log = log;
    }
    assert.deepEqual(lines, ['Query: select $1::int -- params: [1]']);
  });

  it('binds $cache.invalidate to the cache, and has one that does nothing without a cache', async () => {
    const client = keep(new Pool({ connectionString: fresh.url }));
    const cache = {
      seen: [],
      async onMutate(what) {
        this.seen.push(what);
      },
    };
    const { invalidate } = drizzle({ client, cache }).$cache;
    await invalidate({ tables: 'users' });
    assert.deepEqual(cache.seen, [{ tables: 'users' }]);
    await drizzle({ client }).$cache.invalidate({ tables: 'users' });
  });

  it('gives objects that Drizzle knows as its own', async () => {
    const db = drizzle({ client: keep(new Pool({ connectionString: fresh.url })) });
    assert.ok(is(db, PgDatabase));
    await db.transaction(async (tx) => assert.ok(is(tx, PgTransaction) && is(tx, PgDatabase)));
    const kinds = [db, db._.session, db.select().from(users).prepare('kind')].map(
      (object) => object.constructor,
    );
    const { entityKind } = require('drizzle-orm');
    for (const kind of kinds) assert.ok(Object.hasOwn(kind, entityKind), kind.name);
    assert.equal(new Set(kinds.map((kind) => kind[entityKind])).size, kinds.length);
  });
});
