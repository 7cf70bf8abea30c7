'use strict';

/* Every round measures every contestant in every case, one after the other. */

const { CONTESTANTS } = require('./contestants');
const { describe } = require('./environment');
const { measure } = require('./process');
const { summariseCase } = require('./statistics');
const { TABLES } = require('./tables');
const { calibrate } = require('./work');

const MIN_WARM_UP_S = 0.5;
const SLEEP_S = 5;
const WORK_US = 20;

/** Takes out who cannot take part here. @returns {{ contestant: string, reason: string }[]} */
function leaveOut(options, connection) {
  const left = [];
  options.contestants = options.contestants.filter((contestant) => {
    const reason = CONTESTANTS[contestant].missing?.(connection);
    if (reason) left.push({ contestant, reason });
    return !reason;
  });
  return left;
}

function takesPart(contestant, { id }) {
  const { cases } = CONTESTANTS[contestant];
  return cases === undefined || cases.includes(id);
}

/** Everybody gets every place in the order: who comes after whom may matter. */
function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

function jobOf(cluster, contestant, each, options) {
  const { id, workload, callers, connections, size, warmUpCount = 0, extraSeconds = 0 } = each;
  const seconds = workload === 'fast' || workload === 'slow' ? SLEEP_S : options.seconds;
  const warmUp = Math.max(MIN_WARM_UP_S, options.seconds / 2);
  return {
    contestant,
    case: id,
    workload,
    callers,
    connections,
    size,
    seconds,
    warmUp,
    warmUpCount,
    workSteps: options.workSteps,
    atMost: seconds + warmUp + extraSeconds,
    connection: cluster.config(),
    serverPid: cluster.pid(),
  };
}

async function runRound(cluster, round, cases, options) {
  for (const each of cases) {
    const contestants = options.contestants.filter((name) => takesPart(name, each));
    for (const contestant of rotated(contestants, round)) {
      if (each.fresh) await cluster.psql(each.fresh);
      const { figures, failure } = await measure('child.js', jobOf(cluster, contestant, each, options));
      each.rounds[contestant] ??= [];
      each.rounds[contestant][round] = figures;
      if (failure) each.failures.push({ contestant, round, failure });
    }
    console.log(`round ${round + 1} of ${options.rounds}: ${each.id}`);
  }
}

/** In the order in which contestants were named, whoever was measured first. */
function inOrder(each, names) {
  const rounds = names.filter((name) => each.rounds[name]).map((name) => [name, each.rounds[name]]);
  return { ...each, rounds: Object.fromEntries(rounds) };
}

async function fill(cluster, cases) {
  await cluster.psql(TABLES);
  for (const setUp of new Set(cases.map((each) => each.setUp))) if (setUp) await cluster.psql(setUp);
}

async function runAll(cluster, options) {
  options.workSteps = calibrate(WORK_US);
  await fill(cluster, options.cases);
  const left = leaveOut(options, cluster.config());
  await cluster.psql('vacuum analyze');
  const environment = await describe(cluster, options.contestants);
  const cases = options.cases.map((each) => ({ ...each, rounds: {}, failures: [] }));
  for (let round = 0; round < options.rounds; round++) await runRound(cluster, round, cases, options);
  const { kind, rounds, seconds, workSteps } = options;
  return {
    kind,
    date: new Date().toISOString(),
    environment,
    options: { rounds, seconds, workSteps },
    left,
    cases: cases.map((each) => summariseCase(inOrder(each, options.contestants))),
  };
}

/**
 * Without cases: every contestant does one job in every round.
 * @returns {Promise<{ name: string, rounds: object[], failures: string[] }[]>} a round that failed is undefined
 */
async function runInTurn(program, names, rounds, job) {
  const contestants = names.map((name) => ({ name, rounds: [], failures: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const each of rotated(contestants, round)) {
      const { figures, failure } = await measure(program, { ...job, contestant: each.name });
      each.rounds[round] = figures;
      if (failure) each.failures.push(failure);
      console.log(`round ${round + 1}: ${each.name}`);
    }
  }
  return contestants;
}

module.exports = { leaveOut, rotated, runAll, runInTurn };
