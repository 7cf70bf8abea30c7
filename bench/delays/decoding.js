'use strict';

/*
 * What the delays of any driver that gives out such rows are measured against: pgkeel's decoding alone. The same blocks, made
 * beforehand, become the same rows in the same slices, with no server, no connection and no thread of ours.
 */

const { EventReader } = require('../../lib/decode');
const { makeRowBuilder } = require('../../lib/row-builder');
const { fieldsEvent, rowsEvent } = require('../../test/support/blocks');
const { FETCH } = require('../workloads/rows');

const ALONE = 'decoding alone';

/* KEEL__ROWS_MAX, and lib/dispatch.js' TURN_ROW_BYTES. */
const BLOCK_ROWS = 48;
const TURN_BYTES = 64 * 1024;

/** The result's columns and texts, as the server sends them. */
async function fetchTexts(connection, count) {
  const { Client } = require('pg');
  const client = new Client(connection);
  await client.connect();
  const asSent = { getTypeParser: () => (text) => text };
  const result = await client.query({ text: FETCH.text, values: [count], rowMode: 'array', types: asSent });
  await client.end();
  return result;
}

/** Reads events out of a buffer that is used again for each, as the engine's are. */
class Blocks {
  #memory;
  #bytes;
  #reader;
  #events;

  constructor(events) {
    const most = Math.max(...events.map(({ length }) => length));
    this.#memory = new ArrayBuffer(most);
    this.#bytes = Buffer.from(this.#memory);
    this.#reader = new EventReader(this.#memory);
    this.#events = events;
  }

  /** @returns {Iterable<{ reader: EventReader, size: number }>} */
  *each() {
    for (const event of this.#events) {
      event.copy(this.#bytes);
      yield { reader: this.#reader, size: event.length };
    }
  }
}

async function decode(blocks, build) {
  const rows = [];
  let bytes = 0;
  for (const { reader, size } of blocks.each()) {
    build(reader.rows(0), rows);
    bytes += size;
    if (bytes < TURN_BYTES) continue;
    bytes = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rows;
}

/** @returns {Promise<() => Promise<void>>} makes the rows of one result, and forgets them */
async function decodingAlone(connection, count) {
  const types = require('pg-types');
  const { fields: described, rows: texts } = await fetchTexts(connection, count);
  const columns = described.map((field) => ({ ...field }));
  const [{ reader }] = new Blocks([fieldsEvent(columns)]).each();
  const fields = reader.fields(0);
  const parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'));
  const build = makeRowBuilder(fields, parsers, undefined);
  const events = [];
  for (let i = 0; i < texts.length; i += BLOCK_ROWS) {
    events.push(rowsEvent(texts.slice(i, i + BLOCK_ROWS), undefined, undefined, columns));
  }
  const blocks = new Blocks(events);
  return async () => {
    const rows = await decode(blocks, build);
    if (rows.length !== count) throw new Error(`${rows.length} rows of ${count}`);
  };
}

module.exports = { ALONE, decodingAlone };
