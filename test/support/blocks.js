'use strict';

/*
 * Events as the engine lays them out (csrc/block.h), made by hand: what lib/decode.js is tested against.
 */

const { KIND } = require('../../lib/decode');

const HEADER = 8;

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
    0,
  ]);
  const text = Buffer.concat(names);
  return event(KIND.FIELDS, [fields.length, text.length, ...words], text, header);
}

/** Where each cell ends; a cell is a string, a Buffer or null. */
function endsOf(cells, lengthOf) {
  let end = 0;
  return cells.map((cell) => {
    if (cell === null) return ~end;
    end += lengthOf(cell);
    return end;
  });
}

/** @param {(string | Buffer | null)[][]} rows @param {number} [kind] of offsets; by default what the engine would take */
function rowsEvent(rows, kind, header) {
  const cells = rows.flat();
  const text = Buffer.concat(cells.map((cell) => Buffer.from(cell ?? '')));
  const offsets = kind ?? (text.every((byte) => byte < 0x80) ? 0 : 1);
  const ends = endsOf(cells, (cell) => (offsets === 2 ? Buffer.byteLength(cell) : cell.length));
  return event(KIND.ROWS, [rows.length, rows[0]?.length ?? 0, offsets, text.length, ...ends], text, header);
}

function memoryOf(...events) {
  return Uint8Array.from(Buffer.concat(events)).buffer;
}

module.exports = { event, fieldsEvent, rowsEvent, memoryOf };
