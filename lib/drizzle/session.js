'use strict';

const { makePreparedQuery } = require('./prepared-query');
const { repeat } = require('../repeat');
const { splitConfig } = require('./retry');
const { makeStream } = require('./stream');
const { makeTransaction } = require('./transaction');
const { TransactionScope } = require('./transaction-scope');

/** The session class over one copy of drizzle-orm. */
function makeSession(orm) {
  const { NoopCache, NoopLogger, PgSession, entityKind, is } = orm;
  const KeelPreparedQuery = makePreparedQuery(orm);
  const runTransaction = makeTransaction(orm);
  const stream = makeStream(orm, KeelPreparedQuery);

  class KeelSession extends PgSession {
    static [entityKind] = 'KeelSession';

    /** @param options `logger`, `cache`, and `queryOptions` that go with every query (`route`, `timeout`) */
    constructor(target, dialect, schema, options = {}) {
      super(dialect);
      this.target = target;
      this.scope = target instanceof TransactionScope ? target : undefined;
      this.schema = schema;
      this.options = options;
      this.logger = options.logger ?? new NoopLogger();
      this.cache = options.cache ?? new NoopCache();
      this.caches = !is(this.cache, NoopCache);
      this.queryOptions = options.queryOptions;
    }

    /** The same session over another target. */
    over(target) {
      return new KeelSession(target, this.dialect, this.schema, this.options);
    }

    prepareQuery(query, fields, name, arrayMode, mapRelations, metadata, cacheConfig) {
      const shape = { fields, name, arrayMode, mapRelations, metadata, cacheConfig };
      return new KeelPreparedQuery(this, query, shape);
    }

    /** Sends a BEGIN with whatever comes next: the target is a transaction's connection. */
    beginLater(command) {
      this.target.beginWith(this.logCommand(command));
    }

    /** Nothing came next: the server has not heard of the transaction. The log is the same all the same. */
    async endUnbegun(command) {
      this.logCommand(command);
    }

    logCommand(command) {
      const { sql: text } = this.dialect.sqlToQuery(command);
      this.logger.logQuery(text, []);
      return text;
    }

    transaction(callback, config) {
      if (config && 'retry' in config) return this.transactions(callback, config);
      return runTransaction(this, callback, config);
    }

    /** One after the other, until one of them succeeds. */
    async transactions(callback, given) {
      const { retry, config } = splitConfig(given);
      const run = (progress) => runTransaction(this, callback, config, progress);
      return retry ? repeat(run, retry, this.target.pool) : run();
    }

    stream(query, options) {
      return stream(this, query, options);
    }

    async count(query) {
      const result = await this.execute(query);
      return Number(result.rows[0].count);
    }
  }

  return KeelSession;
}

module.exports = { makeSession };
