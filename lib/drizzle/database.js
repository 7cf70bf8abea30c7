'use strict';

const { KeelError } = require('../errors');
const { resolveOptions } = require('../hardened-defaults');
const { ONCE } = require('../statement');
const { checkDrizzleOptions, readArguments } = require('./arguments');
const { makeSession } = require('./session');
const { MockTarget, targetOf } = require('./targets');
const { viewOf } = require('./views');

/** drizzle() and createDatabase() over one copy of drizzle-orm. */
function makeDatabase(orm) {
  const { DefaultLogger, PgDatabase, PgDialect, entityKind } = orm;
  const { createTableRelationsHelpers, extractTablesRelationalConfig } = orm;
  const KeelSession = makeSession(orm);

  class KeelDatabase extends PgDatabase {
    static [entityKind] = 'KeelDatabase';

    /** The rows of a query as they come, mapped as the query maps them; see the typings. */
    $stream(query, options) {
      return this.session.stream(query, options);
    }
  }

  function construct(client, target, config, queryOptions) {
    const dialect = new PgDialect({ casing: config.casing });
    const schema = relationalSchema(config.schema);
    const logger = config.logger === true ? new DefaultLogger() : config.logger || undefined;
    const session = new KeelSession(target, dialect, schema, { logger, cache: config.cache, queryOptions });
    const db = new KeelDatabase(dialect, session, schema);
    db.$client = client;
    if (config.cache) {
      db.$cache = config.cache;
      db.$cache.invalidate = config.cache.onMutate.bind(config.cache);
    }
    return db;
  }

  function relationalSchema(fullSchema) {
    if (!fullSchema) return undefined;
    const { tables, tableNamesMap } = extractTablesRelationalConfig(fullSchema, createTableRelationsHelpers);
    return { fullSchema, schema: tables, tableNamesMap };
  }

  function drizzle(...args) {
    const { client, connection, config } = readArguments(...args);
    const used = client ?? openPool(connection);
    return construct(used, targetOf(used), config);
  }

  drizzle.mock = function mock(config = {}) {
    checkDrizzleOptions(config);
    return construct({}, new MockTarget(), config);
  };

  function createDatabase(options = {}) {
    if (typeof options !== 'object' || options === null) {
      throw new KeelError('KEEL_CONFIG', 'createDatabase() takes an object with options');
    }
    const { schema, logger, casing, cache, ...poolOptions } = options;
    const config = { schema, logger, casing, cache };
    checkDrizzleOptions(config);
    const pool = openPool(poolOptions);
    const db = construct(pool, targetOf(pool), config);
    db.$primary = construct(pool, targetOf(pool), config, { route: 'primary' });
    return { db, pool, ...companionsOf(pool) };
  }

  return { KeelSession, createDatabase, drizzle };
}

// The one place where the driver meets the pool's class; loaded late because the package's main module exports
// hardenedDefaults() and must not wait for drizzle-orm.
function openPool(options) {
  const { Pool } = require('../index.js');
  return new Pool({ ...resolveOptions(options), hardened: true });
}

function companionsOf(pool) {
  const close = closeOnce(pool);
  return {
    readPool: viewOf(pool, { route: 'replica', force: false, end: close }),
    writePool: viewOf(pool, { route: 'primary', force: true, end: close }),
    testConnection: () => answers(pool),
    health: () => pool.health(),
    metrics: () => pool.metrics(),
    close,
  };
}

// Programs that had three pools end all three.
function closeOnce(pool) {
  return function close(options) {
    return pool._endOrJoin(options);
  };
}

async function answers(pool) {
  try {
    await pool.query({ text: 'SELECT 1', route: 'primary', [ONCE]: true });
    return true;
  } catch {
    return false;
  }
}

module.exports = { makeDatabase };
