'use strict';

const { sql } = require('drizzle-orm');
const { groups, users } = require('../support/schema');

module.exports = {
  'execute gives the whole result': ({ db }) =>
    db.execute(sql`select id, name, created_at from users order by id`),
  'execute takes text': ({ db }) => db.execute('select 1 as one'),
  'execute takes a builder': ({ db }) =>
    db.execute(db.select({ id: users.id }).from(users).orderBy(users.id)),
  'several statements give several results': ({ db }) =>
    db.execute(
      sql.raw("select 1 as a; insert into groups (name) values ('multi'); select count(*) from groups"),
    ),
  'commands and row counts': async ({ db }) => {
    const results = [];
    for (const text of [
      'create temp table t (i int)',
      'insert into t values (1), (2)',
      'update t set i = 3',
      'drop table t',
    ]) {
      results.push(
        await db.transaction((tx) => tx.execute(sql.raw(text))).catch((error) => error.cause.code),
      );
    }
    return results;
  },
  'columns of the same name': ({ db }) => db.execute(sql`select 1 as x, 2 as x`),
  'a result without columns': ({ db }) => db.execute(sql`select from users`),
  'an empty statement': ({ db }) => db.execute(sql.raw('')),
  'identifiers, joined fragments and raw parts': ({ db }) =>
    db.execute(
      sql`select ${sql.join([sql.identifier('id'), sql`name`], sql.raw(', '))} from ${sql.identifier('users')} where ${sql.join(
        [sql`id = ${1}`, sql`name = ${'Ben'}`],
        sql` or `,
      )} order by id`,
    ),
  'the same query from many callers at once': async ({ db }) => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        db.execute(sql`select ${i}::int as i, ${'x'.repeat(i)}::text as x`),
      ),
    );
    return answers.map(({ rows }) => rows);
  },
  'returned rows of raw insert': ({ db }) =>
    db.execute(sql`insert into ${groups} (name) values ('raw') returning *`),
  'session all and count': async ({ db }) => [
    await db._.session.all(sql`select id, name from users order by id`),
    await db._.session.count(sql`select count(*) as count from users`),
  ],
  'failing prepared query, then again': async ({ db }) => {
    const query = db
      .select({ n: sql`1 / ${sql.placeholder('by')}::int` })
      .from(users)
      .limit(1)
      .prepare('division');
    const first = await query.execute({ by: 0 }).catch((error) => error.cause.code);
    return [first, await query.execute({ by: 1 })];
  },
  'the pool goes on after errors': async ({ db }) => {
    const codes = [];
    for (let i = 0; i < 20; i++)
      await db.execute(sql`select 1/0`).catch((error) => codes.push(error.cause.code));
    return [codes, await db.$count(users)];
  },
};
