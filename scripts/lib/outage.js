'use strict';

/*
 * The middle of the demo: the database is killed while requests come in, stays away for a while, and comes back. What is
 * measured is the example server's answers and, in this process, what it costs a program to be refused.
 */

const { quantile } = require('./traffic');

const OPEN_TIMEOUT_MS = 10_000;
const HEAL_TIMEOUT_MS = 60_000;
const REFUSALS = 2000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A pool that knows of the database only what it finds out itself. */
function openPool(url) {
  // Not before the addon is built.
  const { Pool, hardenedDefaults } = require('../..');
  const pool = new Pool({ ...hardenedDefaults({}), connectionString: url, max: 4, min: 0, maxRetries: 0 });
  return pool;
}

const ask = (pool) =>
  pool.query('SELECT 1').then(
    () => undefined,
    (error) => error,
  );

/** Asks until the breaker refuses. @returns {Promise<{ error?: Error, asked: number }>} */
async function untilRefused(pool) {
  const deadline = performance.now() + OPEN_TIMEOUT_MS;
  for (let asked = 1; performance.now() < deadline; asked++) {
    const error = await ask(pool);
    if (error?.code === 'KEEL_BREAKER_OPEN') return { error, asked };
    await sleep(5);
  }
  return { asked: 0 };
}

/** One after the other, in microseconds from the call to the rejection. */
async function timeRefusals(pool) {
  const times = [];
  for (let i = 0; i < REFUSALS; i++) {
    const started = performance.now();
    const error = await ask(pool);
    if (error?.code === 'KEEL_BREAKER_OPEN') times.push((performance.now() - started) * 1000);
  }
  return times;
}

async function whileAway(pool) {
  const { error, asked } = await untilRefused(pool);
  if (error === undefined) return { asked, times: [] };
  return { error, asked, times: await timeRefusals(pool) };
}

/** When the example server has answered a request that was not refused, in ms since `since`; undefined: it has not. */
async function untilAnswered(traffic, since) {
  while (traffic.lastAnswer < since) {
    if (performance.now() - since > HEAL_TIMEOUT_MS) return undefined;
    await sleep(5);
  }
  return traffic.lastAnswer - since;
}

/**
 * @param {{ cluster: object, traffic: import('./traffic').Traffic, seconds: number, mark: (text: string) => void }} options
 *   `seconds` that the database stays away; `mark` tells of what happens
 */
async function runOutage({ cluster, traffic, seconds, mark }) {
  const pool = openPool(cluster.url);
  try {
    await pool.query('SELECT 1');
    mark('the database is killed');
    const killedAt = performance.now();
    const [, away] = await Promise.all([cluster.stop({ mode: 'immediate', remove: false }), whileAway(pool)]);
    await sleep(killedAt + seconds * 1000 - performance.now());
    mark('the database is started');
    await cluster.start();
    const startedAt = performance.now();
    const healedMs = await untilAnswered(traffic, startedAt);
    mark(healedMs === undefined ? 'nothing is answered' : 'requests are answered again');
    return { ...away, killedAt, startedAt, healedMs };
  } finally {
    await pool.end({ force: true });
  }
}

/** Orders that were confirmed, and of those not how many may be there all the same. */
async function compareOrders(cluster, traffic, before) {
  const ids = traffic.orders.join(',');
  const there =
    ids === '' ? 0 : Number(await cluster.psql(`select count(*) from orders where id in (${ids})`));
  const all = Number(await cluster.psql('select count(*) from orders'));
  const unknown = traffic.refusals.filter(({ writes, outcome }) => writes && outcome === 'unknown').length;
  return { confirmed: traffic.orders.length, there, more: all - before - there, unknown };
}

function describeRefusal({ code, message, retryAfter }) {
  const wait = retryAfter === undefined ? '' : ` (again in ${Math.ceil(retryAfter)} ms)`;
  return `${code}: ${message}${wait}`;
}

/** @returns {string[]} what did not go as it should */
function reportOutage({ error, asked, times, healedMs, startedAt }, traffic, orders) {
  const faults = [];
  console.log('the outage:');
  if (error === undefined) {
    faults.push('the breaker did not open');
  } else {
    console.log(`  breaker      open after ${asked} requests: ${describeRefusal(error)}`);
    const us = (q) => `${Math.round(quantile(times, q))} µs`;
    console.log(`  refusals     ${times.length} of ${REFUSALS}: p50 ${us(0.5)}, p99 ${us(0.99)}`);
  }
  const late = traffic.refusals.filter(
    ({ at, ms }) => healedMs !== undefined && at - ms > startedAt + healedMs + 1000,
  );
  const ms = traffic.refusals.map((refusal) => refusal.ms);
  console.log(
    `  status 503   ${ms.length}, p50 ${quantile(ms, 0.5).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms`,
  );
  if (late.length > 0) faults.push(`${late.length} requests were sent away after the recovery`);
  if (healedMs === undefined) faults.push('no request was answered after the database had come back');
  else console.log(`  recovery     ${Math.round(healedMs)} ms after the database took connections`);
  const { confirmed, there, more, unknown } = orders;
  console.log(
    `  orders       ${confirmed} confirmed, ${there} of them there; ${more} more, ${unknown} told as unknown`,
  );
  if (there < confirmed) faults.push(`${confirmed - there} confirmed orders are lost`);
  if (more > unknown)
    faults.push(`${more - unknown} orders are there of which it was said that they are not`);
  return faults;
}

module.exports = { compareOrders, reportOutage, runOutage };
