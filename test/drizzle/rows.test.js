'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { eq, sql } = require('drizzle-orm');
const { Client, Pool } = require('../..');
const { drizzle } = require('../../lib/drizzle');
const { freshDatabase } = require('./support/drivers');
const { users } = require('./support/schema');

describe('rows of Drizzle over our pool', () => {
  let fresh;
  let pool;

  before(async () => {
    fresh = await freshDatabase();
    await fresh.psql('select start_over()');
    pool = new Pool({ connectionString: fresh.url, max: 2 });
  });

  after(async () => {
    await pool?.end();
    await fresh?.drop();
  });

  const ada = (db) => db.select({ id: users.id, name: users.name }).from(users).where(eq(users.id, 1));
  const expected = [{ id: 1, name: 'Ada' }];

  /** What an application that puts itself in between sees of the rows. */
  function watching(target, seen) {
    const original = target.query;
    target.query = async function query(...args) {
      const result = await original.apply(this, args);
      seen.push(...result.rows);
      return result;
    };
    return target;
  }

  it('are made at once', async () => {
    const rows = [];
    const spied = new Proxy(pool, {
      get: (_, key) => (key === 'query' ? spiedQuery : Reflect.get(pool, key, pool)),
    });
    async function spiedQuery(...args) {
      const result = await pool.query(...args);
      rows.push(...result.rows);
      return result;
    }
    Object.assign(spiedQuery, pool.query);
    assert.deepEqual(await ada(drizzle(spied)), expected);
    assert.deepEqual(rows, expected);
  });

  it('are the arrays that were asked for to whoever stands in between', async () => {
    const patched = new Pool({ connectionString: fresh.url, max: 1 });
    const client = new Client(fresh.url);
    try {
      await client.connect();
      const around = { totalCount: 0, query: (...args) => pool.query(...args) };
      for (const target of [patched, client, around]) {
        const seen = [];
        assert.deepEqual(await ada(drizzle(watching(target, seen))), expected);
        assert.deepEqual(seen, [[1, 'Ada']]);
      }
    } finally {
      await Promise.all([patched.end(), client.end()]);
    }
  });

  it("are arrays to a class of the application's own", async () => {
    const seen = [];
    class Watched extends Client {
      query(config, values, callback) {
        return super.query(config, values, (error, result) => {
          seen.push(...(result?.rows ?? []));
          callback(error, result);
        });
      }
    }
    const own = new Pool({ connectionString: fresh.url, max: 1, Client: Watched });
    try {
      assert.deepEqual(await ada(drizzle(own)), expected);
      assert.deepEqual(seen, [[1, 'Ada']]);
    } finally {
      await own.end();
    }
  });

  it("are decoded by the application's functions where it asked, and once", async () => {
    const context = new AsyncLocalStorage();
    const seen = [];
    const decode = (value) => {
      seen.push(context.getStore());
      return value;
    };
    const query = drizzle(pool)
      .select({ n: sql`i`.mapWith(decode) })
      .from(sql`generate_series(1, 2) as i`);
    await context.run('here', () => query.execute());
    assert.deepEqual(seen, ['here', 'here']);
  });

  it('of binary results are the same', async () => {
    const binary = new Pool({ connectionString: fresh.url, max: 1, binary: true });
    try {
      assert.deepEqual(await ada(drizzle(binary)), expected);
    } finally {
      await binary.end();
    }
  });

  it('fail with the caller in the stack when one cannot be decoded', async () => {
    async function theCaller() {
      await drizzle(pool)
        .select({ n: sql`'x'`.mapWith(BigInt) })
        .from(users);
    }
    await assert.rejects(theCaller(), (error) => {
      assert.equal(error.name, 'SyntaxError');
      assert.match(error.stack, /theCaller/);
      return true;
    });
  });
});
