'use strict';

const { createHash } = require('node:crypto');
const { KeelError } = require('../errors');
const { ClientTarget, targetOf } = require('./targets');
const { QueuedConnection } = require('./transaction-scope');

const LOCK_SLICE_MS = 5_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** migrate(db, config) over one copy of drizzle-orm. */
function makeMigrate(orm, KeelSession) {
  const { readMigrationFiles, sql } = orm;
  const setting = (name) => sql`current_setting(${name})`;
  const set = (name, value) => sql`set_config(${name}, ${value}, false)`;

  async function migrate(db, config) {
    const migrations = readMigrationFiles(config);
    const lease = await targetOf(clientOf(db)).lease();
    try {
      const target = new ClientTarget(new QueuedConnection(lease.client));
      // A time limit that suits requests would make a long migration impossible.
      const queryOptions = { route: 'primary', timeout: 0 };
      const quiet = new KeelSession(target, db.dialect, undefined, { queryOptions });
      const session = new KeelSession(target, db.dialect, undefined, {
        queryOptions,
        logger: db._.session.logger,
      });
      await locked(quiet, lease, lockKey(config), () => db.dialect.migrate(migrations, session, config));
    } finally {
      lease.release();
    }
  }

  async function locked(session, lease, key, work) {
    const [before] = await session.all(
      sql`select ${setting('statement_timeout')} as statement, ${setting('lock_timeout')} as lock`,
    );
    try {
      const wait = String(LOCK_SLICE_MS);
      await session.execute(sql`select ${set('statement_timeout', '0')}, ${set('lock_timeout', wait)}`);
      await takeLock(session, key);
      try {
        await session.execute(sql`select ${set('lock_timeout', before.lock)}`);
        return await work();
      } finally {
        // A connection that cannot say that the lock is free is closed, which frees it.
        await session.execute(sql`select pg_advisory_unlock(${key})`).catch(spoil(lease));
      }
    } finally {
      const restored = sql`select ${set('statement_timeout', before.statement)}, ${set('lock_timeout', before.lock)}`;
      await session.execute(restored).catch(spoil(lease));
    }
  }

  // In slices: another process's migration may take any time, and at the end of each slice both sides notice
  // whether the other is still there.
  async function takeLock(session, key) {
    for (;;) {
      try {
        return await session.execute(sql`select pg_advisory_lock(${key})`);
      } catch (error) {
        if (error.cause?.code !== LOCK_NOT_AVAILABLE) throw error;
      }
    }
  }

  return migrate;
}

function spoil(lease) {
  return (error) => lease.spoil(error.cause ?? error);
}

function clientOf(db) {
  const client = db?.$client;
  if (db?.dialect && typeof client?.query === 'function') return client;
  throw new KeelError('KEEL_CONFIG', 'migrate() needs a database made by drizzle() or createDatabase()');
}

/** One lock for one journal: databases have locks of their own, but two journals may share a database. */
function lockKey({ migrationsSchema = 'drizzle', migrationsTable = '__drizzle_migrations' }) {
  const name = JSON.stringify(['pgkeel migrate', migrationsSchema, migrationsTable]);
  return createHash('sha256').update(name).digest().readBigInt64BE().toString();
}

module.exports = { makeMigrate };
