'use strict';

/*
 * `npm run demo`: the example server at work on a real PostgreSQL, from nothing. In the middle of it the database is killed and
 * started again. `npm run demo -- --keep` leaves it running until Ctrl-C; `--seconds N`, `--outage N` (seconds; 0: none) and
 * `--concurrency N` shape what happens.
 */

const { spawn } = require('node:child_process');
const http = require('node:http');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { compareOrders, reportOutage, runOutage } = require('./lib/outage');
const { ROOT, run, step } = require('./lib/run');
const { setUp } = require('./lib/setup');
const { Traffic, quantile } = require('./lib/traffic');

const SERVER = path.join(ROOT, 'examples/server');
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '6' },
    outage: { type: 'string', default: '4' },
    concurrency: { type: 'string', default: '32' },
    port: { type: 'string', default: '0' },
  },
});

/** What is to be undone when the demo ends, last thing first. @type {Array<() => Promise<void>>} */
const cleanup = [];
const interrupted = new AbortController();

async function startDatabase() {
  // Not before the npm packages are there.
  const { startCluster } = require('../test/support/cluster');
  const cluster = await startCluster({ embedded: true, user: 'shop', database: 'shop', password: 'demo' });
  cleanup.push(() => cluster.stop());
  const version = await cluster.psql('show server_version');
  console.log(`  PostgreSQL ${version} on port ${cluster.port}`);
  return cluster;
}

function serverEnvironment(cluster) {
  return { DATABASE_URL: cluster.url, PORT: options.port, HOST: '127.0.0.1' };
}

async function migrate(cluster) {
  const args = ['--import', 'tsx', 'server/migrate.ts', '--seed'];
  await run(process.execPath, args, { quiet: true, cwd: SERVER, env: serverEnvironment(cluster) });
}

/** The server gets a session of its own: Ctrl-C reaches us alone, and we stop it before its database. */
async function startServer(cluster) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'server/main.ts'], {
    cwd: SERVER,
    env: { ...process.env, ...serverEnvironment(cluster) },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  cleanup.push(async () => {
    await stopServer(child);
    process.removeListener('exit', killAtExit);
  });
  const url = await listeningAddress(child);
  console.log(`  ${url}`);
  return url;
}

function listeningAddress(child) {
  let output = '';
  child.stdout.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not listen in time')), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened`)));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const address = /^listening on (\S+)$/m.exec(output)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

async function stopServer(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  const code = await ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`the server ended with ${code} when it was asked to stop`);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A line each second: what was answered, what was refused, and how the server's pool sees its database. */
class Progress {
  #traffic;
  #url;
  #started = performance.now();
  // A line that cannot be had is left out.
  #timer = setInterval(() => this.#print().catch(() => {}), 1000);
  #answered = 0;
  #refused = 0;

  constructor(traffic, url) {
    this.#traffic = traffic;
    this.#url = url;
    console.log('    time   answered  status 503   breaker     connections');
  }

  mark(text) {
    console.log(`  ${this.#time()}   -- ${text}`);
  }

  stop() {
    clearInterval(this.#timer);
  }

  get seconds() {
    return (performance.now() - this.#started) / 1000;
  }

  #time() {
    return `${this.seconds.toFixed(1).padStart(4)} s`;
  }

  async #print() {
    const { count } = this.#traffic;
    const refused = this.#traffic.refusals.length;
    const line = [
      `  ${this.#time()}`,
      `${count - this.#answered}`.padStart(9),
      `${refused - this.#refused}`.padStart(10),
    ];
    this.#answered = count;
    this.#refused = refused;
    const { breaker, connections } = (await getJson(`${this.#url}/metrics.json`)).nodes[0];
    console.log([...line, breaker.state.padEnd(9), connections.total].join('   '));
  }
}

async function sendTraffic(url, cluster) {
  const before = Number(await cluster.psql('select count(*) from orders'));
  const traffic = new Traffic(url, { concurrency: Number(options.concurrency) });
  const progress = new Progress(traffic, url);
  const sent = traffic.run();
  let outage;
  try {
    await sleep(Number(options.seconds) * 500);
    const mark = (text) => progress.mark(text);
    const seconds = Number(options.outage);
    if (seconds > 0) outage = await runOutage({ cluster, traffic, seconds, mark });
    await sleep(Number(options.seconds) * 500);
  } finally {
    traffic.stop();
    progress.stop();
  }
  await sent;
  return {
    traffic,
    outage,
    seconds: progress.seconds,
    orders: await compareOrders(cluster, traffic, before),
  };
}

function interruption() {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(new Error('interrupted'));
    if (interrupted.signal.aborted) stop();
    else interrupted.signal.addEventListener('abort', stop, { once: true });
  });
}

function getJson(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.once('end', () => resolve(JSON.parse(text)));
      })
      .once('error', reject);
  });
}

function reportTraffic({ traffic, seconds }) {
  const row = (name, list) => ({
    request: name,
    count: list.length,
    'p50 ms': Number(quantile(list, 0.5).toFixed(2)),
    'p99 ms': Number(quantile(list, 0.99).toFixed(2)),
  });
  const kinds = [...traffic.latencies].sort(([a], [b]) => a.localeCompare(b));
  const all = kinds.flatMap(([, list]) => list);
  console.table([...kinds.map(([name, list]) => row(name, list)), row('all', all)]);
  const rate = Math.round(all.length / seconds);
  console.log(
    `${all.length} requests answered in ${seconds.toFixed(1)} s (${rate}/s), ${traffic.refusals.length} sent away ` +
      `with status 503, ${traffic.failures.length} failed`,
  );
  for (const failure of traffic.failures.slice(0, 5)) console.log(`  ${failure}`);
}

function reportPool(metrics) {
  const { queries, latency, nodes } = metrics;
  const { breaker, connections } = nodes[0];
  const ms = (summary) => `p50 ${summary.p50.toFixed(2)} ms, p99 ${summary.p99.toFixed(2)} ms`;
  console.log(`pool "${metrics.name}", ${metrics.state}:`);
  console.log(
    `  queries      ${queries.succeeded} succeeded, ${queries.failed} failed, ${queries.rejected} refused, ` +
      `${queries.retried} retried`,
  );
  console.log(
    `  connections  ${connections.total} of at most ${connections.max}; ${connections.created} opened`,
  );
  console.log(`  breaker      ${breaker.state}; opened ${breaker.opened} times, refused ${breaker.rejected}`);
  console.log(`  waiting      ${ms(latency.queue)}`);
  console.log(`  server       ${ms(latency.server)}`);
  console.log(`  total        ${ms(latency.total)}`);
}

async function undo() {
  let failure;
  for (const action of cleanup.splice(0).reverse()) {
    try {
      await action();
    } catch (err) {
      failure ??= err;
    }
  }
  if (failure) throw failure;
}

async function work() {
  await setUp(['build', 'server']);
  const cluster = await step('database', startDatabase);
  await step('migrations and sample data', () => migrate(cluster));
  const url = await step('example server', () => startServer(cluster));
  const sent = await step(`traffic, ${options.concurrency} requests at a time`, () =>
    sendTraffic(url, cluster),
  );
  reportTraffic(sent);
  const faults = sent.outage === undefined ? [] : reportOutage(sent.outage, sent.traffic, sent.orders);
  reportPool(await getJson(`${url}/metrics.json`));
  for (const fault of faults) console.log(`✗ ${fault}`);
  if (sent.traffic.failures.length + faults.length > 0) process.exitCode = 1;
  if (sent.traffic.count === 0) throw new Error('no request was answered');
  if (options.keep)
    console.log(`\nThe server stays at ${url}, its database at ${cluster.url}\nCtrl-C stops both.`);
}

async function main() {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupted.abort());
  try {
    await Promise.race([work(), interruption()]);
    if (options.keep) await interruption().catch(() => {});
  } catch (err) {
    if (!err.reported) console.error(err.message);
    process.exitCode = 1;
  }
  try {
    await step('stopping everything', undo);
  } catch {
    process.exitCode = 1;
  }
  // A step that was interrupted may still be at work; what it starts is ended by exit hooks.
  process.exit();
}

main();
