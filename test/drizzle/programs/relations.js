'use strict';

const { eq, gt, sql } = require('drizzle-orm');
const { posts, users } = require('../support/schema');

module.exports = {
  'find many': ({ db }) => db.query.users.findMany({ orderBy: (user) => user.id }),
  'find first, and find nothing': async ({ db }) => [
    await db.query.users.findFirst({ where: eq(users.id, 2) }),
    await db.query.users.findFirst({ where: eq(users.id, 99) }),
  ],
  'with one and many': ({ db }) =>
    db.query.users.findMany({
      with: { manager: true, reports: true, posts: true },
      orderBy: (user) => user.id,
    }),
  'three levels deep': ({ db }) =>
    db.query.users.findMany({
      columns: { id: true, name: true },
      with: {
        posts: {
          columns: { body: false },
          orderBy: (post, { desc }) => desc(post.id),
          with: {
            comments: {
              columns: { text: true },
              with: { author: { columns: { name: true, createdAt: true } } },
            },
          },
        },
      },
      orderBy: (user) => user.id,
    }),
  'many to many': ({ db }) =>
    db.query.groups.findMany({
      with: { memberships: { columns: {}, with: { user: { columns: { name: true } } } } },
      orderBy: (group) => group.id,
    }),
  'extras, limit, offset and where inside': ({ db }) =>
    db.query.users.findMany({
      columns: { id: true },
      extras: { loud: sql`upper(${users.name})`.as('loud'), next: sql`${users.id} + 1`.as('next') },
      with: { posts: { limit: 1, offset: 1, orderBy: posts.id }, comments: { where: (c) => gt(c.id, 1) } },
      where: (user, { lt }) => lt(user.id, 4),
      limit: 2,
      offset: 1,
      orderBy: (user, { desc }) => [desc(user.id)],
    }),
  'types inside nested json': ({ db }) =>
    db.query.comments.findMany({ with: { author: true, post: true }, orderBy: (comment) => comment.id }),
  'prepared relational query': async ({ db }) => {
    const query = db.query.users
      .findFirst({
        where: eq(users.id, sql.placeholder('id')),
        with: { posts: { limit: sql.placeholder('n') } },
      })
      .prepare('relational');
    return [await query.execute({ id: 1, n: 1 }), await query.execute({ id: 3, n: 5 })];
  },
  'in a transaction': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.insert(posts).values({ authorId: 4, title: 'inside' });
      return tx.query.users.findFirst({ where: eq(users.id, 4), with: { posts: true } });
    }),
};
