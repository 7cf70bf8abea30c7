'use strict';

const { eq, relations, sql } = require('drizzle-orm');
const {
  bigint,
  boolean,
  char,
  date,
  doublePrecision,
  foreignKey,
  inet,
  integer,
  interval,
  json,
  jsonb,
  numeric,
  pgEnum,
  pgMaterializedView,
  pgTable,
  pgView,
  point,
  primaryKey,
  real,
  serial,
  smallint,
  text,
  time,
  timestamp,
  unique,
  uuid,
  varchar,
} = require('drizzle-orm/pg-core');

const mood = pgEnum('mood', ['sad', 'ok', 'happy']);

const users = pgTable(
  'users',
  {
    id: serial().primaryKey(),
    name: text().notNull(),
    email: varchar({ length: 100 }).unique('users_email'),
    mood: mood(),
    tags: text().array(),
    managerId: integer('manager_id'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [foreignKey({ columns: [table.managerId], foreignColumns: [table.id] })],
);

const posts = pgTable('posts', {
  id: serial().primaryKey(),
  authorId: integer('author_id')
    .notNull()
    .references(() => users.id),
  title: text().notNull(),
  body: text(),
  likes: integer().notNull().default(0),
});

const comments = pgTable('comments', {
  id: serial().primaryKey(),
  postId: integer('post_id').references(() => posts.id),
  authorId: integer('author_id').references(() => users.id),
  text: text().notNull(),
});

const groups = pgTable('groups', { id: serial().primaryKey(), name: text().notNull() });

const memberships = pgTable(
  'memberships',
  {
    userId: integer('user_id')
      .notNull()
      .references(() => users.id),
    groupId: integer('group_id')
      .notNull()
      .references(() => groups.id),
  },
  (table) => [primaryKey({ columns: [table.userId, table.groupId] })],
);

/** One column for every kind of value that Drizzle decodes in a way of its own. */
const values = pgTable('values', {
  id: integer().primaryKey(),
  bool: boolean(),
  small: smallint(),
  bigNumber: bigint('big_number', { mode: 'number' }),
  bigBigint: bigint('big_bigint', { mode: 'bigint' }),
  numericText: numeric('numeric_text', { precision: 30, scale: 10 }),
  numericNumber: numeric('numeric_number', { mode: 'number' }),
  numericBigint: numeric('numeric_bigint', { mode: 'bigint' }),
  real: real(),
  double: doublePrecision(),
  char: char({ length: 5 }),
  tzDate: timestamp('tz_date', { withTimezone: true, mode: 'date' }),
  tzText: timestamp('tz_text', { withTimezone: true, mode: 'string' }),
  plainDate: timestamp('plain_date', { mode: 'date' }),
  plainText: timestamp('plain_text', { mode: 'string' }),
  dayDate: date('day_date', { mode: 'date' }),
  dayText: date('day_text', { mode: 'string' }),
  time: time(),
  interval: interval(),
  json: json(),
  jsonb: jsonb(),
  uuid: uuid(),
  inet: inet(),
  pointTuple: point('point_tuple', { mode: 'tuple' }),
  pointXy: point('point_xy', { mode: 'xy' }),
  mood: mood(),
  texts: text().array(),
  matrix: integer().array().array(),
  numerics: numeric().array(),
  dates: date({ mode: 'string' }).array(),
  tzDates: timestamp('tz_dates', { withTimezone: true }).array(),
  plainDates: timestamp('plain_dates', { mode: 'string' }).array(),
  intervals: interval().array(),
  bigs: bigint({ mode: 'bigint' }).array(),
  bools: boolean().array(),
  moods: mood().array(),
  jsonbs: jsonb().array(),
  uuids: uuid().array(),
});

/** Keys without names: their columns' names come from `casing`. */
const camelNotes = pgTable(
  'camel_notes',
  { noteId: serial().primaryKey(), noteText: text().notNull(), writtenAt: timestamp({ mode: 'string' }) },
  (table) => [unique('camel_notes_text').on(table.noteText)],
);

const happyUsers = pgView('happy_users').as((qb) => qb.select().from(users).where(eq(users.mood, 'happy')));
const postCounts = pgMaterializedView('post_counts').as((qb) =>
  qb
    .select({ authorId: posts.authorId, total: sql`count(*)`.mapWith(Number).as('total') })
    .from(posts)
    .groupBy(posts.authorId),
);

const userRelations = relations(users, ({ one, many }) => ({
  manager: one(users, { fields: [users.managerId], references: [users.id], relationName: 'manager' }),
  reports: many(users, { relationName: 'manager' }),
  posts: many(posts),
  comments: many(comments),
  memberships: many(memberships),
}));
const postRelations = relations(posts, ({ one, many }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
  comments: many(comments),
}));
const commentRelations = relations(comments, ({ one }) => ({
  post: one(posts, { fields: [comments.postId], references: [posts.id] }),
  author: one(users, { fields: [comments.authorId], references: [users.id] }),
}));
const groupRelations = relations(groups, ({ many }) => ({ memberships: many(memberships) }));
const membershipRelations = relations(memberships, ({ one }) => ({
  user: one(users, { fields: [memberships.userId], references: [users.id] }),
  group: one(groups, { fields: [memberships.groupId], references: [groups.id] }),
}));

module.exports = {
  camelNotes,
  commentRelations,
  comments,
  groupRelations,
  groups,
  happyUsers,
  membershipRelations,
  memberships,
  mood,
  postCounts,
  postRelations,
  posts,
  userRelations,
  users,
  values,
};
