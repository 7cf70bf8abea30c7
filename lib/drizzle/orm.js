'use strict';

const { KeelError } = require('../errors');

const NEEDED = {
  root: [
    'Column',
    'DefaultLogger',
    'DrizzleQueryError',
    'NoopLogger',
    'SQL',
    'Subquery',
    'createTableRelationsHelpers',
    'entityKind',
    'extractTablesRelationalConfig',
    'fillPlaceholders',
    'getTableName',
    'is',
    'mapResultRow',
    'sql',
  ],
  pgCore: [
    'PgArray',
    'PgCustomColumn',
    'PgDatabase',
    'PgDialect',
    'PgPreparedQuery',
    'PgSession',
    'PgTransaction',
    'integer',
    'pgTable',
  ],
  cache: ['NoopCache'],
  migrator: ['readMigrationFiles'],
};

/**
 * What the driver uses of drizzle-orm, from whichever copy of it the application loads: `import` and `require`
 * give two sets of classes, and an error must be an instance of the application's own.
 */
function pickOrm(modules) {
  const orm = {};
  for (const [from, names] of Object.entries(NEEDED)) {
    for (const name of names) {
      if (modules[from][name] === undefined) throw unsupported(name);
      orm[name] = modules[from][name];
    }
  }
  orm.columnClasses = Object.values(modules.pgCore).filter((value) => value?.prototype instanceof orm.Column);
  return orm;
}

function unsupported(name) {
  return new KeelError(
    'KEEL_CONFIG',
    `pgkeel/drizzle works with drizzle-orm 0.45 and later up to 1.0; the one installed lacks ${name}`,
  );
}

/** drizzle-orm by require(). It is an optional peer: who uses the pool alone need not have it. */
function requireOrm() {
  try {
    return {
      root: require('drizzle-orm'),
      pgCore: require('drizzle-orm/pg-core'),
      cache: require('drizzle-orm/cache/core'),
      migrator: require('drizzle-orm/migrator'),
    };
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND' && cause.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw cause;
    throw new KeelError('KEEL_CONFIG', 'pgkeel/drizzle needs drizzle-orm: npm install drizzle-orm@^0.45', {
      cause,
    });
  }
}

module.exports = { pickOrm, requireOrm };
