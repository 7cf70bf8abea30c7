'use strict';

const knex = require('knex');

async function main() {
  const db = knex({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 0, max: 5 } });
  const told = [];
  await db.schema.createTable('item', (table) => {
    table.increments('id');
    table.string('name').notNullable().unique();
    table.decimal('price', 10, 2);
    table.jsonb('extra');
    table.timestamp('made', { useTz: true });
  });
  const items = Array.from({ length: 40 }, (_, i) => ({
    name: `item ${i}`,
    price: i * 1.25,
    extra: { i },
    made: new Date(Date.UTC(2020, 0, 1 + i)),
  }));
  told.push(await db('item').insert(items).returning(['id', 'price']));
  told.push(await db('item').where('price', '>', 40).orderBy('id'));
  told.push(await db('item').where({ id: 1 }).update({ price: null }));
  told.push(await db('item').where('id', '>', 35).del());
  told.push(await db('item').count('* as n').first());
  const failure = await db
    .transaction(async (trx) => {
      await trx('item').insert({ name: 'gone' });
      await trx('item').insert({ name: 'item 1' });
    })
    .catch(({ code, constraint, detail, table }) => ({ code, constraint, detail, table }));
  told.push(failure);
  told.push(await db('item').where({ name: 'gone' }));
  await db.transaction(async (trx) => {
    await trx('item').insert({ name: 'kept' });
    await trx.transaction((nested) => nested('item').insert({ name: 'kept too' }));
  });
  told.push(await db('item').where('name', 'like', 'kept%').orderBy('id').pluck('name'));
  const asked = Array.from({ length: 50 }, (_, i) =>
    db('item')
      .where({ id: 1 + (i % 30) })
      .first('name'),
  );
  told.push(await Promise.all(asked));
  const raw = await db.raw('select ?::int as n, ?::text as t', [7, 'x']);
  told.push({ rows: raw.rows, command: raw.command, rowCount: raw.rowCount });
  const timedOut = await db
    .raw('select pg_sleep(5)')
    .timeout(100, { cancel: true })
    .catch(({ name }) => name);
  told.push(timedOut);
  await db.destroy();
  return told;
}

main().then(require('../report').done, require('../report').failed);
