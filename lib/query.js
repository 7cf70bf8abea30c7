'use strict';

const { EventEmitter } = require('events');
const Result = require('./result');
const { normalizeQueryConfig } = require('./utils');

/**
 * A query as an object, for those who want its rows as they come: events `row`, `end` (not after an error), `error`.
 * Given to client.query(), which returns it.
 */
class Query extends EventEmitter {
  constructor(config, values, callback) {
    super();
    const given = normalizeQueryConfig(config, values, callback);
    this.text = given.text;
    this.values = given.values;
    this.rows = given.rows;
    this.types = given.types;
    this.name = given.name;
    this.queryMode = given.queryMode;
    this.binary = given.binary;
    this.portal = given.portal || '';
    this.callback = given.callback;
    this.timeout = given.timeout ?? given.query_timeout;
    this.signal = given.signal;
    this._rowMode = given.rowMode;
    this._result = new Result(this._rowMode, this.types);
    this._results = this._result;
  }

  requiresPreparation() {
    if (this.queryMode === 'extended' || this.name || this.rows) return true;
    return Boolean(this.text && this.values && this.values.length > 0);
  }

  /** What tells a query object from a config. The connection hands it to its client. */
  submit(connection) {
    connection.run(this);
    return null;
  }

  handleError(error) {
    if (this.callback) this.callback(error);
    else this.emit('error', error);
  }
}

module.exports = Query;
