'use strict';

const { count, eq, gt, lt, sql } = require('drizzle-orm');
const { alias, customType, integer, pgTable, text } = require('drizzle-orm/pg-core');
const { memberships, posts, users } = require('../support/schema');

const wrapped = customType({ dataType: () => 'text', fromDriver: (value) => ({ wrapped: value }) });
/* The table of users as another application may see it. */
const seen = pgTable('users', { id: integer(), name: wrapped(), mail: text('email') });

/* What Drizzle makes of rows: what is asked more than once may be mapped by what was made for the first. */
module.exports = {
  'the same selection again, with other rows': async ({ db }) => {
    const find = (id) => db.select().from(users).where(eq(users.id, id));
    return [await find(1), await find(2), await find(-1), await find(1)];
  },
  'the same names with other decoders': async ({ db }) => {
    const decoded = (decoder) => db.select({ id: sql`'7'`.mapWith(decoder), n: users.id }).from(users);
    return [await decoded(Number), await decoded(String), await decoded((value) => [value])];
  },
  'the same columns, joined in all ways': async ({ db }) => {
    const answers = [];
    for (const join of ['leftJoin', 'rightJoin', 'fullJoin', 'innerJoin', 'leftJoin']) {
      const query = db.select().from(users)[join](posts, eq(posts.authorId, users.id));
      answers.push(await query.orderBy(users.id, posts.id));
    }
    return answers;
  },
  'self joins under several names': async ({ db }) => {
    const answers = [];
    for (const name of ['boss', 'boss', 'chief']) {
      const boss = alias(users, name);
      const query = db.select().from(users).leftJoin(boss, eq(users.managerId, boss.id));
      answers.push(await query.orderBy(users.id));
    }
    return answers;
  },
  'three sides, two of them absent': ({ db }) => {
    const boss = alias(users, 'boss');
    return db
      .select()
      .from(users)
      .leftJoin(boss, eq(users.managerId, boss.id))
      .leftJoin(memberships, eq(memberships.userId, boss.id))
      .orderBy(users.id, memberships.groupId);
  },
  'a subquery with expressions, joined': ({ db }) => {
    const likes = db
      .select({ authorId: posts.authorId, total: sql`sum(${posts.likes})`.mapWith(Number).as('total') })
      .from(posts)
      .groupBy(posts.authorId)
      .as('likes');
    return db.select().from(users).leftJoin(likes, eq(likes.authorId, users.id)).orderBy(users.id);
  },
  'a type of the application': ({ db }) => db.select().from(seen).orderBy(seen.id),
  'a type of the application on an absent side': ({ db }) =>
    db.select().from(posts).rightJoin(seen, eq(posts.authorId, seen.id)).orderBy(seen.id, posts.id),
  aggregates: ({ db }) =>
    db.select({ n: count(), least: sql`min(${users.createdAt})`.mapWith(users.createdAt) }).from(users),
  'a large result': ({ db }) =>
    db
      .select({ n: sql`i`.mapWith(Number), text: sql`repeat('x', i % 50) || 'ü'`, at: sql`null` })
      .from(sql`generate_series(1, 5000) as i`),
  'a prepared query with other values': async ({ db }) => {
    const query = db
      .select({ id: users.id, post: { id: posts.id, title: posts.title } })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .where(gt(users.id, sql.placeholder('above')))
      .orderBy(users.id, posts.id)
      .prepare('mapped');
    return [
      await query.execute({ above: 1 }),
      await query.execute({ above: 99 }),
      await query.execute({ above: 0 }),
    ];
  },
  'a prepared relational query': async ({ db }) => {
    const query = db.query.users
      .findMany({
        where: lt(users.id, sql.placeholder('below')),
        orderBy: users.id,
        extras: { loud: sql`upper(${users.name})`.as('loud') },
        with: { posts: true },
      })
      .prepare('related');
    return [await query.execute({ below: 3 }), await query.execute({ below: 0 })];
  },
  'inside of a transaction': ({ db }) =>
    db.transaction(async (tx) => [
      await tx.select().from(users).where(eq(users.id, 1)),
      await tx.update(users).set({ name: 'Eve' }).where(eq(users.id, 1)).returning(),
      await tx.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)).where(eq(users.id, 1)),
    ]),
  'with a cache, which holds what another program may have put there': async ({ open }) => {
    const held = new Map();
    const cache = {
      strategy: () => 'all',
      get: async (key) => held.get(key),
      put: async (key, { rows }) => held.set(key, JSON.parse(JSON.stringify({ rows }))),
      onMutate: async () => {},
    };
    const db = open({ cache });
    const query = () => db.select().from(users).leftJoin(posts, eq(posts.authorId, users.id));
    return { first: await query(), second: await query(), held: [...held.values()] };
  },
};
