'use strict';

/* `--stream`: a result far larger than what may be held of it, to a consumer that is slower than the server. */

const { CONTESTANTS } = require('../contestants');
const { describe } = require('../environment');
const { runInTurn } = require('../rounds');
const { summarise } = require('../statistics');

// The slowest contestant takes less; a stream that stands still must end some day.
const LEAST_ROWS_PER_S = 20_000;

function cannot(contestant) {
  if (CONTESTANTS[contestant].run) return 'a program of its own has no stream';
  try {
    for (const name of CONTESTANTS[contestant].streamPackages ?? []) require.resolve(name);
    return undefined;
  } catch (err) {
    return err.message.split('\n', 1)[0];
  }
}

/** @returns {{ contestant: string, reason: string }[]} */
function leftOut(names) {
  return names
    .map((contestant) => ({ contestant, reason: cannot(contestant) }))
    .filter(({ reason }) => reason);
}

async function runStream(cluster, options) {
  const { kind, rounds, rows } = options;
  const left = leftOut(options.contestants);
  const names = options.contestants.filter((name) => !left.some(({ contestant }) => contestant === name));
  const also = names.flatMap((name) => CONTESTANTS[name].streamPackages ?? []);
  const environment = await describe(cluster, names, also);
  const contestants = await runInTurn('stream/child.js', names, rounds, {
    rows,
    atMost: rows / LEAST_ROWS_PER_S,
    connection: cluster.config(),
    serverPid: cluster.pid(),
  });
  return {
    kind,
    date: new Date().toISOString(),
    environment,
    options: { rounds, rows },
    left,
    contestants: contestants.map((each) => ({ ...each, summary: summarise(each.rounds) })),
  };
}

module.exports = { runStream };
