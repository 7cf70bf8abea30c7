'use strict';

const { eq, sql } = require('drizzle-orm');
const { Cache } = require('drizzle-orm/cache/core');
const { groups, users } = require('../support/schema');

class MemoryCache extends Cache {
  entries = new Map();
  calls = [];

  constructor(strategy) {
    super();
    this.kind = strategy;
  }

  strategy() {
    return this.kind;
  }

  async get(key, tables, isTag, isAutoInvalidate) {
    this.calls.push(['get', key, tables, isTag, isAutoInvalidate]);
    return this.entries.get(key);
  }

  async put(key, response, tables, isTag, config) {
    this.calls.push(['put', key, tables, isTag, config, response.rows]);
    this.entries.set(key, response);
  }

  async onMutate(what) {
    this.calls.push(['onMutate', what]);
    this.entries.clear();
  }
}

function cached(open, strategy) {
  const cache = new MemoryCache(strategy);
  return { cache, db: open({ cache }) };
}

module.exports = {
  'statements and parameters in the log': async ({ logged }) => {
    const { db, lines } = logged();
    await db.select().from(users).where(eq(users.id, 1));
    await db.query.users.findFirst({ where: eq(users.name, 'Ada') });
    await db.insert(groups).values({ name: 'logged' });
    await db.$count(users);
    await db.execute(sql`select ${new Date(0)}::timestamptz, ${null}::int`);
    await db.execute(sql`select 1/0`).catch(() => {});
    await db
      .select()
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .prepare('p')
      .execute({ id: 7 });
    return lines;
  },
  'cache asked for by the query': async ({ open }) => {
    const { db, cache } = cached(open, 'explicit');
    const query = () => db.select({ id: users.id }).from(users).orderBy(users.id).$withCache();
    const rows = [await query(), await query()];
    await db.select({ id: users.id }).from(users);
    return [rows, cache.calls];
  },
  'cache for everything, and not for some': async ({ open }) => {
    const { db, cache } = cached(open, 'all');
    await db.select({ id: users.id }).from(users);
    await db.select({ id: users.id }).from(users).$withCache(false);
    await db.query.users.findMany();
    await db.$count(users);
    return cache.calls;
  },
  'cache with a tag and an own configuration': async ({ open }) => {
    const { db, cache } = cached(open, 'explicit');
    await db
      .select({ id: users.id })
      .from(users)
      .$withCache({ tag: 'all', autoInvalidate: false, config: { ex: 5 } });
    await db.$cache.invalidate({ tags: 'all' });
    return cache.calls;
  },
  'what is cached is mapped again': async ({ open }) => {
    const { db } = cached(open, 'all');
    const query = () => db.select().from(users).where(eq(users.id, 1));
    return [await query(), await query()];
  },
  'writes invalidate': async ({ open }) => {
    const { db, cache } = cached(open, 'explicit');
    await db.insert(groups).values({ name: 'x' });
    await db.update(groups).set({ name: 'y' }).where(eq(groups.id, 1)).returning();
    await db.delete(groups).where(eq(groups.id, 3));
    await db.execute(sql`delete from groups where id = 3`);
    return cache.calls;
  },
  'a failing query is not cached': async ({ open }) => {
    const { db, cache } = cached(open, 'all');
    const code = await db
      .select({ x: sql`1/0` })
      .from(users)
      .catch((error) => error.cause.code);
    return [code, cache.calls];
  },
};
