'use strict';

/*
 * How the rows of one selection are made: what each column is decoded by and where in the row's objects it goes. Where
 * everything involved is drizzle-orm's own, a generated function makes the row at once from the text that the server
 * has sent; else from an array of the values, when the query's answer is given out.
 */

const { builderCode, compile, jsonColumnsOf, makeRowBuilder, sameParsers } = require('../row-builder');
const { OFFSETS } = require('../row-block');
const { decodingCode, readingAndDecodingCode } = require('./decoders');

const MAX_COMPILED = 1000;

/* By their code: selections of one shape differ in their decoders alone. */
const compiled = new Map();

function compiledFrom(code) {
  let make = compiled.get(code);
  if (make === undefined) {
    make = compile(['parsers', 'decoders'], code);
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(code, make);
  }
  return make;
}

/**
 * Where each column goes: Maps of names to the column's index or to the next Map. Undefined for names to which
 * Drizzle's own function does something odd (those of Object.prototype's members), or when they contradict each other.
 */
function treeOf(columns) {
  const root = new Map();
  for (const [i, { path }] of columns.entries()) {
    const node = path.slice(0, -1).reduce(nodeBelow, root);
    const name = path.at(-1);
    if (node === undefined || node.has(name) || name in Object.prototype) return undefined;
    node.set(name, i);
  }
  return root;
}

function nodeBelow(node, name) {
  if (node === undefined || name in Object.prototype) return undefined;
  if (!node.has(name)) node.set(name, new Map());
  const next = node.get(name);
  return next instanceof Map ? next : undefined;
}

/** The expression for the row, of v0, v1, ... @param {Map<string, number>} deciding see nullDecidedBy() */
function rowCode(node, deciding) {
  const members = [...node].map(([name, next]) => {
    if (!(next instanceof Map)) return `${JSON.stringify(name)}: v${next}`;
    const guard = deciding?.has(name) ? `v${deciding.get(name)} === null ? null : ` : '';
    return `${JSON.stringify(name)}: ${guard}${rowCode(next)}`;
  });
  return `{ ${members.join(', ')} }`;
}

/**
 * The objects that stand for the absent side of a join, and the column which decides on that: an object all of whose
 * columns come from one table that may be absent is null when its first column is.
 */
function nullDecidedBy(columns, joinsNotNullableMap) {
  const groups = new Map();
  if (!joinsNotNullableMap) return groups;
  for (const [i, { path, isColumn, table }] of columns.entries()) {
    if (!isColumn || path.length !== 2) continue;
    const group = groups.get(path[0]);
    if (group === undefined) groups.set(path[0], { first: i, table, mixed: false });
    else group.mixed ||= group.table !== table;
  }
  const nullable = [...groups].filter(([, { table, mixed }]) => !mixed && !joinsNotNullableMap[table]);
  return new Map(nullable.map(([name, { first }]) => [name, first]));
}

const endsInArray = (rows) => rows.length > 0 && Array.isArray(rows[rows.length - 1]);

function sameTypes(a, b) {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) {
    if (a[i].format !== b[i].format || a[i].dataTypeID !== b[i].dataTypeID) return false;
  }
  return true;
}

class RowPlan {
  #row;
  #decoders;
  #direct;
  #mapRow;
  #arrayMapper;
  #known;

  /**
   * @param {object[]} columns with path, isColumn, table and what describe() in decoders.js says
   * @param {object} joinsNotNullableMap
   * @param {(row: unknown[]) => object} mapRow Drizzle's way, for what is out of the ordinary
   */
  constructor(columns, joinsNotNullableMap, mapRow) {
    const tree = treeOf(columns);
    this.columns = columns;
    this.#decoders = columns.map(({ decoder }) => decoder);
    this.#direct = tree !== undefined && columns.every(({ own }) => own);
    this.#row = tree && rowCode(tree, nullDecidedBy(columns, joinsNotNullableMap));
    this.#mapRow = mapRow;
  }

  /**
   * The function that makes rows of a result's blocks, or undefined. When a block is not of the usual kind, or a value
   * cannot be decoded, then from there on it makes arrays, for finish() to do what is to be done and to fail where the
   * caller is.
   */
  builderFor(fields, parsers) {
    if (!this.#direct || fields.length !== this.columns.length) return undefined;
    const known = this.#known;
    if (known !== undefined && sameParsers(known.parsers, parsers) && sameTypes(known.fields, fields))
      return known.builder;
    const own = Object.freeze([...parsers]);
    const builder = this.#makeBuilder(fields, own);
    this.#known = { fields, parsers: own, builder };
    return builder;
  }

  #makeBuilder(fields, parsers) {
    const readings = this.columns.map((column, i) =>
      readingAndDecodingCode(column, parsers[i], i, fields[i]),
    );
    const make = compiledFrom(builderCode(readings, this.#row, fields, jsonColumnsOf(fields, parsers)));
    if (make === undefined) return undefined;
    const direct = make(parsers, this.#decoders);
    let asArrays;
    return (block, rows) => {
      const before = rows.length;
      if (block.kind !== OFFSETS.BYTES && !endsInArray(rows)) {
        try {
          return direct(block, rows);
        } catch {
          rows.length = before;
        }
      }
      asArrays ??= makeRowBuilder(fields, parsers, 'array');
      return asArrays(block, rows);
    };
  }

  /** What the query gives: its rows, of which those that are arrays are still to be mapped. */
  finish(rows) {
    if (rows.length === 0) return [];
    if (!endsInArray(rows)) return rows;
    const mapRow = (this.#arrayMapper ??= this.#makeArrayMapper());
    return rows.map((row) => (Array.isArray(row) ? mapRow(row) : row));
  }

  #makeArrayMapper() {
    if (this.#row === undefined) return this.#mapRow;
    const values = this.columns.map(
      (column, i) =>
        `let v${i} = row[${i}]; if (v${i} !== null) v${i} = ${decodingCode(column, `v${i}`, i)};`,
    );
    const make = compiledFrom(`(row) => { ${values.join('\n')}\n return ${this.#row}; }`);
    return make === undefined ? this.#mapRow : make(undefined, this.#decoders);
  }
}

module.exports = { RowPlan };
