'use strict';

/* What tables.js makes, in Drizzle's words. */

const orm = require('drizzle-orm/pg-core');

const items = orm.pgTable('items', {
  id: orm.integer('id').primaryKey(),
  name: orm.text('name').notNull(),
  quantity: orm.integer('quantity').notNull(),
});

const records = orm.pgTable('records', {
  id: orm.integer('id').primaryKey(),
  serial: orm.bigint('serial', { mode: 'number' }).notNull(),
  score: orm.doublePrecision('score').notNull(),
  price: orm.numeric('price', { precision: 12, scale: 2 }).notNull(),
  active: orm.boolean('active').notNull(),
  name: orm.text('name').notNull(),
  email: orm.text('email').notNull(),
  note: orm.text('note'),
  created: orm.timestamp('created', { withTimezone: true }).notNull(),
  data: orm.jsonb('data').notNull(),
});

const accounts = orm.pgTable('accounts', {
  id: orm.integer('id').primaryKey(),
  balance: orm.integer('balance').notNull(),
});

module.exports = { items, records, accounts };
