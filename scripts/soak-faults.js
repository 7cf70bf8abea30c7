'use strict';

/*
 * npm run soak -- --faults [--seconds 600] [--seed 1] [--max 8]
 *
 * A ledger under random faults: 16 writers and readers note what they are told while links are cut and stalled, backends
 * killed, the server frozen and restarted. At the end the server is asked: every acknowledged write is there once, what was
 * told `not-sent` or `rolled-back` is not there, every call has settled in time, the books balance. Exits 1 otherwise.
 *
 * --plant missing | twice | uninvited harms the tables before the check, which has to find it.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const { until } = require('../test/support/poll');
const { startCluster } = require('../test/support/cluster');
const { startFaultProxy } = require('../test/support/fault-proxy');
const { FATES, Ledger, WRITES, judge } = require('./lib/ledger');
const { BALANCES, Callers, KEYS, TABLES } = require('./lib/ledger-callers');
const { growth } = require('./lib/memory');
const { RandomFaults } = require('./lib/random-faults');
const { randomNumbers } = require('./lib/traffic');

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const NAME = 'keel-ledger';
const LIMITS = { query: 2000, acquire: 2000 };
const SAMPLE_MS = 1000;
const RECOVERY_MS = 30_000;
const MEMORY_LIMIT = 1.15;
const SHOWN = 20;

const SERVER_CONFIG = {
  max_connections: 60,
  deadlock_timeout: 200,
  // Without it a backend finishes statements of clients that have gone.
  ...(os.platform() === 'linux' ? { client_connection_check_interval: 500 } : {}),
};

const PLANTS = {
  missing: "delete from entries where ctid = (select ctid from entries where key like 'insert-%' limit 1)",
  twice: 'insert into entries select key from entries limit 1',
  uninvited: "insert into entries values ('nobody-1')",
};

function openDatabase(proxy, cluster, max) {
  const { createDatabase } = require('../lib/drizzle');
  return createDatabase({
    connectionString: cluster.url.replace(`:${cluster.port}/`, `:${proxy.port}/`),
    application_name: NAME,
    ...{ min: 2, max, queryTimeout: LIMITS.query, acquireTimeoutMillis: LIMITS.acquire },
    ...{ connectionTimeoutMillis: 1000, retryDelay: 50, retryMaxDelay: 500, healthCheckInterval: 1000 },
    circuitBreaker: { failureThreshold: 5, resetTimeout: 500 },
  });
}

const countBackends = (cluster) =>
  cluster.psql(`select count(*) from pg_stat_activity where application_name = '${NAME}'`).then(Number);

// Without room that V8 keeps for later, and with its garbage collected: what is left is somebody's.
function usedMemory() {
  collectGarbage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - heapTotal + heapUsed;
}

function sampleMemory(start) {
  const readings = [];
  const sample = () => readings.push({ seconds: (performance.now() - start) / 1000, bytes: usedMemory() });
  const timer = setInterval(sample, SAMPLE_MS);
  return { readings, stop: () => clearInterval(timer) };
}

/** What the server still holds for links that were cut goes as it notices. */
function settledBackends(cluster, max) {
  const few = async () => {
    const count = await countBackends(cluster);
    return count <= max && { count };
  };
  const what = `no more than ${max} connections`;
  return until(few, { timeout: RECOVERY_MS, what }).catch((error) => ({ error }));
}

/** @returns everything the verdict needs */
async function run({ seconds, seed, max, plant }, cluster, proxy, file) {
  const ledger = new Ledger(file);
  const database = openDatabase(proxy, cluster, max);
  // Of their own: whoever draws when it is his turn, among 16, would change what the others get.
  const callers = new Callers({ database, ledger, random: randomNumbers(seed + 1), limits: LIMITS });
  const faults = new RandomFaults({ cluster, proxy, random: randomNumbers(seed), name: NAME });
  const start = performance.now();
  const memory = sampleMemory(start);
  let backends;
  try {
    const calling = callers.run();
    await faults.run(start + seconds * 1000);
    callers.stop();
    await until(() => database.testConnection(), { timeout: RECOVERY_MS, what: 'the pool to answer again' });
    await Promise.race([calling, new Promise((resolve) => setTimeout(resolve, RECOVERY_MS).unref())]);
    backends = await settledBackends(cluster, max);
  } finally {
    // Whatever went wrong: callers that go on would keep the process for ever.
    callers.stop();
    memory.stop();
    await database.close();
  }
  const metrics = database.metrics();
  await until(async () => (await countBackends(cluster)) === 0, { what: 'the connections to be gone' });
  if (plant) await cluster.psql(PLANTS[plant]);
  const verdict = judge({
    calls: ledger.calls(),
    times: new Map(parse(await cluster.psql(KEYS)).map(([key, times]) => [key, Number(times)])),
    accounts: parse(await cluster.psql(BALANCES)).map((row) => {
      const [id, balance, expected] = row.map(Number);
      return { id, balance, expected };
    }),
  });
  verdict.violations.push(...callers.sightings);
  return { verdict, faults: faults.done, backends, metrics, readings: memory.readings };
}

const parse = (answer) => (answer === '' ? [] : answer.split('\n').map((line) => line.split('|')));

/* ---------------------------------------------------------------- what is printed */

function printFigures({ figures, codes }) {
  const rows = Object.entries(figures).map(([kind, counts]) => [
    kind,
    {
      ...Object.fromEntries(FATES.map((fate) => [fate, counts[fate]])),
      'unknown: there': counts.unknownThere,
      'unknown: absent': counts.unknownAbsent,
      'slowest (ms)': counts.slowestMs,
    },
  ]);
  console.table(Object.fromEntries(rows));
  const list = Object.entries(codes).sort(([, a], [, b]) => b - a);
  console.log(`errors        ${list.map(([code, times]) => `${code} ${times}`).join(', ') || 'none'}`);
}

// A COMMIT whose own time was over stays unknown; of those whose links were cut the server has to be asked.
function areResolved({ figures }, faults) {
  const unknown = (figures.transfer?.unknown ?? 0) + (figures.drizzle?.unknown ?? 0);
  return unknown <= Math.max(3, (faults['a link cut at a COMMIT'] ?? 0) / 4);
}

function report({ verdict, faults, backends, metrics, readings }, { seconds, max }) {
  const memory = growth(readings, Math.min(10, seconds / 3));
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `faults        ${Object.entries(faults)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')}`,
  );
  printFigures(verdict);
  const { started, retried } = metrics.queries;
  const { created } = metrics.nodes[0].connections;
  console.log(`statements    ${started}, retried ${retried}; connections opened ${created}`);
  console.log(`memory        ${mib(memory.early)} MiB warm, ${mib(memory.late)} MiB at the end`);
  for (const violation of verdict.violations.slice(0, SHOWN)) console.log(`violation     ${violation}`);
  const checks = {
    'writes of every kind were acknowledged': WRITES.every((kind) => verdict.figures[kind]?.acknowledged > 0),
    'COMMITs in doubt were resolved': areResolved(verdict, faults),
    [`the ledger: ${verdict.violations.length} violations`]: verdict.violations.length === 0,
    [`no more than ${max} connections afterwards`]: backends.error === undefined,
    [`memory within ${Math.round((MEMORY_LIMIT - 1) * 100)} %`]: memory.ratio <= MEMORY_LIMIT,
  };
  for (const [what, held] of Object.entries(checks))
    console.log(`${held ? 'held  ' : 'BROKEN'}        ${what}`);
  if (!Object.values(checks).every(Boolean)) process.exitCode = 1;
}

/** @param {{ seconds: string, seed?: string, max: string, plant?: string }} args of the command line */
async function soakFaults({ seconds, seed = String(Date.now() % 1e6), max, plant }) {
  if (plant !== undefined && PLANTS[plant] === undefined)
    throw new Error(`--plant takes ${Object.keys(PLANTS).join(', ')}`);
  const options = { seconds: Number(seconds), seed: Number(seed), max: Number(max), plant };
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-ledger-'));
  let cluster;
  let proxy;
  try {
    cluster = await startCluster({ config: SERVER_CONFIG });
    await cluster.psql(TABLES);
    proxy = await startFaultProxy(cluster);
    console.log(`16 writers and readers, max ${max}, ${seconds} s, seed ${seed}`);
    report(await run(options, cluster, proxy, path.join(dir, 'calls')), options);
  } finally {
    await proxy?.stop();
    await cluster?.stop({ mode: 'immediate' });
    fs.rmSync(dir, { recursive: true });
  }
}

module.exports = { soakFaults };
