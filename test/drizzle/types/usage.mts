import { expectTypeOf } from 'expect-type';
import { eq, relations, sql } from 'drizzle-orm';
import { drizzle as stockDrizzle } from 'drizzle-orm/node-postgres';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, jsonb, pgEnum, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { Client, Pool } from 'pgkeel';
import type { PoolHealth, PoolMetrics, QueryResult, RowStream } from 'pgkeel';
import { createDatabase, drizzle, installShutdownHandlers, migrate } from 'pgkeel/drizzle';
import type { CreateDatabaseOptions, KeelDatabase, KeelQueryResultHKT } from 'pgkeel/drizzle';

const mood = pgEnum('mood', ['sad', 'happy']);
const users = pgTable('users', {
  id: serial().primaryKey(),
  name: text().notNull(),
  mood: mood(),
  data: jsonb().$type<{ a: number }>(),
  createdAt: timestamp({ mode: 'date' }).notNull().defaultNow(),
});
const posts = pgTable('posts', { id: serial().primaryKey(), authorId: integer().notNull(), title: text() });
const userRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const postRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
}));
const schema = { users, posts, userRelations, postRelations };

interface User {
  id: number;
  name: string;
  mood: 'sad' | 'happy' | null;
  data: { a: number } | null;
  createdAt: Date;
}

const handle = createDatabase({ schema, max: 5, logger: true, casing: 'snake_case', circuitBreaker: false });
const { db, pool, readPool, writePool, testConnection, health, metrics, close } = handle;

expectTypeOf(await db.select().from(users)).toEqualTypeOf<User[]>();
expectTypeOf(await db.query.users.findFirst({ with: { posts: true } })).toEqualTypeOf<
  | {
      id: number;
      name: string;
      mood: 'sad' | 'happy' | null;
      data: { a: number } | null;
      createdAt: Date;
      posts: { id: number; authorId: number; title: string | null }[];
    }
  | undefined
>();
expectTypeOf(await db.$primary.query.posts.findMany({ columns: { title: true } })).toEqualTypeOf<
  { title: string | null }[]
>();
expectTypeOf(await db.insert(users).values({ name: 'x' }).returning({ id: users.id })).toEqualTypeOf<
  { id: number }[]
>();
expectTypeOf(await db.update(users).set({ mood: 'sad' })).toEqualTypeOf<QueryResult<never>>();
expectTypeOf(await db.execute<{ one: number }>(sql`select 1 as one`)).toEqualTypeOf<
  QueryResult<{ one: number }>
>();
expectTypeOf(await db.$count(users, eq(users.id, 1))).toEqualTypeOf<number>();
expectTypeOf(
  await db.transaction(
    async (tx) => {
      await tx.transaction(async (inner) => inner.delete(users));
      return (await tx.query.users.findMany()).length;
    },
    { isolationLevel: 'serializable' },
  ),
).toEqualTypeOf<number>();
expectTypeOf(
  await db.transaction(async () => 'done', {
    retry: { maxRetries: 2, retryDelay: 10 },
    accessMode: 'read only',
  }),
).toEqualTypeOf<string>();
void db.transaction(async () => {}, { retry: true });
// @ts-expect-error not an option of retry
void db.transaction(async () => {}, { retry: { times: 2 } });
// @ts-expect-error no such table in the schema
void db.query.nothing;
// @ts-expect-error not a value of the enum
void db.insert(users).values({ name: 'x', mood: 'grumpy' });

expectTypeOf(db.$client).toEqualTypeOf<Pool>();
expectTypeOf(pool).toEqualTypeOf<Pool>();
expectTypeOf(readPool).toEqualTypeOf<Pool>();
expectTypeOf(writePool).toEqualTypeOf<Pool>();
expectTypeOf(await testConnection()).toEqualTypeOf<boolean>();
expectTypeOf(await health()).toEqualTypeOf<PoolHealth>();
expectTypeOf(metrics()).toEqualTypeOf<PoolMetrics>();
expectTypeOf(await close({ timeout: 1000 })).toEqualTypeOf<void>();
expectTypeOf(createDatabase()).toHaveProperty('db');
// @ts-expect-error units are milliseconds, not text
createDatabase({ queryTimeout: '30s' });
// @ts-expect-error
createDatabase({ casing: 'kebab-case' });
expectTypeOf<CreateDatabaseOptions['max']>().toEqualTypeOf<number | undefined>();

// Functions written for other drivers take it.
expectTypeOf(db).toExtend<PgDatabase<KeelQueryResultHKT, typeof schema>>();
function writtenForNodePostgres(database: NodePgDatabase<typeof schema>): unknown {
  return database.query.users.findMany();
}
writtenForNodePostgres(db);
function writtenForPgkeel(database: KeelDatabase<typeof schema>): unknown {
  return database.query.users.findMany();
}
writtenForPgkeel(db);
writtenForPgkeel(db.$primary);

// All overloads.
const own = new Pool({ connectionString: 'postgres://localhost/x', max: 3 });
expectTypeOf(drizzle('postgres://localhost/x').$client).toEqualTypeOf<Pool>();
expectTypeOf(drizzle('postgres://localhost/x', { schema }).query.users).not.toBeAny();
expectTypeOf(drizzle(own).$client).toEqualTypeOf<Pool>();
expectTypeOf(drizzle(own, { schema })).toEqualTypeOf<KeelDatabase<typeof schema> & { $client: Pool }>();
expectTypeOf(drizzle(new Client()).$client).toEqualTypeOf<Client>();
expectTypeOf(drizzle(new pg.Pool()).$client).toEqualTypeOf<pg.Pool>();
expectTypeOf(drizzle({ client: own, schema }).$client).toEqualTypeOf<Pool>();
expectTypeOf(drizzle({ connection: 'postgres://localhost/x', schema }).$client).toEqualTypeOf<Pool>();
expectTypeOf(
  drizzle({ connection: { host: 'h', ssl: { ca: 'x' }, maxRetries: 1 }, logger: false }).$client,
).toEqualTypeOf<Pool>();
expectTypeOf(drizzle({ schema }).$client).toEqualTypeOf<Pool>();
expectTypeOf(drizzle.mock({ schema }).$client).toEqualTypeOf<'$client is not available on drizzle.mock()'>();
expectTypeOf(await drizzle.mock({ schema }).query.users.findMany()).toEqualTypeOf<User[]>();
// @ts-expect-error nothing to open
drizzle();
// @ts-expect-error
drizzle(5432);

await migrate(db, { migrationsFolder: 'migrations', migrationsTable: 't' });
await migrate(drizzle(own), { migrationsFolder: 'migrations' });
// @ts-expect-error the folder is needed
await migrate(db, {});

// The stock driver over our pool.
expectTypeOf(await stockDrizzle(own, { schema }).query.users.findMany()).toEqualTypeOf<User[]>();

// Shutting down.
expectTypeOf(installShutdownHandlers([() => undefined, handle, own, handle.close])).toEqualTypeOf<
  () => void
>();
// @ts-expect-error: no target
installShutdownHandlers(db);

// Streams.
for await (const user of db.$stream(db.select().from(users))) expectTypeOf(user).toEqualTypeOf<User>();
for await (const some of db.$stream(db.select({ id: users.id }).from(users), { batchSize: 5 }).batches()) {
  expectTypeOf(some).toEqualTypeOf<{ id: number }[]>();
}
expectTypeOf(db.$stream(db.insert(users).values({ name: 'a' }).returning())).toEqualTypeOf<RowStream<User>>();
expectTypeOf(db.$stream(db.query.users.findMany())).toEqualTypeOf<RowStream<User>>();
expectTypeOf(db.$stream(db.query.users.findFirst())).toEqualTypeOf<RowStream<User>>();
expectTypeOf(db.$stream(db.execute<{ a: number }>(sql`select 1 as a`))).toEqualTypeOf<
  RowStream<{ a: number }>
>();
expectTypeOf(db.$stream<{ a: number }>(sql`select 1 as a`)).toEqualTypeOf<RowStream<{ a: number }>>();
expectTypeOf(db.$stream(sql`select 1 as a`)).toEqualTypeOf<RowStream<Record<string, unknown>>>();
expectTypeOf(db.$stream(db.select().from(users).prepare('all_users'))).toEqualTypeOf<RowStream<User>>();
await db.transaction(async (tx) => {
  expectTypeOf(tx.$stream(tx.select().from(users))).toEqualTypeOf<RowStream<User>>();
  await tx.transaction(async (inner) => {
    expectTypeOf(inner.$stream(sql`select 1`)).toEqualTypeOf<RowStream<Record<string, unknown>>>();
  });
});
// @ts-expect-error: no query
void db.$stream(5);
