'use strict';

const { and, asc, desc, eq, exists, gt, ilike, inArray, isNull, like, max, or, sql } = require('drizzle-orm');
const { alias, except, intersect, union, unionAll } = require('drizzle-orm/pg-core');
const { comments, happyUsers, postCounts, posts, users } = require('../support/schema');

module.exports = {
  'select everything': ({ db }) => db.select().from(users).orderBy(users.id),
  'select chosen fields': ({ db }) =>
    db.select({ id: users.id, who: users.name }).from(users).orderBy(desc(users.id)),
  'select nested fields': ({ db }) =>
    db
      .select({ key: users.id, of: { name: users.name, mood: users.mood, loud: sql`upper(${users.name})` } })
      .from(users)
      .orderBy(users.id),
  'select nothing': ({ db }) => db.select().from(users).where(eq(users.id, -1)),
  'where with many operators': ({ db }) =>
    db
      .select({ id: users.id })
      .from(users)
      .where(
        and(
          or(like(users.name, 'A%'), ilike(users.name, 'b%'), isNull(users.email)),
          inArray(users.id, [1, 2, 3]),
        ),
      )
      .orderBy(asc(users.id)),
  'limit and offset': ({ db }) => db.select().from(users).orderBy(users.id).limit(2).offset(1),
  'left join with absent side': ({ db }) =>
    db.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)).orderBy(users.id, posts.id),
  'right join with absent side': ({ db }) =>
    db.select().from(posts).rightJoin(users, eq(posts.authorId, users.id)).orderBy(users.id, posts.id),
  'full join with both sides absent': ({ db }) =>
    db.select().from(comments).fullJoin(posts, eq(comments.postId, posts.id)).orderBy(comments.id, posts.id),
  'inner join of three': ({ db }) =>
    db
      .select({ post: posts.title, comment: comments.text, by: users.name })
      .from(posts)
      .innerJoin(comments, eq(comments.postId, posts.id))
      .innerJoin(users, eq(users.id, comments.authorId))
      .orderBy(comments.id),
  'self join by alias, partial fields': ({ db }) => {
    const boss = alias(users, 'boss');
    return db
      .select({ name: users.name, boss: { id: boss.id, name: boss.name } })
      .from(users)
      .leftJoin(boss, eq(users.managerId, boss.id))
      .orderBy(users.id);
  },
  'partial fields whose first column is null': ({ db }) =>
    db
      .select({ id: users.id, post: { body: posts.body, title: posts.title } })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .orderBy(users.id, posts.id),
  'lateral join': ({ db }) => {
    const latest = db
      .select({ title: posts.title })
      .from(posts)
      .where(eq(posts.authorId, users.id))
      .orderBy(desc(posts.id))
      .limit(1)
      .as('latest');
    return db
      .select({ name: users.name, latest: latest.title })
      .from(users)
      .leftJoinLateral(latest, sql`true`)
      .orderBy(users.id);
  },
  'group by and having': ({ db }) =>
    db
      .select({ author: posts.authorId, best: max(posts.likes), total: sql`count(*)`.mapWith(Number) })
      .from(posts)
      .groupBy(posts.authorId)
      .having(({ total }) => gt(total, 1)),
  'aggregates keep their types': ({ db }) =>
    db
      .select({ count: sql`count(*)`, sum: sql`sum(${posts.likes})`, avg: sql`avg(${posts.likes})` })
      .from(posts),
  'distinct and distinct on': async ({ db }) => [
    await db.selectDistinct({ author: posts.authorId }).from(posts).orderBy(posts.authorId),
    await db.selectDistinctOn([posts.authorId]).from(posts).orderBy(posts.authorId, desc(posts.likes)),
  ],
  'subquery in from': ({ db }) => {
    const liked = db
      .select({ author: posts.authorId, sum: sql`sum(${posts.likes})`.mapWith(Number).as('sum') })
      .from(posts)
      .groupBy(posts.authorId)
      .as('liked');
    return db
      .select({ name: users.name, sum: liked.sum })
      .from(liked)
      .innerJoin(users, eq(users.id, liked.author))
      .orderBy(users.id);
  },
  'subquery in where': ({ db }) =>
    db
      .select({ id: users.id })
      .from(users)
      .where(exists(db.select().from(posts).where(eq(posts.authorId, users.id))))
      .orderBy(users.id),
  'common table expressions': ({ db }) => {
    const writers = db.$with('writers').as(db.selectDistinct({ id: posts.authorId }).from(posts));
    const named = db.$with('named').as(
      db
        .select({ id: users.id, name: users.name })
        .from(users)
        .where(inArray(users.id, db.with(writers).select().from(writers))),
    );
    return db.with(named).select().from(named).orderBy(named.id);
  },
  'union, union all, intersect, except': async ({ db }) => {
    const one = () => db.select({ id: users.id }).from(users).where(gt(users.id, 1));
    const two = () => db.select({ id: posts.authorId }).from(posts);
    return [
      await union(one(), two()).orderBy(sql`id`),
      await unionAll(one(), two()).orderBy(sql`id`),
      await intersect(one(), two()).orderBy(sql`id`),
      await except(one(), two()).orderBy(sql`id`),
    ];
  },
  'set operation by method, with limit': ({ db }) =>
    db
      .select({ id: users.id })
      .from(users)
      .union(db.select({ id: comments.id }).from(comments))
      .orderBy(sql`id`)
      .limit(3),
  'row locks': ({ db }) => db.select().from(users).where(eq(users.id, 1)).for('update', { skipLocked: true }),
  view: ({ db }) => db.select().from(happyUsers),
  'materialized view before and after refresh': async ({ db }) => {
    await db.insert(posts).values({ authorId: 3, title: 'late' });
    const before = await db.select().from(postCounts).orderBy(postCounts.authorId);
    const refreshed = await db.refreshMaterializedView(postCounts);
    return { before, refreshed, after: await db.select().from(postCounts).orderBy(postCounts.authorId) };
  },
  'count of a table, with a filter, of a query, inside a select': async ({ db }) => [
    await db.$count(users),
    await db.$count(users, gt(users.id, 2)),
    await db.$count(db.select().from(posts).where(eq(posts.authorId, 1)).as('own')),
    await db
      .select({ id: users.id, posts: db.$count(posts, eq(posts.authorId, users.id)) })
      .from(users)
      .orderBy(users.id),
  ],
  'prepared with placeholders, run twice': async ({ db }) => {
    const query = db
      .select()
      .from(users)
      .where(and(eq(users.id, sql.placeholder('id')), eq(users.mood, sql.placeholder('mood'))))
      .prepare('by_id_and_mood');
    return [await query.execute({ id: 1, mood: 'happy' }), await query.execute({ id: 2, mood: 'happy' })];
  },
  'prepared with a placeholder in limit': ({ db }) =>
    db
      .select({ id: users.id })
      .from(users)
      .orderBy(users.id)
      .limit(sql.placeholder('n'))
      .prepare('some')
      .execute({ n: 2 }),
  'the statement text of a builder': ({ db }) => [
    db.select().from(users).where(eq(users.id, 1)).toSQL(),
    db.insert(users).values({ name: 'x' }).toSQL(),
    db.query.users.findFirst({ with: { posts: true } }).toSQL(),
    db.execute(sql`select ${1}`).getQuery(),
  ],
  'a query awaited twice runs twice': async ({ db }) => {
    const query = db
      .select({ n: sql`nextval('users_id_seq')`.mapWith(Number) })
      .from(users)
      .limit(1);
    return [await query, await query];
  },
  'then, catch and finally of a query': async ({ db }) => {
    const seen = [];
    const query = db.select({ id: users.id }).from(users).where(eq(users.id, 1));
    await query.finally(() => seen.push('finally'));
    seen.push(await query.then((rows) => rows.length));
    await db.execute(sql`select nothing`).catch((error) => seen.push(error.cause.code));
    return seen;
  },
};
