'use strict';

/**
 * Gives a function that makes a result's rows, as arrays, into what the query selects.
 * Flat selections have a short way of our own; nested ones (joins, whose absent side becomes null) are
 * Drizzle's to decide and go through its own mapper.
 */
function makeRowMapper(orm) {
  const { Column, SQL, Subquery, is, mapResultRow } = orm;

  function decoderOf(field) {
    if (is(field, Column)) return field;
    if (is(field, SQL)) return field.decoder;
    if (is(field, Subquery)) return field._.sql.decoder;
    return field.sql.decoder;
  }

  function mapFlat(keys, decoders, row) {
    const result = {};
    for (let i = 0; i < keys.length; i++) {
      const raw = row[i];
      result[keys[i]] = raw === null ? null : decoders[i].mapFromDriverValue(raw);
    }
    return result;
  }

  return function mapRows(fields, rows, joinsNotNullableMap) {
    if (fields.some(({ path }) => path.length !== 1)) {
      return rows.map((row) => mapResultRow(fields, row, joinsNotNullableMap));
    }
    const keys = fields.map(({ path }) => path[0]);
    const decoders = fields.map(({ field }) => decoderOf(field));
    return rows.map((row) => mapFlat(keys, decoders, row));
  };
}

module.exports = { makeRowMapper };
