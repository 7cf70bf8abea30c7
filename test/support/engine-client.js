'use strict';

/*
 * lib/engine.js with promises, for tests: no more than what its sinks are told.
 */

const types = require('pg-types');
const { makeRowBuilder } = require('../../lib/row-builder');
const { openPool } = require('../../lib/engine');

/** What a request failed with: an Error, so that a stack tells which one, holding engine.js's Failure. */
class RequestFailed extends Error {
  constructor(info) {
    super(info.fields.M ?? info.code);
    Object.assign(this, info);
  }
}

/** A libpq keyword list for a cluster. */
function keywordsOf(cluster, more = {}) {
  const { host, port, user, database, password } = cluster.config();
  const keywords = { host, port: String(port), user, dbname: database, ...more };
  return password === undefined ? keywords : { ...keywords, password };
}

class EngineClient {
  events = [];
  #ended;

  constructor(options) {
    const note =
      (event) =>
      (...info) =>
        this.events.push([event, ...info]);
    const handlers = Object.fromEntries(
      ['opened', 'closed', 'notice', 'notification', 'parameter', 'password'].map((name) => [
        name,
        note(name),
      ]),
    );
    this.#ended = new Promise((resolve) => (handlers.poolClosed = resolve));
    this.pool = openPool(options, handlers);
  }

  /** @returns {Promise<{results: {fields, rows, tag}[], info: object}>} one result for each statement */
  ask(request, { rowMode, onRows } = {}) {
    return new Promise((resolve, reject) => {
      const results = [];
      const last = () => results.at(-1);
      const begin = (fields) => {
        const parsers = fields.map((field) => types.getTypeParser(field.dataTypeID, field.format));
        results.push({ fields, rows: [], tag: undefined, build: makeRowBuilder(fields, parsers, rowMode) });
      };
      const sink = {
        fields: begin,
        rows(block) {
          last().build(block, last().rows);
          onRows?.(last().rows);
        },
        complete(tag) {
          if (results.length === 0 || last().tag !== undefined) begin([]);
          last().tag = tag;
        },
        done: (info) => resolve({ results, info }),
        error: (info) => reject(new RequestFailed(info)),
      };
      this.tag = this.pool.query({ params: null, ...request }, sink);
    });
  }

  /** The rows of a query with parameters, as arrays. */
  async rows(text, params = [], more = {}) {
    const { results } = await this.ask({ text, params, ...more }, { rowMode: 'array' });
    return results[0].rows;
  }

  /** The one value of a query with parameters. */
  async value(text, params, more) {
    return (await this.rows(text, params, more))[0][0];
  }

  acquire(timeout) {
    return new Promise((resolve, reject) => {
      this.tag = this.pool.acquire(timeout, {
        leased: resolve,
        error: (info) => reject(new RequestFailed(info)),
      });
    });
  }

  close(timeout, force) {
    this.pool.close(timeout, force);
    return this.#ended;
  }

  eventsOf(name) {
    return this.events.filter(([event]) => event === name).map(([, ...info]) => info);
  }
}

module.exports = { EngineClient, keywordsOf };
