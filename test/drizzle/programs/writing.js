'use strict';

const { eq, inArray, sql } = require('drizzle-orm');
const { camelNotes, comments, groups, memberships, posts, users } = require('../support/schema');

const noDates = { id: users.id, name: users.name, email: users.email, mood: users.mood, tags: users.tags };

module.exports = {
  'insert one, no returning': ({ db }) => db.insert(groups).values({ name: 'new' }),
  'insert many, returning everything': ({ db }) =>
    db
      .insert(users)
      .values([
        {
          name: 'Eve',
          mood: 'ok',
          tags: ['a', 'b,c', '"d"', ''],
          createdAt: new Date('2024-05-06T07:08:09.123Z'),
        },
        { name: 'Fay', email: null, createdAt: new Date(0) },
      ])
      .returning(),
  'insert returning chosen fields': ({ db }) =>
    db
      .insert(groups)
      .values({ name: 'x' })
      .returning({ key: groups.id, upper: sql`upper(${groups.name})` }),
  'insert with an expression': ({ db }) =>
    db
      .insert(groups)
      .values({ name: sql`'computed ' || ${2}::int` })
      .returning(),
  'insert from a select': ({ db }) =>
    db
      .insert(groups)
      .select(db.select({ id: sql`${users.id} + 100`.as('id'), name: users.name }).from(users))
      .returning(),
  'on conflict do nothing': async ({ db }) => [
    await db.insert(memberships).values({ userId: 1, groupId: 1 }).onConflictDoNothing(),
    await db.insert(memberships).values({ userId: 1, groupId: 1 }).onConflictDoNothing().returning(),
    await db.insert(memberships).values({ userId: 3, groupId: 1 }).onConflictDoNothing().returning(),
  ],
  'on conflict do update': ({ db }) =>
    db
      .insert(users)
      .values({ name: 'Other Ada', email: 'ada@example.org' })
      .onConflictDoUpdate({ target: users.email, set: { name: sql`excluded.name`, mood: 'sad' } })
      .returning(noDates),
  'update, no returning': ({ db }) => db.update(posts).set({ likes: 1 }).where(eq(posts.authorId, 1)),
  'update returning, with an expression and null': ({ db }) =>
    db
      .update(posts)
      .set({ likes: sql`${posts.likes} + 1`, body: null })
      .where(eq(posts.id, 1))
      .returning(),
  'update from another table': ({ db }) =>
    db
      .update(posts)
      .set({ title: sql`${users.name} || ': ' || ${posts.title}` })
      .from(users)
      .where(eq(users.id, posts.authorId))
      .returning({ id: posts.id, title: posts.title, author: users.name }),
  'update of no row': ({ db }) => db.update(posts).set({ likes: 5 }).where(eq(posts.id, 99)).returning(),
  'delete, no returning': ({ db }) => db.delete(comments).where(eq(comments.postId, 1)),
  'delete returning': ({ db }) =>
    db
      .delete(comments)
      .where(inArray(comments.id, [1, 4]))
      .returning(),
  'delete in a common table expression': ({ db }) => {
    const gone = db.$with('gone').as(db.delete(comments).where(eq(comments.id, 4)).returning());
    return db.with(gone).select().from(gone);
  },
  'insert in a common table expression': ({ db }) => {
    const added = db.$with('added').as(db.insert(groups).values({ name: 'via cte' }).returning());
    return db.with(added).select({ id: added.id, name: added.name }).from(added);
  },
  'prepared insert': async ({ db }) => {
    const insert = db
      .insert(groups)
      .values({ name: sql.placeholder('name') })
      .returning()
      .prepare('add_group');
    return [await insert.execute({ name: 'one' }), await insert.execute({ name: "o'two" })];
  },
  'prepared update and delete': async ({ db }) => {
    const name = sql.placeholder('name');
    const id = sql.placeholder('id');
    const rename = db.update(groups).set({ name }).where(eq(groups.id, id)).returning().prepare('rename');
    const drop = db.delete(groups).where(eq(groups.id, id)).returning().prepare('drop');
    return [await rename.execute({ id: 3, name: 'full' }), await drop.execute({ id: 3 })];
  },
  'casing from the database': async ({ open }) => {
    const db = open({ casing: 'snake_case' });
    return [
      await db
        .insert(camelNotes)
        .values({ noteText: 'hello', writtenAt: '2024-01-02 03:04:05.123456' })
        .returning(),
      await db.select().from(camelNotes).where(eq(camelNotes.noteText, 'hello')),
      await db.update(camelNotes).set({ noteText: 'bye' }).returning({ text: camelNotes.noteText }),
      await db.query.camelNotes.findMany({ columns: { noteText: true } }),
    ];
  },
  'camelCase casing': ({ open }) => open({ casing: 'camelCase' }).select().from(camelNotes).toSQL(),
  'many rows': async ({ db }) => {
    const rows = Array.from({ length: 2000 }, (_, i) => ({ name: `group ${i}` }));
    const inserted = await db.insert(groups).values(rows);
    return [inserted, await db.$count(groups), (await db.select().from(groups).orderBy(groups.id)).at(-1)];
  },
};
