'use strict';

/* Rows and their columns as csrc/block.h lays them out: change both together. */

/* keel__block_offsets: ASCII and UTF16 count characters of texts, BYTES those of `bytes`, which are not ours to decode. */
const OFFSETS = { ASCII: 0, UTF16: 1, BYTES: 2 };

/*
 * keel__block_part. Cells that are strings (KEPT) lie apart from those that are made into something else (READ): whoever
 * keeps a string of 13 characters and more keeps the text that it was cut from. A json column's cells are one JSON array.
 */
const PART = { KEPT: 0, READ: 1, JSON: 2 };

/** A column of a result: what pg says of one, and `part`, the PART that its cells are of. */
class Field {
  constructor(name, tableID, columnID, dataTypeID, dataTypeSize, dataTypeModifier, format, part) {
    this.name = name;
    this.tableID = tableID;
    this.columnID = columnID;
    this.dataTypeID = dataTypeID;
    this.dataTypeSize = dataTypeSize;
    this.dataTypeModifier = dataTypeModifier;
    this.format = format;
    this.part = part;
  }
}

/**
 * Some rows. The cell at index i (row by row) ends at ends[base + i] and begins where the one before it of the same part
 * ends (a json column's: one further); the first of the kept cells at 0, of the read ones at readFrom, of the json column
 * with number n at ends[arrays + n] + 1. A negative end is SQL NULL. One object for all blocks: valid until the next
 * one is read.
 */
class RowBlock {
  rowCount = 0;
  columnCount = 0;
  /** One of OFFSETS. */
  kind = OFFSETS.ASCII;
  /** The kept cells. */
  text = '';
  /** All others. With few rows, one text has both. */
  readText = '';
  readFrom = 0;
  ends = new Int32Array(0);
  base = 0;
  arrays = 0;
  /** With OFFSETS.BYTES, instead of the texts. */
  bytes = undefined;
}

module.exports = { Field, OFFSETS, PART, RowBlock };
