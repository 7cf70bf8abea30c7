import { expectTypeOf } from 'expect-type';
import { relations } from 'drizzle-orm';
import { integer, pgTable, serial } from 'drizzle-orm/pg-core';
import { Pool } from 'pgkeel';
import { createDatabase, drizzle, migrate } from 'pgkeel/drizzle';

// Over drizzle-orm's CommonJS typings: their classes are not those that an ES module sees.
const users = pgTable('users', { id: serial().primaryKey() });
const posts = pgTable('posts', { id: serial().primaryKey(), authorId: integer() });
const userRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const schema = { users, posts, userRelations };

async function main(): Promise<void> {
  const { db, close } = createDatabase({ schema });
  expectTypeOf(await db.query.users.findMany({ with: { posts: true } })).toEqualTypeOf<
    { id: number; posts: { id: number; authorId: number | null }[] }[]
  >();
  expectTypeOf(drizzle(new Pool(), { schema }).$client).toEqualTypeOf<Pool>();
  await migrate(db, { migrationsFolder: 'x' });
  await close();
}

void main;
