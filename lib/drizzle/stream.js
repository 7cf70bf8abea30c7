'use strict';

const { KeelError } = require('../errors');
const { RowStream, streamConfig } = require('../stream');
const { isWrite } = require('./prepared-query');

const USAGE = '$stream() takes a query of Drizzle, built or prepared, or sql``';

/** db.$stream() and tx.$stream() over one copy of drizzle-orm. */
function makeStream(orm, KeelPreparedQuery) {
  const { DrizzleQueryError, SQL, is, sql } = orm;

  function preparedOf(session, query) {
    if (query instanceof KeelPreparedQuery) return query;
    if (typeof query === 'string') return prepareSql(session, sql.raw(query));
    if (is(query, SQL)) return prepareSql(session, query);
    const prepared = query?._prepare?.();
    if (prepared instanceof KeelPreparedQuery) return prepared;
    // What db.execute() gives holds its statement, and has not run it yet.
    if (is(query?.sql, SQL)) return prepareSql(session, query.sql);
    throw new KeelError('KEEL_MISUSE', USAGE);
  }

  function prepareSql(session, query) {
    return session.prepareQuery(session.dialect.sqlToQuery(query), undefined, undefined, false);
  }

  // Of the given session, whose transaction may be another than that of the builder.
  function open(session, prepared, options) {
    const params = prepared.start({}, session);
    const config = streamConfig({ ...prepared.config, ...session.queryOptions }, params, options);
    return session.target.openStream(config, {
      rows: (rows) => mapBatch(prepared, rows),
      error: (error) => new DrizzleQueryError(prepared.query.sql, params, error),
      finish:
        prepared.cached && isWrite(prepared.metadata)
          ? () => forgetRead(session, prepared.metadata)
          : undefined,
    });
  }

  return (session, query, options) => new RowStream(() => open(session, preparedOf(session, query), options));
}

function mapBatch(prepared, rows) {
  if (prepared.fields) return prepared.planOfRows().finish(rows);
  if (!prepared.mapRelations) return rows;
  const mapped = prepared.mapRelations(rows);
  // findFirst() gives the one it found.
  if (Array.isArray(mapped)) return mapped;
  return mapped === undefined ? [] : [mapped];
}

async function forgetRead(session, { tables }) {
  for (const table of tables) session.scope?.written.add(table);
  if (tables.length > 0) await session.cache.onMutate({ tables });
}

module.exports = { makeStream };
