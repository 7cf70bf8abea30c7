'use strict';

/* `--overload`: more requests arrive than can be served. How many are answered before their deadline? */

const { describe } = require('../environment');
const { measure } = require('../process');
const { leaveOut, rotated } = require('../rounds');
const { median } = require('../statistics');

/** Arrivals, times what the server can do with so many connections. */
const FACTORS = [0.5, 1, 2, 5];
// Three deadlines: by then the queue is as long as it gets.
const WARM_UP_S = 1.5;

function jobOf(cluster, contestant, rate, { seconds }) {
  return {
    contestant,
    rate,
    seconds,
    warmUp: WARM_UP_S,
    atMost: seconds + WARM_UP_S,
    connection: cluster.config(),
  };
}

/** One for all: they are to meet the same arrivals. */
async function capacityOf(cluster, contestant, options) {
  const { figures, failure } = await measure('overload/child.js', jobOf(cluster, contestant, 0, options));
  if (failure) throw new Error(`no capacity could be measured: ${failure}`);
  return figures.capacity;
}

async function runRound(cluster, round, cases, options) {
  for (const each of cases) {
    for (const contestant of rotated(options.contestants, round)) {
      const { figures, failure } = await measure(
        'overload/child.js',
        jobOf(cluster, contestant, each.rate, options),
      );
      each.rounds[contestant] ??= [];
      each.rounds[contestant][round] = figures;
      if (failure) each.failures.push({ contestant, round, failure });
    }
    console.log(`round ${round + 1} of ${options.rounds}: ${each.factor} x capacity`);
  }
}

const FIGURES = ['goodput', 'late', 'failed', 'p50', 'p99', 'told'];

function summarise(rounds) {
  const values = (figure) => rounds.map((round) => round?.[figure]).filter(Number.isFinite);
  return Object.fromEntries(FIGURES.map((figure) => [figure, median(values(figure))]));
}

async function runOverload(cluster, options) {
  const left = leaveOut(options, cluster.config());
  const environment = await describe(cluster, options.contestants);
  const capacity = await capacityOf(cluster, options.contestants[0], options);
  const cases = FACTORS.map((factor) => ({ factor, rate: factor * capacity, rounds: {}, failures: [] }));
  for (let round = 0; round < options.rounds; round++) await runRound(cluster, round, cases, options);
  const { kind, rounds, seconds } = options;
  return {
    kind,
    date: new Date().toISOString(),
    environment,
    options: { rounds, seconds },
    left,
    capacity,
    cases: cases.map((each) => ({
      ...each,
      summary: Object.fromEntries(options.contestants.map((name) => [name, summarise(each.rounds[name])])),
    })),
  };
}

module.exports = { runOverload };
