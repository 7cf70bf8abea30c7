'use strict';

const { eq, sql } = require('drizzle-orm');
const { values } = require('../support/schema');

const id = 1;

async function roundTrip(db, row) {
  const returned = await db
    .insert(values)
    .values({ id, ...row })
    .returning();
  const selected = await db.query.values.findFirst({ where: eq(values.id, id) });
  return { returned, selected };
}

module.exports = {
  'all columns null': ({ db }) => roundTrip(db, {}),
  'booleans and numbers': ({ db }) =>
    roundTrip(db, {
      bool: false,
      small: -32768,
      bigNumber: Number.MAX_SAFE_INTEGER,
      bigBigint: 9223372036854775807n,
      real: 1.5,
      double: 1e-300,
    }),
  'numeric in its three modes': ({ db }) =>
    roundTrip(db, {
      numericText: '12345678901234567890.0123456789',
      numericNumber: 0.1,
      numericBigint: 123456789012345678901234567890n,
    }),
  'not a number and infinity': ({ db }) =>
    roundTrip(db, { real: Number.NaN, double: -Infinity, numericNumber: Number.NaN }),
  'timestamps in both modes': ({ db }) =>
    roundTrip(db, {
      tzDate: new Date('2024-02-29T12:34:56.789Z'),
      tzText: '2024-02-29 12:34:56.123456+05:30',
      plainDate: new Date('1969-07-20T20:17:40.001Z'),
      plainText: '2024-02-29 12:34:56.123456',
      dayDate: new Date('2024-02-29T00:00:00Z'),
      dayText: '0044-03-15 BC',
      time: '23:59:59.999999',
      interval: '1 year 2 mons 3 days 04:05:06.789',
    }),
  'timestamps at infinity, as text': ({ db }) =>
    roundTrip(db, { tzText: 'infinity', plainText: '-infinity', dayText: 'infinity' }),
  'the same moments in another time zone of the session': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`set local time zone 'America/St_Johns'`);
      const moment = new Date('2024-07-01T10:00:00.5Z');
      return roundTrip(tx, {
        tzDate: moment,
        tzText: '2024-07-01 10:00:00Z',
        plainDate: moment,
        tzDates: [moment],
      });
    }),
  'another date style of the session': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`set local datestyle = 'German, DMY'`);
      return roundTrip(tx, {
        dayText: '2024-02-03',
        plainText: '2024-02-03 04:05:06',
        dates: ['2024-02-03'],
      });
    }),
  'json and jsonb': ({ db }) =>
    roundTrip(db, {
      json: { b: 1, a: [true, null, 'ü"\\'], deep: { er: {} } },
      jsonb: [1, 'two', { three: 3.5 }],
    }),
  'json that is a scalar': async ({ db }) => [
    await roundTrip(db, { json: 'text', jsonb: 'quoted "text"' }),
    await db
      .update(values)
      .set({ json: 12, jsonb: false })
      .returning({ json: values.json, jsonb: values.jsonb }),
  ],
  'uuid, inet, char, enum': ({ db }) =>
    roundTrip(db, {
      uuid: 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      inet: '192.168.0.0/16',
      char: 'ab',
      mood: 'sad',
    }),
  'points in both modes': ({ db }) => roundTrip(db, { pointTuple: [1.5, -2], pointXy: { x: 0, y: 1e10 } }),
  'arrays of texts, numbers, booleans, enums': ({ db }) =>
    roundTrip(db, {
      texts: ['', 'a,b', '{c}', '"d"', 'back\\slash', 'NULL', ' e '],
      matrix: [
        [1, 2],
        [3, 4],
      ],
      numerics: ['1.10', '-0.001'],
      bigs: [1n, -9007199254740993n],
      bools: [true, false],
      moods: ['ok', 'happy'],
    }),
  'arrays of dates, timestamps, intervals': ({ db }) =>
    roundTrip(db, {
      dates: ['2024-01-01', '1999-12-31'],
      tzDates: [new Date('2024-01-01T00:00:00.123Z')],
      plainDates: ['2024-01-01 01:02:03.123456'],
      intervals: ['1 day', '02:00:00'],
    }),
  'arrays of jsonb and uuid': ({ db }) =>
    roundTrip(db, { jsonbs: [{ a: 1 }, [2]], uuids: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'] }),
  'empty arrays and arrays with null': async ({ db }) => {
    await db.execute(sql`insert into "values" (id, texts, numerics, dates, bools) values
      (1, '{}', '{}', '{}', '{}'), (2, '{NULL,x}', '{NULL,1}', '{NULL}', '{NULL,t}')`);
    return db.select().from(values).orderBy(values.id);
  },
  'expressions without a column, type by type': async ({ db }) =>
    db
      .select({
        int: sql`1`,
        big: sql`2::bigint`,
        numeric: sql`3.10::numeric`,
        stamp: sql`'2024-01-02 03:04:05+00'::timestamptz`,
        plain: sql`'2024-01-02 03:04:05'::timestamp`,
        day: sql`'2024-01-02'::date`,
        span: sql`'1 day 2 hours'::interval`,
        spans: sql`'{1 day,2 days}'::interval[]`,
        days: sql`array['2024-01-02'::date]`,
        json: sql`'{"a":[1]}'::jsonb`,
        bytes: sql`'\\x0001ff'::bytea`,
        point: sql`'(1,2)'::point`,
        texts: sql`'{a,NULL}'::text[]`,
        bool: sql`true`,
        nothing: sql`null`,
      })
      .from(sql`generate_series(1, 2)`),
  'parameters of many kinds': ({ db }) =>
    db.execute(
      sql`select ${'text'}::text as t, ${1.5}::float8 as f, ${10n}::int8 as b, ${true}::bool as y, ${null}::int as n,
        ${new Date('2024-01-02T03:04:05.678Z')}::timestamptz as d, ${Buffer.from([0, 255])}::bytea as by,
        ${sql.param([1, 2, 3])}::int[] as a, ${sql.param({ k: ['v'] })}::jsonb as j`,
    ),
  'unsafe text stays text': ({ db }) =>
    db.execute(sql`select ${"'; drop table users; --"}::text as evil, ${'\u{1F600} ünï \t\n'}::text as odd`),
};
