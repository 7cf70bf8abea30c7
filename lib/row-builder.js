'use strict';

/*
 * Functions that make the rows of a block, each generated for one shape of result: the names, the parsers, the row mode.
 * A generated function has an object literal for the row (one hidden class, no property is added later) and a direct
 * call for each column, which is several times faster than a loop over columns.
 */

const types = require('pg-types');
const pristine = require('pg-types/lib/textParsers');
const fastValues = require('./fast-values');
const { parsesTogether, readJsonColumn } = require('./json-column');
const { OFFSETS, PART } = require('./row-block');

const MAX_CACHED = 1000;

/*
 * A query's config may bring a plan of its own for its rows, `{ builderFor(fields, parsers) }`, under ROW_PLAN. It is
 * followed by the query() functions that carry BUILDS_ROWS: what an application has put in their place may look at the
 * rows, and is to see what it asked for.
 */
const ROW_PLAN = Symbol('pgkeel.rowPlan');
const BUILDS_ROWS = Symbol('pgkeel.buildsRows');

/* The library's own functions, whatever the application has registered in their place since. */
const DEFAULTS = new Map();
pristine.init((oid, parser) => DEFAULTS.set(oid, parser));
const PARSE_INTEGER = DEFAULTS.get(23);
const PARSE_BIG_INTEGER = DEFAULTS.get(20);
const PARSE_BOOLEAN = DEFAULTS.get(16);
const PARSE_DATE = DEFAULTS.get(1184);
/* What a type without a parser gets. No type has this number. */
const NO_PARSE = types.getTypeParser(-1, 'text');
/** The parser of those who want a text (or Buffer) as the server sent it. */
const asSent = (value) => value;

/* Parsers that are replaced by a function that reads in place. */
const READERS = new Map([
  [PARSE_INTEGER, 'readInteger'],
  [parseFloat, 'readFloat'],
  [PARSE_BOOLEAN, 'readBoolean'],
  [PARSE_DATE, 'readDate'],
]);

/* Parsers that give back the string they are given. */
const TEXT_PARSERS = new Set([null, NO_PARSE, PARSE_BIG_INTEGER, asSent]);
const NUMBER_PARSERS = new Set([PARSE_INTEGER, parseFloat]);

/** @returns {'text' | 'number' | undefined} what a parser makes of any text, where that is known */
function kindOfParser(parser) {
  if (TEXT_PARSERS.has(parser)) return 'text';
  return NUMBER_PARSERS.has(parser) ? 'number' : undefined;
}

const CELL = 'text.substring(start, end)';

/** The expression that reads a column's text. */
function readingCode(parser, i, field) {
  if (TEXT_PARSERS.has(parser)) return CELL;
  if (parsesTogether(parser, field)) {
    return `values${i} === undefined ? parsers[${i}](${CELL}) : values${i}[next${i}++]`;
  }
  const reader = READERS.get(parser);
  return reader === undefined ? `parsers[${i}](${CELL})` : `${reader}(text, start, end, parsers[${i}])`;
}

/* ------------------------------------------------------------ without generated code: any block */

/** One cell, as pg hands it to a parser: a string, or a Buffer of the cell's own. */
function cellOf(block, field, start, end) {
  if (block.kind !== OFFSETS.BYTES) {
    return (field.part === PART.KEPT ? block.text : block.readText).substring(start, end);
  }
  if (field.format === 'binary') return Buffer.from(block.bytes.subarray(start, end));
  return block.bytes.toString('utf8', start, end);
}

/** For each column the number of what its cells have their beginnings in common with: PART, and each json column's own. */
function trackNumbers(fields) {
  let json = 0;
  return fields.map((field) => {
    const part = field.part;
    return part === PART.JSON ? PART.JSON + json++ : part;
  });
}

/** Where the first cell of each track begins. */
function firstStarts({ readFrom, ends, arrays }, tracks) {
  const starts = [0, readFrom];
  for (let track = PART.JSON; track <= Math.max(...tracks); track++)
    starts[track] = ends[arrays + track - PART.JSON] + 1;
  return starts;
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
  const tracks = trackNumbers(fields);
  return (block, rows) => {
    const { ends, rowCount } = block;
    const starts = firstStarts(block, tracks);
    let at = block.base;
    for (let r = 0; r < rowCount; r++) {
      const row = newRow();
      for (let c = 0; c < columns; c++) {
        const end = ends[at++];
        if (end < 0) {
          row[keys[c]] = null;
          continue;
        }
        const track = tracks[c];
        const cell = cellOf(block, fields[c], starts[track], end);
        row[keys[c]] = parsers[c] === null ? cell : parsers[c](cell);
        starts[track] = track < PART.JSON ? end : end + 1;
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

/** The variable with the place where a column's next cell begins. */
function startOf(field, i) {
  return ['kept', 'read', `json${i}`][field.part];
}

function columnCode(reading, field, i) {
  const part = field.part;
  const start = startOf(field, i);
  return `
      let v${i} = null;
      end = ends[at++];
      if (end >= 0) {
        const text = ${part === PART.KEPT ? 'keptText' : 'readText'};
        const start = ${start};
        v${i} = ${reading};
        ${start} = end${part === PART.JSON ? ' + 1' : ''};
      }`;
}

/** What is known of the json columns when a block begins. */
function jsonCode(fields, together) {
  const columns = [...fields.keys()].filter((i) => fields[i].part === PART.JSON);
  const code = columns.map((i, n) => {
    const values = together.includes(i)
      ? `
    const values${i} = readJsonColumn(block, ${n}, ${n === columns.length - 1});
    let next${i} = 0;`
      : '';
    return `
    let json${i} = ends[block.arrays + ${n}] + 1;${values}`;
  });
  return code.join('');
}

/**
 * The text of a builder.
 * @param {string[]} readings for each column the expression that gives its value, of `text`, `start`, `end`
 * @param {string} row the expression that makes the row of the values v0, v1, ...
 * @param {Field[]} fields
 * @param {number[]} together those whose expression takes its value from the column parsed as a whole
 */
function builderCode(readings, row, fields, together) {
  return `(block, rows) => {
    const { text: keptText, readText, ends, rowCount } = block;
    let at = block.base;
    let kept = 0;
    let read = block.readFrom;
    let end = 0;${jsonCode(fields, together)}
    for (let r = 0; r < rowCount; r++) {${readings.map((reading, i) => columnCode(reading, fields[i], i)).join('')}
      rows.push(${row});
    }
  }`;
}

/** @returns {number[]} the columns of which a block's cells are parsed together */
function jsonColumnsOf(fields, parsers) {
  return [...parsers.keys()].filter((i) => parsesTogether(parsers[i], fields[i]));
}

function generateBuilder(fields, parsers, rowMode) {
  const readings = parsers.map((parser, i) => readingCode(parser, i, fields[i]));
  const code = builderCode(readings, rowLiteral(fields, rowMode), fields, jsonColumnsOf(fields, parsers));
  return compile(['parsers'], code)?.(parsers);
}

const KNOWN = { ...fastValues, readJsonColumn };

let mayGenerate = true;

/**
 * A function of `names` that gives the value of `expression`, in which KNOWN's functions are known too; undefined
 * when --disallow-code-generation-from-strings, or an embedder, forbids it: then a loop has to do.
 */
function compile(names, expression) {
  if (!mayGenerate) return undefined;
  try {
    const make = new Function(...Object.keys(KNOWN), ...names, `'use strict';\n  return ${expression};`);
    return (...values) => make(...Object.values(KNOWN), ...values);
  } catch (err) {
    if (!(err instanceof EvalError)) throw err;
    mayGenerate = false;
    return undefined;
  }
}

/* ------------------------------------------------------------ choice and cache */

function createBuilder(fields, givenParsers, rowMode) {
  const parsers = Object.freeze([...givenParsers]);
  const loop = loopBuilder(fields, parsers, rowMode);
  const fast = generateBuilder(fields, parsers, rowMode) ?? loop;
  return (block, rows) => (block.kind === OFFSETS.BYTES ? loop : fast)(block, rows);
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
    field.part,
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
 * @param {import('./row-block').Field[]} fields
 * @param {(((value: string | Buffer) => unknown) | null)[]} parsers one for each field; null leaves the string (or Buffer)
 * @param {'array' | undefined} rowMode
 * @returns {(block: import('./row-block').RowBlock, rows: unknown[]) => void} appends the block's rows to `rows`. Throws what
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

module.exports = {
  BUILDS_ROWS,
  CELL,
  ROW_PLAN,
  asSent,
  builderCode,
  compile,
  jsonColumnsOf,
  kindOfParser,
  makeRowBuilder,
  readingCode,
  sameParsers,
};
