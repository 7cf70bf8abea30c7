'use strict';

/* How cost grows: one thing grows in a series, all else stays. */

const { ITEMS, MORE_RECORDS, RECORDS, item } = require('../tables');
const { expectKey, expectRows } = require('./expect');
const { FIND, randomKey } = require('./point');
const { fetching } = require('./rows');

/** As FIND, each a text and a name of its own: to the server and to every cache they are different statements. */
function statementsLike({ name, text }, count) {
  return Array.from({ length: count }, (_, index) => ({
    name: `${name}_${index}`,
    text: `/* ${index} */ ${text}`,
  }));
}

async function startTexts({ run, rows }, { size }) {
  const statements = statementsLike(FIND, size);
  const find = async (statement, id) => rows(await run(statement, [id]));
  for (const id of [1, ITEMS]) expectRows(await find(statements.at(-1), id), [item(id)]);
  const once = async () => {
    const id = randomKey();
    expectKey(await find(statements[Math.floor(Math.random() * size)], id), id);
  };
  return { once };
}

const WORKLOADS = [
  { name: 'rows', start: (driver, { size }) => fetching(size)(driver) },
  { name: 'texts', start: startTexts },
];

const TEXT_CONNECTIONS = 4;
const EACH_IN_WARM_UP = 2;

/** @type {Record<string, { title: string, values: number[], at: (value: number) => object }>} */
const SERIES = {
  callers: {
    title: 'point selects (W1) on 10 connections, by how many ask at a time',
    values: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
    at: (callers) => ({ workload: 'W1', callers }),
  },
  rows: {
    title: 'a result of 10 mixed columns, one caller, by its rows',
    values: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    at: (size) => ({
      workload: 'rows',
      callers: 1,
      size,
      ...(size > RECORDS ? { setUp: MORE_RECORDS, extraSeconds: size / 10_000 } : {}),
    }),
  },
  connections: {
    title: "point selects (W1), 512 callers, by the pool's max",
    values: [1, 2, 5, 10, 20, 50, 100],
    at: (connections) => ({ workload: 'W1', callers: 512, connections }),
  },
  texts: {
    title: `point selects, 64 callers on ${TEXT_CONNECTIONS} connections, by how many different named texts they use`,
    values: [1, 10, 100, 1_000, 10_000],
    at: (size) => ({
      workload: 'texts',
      callers: 64,
      connections: TEXT_CONNECTIONS,
      size,
      // What is measured is the life with many statements, not their preparation.
      warmUpCount: EACH_IN_WARM_UP * TEXT_CONNECTIONS * size,
      extraSeconds: size / 100,
    }),
  },
};

const CASES = Object.entries(SERIES).flatMap(([series, { title, values, at }]) =>
  values.map((x) => ({ id: `${series}@${x}`, series, x, title, ...at(x) })),
);

module.exports = { CASES, WORKLOADS };
