'use strict';

/*
 * Events as the engine lays them out (csrc/block.h), made by hand: what lib/decode.js is tested against.
 */

const { KIND } = require('../../lib/decode');
const { OFFSETS, PART } = require('../../lib/row-block');

const HEADER = 8;
/* KEEL__ROWS_APART */
const APART = 8;
/* keel__part_of() in csrc/pg/layout.c: bool, int2, int4, oid, float4, float8, date, timestamp, timestamptz; json, jsonb. */
const READ_TYPES = [16, 21, 23, 26, 700, 701, 1082, 1114, 1184];
const JSON_TYPES = [114, 3802];

/** The part that a column's cells are of. */
function partOf({ dataTypeID, format }) {
  if (format === 'binary') return PART.KEPT;
  if (JSON_TYPES.includes(dataTypeID)) return PART.JSON;
  return READ_TYPES.includes(dataTypeID) ? PART.READ : PART.KEPT;
}

function align(bytes, to) {
  return Math.ceil(bytes / to) * to;
}

/** One event: its header, the words of its body, then text. */
function event(
  kind,
  body,
  text = Buffer.alloc(0),
  { tag = [0, 0], pool = 1, connection = 0, lease = [0, 0] } = {},
) {
  const size = align(4 * (HEADER + body.length) + text.length, 8);
  const block = Buffer.alloc(size);
  [size, kind, ...tag, pool, connection, ...lease, ...body].forEach((word, i) =>
    block.writeInt32LE(word | 0, 4 * i),
  );
  text.copy(block, 4 * (HEADER + body.length));
  return block;
}

function fieldsEvent(fields, header) {
  const names = fields.map((field) => Buffer.from(field.name));
  const words = fields.flatMap((field, i) => [
    field.tableID ?? 0,
    field.columnID ?? 0,
    field.dataTypeID,
    field.dataTypeSize ?? -1,
    field.dataTypeModifier ?? -1,
    field.format === 'binary' ? 1 : 0,
    names[i].length,
    partOf(field),
  ]);
  const text = Buffer.concat(names);
  return event(KIND.FIELDS, [fields.length, text.length, ...words], text, header);
}

/** Cells, one behind the other, each a string, a Buffer or null. */
class Track {
  #lengthOf;
  texts = [];
  length = 0;

  constructor(lengthOf) {
    this.#lengthOf = lengthOf;
  }

  /** @returns {number} where it ends then */
  add(text) {
    this.texts.push(Buffer.from(text));
    return (this.length += this.#lengthOf(text));
  }

  get bytes() {
    return Buffer.concat(this.texts);
  }
}

/** @returns where the columns' cells go: tracks of the kept cells, of those that are read, of each json column */
function tracksFor(parts, lengthOf) {
  const [kept, read] = [new Track(lengthOf), new Track(lengthOf)];
  const json = parts.filter((part) => part === PART.JSON).map(() => new Track(lengthOf));
  const ofJson = [...json];
  return { kept, read, json, ofColumn: parts.map((part) => [kept, read][part] ?? ofJson.shift()) };
}

/** Fills the tracks. @returns for each cell its track and where it ends there */
function cellsIn({ ofColumn, json }, rows) {
  const places = rows.map((row) =>
    row.map((cell, column) => {
      const track = ofColumn[column];
      if (json.includes(track) && cell !== null) track.add(track.length === 0 ? '[' : ',');
      return { track, isNull: cell === null, end: cell === null ? track.length : track.add(cell) };
    }),
  );
  for (const track of json) track.add(track.length === 0 ? '[]' : ']');
  return places.flat();
}

/** Where each of the tracks behind the kept cells begins. */
function beginningsOf({ read, json }, readFrom) {
  const beginnings = new Map();
  let begin = readFrom;
  for (const track of [read, ...json]) {
    beginnings.set(track, begin);
    begin += track.length;
  }
  return beginnings;
}

/**
 * @param {(string | Buffer | null)[][]} rows
 * @param {number} [kind] of offsets; by default what the engine would take
 * @param {object} [header]
 * @param {object[]} [fields] as given to fieldsEvent(); none: all cells are strings
 */
function rowsEvent(rows, kind, header, fields = []) {
  const columns = rows[0]?.length ?? 0;
  const all = Buffer.concat(rows.flat().map((cell) => Buffer.from(cell ?? '')));
  const offsets = kind ?? (all.every((byte) => byte < 0x80) ? OFFSETS.ASCII : OFFSETS.UTF16);
  const parts = Array.from({ length: columns }, (_, i) => (fields[i] ? partOf(fields[i]) : PART.KEPT));
  const tracks = tracksFor(parts, offsets === OFFSETS.BYTES ? Buffer.byteLength : (cell) => cell.length);
  const cells = cellsIn(tracks, rows);
  const { kept, read, json } = tracks;
  const readFrom = offsets === OFFSETS.BYTES || rows.length < APART ? kept.length : 0;
  const beginnings = beginningsOf(tracks, readFrom);
  const ends = cells.map(({ track, isNull, end }) => {
    const at = (beginnings.get(track) ?? 0) + end;
    return isNull ? ~at : at;
  });
  const arrays = json.map((track) => beginnings.get(track));
  const text = Buffer.concat([kept, read, ...json].map(({ bytes }) => bytes));
  const words = [offsets, text.length, kept.bytes.length, readFrom, json.length];
  return event(KIND.ROWS, [rows.length, columns, ...words, ...ends, ...arrays], text, header);
}

function memoryOf(...events) {
  return Uint8Array.from(Buffer.concat(events)).buffer;
}

module.exports = { event, fieldsEvent, rowsEvent, memoryOf };
