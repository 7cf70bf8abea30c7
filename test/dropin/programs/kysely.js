'use strict';

const { Kysely, PostgresDialect, sql } = require('kysely');
const { Pool } = require('pg');

async function main() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const told = [];
  await db.schema
    .createTable('person')
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .addColumn('name', 'varchar', (column) => column.notNull().unique())
    .addColumn('born', 'timestamptz')
    .addColumn('tags', sql`text[]`)
    .addColumn('extra', 'jsonb')
    .execute();
  const people = Array.from({ length: 50 }, (_, i) => ({
    name: `person ${i}`,
    born: new Date(Date.UTC(1970 + i, i % 12, 1)),
    tags: [`a${i}`, 'quoted "one"', null],
    extra: JSON.stringify({ i, nested: { list: [i, null] } }),
  }));
  told.push(await db.insertInto('person').values(people).returning(['id', 'name']).execute());
  told.push(await db.selectFrom('person').selectAll().where('id', '<', 5).orderBy('id').execute());
  told.push(await db.updateTable('person').set({ tags: [] }).where('id', '=', 3).executeTakeFirst());
  told.push(await db.deleteFrom('person').where('id', '>', 45).executeTakeFirst());
  const failure = await db
    .transaction()
    .execute(async (trx) => {
      await trx.insertInto('person').values({ name: 'gone' }).execute();
      await trx.insertInto('person').values({ name: 'person 1' }).execute();
    })
    .catch(({ name, code, constraint, message }) => ({ name, code, constraint, message }));
  told.push(failure);
  const count = (query) => query.select((eb) => eb.fn.countAll().as('n')).executeTakeFirstOrThrow();
  told.push(await count(db.selectFrom('person')));
  const asked = Array.from({ length: 50 }, (_, i) =>
    db
      .transaction()
      .setIsolationLevel('serializable')
      .execute((trx) =>
        trx
          .selectFrom('person')
          .select('name')
          .where('id', '=', 1 + (i % 40))
          .execute(),
      ),
  );
  told.push(await Promise.all(asked));
  const counted = Array.from({ length: 50 }, (_, i) =>
    db.transaction().execute(async (trx) => {
      const { id } = await trx
        .updateTable('person')
        .set({ extra: sql`jsonb_set(extra, '{i}', to_jsonb((extra->>'i')::int + 1))` })
        .where('name', '=', 'person 0')
        .returning('id')
        .executeTakeFirstOrThrow();
      if (i % 5 === 0) throw new Error(`${id} is not to be counted`);
    }),
  );
  told.push((await Promise.allSettled(counted)).map(({ reason }) => reason?.message));
  told.push(await db.selectFrom('person').select('extra').where('name', '=', 'person 0').execute());
  told.push(await sql`select ${1}::int8 as big, ${'x'}::text as t, ${[1, 2]}::int[] as list`.execute(db));
  await db.destroy();
  return told;
}

main().then(require('../report').done, require('../report').failed);
