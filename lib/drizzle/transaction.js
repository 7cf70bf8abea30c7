'use strict';

const { PRELUDE } = require('../statement');
const { QueuedConnection, TransactionScope } = require('./transaction-scope');

/** Transactions over one copy of drizzle-orm: the class behind `tx`, and what opens and closes it. */
function makeTransaction(orm) {
  const { PgTransaction, entityKind, sql } = orm;

  class KeelTransaction extends PgTransaction {
    static [entityKind] = 'KeelTransaction';

    /** The rows of a query as they come, mapped as the query maps them; see the typings. */
    $stream(query, options) {
      return this.session.stream(query, options);
    }

    async transaction(callback) {
      const depth = this.nestedIndex + 1;
      const savepoint = `sp${depth}`;
      const outer = this.session;
      const scope = outer.scope.nest();
      const tx = new KeelTransaction(this.dialect, outer.over(scope), this.schema, depth);
      await outer.execute(sql.raw(`savepoint ${savepoint}`));
      try {
        const result = await callback(tx);
        scope.finish('released');
        await outer.execute(sql.raw(`release savepoint ${savepoint}`));
        return result;
      } catch (error) {
        scope.finish('rolled back');
        await outer
          .execute(sql.raw(`rollback to savepoint ${savepoint}`))
          .catch((failure) => scope.breakAll(reasonOf(failure)));
        throw error;
      }
    }
  }

  /** @param {{ begun: boolean }} [progress] told of it */
  async function runTransaction(session, callback, config, progress = {}) {
    const lease = await session.target.lease();
    const scope = new TransactionScope(new QueuedConnection(lease.client));
    let result;
    try {
      result = await runOn(lease, scope, session, callback, config, progress);
    } finally {
      lease.release();
    }
    await forgetWritten(session.cache, scope.written);
    return result;
  }

  // The first error is the one that is thrown, whatever goes wrong after it.
  async function runOn(lease, scope, session, callback, config, progress) {
    const { connection } = scope;
    const control = session.over(connection);
    const tx = new KeelTransaction(session.dialect, session.over(scope), session.schema);
    await begin(control, lease, tx, config);
    progress.begun = true;
    try {
      const result = await callback(tx);
      scope.assertOpen();
      scope.finish('committed');
      await connection.idle();
      await end(control, connection, sql`commit`);
      return result;
    } catch (error) {
      scope.finish('rolled back');
      await rollBack(control, connection, lease);
      throw error;
    }
  }

  async function begin(control, lease, tx, config) {
    const command = sql`begin${config ? sql` ${tx.getTransactionConfigSQL(config)}` : undefined}`;
    // One with a configuration may be refused, and then nothing of the callback's is to run.
    if (lease.client[PRELUDE] && !config) return control.beginLater(command);
    try {
      return await control.execute(command);
    } catch (error) {
      if (!isOrdinary(reasonOf(error))) lease.spoil(reasonOf(error));
      throw error;
    }
  }

  async function rollBack(control, connection, lease) {
    await connection.idle();
    if (connection.refusal !== undefined && !isOrdinary(connection.refusal)) lease.spoil(connection.refusal);
    await end(control, connection, sql`rollback`).catch((failure) => lease.spoil(reasonOf(failure)));
  }

  function end(control, connection, command) {
    return connection.hasBegun ? control.execute(command) : control.endUnbegun(command);
  }

  return runTransaction;
}

// Whoever read between a write and its commit has cached the rows from before it.
async function forgetWritten(cache, written) {
  if (written.size === 0) return;
  try {
    await cache.onMutate({ tables: [...written] });
  } catch (error) {
    // A rejection would say that the transaction failed, and it is committed.
    process.emitWarning(`cache not invalidated after a commit: ${error?.message}`, { code: 'KEEL_CACHE' });
  }
}

function reasonOf(error) {
  return error.cause ?? error;
}

// The server refused the statement and goes on: the connection is as good as before.
function isOrdinary(error) {
  return error.severity === 'ERROR';
}

module.exports = { makeTransaction };
