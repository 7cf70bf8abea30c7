'use strict';

/*
 * Functions that make the rows of a block, each generated for one shape of result: the names, the parsers, the row mode.
 * A generated function has an object literal for the row (one hidden class, no property is added later) and a direct
 * call for each column, which is several times faster than a loop over columns.
 */

const types = require('pg-types');
const pristine = require('pg-types/lib/textParsers');
const fastValues = require('./fast-values');

const MAX_CACHED = 1000;
/* block.h: ends count bytes, and the text is not ours to decode as a whole. */
const OFFSETS_BYTES = 2;

/* The library's own functions, whatever the application has registered in their place since. */
const DEFAULTS = new Map();
pristine.init((oid, parser) => DEFAULTS.set(oid, parser));
const PARSE_INTEGER = DEFAULTS.get(23);
const PARSE_BIG_INTEGER = DEFAULTS.get(20);
const PARSE_BOOLEAN = DEFAULTS.get(16);
const PARSE_DATE = DEFAULTS.get(1184);
/* What a type without a parser gets. No type has this number. */
const NO_PARSE = types.getTypeParser(-1, 'text');

/* Parsers that are replaced by a function that reads in place. */
const READERS = new Map([
  [PARSE_INTEGER, 'readInteger'],
  [parseFloat, 'readFloat'],
  [PARSE_BOOLEAN, 'readBoolean'],
  [PARSE_DATE, 'readDate'],
]);

/** The expression that reads a column's text. */
function readingCode(parser, i) {
  const cell = 'text.substring(start, end)';
  // The last two give back the string they are given.
  if (parser === null || parser === NO_PARSE || parser === PARSE_BIG_INTEGER) return cell;
  const reader = READERS.get(parser);
  return reader === undefined ? `parsers[${i}](${cell})` : `${reader}(text, start, end, parsers[${i}])`;
}

/* ------------------------------------------------------------ without generated code: any block */

/** One cell, as pg hands it to a parser: a string, or a Buffer of the cell's own. */
function cellOf(block, field, start, end) {
  if (block.kind !== OFFSETS_BYTES) return block.text.substring(start, end);
  if (field.format === 'binary') return Buffer.from(block.bytes.subarray(start, end));
  return block.bytes.toString('utf8', start, end);
}

/** pg's way to begin a row: own properties in the order of the columns, also one named __proto__. */
function emptyRow(fields) {
  const row = Object.create(null);
  for (const { name } of fields) row[name] = null;
  return { ...row };
}

/** Builds rows of any kind of block by a loop over the columns. */
function loopBuilder(fields, parsers, rowMode) {
  const columns = fields.length;
  const template = emptyRow(fields);
  const newRow = rowMode === 'array' ? () => new Array(columns) : () => ({ ...template });
  const keys = rowMode === 'array' ? [...fields.keys()] : fields.map((field) => field.name);
  return (block, rows) => {
    const { ends, rowCount } = block;
    let at = block.base;
    let start = 0;
    for (let r = 0; r < rowCount; r++) {
      const row = newRow();
      for (let c = 0; c < columns; c++) {
        const end = ends[at++];
        if (end < 0) {
          row[keys[c]] = null;
          continue;
        }
        const cell = cellOf(block, fields[c], start, end);
        row[keys[c]] = parsers[c] === null ? cell : parsers[c](cell);
        start = end;
      }
      rows.push(row);
    }
  };
}

/* ------------------------------------------------------------ generated code: blocks whose text is one string */

function rowLiteral(fields, rowMode) {
  if (rowMode === 'array') return `[${fields.map((_, i) => `v${i}`).join(', ')}]`;
  const last = new Map(fields.map((field, i) => [field.name, i]));
  // In a literal only the computed form of __proto__ makes a property of that name.
  const key = (name) => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name));
  return `{ ${[...last].map(([name, i]) => `${key(name)}: v${i}`).join(', ')} }`;
}

function columnCode(parser, i) {
  return `
      let v${i} = null;
      end = ends[at++];
      if (end >= 0) { v${i} = ${readingCode(parser, i)}; start = end; }`;
}

function generateBuilder(fields, parsers, rowMode) {
  const body = `'use strict';
  return (block, rows) => {
    const { text, ends, rowCount } = block;
    let at = block.base;
    let start = 0;
    let end = 0;
    for (let r = 0; r < rowCount; r++) {${parsers.map(columnCode).join('')}
      rows.push(${rowLiteral(fields, rowMode)});
    }
  };`;
  return new Function('parsers', ...Object.keys(fastValues), body)(parsers, ...Object.values(fastValues));
}

/* ------------------------------------------------------------ choice and cache */

let mayGenerate = true;

/** --disallow-code-generation-from-strings, or an embedder, may forbid it: then the loop has to do. */
function generatedOrLoop(fields, parsers, rowMode, loop) {
  if (!mayGenerate) return loop;
  try {
    return generateBuilder(fields, parsers, rowMode);
  } catch (err) {
    if (!(err instanceof EvalError)) throw err;
    mayGenerate = false;
    return loop;
  }
}

function createBuilder(fields, givenParsers, rowMode) {
  const parsers = Object.freeze([...givenParsers]);
  const loop = loopBuilder(fields, parsers, rowMode);
  const fast = generatedOrLoop(fields, parsers, rowMode, loop);
  return (block, rows) => (block.kind === OFFSETS_BYTES ? loop : fast)(block, rows);
}

const parserNumbers = new WeakMap();
let lastParserNumber = 0;

function parserNumber(parser) {
  if (parser === null) return 0;
  let number = parserNumbers.get(parser);
  if (number === undefined) parserNumbers.set(parser, (number = ++lastParserNumber));
  return number;
}

function shapeKey(fields, parsers, rowMode) {
  const columns = fields.map((field, i) => [
    field.name,
    field.dataTypeID,
    field.format,
    parserNumber(parsers[i]),
  ]);
  return JSON.stringify([rowMode === 'array', columns]);
}

/* By shape, oldest use first; and by the array of fields, which the transport shares between results of one shape. */
const byShape = new Map();
const byFields = new WeakMap();

function builderByShape(fields, parsers, rowMode) {
  const key = shapeKey(fields, parsers, rowMode);
  let builder = byShape.get(key);
  if (builder === undefined) builder = createBuilder(fields, parsers, rowMode);
  byShape.delete(key);
  byShape.set(key, builder);
  if (byShape.size > MAX_CACHED) byShape.delete(byShape.keys().next().value);
  return builder;
}

function sameParsers(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * @param {import('./decode').Field[]} fields
 * @param {(((value: string | Buffer) => unknown) | null)[]} parsers one for each field; null leaves the string (or Buffer)
 * @param {'array' | undefined} rowMode
 * @returns {(block: import('./decode').RowBlock, rows: unknown[]) => void} appends the block's rows to `rows`. Throws what
 *   a parser throws; the rows before that one have been appended then
 */
function makeRowBuilder(fields, parsers, rowMode) {
  const asArray = rowMode === 'array';
  const known = byFields.get(fields);
  if (known !== undefined && known.asArray === asArray && sameParsers(known.parsers, parsers))
    return known.builder;
  const builder = builderByShape(fields, parsers, rowMode);
  byFields.set(fields, { asArray, parsers: [...parsers], builder });
  return builder;
}

module.exports = { makeRowBuilder };
