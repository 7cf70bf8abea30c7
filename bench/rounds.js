'use strict';

/* Every round measures every contestant in every case, one after the other. */

const { fork } = require('node:child_process');
const path = require('node:path');
const { CONTESTANTS } = require('./contestants');
const { describe } = require('./environment');
const { summariseCase } = require('./report');
const { TABLES } = require('./tables');

const MIN_WARM_UP_S = 0.5;
const SLEEP_S = 5;
const GRACE_MS = 30_000;

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

function jobOf(cluster, contestant, { id, workload, callers }, options) {
  const seconds = workload === 'fast' || workload === 'slow' ? SLEEP_S : options.seconds;
  return {
    contestant,
    case: id,
    workload,
    callers,
    seconds,
    warmUp: Math.max(MIN_WARM_UP_S, options.seconds / 2),
    connection: cluster.config(),
    serverPid: cluster.pid(),
  };
}

/** Does a job in a process of its own, which is ended when it takes far longer than it should. */
function measure(job) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
  const child = fork(path.join(__dirname, 'child.js'), [JSON.stringify(job)], {
    env: { ...env, TZ: 'UTC', NODE_ENV: 'production' },
    execArgv: [],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), (job.warmUp + job.seconds) * 1000 + GRACE_MS);
  let answer;
  child.once('message', (message) => (answer = message));
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(answer ?? { failure: `ended with ${signal ?? `exit code ${code}`} and without an answer` });
    });
  });
}

async function runRound(cluster, round, cases, options) {
  for (const each of cases) {
    const contestants = options.contestants.filter((name) => takesPart(name, each));
    for (const contestant of rotated(contestants, round)) {
      if (each.fresh) await cluster.psql(each.fresh);
      const { figures, failure } = await measure(jobOf(cluster, contestant, each, options));
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

async function runAll(cluster, options) {
  await cluster.psql(TABLES);
  const left = leaveOut(options, cluster.config());
  await cluster.psql('vacuum analyze');
  const environment = await describe(cluster, options.contestants);
  const cases = options.cases.map((each) => ({ ...each, rounds: {}, failures: [] }));
  for (let round = 0; round < options.rounds; round++) await runRound(cluster, round, cases, options);
  return {
    date: new Date().toISOString(),
    environment,
    options: { rounds: options.rounds, seconds: options.seconds },
    left,
    cases: cases.map((each) => summariseCase(inOrder(each, options.contestants))),
  };
}

module.exports = { runAll };
