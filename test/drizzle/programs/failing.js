'use strict';

const { eq, sql } = require('drizzle-orm');
const { types } = require('pg');
const { groups, memberships, posts, users } = require('../support/schema');

const series = (length) => sql`generate_series(1, ${sql.raw(String(length))}) as i`;

function throwing() {
  throw new RangeError('cannot decode');
}

const PATH = 602;

async function withBrokenParser(run) {
  types.setTypeParser(PATH, () => {
    throw new RangeError('cannot parse');
  });
  try {
    return await run();
  } finally {
    types.setTypeParser(PATH, (text) => text);
  }
}

module.exports = {
  'unique violation': ({ db }) => db.insert(users).values({ name: 'x', email: 'ada@example.org' }),
  'foreign key violation': ({ db }) => db.insert(memberships).values({ userId: 99, groupId: 1 }),
  'not null violation': ({ db }) => db.insert(users).values({ name: null, createdAt: new Date(0) }),
  'check violation': ({ db }) => db.update(posts).set({ likes: -1 }),
  'value of a wrong type': ({ db }) => db.select().from(users).where(eq(users.id, 'abc')),
  'unknown enum value': ({ db }) => db.insert(users).values({ name: 'x', mood: 'grumpy' }),
  'text too long': ({ db }) => db.insert(users).values({ name: 'x', email: 'e'.repeat(101) }),
  'syntax error': ({ db }) => db.execute(sql`selec 1`),
  'unknown table': ({ db }) => db.execute(sql`select * from nowhere`),
  'unknown column of a builder': ({ db }) => db.select({ x: sql`nothing` }).from(users),
  'division by zero in the middle of a result': ({ db }) =>
    db.execute(sql`select 1 / (3 - i) from generate_series(1, 5) as i`),
  'raised with hint and detail': ({ db }) =>
    db.execute(
      sql.raw("do $$ begin raise exception 'no' using hint = 'h', detail = 'd', errcode = 'P0123'; end $$"),
    ),
  'too few parameters': ({ db }) => db.execute(sql.raw('select $1::int')),
  'a failing statement among several': ({ db }) => db.execute(sql.raw('select 1; select 1/0; select 2')),
  'failing relational query': ({ db }) => db.query.users.findMany({ where: sql`nope = 1` }),
  'failing count': ({ db }) => db.$count(users, sql`nope = 1`),
  'select without a table it needs': ({ db }) => db.select().from(undefined),
  'prepared without its placeholder': ({ db }) =>
    db
      .select()
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .prepare('lacking')
      .execute({ other: 1 }),
  'update with nothing to set': ({ db }) => db.update(posts).set({}).where(eq(posts.id, 1)),
  'aborted until its end': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`select 1/0`).catch(() => {});
      return tx.select().from(users);
    }),
  'writing while read only': ({ db }) =>
    db.transaction((tx) => tx.insert(groups).values({ name: 'no' }), { accessMode: 'read only' }),
  'a value that cannot be decoded, after some that can': ({ db }) =>
    db.select({ n: sql`case when i < 1500 then i::text else 'x' end`.mapWith(BigInt) }).from(series(2000)),
  'a value that cannot be decoded, in a result that fails later': ({ db }) =>
    db.select({ n: sql`(i || 'x')`.mapWith(BigInt), m: sql`1 / (1900 - i)` }).from(series(2000)),
  'a value that cannot be decoded, before one that cannot be parsed': ({ db }) =>
    withBrokenParser(() =>
      db.select({ n: sql`(i || 'x')`.mapWith(BigInt), p: sql`path '((1,2))'` }).from(series(2000)),
    ),
  "a decoder of the application's that throws": ({ db }) =>
    db.select({ n: sql`i`.mapWith(() => throwing()) }).from(series(3)),
  'a logger that throws': ({ open }) =>
    open({
      logger: {
        logQuery() {
          throw new TypeError('broken logger');
        },
      },
    }).execute(sql`select 1`),
  'a cache that fails': ({ open }) => {
    const cache = { strategy: () => 'explicit', onMutate: () => Promise.reject(new Error('cache is down')) };
    return open({ cache }).insert(groups).values({ name: 'x' });
  },
};
