'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const orm = require('drizzle-orm');
const pg = require('drizzle-orm/pg-core');
const { EventReader } = require('../../lib/decode');
const { makeRowBuilder } = require('../../lib/row-builder');
const { drizzle } = require('../../lib/drizzle');
const { pickOrm, requireOrm } = require('../../lib/drizzle/orm');
const { rawTypes } = require('../../lib/drizzle/raw-types');
const { makeRowMapper } = require('../../lib/drizzle/row-mapper');
const { fieldsEvent, memoryOf, rowsEvent } = require('../support/blocks');

const { eq, sql, mapResultRow } = orm;
const MAY_GENERATE = !process.execArgv.includes('--disallow-code-generation-from-strings');

const db = drizzle.mock();
const planFor = makeRowMapper(pickOrm(requireOrm()));

/** @param {unknown[]} cells a result of one column type each: [oid, text or null] */
function resultOf(oids, rows, kind) {
  const columns = oids.map((dataTypeID, i) => ({ name: `c${i}`, dataTypeID }));
  const fieldsBlock = fieldsEvent(columns);
  const reader = new EventReader(memoryOf(fieldsBlock, rowsEvent(rows, kind, undefined, columns)));
  const fields = reader.fields(0);
  const parsers = fields.map((field) => rawTypes.getTypeParser(field.dataTypeID, field.format));
  return { fields, parsers, block: () => reader.rows(fieldsBlock.length / 4) };
}

function outcomeOf(run) {
  try {
    return run();
  } catch (error) {
    return { thrown: error.constructor.name, message: error.message };
  }
}

/** What Drizzle makes of the same cells. */
function drizzleRows(query, { fields, parsers, block }) {
  const arrays = [];
  makeRowBuilder(fields, parsers, 'array')(block(), arrays);
  return arrays.map((row) => mapResultRow(query.fields, row, query.joinsNotNullableMap));
}

/** @param {number} blocks as many times the block comes */
function ourRows(query, { fields, parsers, block }, blocks = 1) {
  const plan = planFor(query.fields, query.joinsNotNullableMap);
  const build = plan.builderFor(fields, parsers) ?? makeRowBuilder(fields, parsers, 'array');
  const rows = [];
  for (let i = 0; i < blocks; i++) build(block(), rows);
  return plan.finish(rows);
}

/** To assert, an invalid Date is not equal to itself, and order does not matter. */
function comparable(value) {
  if (value instanceof Date) return { date: value.getTime() };
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(comparable);
  return { class: value.constructor?.name, of: Object.entries(value).map(([k, v]) => [k, comparable(v)]) };
}

function assertAsDrizzle(builder, oids, rows, kind) {
  const query = builder._prepare();
  const result = resultOf(oids, rows, kind);
  const expected = outcomeOf(() => drizzleRows(query, result));
  const actual = outcomeOf(() => ourRows(query, result));
  assert.deepStrictEqual(comparable(actual), comparable(expected));
  return actual;
}

const OID = {
  ...{ bool: 16, bytea: 17, char: 18, int8: 20, int2: 21, int4: 23, text: 25, json: 114, point: 600 },
  ...{ line: 628, float4: 700, float8: 701, macaddr: 829, inet: 869, 'int4[]': 1007, 'text[]': 1009 },
  ...{ date: 1082, time: 1083, timestamp: 1114, 'timestamp[]': 1115, 'date[]': 1182, timestamptz: 1184 },
  ...{ 'timestamptz[]': 1185, interval: 1186, 'numeric[]': 1231, numeric: 1700, uuid: 2950, jsonb: 3802 },
  ...{ 'jsonb[]': 3807, bit: 1560, unknown: 99_999 },
};

const { INTEGERS, DECIMALS, DAYS, STAMPS, ZONED, JSONS } = {
  INTEGERS: ['0', '-1', '32767', '2147483647', '9007199254740993', '-9223372036854775808', '-0', ''],
  DECIMALS: ['0', '-0.0', '0.10', '1.', '.5', '12345678901234567890.0123456789', 'NaN', 'Infinity', '1e300'],
  DAYS: ['2024-02-29', '0001-01-01', '0099-12-31', '10000-01-01', '0044-03-15 BC', 'infinity', '29/02/2024'],
  STAMPS: [
    ...[
      '2024-02-29 12:34:56',
      '2024-02-29 12:34:56.7',
      '2024-02-29 12:34:56.28',
      '1969-07-20 20:17:40.289',
      '2024-01-01 00:00:00.123456',
    ],
    ...['0099-12-31 23:59:59', '0999-12-31 23:59:59', '1000-01-01 00:00:00', '10000-01-01 00:00:00'],
    ...['0044-03-15 00:00:00 BC', 'infinity', '-infinity', '29/02/2024 12:34:56', 'Thu Feb 29 12:34:56 2024'],
    ...['2024-13-01 00:00:00', '2024-02-30 00:00:00', '2024-02-29 25:00:00', '2024-02-29 12:60:00', ''],
  ],
  ZONED: ['+00', '-03:30', '+05:45', '+00:19:32', '-14', '+05:99', ' BC', '+00 BC'],
  JSONS: ['{"a":[1,{"b":null}]}', '"x"', '"1"', 'null', '1', '[]', '"{\\"a\\":1}"'],
};
const instants = STAMPS.flatMap((stamp) => ZONED.map((zone) => stamp + zone));

const pair = pg.customType({ dataType: () => 'text', fromDriver: (value) => ({ pair: value.split(',') }) });
const bare = pg.customType({ dataType: () => 'text' });
const mood = pg.pgEnum('mood', ['sad', 'happy']);

/* Each column of pg-core that there is: its builder, the type the server sends, and texts. */
const COLUMNS = {
  bigint53: [pg.bigint({ mode: 'number' }), OID.int8, INTEGERS],
  bigint64: [pg.bigint({ mode: 'bigint' }), OID.int8, INTEGERS],
  bigserial53: [pg.bigserial({ mode: 'number' }), OID.int8, INTEGERS],
  bigserial64: [pg.bigserial({ mode: 'bigint' }), OID.int8, INTEGERS],
  boolean: [pg.boolean(), OID.bool, ['t', 'f']],
  char: [pg.char({ length: 3 }), OID.char, ['a  ']],
  cidr: [pg.cidr(), OID.inet, ['10.0.0.0/8']],
  date: [pg.date({ mode: 'date' }), OID.date, DAYS],
  dateString: [pg.date({ mode: 'string' }), OID.date, DAYS],
  double: [pg.doublePrecision(), OID.float8, DECIMALS],
  enum: [mood(), OID.unknown, ['sad']],
  inet: [pg.inet(), OID.inet, ['::1']],
  integer: [pg.integer(), OID.int4, INTEGERS],
  interval: [pg.interval(), OID.interval, ['1 year 2 mons -3 days 04:05:06.789']],
  json: [pg.json(), OID.json, JSONS],
  jsonb: [pg.jsonb(), OID.jsonb, JSONS],
  jsonbOfText: [pg.jsonb(), OID.text, [...JSONS, 'not json']],
  lineTuple: [pg.line(), OID.line, ['{1,-2.5,3}']],
  lineObject: [pg.line({ mode: 'abc' }), OID.line, ['{1,-2.5,3}']],
  macaddr: [pg.macaddr(), OID.macaddr, ['08:00:2b:01:02:03']],
  macaddr8: [pg.macaddr8(), OID.unknown, ['08:00:2b:ff:fe:01:02:03']],
  numeric: [pg.numeric(), OID.numeric, DECIMALS],
  numericNumber: [pg.numeric({ mode: 'number' }), OID.numeric, DECIMALS],
  numericBigint: [pg.numeric({ mode: 'bigint' }), OID.numeric, ['123456789012345678901234567890', '1.5']],
  pointTuple: [pg.point(), OID.point, ['(1,-2.5)']],
  pointObject: [pg.point({ mode: 'xy' }), OID.point, ['(1,-2.5)']],
  geometry: [pg.geometry(), OID.unknown, ['0101000000000000000000F03F00000000000000C0', 'no']],
  geometryObject: [pg.geometry({ mode: 'xy' }), OID.unknown, ['0101000000000000000000F03F00000000000000C0']],
  real: [pg.real(), OID.float4, DECIMALS],
  serial: [pg.serial(), OID.int4, INTEGERS],
  smallint: [pg.smallint(), OID.int2, INTEGERS],
  smallserial: [pg.smallserial(), OID.int2, INTEGERS],
  smallintOfText: [pg.smallint(), OID.text, INTEGERS],
  integerOfText: [pg.integer(), OID.text, INTEGERS],
  integerOfBoolean: [pg.integer(), OID.bool, ['t']],
  text: [pg.text(), OID.text, ['', 'ünïcödé 😀', 'more than thirteen characters']],
  time: [pg.time(), OID.time, ['23:59:59.999999']],
  timestamp: [pg.timestamp(), OID.timestamp, STAMPS],
  timestampString: [pg.timestamp({ mode: 'string' }), OID.timestamp, STAMPS],
  timestamptz: [pg.timestamp({ withTimezone: true }), OID.timestamptz, [...STAMPS, ...instants]],
  timestamptzString: [pg.timestamp({ withTimezone: true, mode: 'string' }), OID.timestamptz, instants],
  uuid: [pg.uuid(), OID.uuid, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  varchar: [pg.varchar({ length: 9 }), OID.text, ['abc']],
  bit: [pg.bit({ dimensions: 3 }), OID.bit, ['101']],
  halfvec: [pg.halfvec({ dimensions: 2 }), OID.unknown, ['[1,2.5]']],
  sparsevec: [pg.sparsevec({ dimensions: 2 }), OID.unknown, ['{1:1}/2']],
  vector: [pg.vector({ dimensions: 2 }), OID.unknown, ['[1,2.5]']],
  custom: [pair(), OID.text, ['a,b', '']],
  customWithoutDecoder: [bare(), OID.text, ['a,b']],
  integers: [pg.integer().array(), OID['int4[]'], ['{}', '{1,NULL,-3}']],
  texts: [pg.text().array(), OID['text[]'], ['{a,"b c",NULL}']],
  nested: [pg.integer().array().array(), OID['int4[]'], ['{{1,2},{3,4}}', '{1}']],
  timestamps: [pg.timestamp().array(), OID['timestamp[]'], ['{"2024-02-29 12:34:56.7"}', '{}']],
  instantsArray: [
    pg.timestamp({ withTimezone: true }).array(),
    OID['timestamptz[]'],
    ['{"2024-02-29 12:34:56+00"}'],
  ],
  days: [pg.date({ mode: 'date' }).array(), OID['date[]'], ['{2024-02-29}']],
  numerics: [pg.numeric({ mode: 'number' }).array(), OID['numeric[]'], ['{0.10,NaN}']],
  moods: [mood().array(), OID.unknown, ['{sad,happy}']],
  customs: [pair().array(), OID['text[]'], ['{"a,b"}']],
  jsons: [pg.jsonb().array(), OID['jsonb[]'], ['{"1"}']],
};

const everything = pg.pgTable(
  'everything',
  Object.fromEntries(Object.entries(COLUMNS).map(([k, [b]]) => [k, b])),
);
const people = pg.pgTable('people', { id: pg.integer(), name: pg.text(), born: pg.date({ mode: 'date' }) });
const pets = pg.pgTable('pets', {
  id: pg.integer(),
  owner: pg.integer(),
  tag: pg.bigint({ mode: 'number' }),
});
const PEOPLE = [OID.int4, OID.text, OID.date];
const PETS = [OID.int4, OID.int4, OID.int8];
const PERSON = ['1', 'Ada', '1815-12-10'];
const PET = ['7', '1', '12'];
const NONE = [null, null, null];

const sides = (a, b) => [
  [...a, ...b],
  [...a, ...NONE],
  [...NONE, ...b],
  [...NONE, ...NONE],
  [null, ...a.slice(1), ...b.slice(0, 2), null],
  [...a.slice(0, 2), null, null, ...b.slice(1)],
];

const boss = pg.alias(people, 'boss');
const owned = eq(people.id, pets.owner);

/* Joins of people and pets (or of people and people): the null sides depend on how they are joined. */
const JOINS = {
  left: () => db.select().from(people).leftJoin(pets, owned),
  right: () => db.select().from(people).rightJoin(pets, owned),
  full: () => db.select().from(people).fullJoin(pets, owned),
  inner: () => db.select().from(people).innerJoin(pets, owned),
  cross: () => db.select().from(people).crossJoin(pets),
  'left of chosen objects': () =>
    db
      .select({ who: people, pet: { id: pets.id, owner: pets.owner, tag: pets.tag } })
      .from(people)
      .leftJoin(pets, owned),
  'left of an object with columns of both': () =>
    db
      .select({
        of: { id: people.id, name: people.name, born: people.born, pet: pets.id },
        o: pets.owner,
        t: pets.tag,
      })
      .from(people)
      .leftJoin(pets, owned),
  'left of an object with columns of both, the first of which may be absent': () =>
    db
      .select({ of: { pet: pets.id, name: people.name, born: people.born }, pet: pets })
      .from(people)
      .leftJoin(pets, owned),
  'left of an object that begins with an expression': () =>
    db
      .select({ a: people, pet: { loud: sql`upper('x')`, owner: pets.owner, tag: pets.tag } })
      .from(people)
      .leftJoin(pets, owned),
  'left of an object of expressions': () =>
    db
      .select({ a: people, pet: { a: sql`1`, b: sql`2`.as('b'), c: sql`3`.mapWith(pets.tag) } })
      .from(people)
      .leftJoin(pets, owned),
  'left of deeper objects': () =>
    db
      .select({ a: { b: { id: people.id, name: people.name }, born: people.born }, p: { q: { r: pets } } })
      .from(people)
      .leftJoin(pets, owned),
  'subquery on the left': () => {
    const s = db.select().from(people).as('s');
    return db.select().from(s).leftJoin(pets, eq(s.id, pets.owner));
  },
  'subquery on the right': () => {
    const s = db
      .select({ id: pets.id, owner: pets.owner, tag: sql`tag`.mapWith(Number).as('tag') })
      .from(pets)
      .as('s');
    return db.select().from(people).leftJoin(s, eq(s.owner, people.id));
  },
};

/* Selections of three columns: an int4, a text and a date. */
const SELECTIONS = {
  flat: () => db.select().from(people),
  'names in another order, some twice': () =>
    db.select({ z: people.id, a: people.name, 10: people.born }).from(people),
  'names that are no identifiers': () =>
    db.select({ 'a b': people.id, '"quote"': people.name, 'new\nline\u2028': people.born }).from(people),
  'names of members of every object': () =>
    db.select({ constructor: people.id, toString: people.name, valueOf: people.born }).from(people),
  'objects named as members of every object': () =>
    db.select({ valueOf: { born: people.id, name: people.name }, d: people.born }).from(people),
  'what names the prototype': () =>
    db.select({ ['__proto__']: people.id, a: { ['__proto__']: people.name, d: people.born } }).from(people),
  'objects within objects': () =>
    db.select({ a: { b: { c: people.id }, d: people.name }, e: people.born }).from(people),
  expressions: () =>
    db.select({ n: sql`1`, s: sql`2`.mapWith(String).as('s'), d: sql`3`.mapWith(people.born) }).from(people),
  'a decoder of the application': () =>
    db.select({ n: people.id, s: sql`2`.mapWith((text) => `<${text}>`), d: people.born }).from(people),
  'a decoder that gives null': () =>
    db.select({ a: { n: sql`1`.mapWith(() => null), s: people.name }, d: people.born }).from(people),
  'a decoder that is an object': () =>
    db
      .select({ n: people.id, s: sql`2`.mapWith({ mapFromDriverValue: (t) => t.length }), d: people.born })
      .from(people),
  'a decoder that cannot decode': () =>
    db.select({ n: people.id, s: sql`2`.mapWith(BigInt), d: people.born }).from(people),
  "a decoder of the application's that throws": () =>
    db
      .select({
        n: people.id,
        s: sql`2`.mapWith(() => {
          throw new RangeError('no');
        }),
        d: people.born,
      })
      .from(people),
  returning: () => db.insert(people).values({ id: 1 }).returning(),
  'returning chosen fields': () =>
    db.update(people).set({ id: 1 }).returning({ id: people.id, name: people.name, born: people.born }),
  'delete returning': () => db.delete(people).returning(),
};

describe("rows of Drizzle's selections", () => {
  describe('of one column are as mapResultRow() makes them', () => {
    for (const [name, [, oid, texts]] of Object.entries(COLUMNS)) {
      it(name, () => {
        const builder = () => db.select({ value: everything[name] }).from(everything);
        for (const text of [...texts, null]) assertAsDrizzle(builder(), [oid], [[text]]);
        const wanted = texts.map((text) => [text]);
        assertAsDrizzle(builder(), [oid], wanted);
        assertAsDrizzle(db.select({ o: { v: everything[name] } }).from(everything), [oid], wanted);
        const other = pg.alias(everything, 'e');
        assertAsDrizzle(db.select({ v: other[name] }).from(other), [oid], wanted);
      });
    }

    it('for each class of drizzle-orm', () => {
      const classes = Object.values(pg).filter((value) => value?.prototype instanceof pg.PgColumn);
      const tested = new Set(Object.values(everything).map((column) => column.constructor));
      const bases = [pg.ExtraConfigColumn, pg.PgEnumObjectColumn];
      const missing = classes.filter((each) => !tested.has(each) && !bases.includes(each));
      assert.deepEqual(missing, []);
    });
  });

  describe('of a join are as mapResultRow() makes them', () => {
    for (const [name, builder] of Object.entries(JOINS)) {
      it(name, () => {
        for (const row of sides(PERSON, PET)) assertAsDrizzle(builder(), [...PEOPLE, ...PETS], [row]);
        assertAsDrizzle(builder(), [...PEOPLE, ...PETS], sides(PERSON, PET));
      });
    }

    it('self joins, by the same alias and by others', () => {
      for (const make of [() => boss, () => pg.alias(people, 'boss'), () => pg.alias(people, 'chief')]) {
        for (const join of ['leftJoin', 'rightJoin', 'fullJoin', 'innerJoin']) {
          const other = make();
          const builder = db.select().from(people)[join](other, eq(other.id, people.id));
          assertAsDrizzle(builder, [...PEOPLE, ...PEOPLE], sides(PERSON, ['2', 'Bob', '2000-01-01']));
        }
      }
    });

    it('an absent side really is null', () => {
      const [row] = assertAsDrizzle(JOINS.left(), [...PEOPLE, ...PETS], [[...PERSON, ...NONE]]);
      assert.equal(row.pets, null);
      const [kept] = assertAsDrizzle(JOINS.inner(), [...PEOPLE, ...PETS], [[...PERSON, ...NONE]]);
      assert.deepEqual(kept.pets, { id: null, owner: null, tag: null });
    });
  });

  describe('of a selection are as mapResultRow() makes them', () => {
    // Where Drizzle puts what it should have put into an object of the row's own.
    afterEach(() => ['born', 'name'].forEach((name) => delete Object.prototype.valueOf[name]));

    for (const [name, builder] of Object.entries(SELECTIONS)) {
      it(name, () => {
        const rows = [PERSON, NONE, ['2', null, '2000-01-01'], [null, '5', null]];
        assertAsDrizzle(builder(), PEOPLE, rows);
        for (const row of rows) assertAsDrizzle(builder(), PEOPLE, [row]);
        assertAsDrizzle(builder(), PEOPLE, rows, 2);
      });
    }
  });

  describe('made at once', () => {
    const query = db
      .select({ n: people.id, s: sql`2`.mapWith(BigInt) })
      .from(people)
      ._prepare();
    const oids = [OID.int4, OID.text];

    it('are no arrays in between, unless code of the application decodes', function () {
      if (!MAY_GENERATE) this.skip();
      const built = (of) => {
        const { fields, parsers, block } = resultOf(PEOPLE, [PERSON]);
        const rows = [];
        planFor(of.fields).builderFor(fields, parsers)?.(block(), rows);
        return rows;
      };
      assert.equal(built(SELECTIONS.flat()._prepare())[0].name, 'Ada');
      assert.deepEqual(built(SELECTIONS['a decoder of the application']()._prepare()), []);
    });

    it('throw what a parser throws before what a decoder throws, which comes first', () => {
      const given = resultOf(
        [OID.text, OID.json],
        [
          ['x', '1'],
          ['1', '{'],
        ],
      );
      const both = db
        .select({ s: sql`2`.mapWith(BigInt), j: sql`3` })
        .from(people)
        ._prepare();
      assert.throws(() => drizzleRows(both, given), { name: 'SyntaxError', message: /JSON/ });
      assert.throws(() => ourRows(both, given), { name: 'SyntaxError', message: /JSON/ });
    });

    it('fail where the caller is, after further blocks have come', () => {
      const given = resultOf(oids, [
        ['1', '2'],
        ['3', 'x'],
      ]);
      assert.throws(
        () => ourRows(query, given, 3),
        (error) => /Cannot convert x to a BigInt/.test(error.message) && error.stack.includes('ourRows'),
      );
    });

    it('come in blocks of all kinds', () => {
      const rows = (kind) => ourRows(query, resultOf(oids, [['1', '2']], kind), 2);
      const expected = { n: 1, s: 2n };
      for (const kind of [0, 1, 2]) assert.deepEqual(rows(kind), [expected, expected]);
    });

    it('come in blocks of mixed kinds', () => {
      const given = [2, 0].map((kind) => resultOf(oids, [['1', '2']], kind));
      const plan = planFor(query.fields);
      const rows = [];
      for (const { fields, parsers, block } of given) {
        const build = plan.builderFor(fields, parsers) ?? makeRowBuilder(fields, parsers, 'array');
        build(block(), rows);
      }
      assert.deepEqual(plan.finish(rows), [
        { n: 1, s: 2n },
        { n: 1, s: 2n },
      ]);
    });

    it('are none when there are none', () => {
      const plan = planFor(query.fields);
      const rows = [];
      assert.deepEqual(plan.finish(rows), []);
      assert.notEqual(plan.finish(rows), rows); // which may be a cache's
    });
  });

  describe('by a plan', () => {
    const planOf = (builder) => {
      const { fields, joinsNotNullableMap } = builder._prepare();
      return planFor(fields, joinsNotNullableMap);
    };
    const aliased = (name) => {
      const other = pg.alias(people, name);
      return db.select().from(people).leftJoin(other, eq(other.id, people.id));
    };
    const mapped = (decoder) => db.select({ id: people.id, n: sql`1`.mapWith(decoder) }).from(people);
    const SAME = {
      'of a table': () => db.select().from(people).where(eq(people.id, 1)),
      'of a join': JOINS.left,
      'of a join with an alias': () => aliased('boss'),
      'of a known conversion': () => mapped(Number),
      'of no column': () => db.select({ n: sql`count(*)` }).from(people),
    };
    for (const [name, builder] of Object.entries(SAME)) {
      it(`that equal selections share: ${name}`, () => assert.equal(planOf(builder()), planOf(builder())));
    }

    const own = () => (text) => text;
    const ofAlias = (name) => {
      const [a, b] = ['a', 'b'].map((each) => pg.alias(people, each));
      return db
        .select({ id: people.id, other: { id: { a, b }[name].id } })
        .from(people)
        .leftJoin(a, sql`true`)
        .innerJoin(b, sql`true`);
    };
    const DIFFERENT = {
      'other joins': [JOINS.left, JOINS.inner],
      'other names': [SELECTIONS.flat, SELECTIONS['names in another order, some twice']],
      'other aliases': [() => aliased('a'), () => aliased('b')],
      'other decoders': [() => mapped(Number), () => mapped(String)],
      'decoders made anew': [() => mapped(own()), () => mapped(own())],
      'a column and an expression decoded by it': [
        () => db.select({ id: people.id }).from(people),
        () => db.select({ id: sql`1`.mapWith(people.id) }).from(people),
      ],
      'other columns': [
        () => db.select({ id: people.id, more: people.name }).from(people),
        () => db.select({ id: people.id, more: people.born }).from(people),
      ],
      'columns under the same names of other aliases': [() => ofAlias('a'), () => ofAlias('b')],
      'fewer columns': [SELECTIONS.flat, () => db.select({ id: people.id }).from(people)],
    };
    for (const [name, [a, b]] of Object.entries(DIFFERENT)) {
      it(`of their own: ${name}`, () => assert.notEqual(planOf(a()), planOf(b())));
    }

    it('that sees an expression get another decoder', () => {
      const n = sql`1`;
      const builder = db.select({ id: people.id, n }).from(people);
      const row = () => assertAsDrizzle(builder, [OID.int4, OID.text], [['1', '2']])[0].n;
      assert.equal(row(), '2');
      n.mapWith(Number);
      assert.equal(row(), 2);
    });

    it('of which not more are kept than have a use', () => {
      for (let i = 0; i < 100; i++) planOf(db.select({ [`name${i}`]: people.id }).from(people));
      assertAsDrizzle(db.select({ name3: people.id }).from(people), [OID.int4], [['1']]);
    });
  });

  it('pass all of this without generating code', async function () {
    this.timeout(60_000);
    if (!MAY_GENERATE) return void assert.throws(() => new Function(''), EvalError);
    const mocha = path.join(path.dirname(require.resolve('mocha/package.json')), 'bin/_mocha');
    const flags = ['--disallow-code-generation-from-strings', mocha, '--no-config', '--timeout', '20000'];
    return promisify(execFile)(process.execPath, [...flags, __filename]);
  });
});
