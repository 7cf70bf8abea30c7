'use strict';

const { BUILDS_ROWS, ROW_PLAN } = require('../row-builder');
const { makeRowMapper } = require('./row-mapper');
const { rawTypes } = require('./raw-types');

const WRITES = new Set(['insert', 'update', 'delete']);

/** Whether there may be placeholders among the values: they are objects. */
function hasObjects(values) {
  for (let i = 0; i < values.length; i++)
    if (typeof values[i] === 'object' && values[i] !== null) return true;
  return false;
}

/** Whether what will run a target's queries makes rows by a plan. */
function buildsRows(target) {
  const runner = target.pool ?? target.client ?? target.connection?.client;
  return runner?.query?.[BUILDS_ROWS] === true;
}

const isWrite = (metadata) => WRITES.has(metadata.type);

function makePreparedQuery(orm) {
  const { DrizzleQueryError, PgPreparedQuery, entityKind, fillPlaceholders } = orm;
  const planFor = makeRowMapper(orm);

  class KeelPreparedQuery extends PgPreparedQuery {
    static [entityKind] = 'KeelPreparedQuery';

    constructor(session, query, { fields, name, arrayMode, mapRelations, metadata, cacheConfig }) {
      super({ sql: query.sql, params: query.params }, session.cache, metadata, cacheConfig);
      this.session = session;
      this.fields = fields;
      this.arrayMode = arrayMode;
      this.mapRelations = mapRelations;
      this.metadata = metadata;
      this.cached = session.caches && metadata !== undefined;
      const rowMode = fields || mapRelations ? 'array' : undefined;
      this.config = { name, text: query.sql, types: rawTypes, rowMode, [ROW_PLAN]: undefined };
      if (session.queryOptions !== undefined) Object.assign(this.config, session.queryOptions);
      this.plan = undefined;
    }

    async execute(placeholderValues = {}) {
      const params = this.start(placeholderValues);
      if (this.cached) return this.map(await this.askThroughCache(this.config, params));
      // What a cache keeps are arrays, for whoever reads it; so the plan goes with other queries only.
      if (this.fields && buildsRows(this.session.target)) this.config[ROW_PLAN] = this.planOfRows();
      return this.map(await this.ask(this.config, params));
    }

    // Not before it is first run: a builder tells of its joins after it has made the query.
    planOfRows() {
      return (this.plan ??= planFor(this.fields, this.joinsNotNullableMap));
    }

    map(result) {
      if (this.mapRelations) return this.mapRelations(result.rows);
      return this.fields ? this.planOfRows().finish(result.rows) : result;
    }

    /** Rows as objects, from the primary: the migrator reads its journal through this. */
    async all(placeholderValues = {}) {
      const params = this.start(placeholderValues);
      const config = { ...this.config, rowMode: undefined, [ROW_PLAN]: undefined, route: 'primary' };
      const result = await (this.cached ? this.askThroughCache(config, params) : this.ask(config, params));
      return result.rows;
    }

    /** @internal Called by Drizzle's batch builders. */
    isResponseInArrayMode() {
      return this.arrayMode;
    }

    start(placeholderValues, session = this.session) {
      session.scope?.assertOpen();
      const { params: given } = this.query;
      const params = hasObjects(given) ? fillPlaceholders(given, placeholderValues) : given.slice();
      session.logger.logQuery(this.query.sql, params);
      return params;
    }

    async ask(config, params) {
      try {
        return await this.session.target.query(config, params);
      } catch (error) {
        throw new DrizzleQueryError(this.query.sql, params, error);
      }
    }

    askThroughCache(config, params) {
      const run = async () => this.session.target.query(config, params);
      if (isWrite(this.metadata)) return this.write(run, params);
      // What an uncommitted transaction sees is nobody else's: after a write it neither reads nor fills the cache.
      if (this.session.scope?.written.size) return this.failing(params, run);
      return this.queryWithCache(this.query.sql, params, run);
    }

    // Drizzle's own order invalidates while the write is still under way, and a reader in between would put
    // the old rows back.
    write(run, params) {
      const { tables } = this.metadata;
      return this.failing(params, async () => {
        for (const table of tables) this.session.scope?.written.add(table);
        const result = await run();
        if (tables.length > 0) await this.session.cache.onMutate({ tables });
        return result;
      });
    }

    async failing(params, run) {
      try {
        return await run();
      } catch (error) {
        throw new DrizzleQueryError(this.query.sql, params, error);
      }
    }
  }

  return KeelPreparedQuery;
}

module.exports = { isWrite, makePreparedQuery };
