'use strict';

const { makeRowMapper } = require('./row-mapper');
const { rawTypes } = require('./raw-types');

const WRITES = new Set(['insert', 'update', 'delete']);

function makePreparedQuery(orm) {
  const { DrizzleQueryError, PgPreparedQuery, entityKind, fillPlaceholders } = orm;
  const mapRows = makeRowMapper(orm);

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
      this.config = { name, text: query.sql, types: rawTypes, ...session.queryOptions };
      if (fields || mapRelations) this.config.rowMode = 'array';
    }

    async execute(placeholderValues = {}) {
      const params = this.start(placeholderValues);
      const result = await this.ask(this.config, params);
      if (this.mapRelations) return this.mapRelations(result.rows);
      return this.fields ? mapRows(this.fields, result.rows, this.joinsNotNullableMap) : result;
    }

    /** Rows as objects, from the primary: the migrator reads its journal through this. */
    async all(placeholderValues = {}) {
      const params = this.start(placeholderValues);
      const result = await this.ask({ ...this.config, rowMode: undefined, route: 'primary' }, params);
      return result.rows;
    }

    /** @internal Some of a stream's rows. */
    mapBatch(rows) {
      if (this.fields) return mapRows(this.fields, rows, this.joinsNotNullableMap);
      if (!this.mapRelations) return rows;
      const mapped = this.mapRelations(rows);
      // findFirst() gives the one it found.
      if (Array.isArray(mapped)) return mapped;
      return mapped === undefined ? [] : [mapped];
    }

    /** @internal Called by Drizzle's batch builders. */
    isResponseInArrayMode() {
      return this.arrayMode;
    }

    isWrite() {
      return WRITES.has(this.metadata.type);
    }

    start(placeholderValues, session = this.session) {
      session.scope?.assertOpen();
      const params = fillPlaceholders(this.query.params, placeholderValues);
      session.logger.logQuery(this.query.sql, params);
      return params;
    }

    async ask(config, params) {
      const run = async () => this.session.target.query(config, params);
      if (this.cached && this.isWrite()) return this.write(run, params);
      // What an uncommitted transaction sees is nobody else's: once it has written it neither reads nor fills
      // the cache.
      if (this.cached && !this.session.scope?.written.size) {
        return this.queryWithCache(this.query.sql, params, run);
      }
      return this.failing(params, run);
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

module.exports = { makePreparedQuery };
