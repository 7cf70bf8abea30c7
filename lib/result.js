'use strict';

const types = require('pg-types');

const COMMAND_TAG = /^([A-Za-z]+)(?: (\d+))?(?: (\d+))?/;
const MAX_TAGS = 1000;

/* The same few tags come all the time. */
const tags = new Map();

/** @returns {{ command: string, oid: number | null, rowCount: number | null } | null} */
function readTag(tag) {
  const match = COMMAND_TAG.exec(tag);
  if (!match) return null;
  const [, command, first, second] = match;
  const count = second ?? first;
  return {
    command,
    oid: second === undefined ? null : parseInt(first, 10),
    rowCount: count === undefined ? null : parseInt(count, 10),
  };
}

function knownTag(tag) {
  let read = tags.get(tag);
  if (read === undefined) {
    if (tags.size >= MAX_TAGS) tags.clear();
    tags.set(tag, (read = readTag(tag)));
  }
  return read;
}

/** What a query gives: `rows`, `rowCount`, `command`, `oid`, `fields`. */
class Result {
  /**
   * @param {'array' | undefined} [rowMode]
   * @param {{ getTypeParser(oid: number, format?: string): (value: any) => any }} [typeParsers]
   */
  constructor(rowMode, typeParsers) {
    this.command = null;
    this.rowCount = null;
    this.oid = null;
    this.rows = [];
    this.fields = [];
    this._parsers = undefined;
    this._types = typeParsers;
    this.RowCtor = null;
    this.rowAsArray = rowMode === 'array';
    if (this.rowAsArray) this.parseRow = this._parseRowAsArray;
    this._prebuiltEmptyResultObject = null;
  }

  /** @param {{ text?: string, command?: string }} message `INSERT 0 3`, `SELECT 5`, `BEGIN`, ... */
  addCommandComplete(message) {
    this.addCommandTag(message.text || message.command);
  }

  addCommandTag(tag) {
    const read = knownTag(tag);
    if (read === null) return;
    this.command = read.command;
    if (read.oid !== null) this.oid = read.oid;
    if (read.rowCount !== null) this.rowCount = read.rowCount;
  }

  /** The parser of each field. The types are asked every time: they may have been changed since the last query. */
  parsersFor(fields) {
    const source = this._types || types;
    const parsers = new Array(fields.length);
    for (let i = 0; i < fields.length; i++) {
      parsers[i] = source.getTypeParser(fields[i].dataTypeID, fields[i].format || 'text');
    }
    return parsers;
  }

  addFields(fields) {
    this.fields = fields;
    this._parsers = this.parsersFor(fields);
    const empty = {};
    for (const { name } of fields) defineColumn(empty, name);
    this._prebuiltEmptyResultObject = empty;
  }

  parseRow(values) {
    const row = { ...this._prebuiltEmptyResultObject };
    for (let i = 0; i < values.length; i++) {
      const { name, format } = this.fields[i];
      const raw = values[i];
      if (raw === null) row[name] = null;
      else row[name] = this._parsers[i](format === 'binary' ? Buffer.from(raw) : raw);
    }
    return row;
  }

  _parseRowAsArray(values) {
    return values.map((raw, i) => (raw === null ? null : this._parsers[i](raw)));
  }

  addRow(row) {
    this.rows.push(row);
  }
}

// An own property even for a column called __proto__, which an assignment would take for the object's prototype.
function defineColumn(row, name) {
  Object.defineProperty(row, name, { configurable: true, enumerable: true, writable: true, value: null });
}

module.exports = Result;
