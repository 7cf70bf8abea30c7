'use strict';

/* What the server's own work for a result of W2 is, as text and in binary (Linux): processor time of its backend. */

const fs = require('node:fs');
const { median } = require('../statistics');
const { COLUMNS } = require('../workloads/rows');

const ROWS = 1_000;
const ROUNDS = 7;
const QUERIES = 100;

const withoutJson = COLUMNS.replace(', data', '');
const CASES = [
  { what: "all of W2's columns", name: 'all', columns: COLUMNS },
  { what: 'without the one of jsonb', name: 'without_json', columns: withoutJson },
];
const FORMATS = { text: false, binary: true };
const asSent = { getTypeParser: () => (value) => value };

const cpuOf = (pid) => Number(fs.readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1000;

async function measure(client, { name, columns }, binary) {
  const query = {
    name,
    text: `select ${columns} from records where id <= $1 order by id`,
    values: [ROWS],
    binary,
    rowMode: 'array',
    types: asSent,
  };
  const before = cpuOf(client.processID);
  for (let i = 0; i < QUERIES; i++) {
    const { rows } = await client.query(query);
    if (rows.length !== ROWS) throw new Error(`${rows.length} rows of ${ROWS}`);
  }
  return (cpuOf(client.processID) - before) / QUERIES;
}

/** @returns {Promise<{ what: string, text: number, binary: number }[]>} microseconds per query, medians */
async function serverTimes({ connection }) {
  const { Client } = require('pg');
  const client = new Client(connection);
  await client.connect();
  try {
    return await compare(client);
  } finally {
    await client.end();
  }
}

async function compare(client) {
  const times = CASES.map(({ what }) => ({ what, text: [], binary: [] }));
  // The first round is the server's to warm up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, each] of CASES.entries()) {
      for (const [format, binary] of Object.entries(FORMATS)) {
        const time = await measure(client, each, binary);
        if (round > 0) times[i][format].push(time);
      }
    }
  }
  return times.map(({ what, text, binary }) => ({ what, text: median(text), binary: median(binary) }));
}

module.exports = { serverTimes };
