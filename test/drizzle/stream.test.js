'use strict';

const assert = require('node:assert/strict');
const { DrizzleQueryError, eq, sql } = require('drizzle-orm');
const { Cache } = require('drizzle-orm/cache/core');
const pg = require('pg');
const { Pool } = require('../..');
const { createDatabase, drizzle } = require('../../lib/drizzle');
const { freshDatabase } = require('./support/drivers');
const schema = require('./support/schema');

const { comments, groups, posts, users, values } = schema;

describe('$stream of pgkeel/drizzle', () => {
  let fresh;
  let pool;
  let db;

  before(async () => {
    fresh = await freshDatabase();
  });

  after(() => fresh?.drop());

  beforeEach(async () => {
    await fresh.psql('select start_over()');
    pool = new Pool({ connectionString: fresh.url, max: 2 });
    db = drizzle(pool, { schema });
    const day = new Date('2024-02-29T12:34:56.789Z');
    const some = {
      bigBigint: 2n ** 60n,
      tzDate: day,
      dayDate: day,
      jsonb: { a: [1, null] },
      interval: '1 day',
    };
    await db.insert(values).values([{ id: 1, ...some, numerics: ['1.50'], mood: 'ok' }, { id: 2 }]);
  });

  afterEach(() => pool.end({ force: true }));

  async function all(stream) {
    const rows = [];
    for await (const row of stream) rows.push(row);
    return rows;
  }

  const endless = sql`select generate_series(1, 1000000000) as i`;

  const QUERIES = {
    'a select': (on) => on.select().from(users).orderBy(users.id),
    'values of every kind': (on) => on.select().from(values).orderBy(values.id),
    'a join with an absent side': (on) =>
      on
        .select()
        .from(posts)
        .leftJoin(comments, eq(comments.postId, posts.id))
        .orderBy(posts.id, comments.id),
    'chosen fields, nested': (on) =>
      on
        .select({ id: users.id, more: { name: users.name, upper: sql`upper(${users.name})` } })
        .from(users)
        .orderBy(users.id),
    'relations: findMany': (on) =>
      on.query.users.findMany({ with: { posts: { with: { comments: true } } }, orderBy: users.id }),
    'a statement of one own': (on) => on.execute(sql`select * from posts order by id`),
  };
  for (const [name, build] of Object.entries(QUERIES)) {
    it(`gives the rows that the query itself gives: ${name}`, async () => {
      const expected = await build(db);
      const rows = expected.rows ?? expected;
      assert.ok(rows.length > 1);
      assert.deepEqual(await all(db.$stream(build(db))), rows);
      const batches = await all(db.$stream(build(db), { batchSize: 1 }).batches());
      assert.deepEqual(
        batches,
        rows.map((row) => [row]),
      );
      await db.transaction(async (tx) => assert.deepEqual(await all(tx.$stream(build(tx))), rows));
    });
  }

  it('takes findFirst, sql``, a prepared query, a text and a write with returning', async () => {
    const first = db.query.users.findFirst({ orderBy: users.id });
    assert.deepEqual(await all(db.$stream(first)), [await first]);
    assert.deepEqual(await all(db.$stream(db.query.users.findFirst({ where: sql`false` }))), []);
    assert.deepEqual(await all(db.$stream(sql`select ${7}::int as n`)), [{ n: 7 }]);
    assert.deepEqual(await all(db.$stream('select 8 as n')), [{ n: 8 }]);
    const prepared = db.select({ id: groups.id }).from(groups).orderBy(groups.id).prepare('groups_by_id');
    assert.deepEqual(await all(db.$stream(prepared)), await prepared.execute());
    const added = await all(db.$stream(db.insert(groups).values({ name: 'streamed' }).returning()));
    assert.equal(added[0].name, 'streamed');
  });

  it('gives up on the server what is left, and the connection is used again', async () => {
    const single = new Pool({ connectionString: fresh.url, max: 1 });
    const over = drizzle(single);
    const pid = async () => (await over.execute(sql`select pg_backend_pid() as pid`)).rows[0].pid;
    const before = await pid();
    for await (const row of over.$stream(endless)) if (row) break;
    assert.equal(await pid(), before);
    await single.end();
  });

  it('rejects as the query does', async () => {
    const nothing = sql`select ${1}::int / 0`;
    await assert.rejects(all(db.$stream(nothing)), (error) => {
      assert.ok(error instanceof DrizzleQueryError);
      assert.equal(error.query, 'select $1::int / 0');
      assert.deepEqual(error.params, [1]);
      assert.equal(error.cause.code, '22012');
      return true;
    });
  });

  it('refuses what is no query, and drivers that cannot', async () => {
    await assert.rejects(all(db.$stream({})), { code: 'KEEL_MISUSE' });
    await assert.rejects(all(db.$stream(undefined)), { code: 'KEEL_MISUSE' });
    await assert.rejects(all(drizzle.mock().$stream(endless)), { code: 'KEEL_CONFIG' });
    const stock = new pg.Pool({ connectionString: fresh.url });
    const over = drizzle(stock);
    await assert.rejects(all(over.$stream(endless)), { code: 'KEEL_MISUSE' });
    await over.transaction((tx) => assert.rejects(all(tx.$stream(endless)), { code: 'KEEL_MISUSE' }));
    await stock.end();
  });

  describe('in a transaction', () => {
    it('runs on its connection, also the query of another builder', async () => {
      await db.transaction(async (tx) => {
        await tx.insert(groups).values({ name: 'unseen outside' });
        const query = db.select().from(groups).where(eq(groups.name, 'unseen outside'));
        assert.equal((await all(tx.$stream(query))).length, 1);
        assert.equal((await all(db.$stream(query))).length, 0);
        await tx.transaction(async (inner) => assert.equal((await all(inner.$stream(query))).length, 1));
      });
    });

    it('the loop may ask, and leave early, and go on', async () => {
      await db.transaction(async (tx) => {
        for await (const { i } of tx.$stream(sql`select generate_series(1, 100000) as i`)) {
          if (i % 1000 === 0) await tx.insert(groups).values({ name: `group ${i}` });
          if (i === 50_000) break;
        }
        await tx.insert(groups).values({ name: 'after' });
      });
      assert.equal(await db.$count(groups), 3 + 50 + 1);
    });

    it('keeps its place among queries that are given at the same time', async () => {
      await db.transaction(async (tx) => {
        const add = (name) =>
          tx
            .insert(groups)
            .values({ name })
            .then(() => undefined);
        const count = () => all(tx.$stream(sql`select count(*)::int as n from groups`)).then(([{ n }]) => n);
        const answers = await Promise.all([add('a'), add('b'), count(), add('c'), count()]);
        assert.deepEqual(answers, [undefined, undefined, 5, undefined, 6]);
      });
    });

    it('that has ended it is refused', async () => {
      let late;
      await db.transaction(async (tx) => {
        late = tx.$stream(sql`select 1`);
      });
      await assert.rejects(all(late), { code: 'KEEL_MISUSE', message: /has ended/ });
    });
  });

  it('a write makes the cache forget its tables', async () => {
    const forgotten = [];
    class Remembering extends Cache {
      strategy() {
        return 'all';
      }
      async get() {
        return undefined;
      }
      async put() {}
      async onMutate({ tables }) {
        forgotten.push(tables);
      }
    }
    const cached = drizzle(pool, { cache: new Remembering() });
    await all(cached.$stream(cached.insert(groups).values({ name: 'x' }).returning()));
    assert.deepEqual(forgotten, [['groups']]);
  });

  it('is there on $primary and goes through views', async () => {
    const handle = createDatabase({ connectionString: fresh.url, schema });
    assert.deepEqual(await all(handle.db.$primary.$stream(sql`select 1 as a`)), [{ a: 1 }]);
    assert.deepEqual(await all(handle.readPool.stream('select 2 as a')), [{ a: 2 }]);
    assert.deepEqual(await all(drizzle(handle.writePool).$stream(sql`select 3 as a`)), [{ a: 3 }]);
    await handle.close();
  });
});
