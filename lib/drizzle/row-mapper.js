'use strict';

const { makeDecoders } = require('./decoders');
const { RowPlan } = require('./row-plan');

/* Of plans that begin with one column. */
const MAX_PLANS = 32;
/* What selections without a column are kept by. */
const NO_COLUMN = {};

/**
 * Gives a function that finds the plan (see row-plan.js) for a selection. A builder makes a new list of fields each time,
 * with the table's own columns in it: equal lists get the plan that there is.
 */
function makeRowMapper(orm) {
  const { Column, getTableName, is, mapResultRow } = orm;
  const { decoderOf, describe } = makeDecoders(orm);
  const nullRuleIsKnown = followsNullRule(orm);
  const plans = new WeakMap();

  function describeField({ path, field }) {
    const isColumn = is(field, Column);
    const table = isColumn ? getTableName(field.table) : undefined;
    return { path, field, isColumn, table, ...describe(decoderOf(field)) };
  }

  function makePlan(fields, joinsNotNullableMap) {
    const columns = fields.map(describeField);
    const joins = joinsNotNullableMap && { ...joinsNotNullableMap };
    const mapRow = (row) => mapResultRow(fields, row, joins);
    const plan = nullRuleIsKnown
      ? new RowPlan(columns, joins, mapRow)
      : { finish: (rows) => rows.map(mapRow) };
    return { plan, columns, joins };
  }

  function isSameField(known, field) {
    if (known.field === field && known.isColumn) return true;
    const decoder = decoderOf(field);
    if (known.isColumn) return decoder === field && isAliasOfSame(known, field);
    return decoder !== field && isSameDecoder(known.decoder, decoder);
  }

  // alias() makes other objects each time, over the columns that there are.
  function isAliasOfSame(known, field) {
    return known.decoder.config === field.config && known.table === getTableName(field.table);
  }

  function isSameSelection({ columns, joins }, fields, joinsNotNullableMap) {
    if (columns.length !== fields.length) return false;
    for (let i = 0; i < columns.length; i++) {
      if (!isSamePath(columns[i].path, fields[i].path) || !isSameField(columns[i], fields[i].field))
        return false;
    }
    return isSameMap(joins, joinsNotNullableMap);
  }

  function keyOf(fields) {
    for (const { field } of fields) if (field instanceof Column) return field.config;
    return NO_COLUMN;
  }

  function plansBeside(fields) {
    const key = keyOf(fields);
    let list = plans.get(key);
    if (list === undefined) plans.set(key, (list = []));
    return list;
  }

  return function planFor(fields, joinsNotNullableMap) {
    const beside = plansBeside(fields);
    for (const known of beside) {
      if (isSameSelection(known, fields, joinsNotNullableMap)) return known.plan;
    }
    const made = makePlan(fields, joinsNotNullableMap);
    if (beside.length >= MAX_PLANS) beside.length = 0;
    beside.push(made);
    return made.plan;
  };
}

function isSamePath(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

// mapWith() makes an object around its function each time.
function isSameDecoder(a, b) {
  if (a === b) return true;
  return isWrapper(a) && isWrapper(b) && a.mapFromDriverValue === b.mapFromDriverValue;
}

function isWrapper(decoder) {
  return decoder?.constructor === Object && Object.keys(decoder).length === 1;
}

function isSameMap(a, b) {
  if (a === undefined || b === undefined) return a === b;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) if (a[name] !== b[name]) return false;
  return true;
}

/** Whether the installed drizzle-orm makes null of a join's absent side as row-plan.js does. */
function followsNullRule({ integer, pgTable, mapResultRow }) {
  const { a, b } = pgTable('side', { a: integer(), b: integer() });
  const fields = [
    { path: ['side', 'a'], field: a },
    { path: ['side', 'b'], field: b },
  ];
  const sideOf = (row, notNullable) => mapResultRow(fields, row, { side: notNullable }).side;
  const absent = [sideOf([null, null], false), sideOf([null, 1], false)];
  const present = [sideOf([1, null], false), sideOf([null, null], true)];
  return absent.every((side) => side === null) && present.every((side) => side !== null);
}

module.exports = { makeRowMapper };
