'use strict';

/*
 * The data of all workloads, twice: as SQL that makes it, and as functions that say what a row must look like.
 */

const ITEMS = 100_000;
const RECORDS = 100_000;
const ACCOUNTS = 1_000;

/** The columns of a record made from its key `i`, in the order of the table. */
const RECORD_OF_I = `i as id, 9000000000 + i as serial, i / 8.0::float8 as score,
      (i % 1000 + 0.25)::numeric(12, 2) as price, i % 3 = 0 as active, 'name ' || i as name,
      'user' || i || '@example.org' as email,
      case when i % 4 = 0 then null else 'what there is to say of record ' || i end as note,
      timestamptz '2024-01-01 00:00:00Z' + i * interval '1 minute' as created,
      jsonb_build_object('key', i, 'tags', jsonb_build_array('a', 'b')) as data`;

function insertRecords(from, to) {
  return `insert into records select ${RECORD_OF_I} from generate_series(${from}, ${to}) i;`;
}

const TABLES = `
  create table items (id int primary key, name text not null, quantity int not null);
  insert into items select i, 'item ' || i, i * 7 % 1000 from generate_series(1, ${ITEMS}) i;

  create table records (
    id int primary key,
    serial bigint not null,
    score float8 not null,
    price numeric(12, 2) not null,
    active bool not null,
    name text not null,
    email text not null,
    note text,
    created timestamptz not null,
    data jsonb not null
  );
  ${insertRecords(1, RECORDS)}

  create table entries (
    id int generated always as identity primary key,
    name text not null,
    amount int not null,
    created timestamptz not null default now()
  );

  create table accounts (id int primary key, balance int not null) with (fillfactor = 50);
`;

const MOST_RECORDS = 1_000_000;
const MORE_RECORDS = `${insertRecords(RECORDS + 1, MOST_RECORDS)} analyze records`;

const FRESH_ENTRIES = 'truncate entries restart identity';

const FRESH_ACCOUNTS = `
  truncate accounts;
  insert into accounts select i, 0 from generate_series(1, ${ACCOUNTS}) i;
`;

/** The row of `items` with this key. */
function item(id) {
  return { id, name: `item ${id}`, quantity: (id * 7) % 1000 };
}

/** The row of `records` with this key, as pg gives it. */
function record(id) {
  return {
    id,
    serial: String(9_000_000_000 + id),
    score: id / 8,
    price: `${id % 1000}.25`,
    active: id % 3 === 0,
    name: `name ${id}`,
    email: `user${id}@example.org`,
    note: id % 4 === 0 ? null : `what there is to say of record ${id}`,
    created: new Date(Date.UTC(2024, 0, 1) + id * 60_000),
    data: { key: id, tags: ['a', 'b'] },
  };
}

module.exports = {
  ITEMS,
  RECORDS,
  ACCOUNTS,
  RECORD_OF_I,
  TABLES,
  MORE_RECORDS,
  FRESH_ENTRIES,
  FRESH_ACCOUNTS,
  item,
  record,
};
