'use strict';

/*
 * npm run soak [-- --seconds 60 --callers 64 --max 10], or npm run soak -- --faults (see soak-faults.js)
 *
 * Many callers on few connections, for long: no error, never more backends than `max`, and memory that does not grow once
 * the pool is warm. Exits 1 when one of these does not hold.
 */

const { parseArgs } = require('node:util');
const { startCluster } = require('../test/support/cluster');
const { growth } = require('./lib/memory');

const { values: args } = parseArgs({
  options: {
    faults: { type: 'boolean', default: false },
    seed: { type: 'string' },
    plant: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    callers: { type: 'string', default: '64' },
    max: { type: 'string', default: '10' },
  },
});
const SECONDS = Number(args.seconds);
const CALLERS = Number(args.callers);
const MAX = Number(args.max);
// Memory is compared from here on: caches, pages of the heap and generated code are in place by then.
const WARM_SECONDS = Math.min(10, SECONDS / 2);

const QUERIES = [
  (i) => ['SELECT $1::int AS n', [i], (rows) => rows[0].n === i],
  (i) => ['SELECT * FROM soak WHERE id = $1', [1 + (i % 1000)], (rows) => rows[0].id === 1 + (i % 1000)],
  (i) => ['UPDATE soak SET hits = hits + 1 WHERE id = $1', [1 + (i % 1000)], () => true],
  (i) => [
    'SELECT id, name, at FROM soak ORDER BY id LIMIT $1',
    [1 + (i % 50)],
    (rows) => rows.length === 1 + (i % 50),
  ],
];

async function callUntil(pool, end, tally, offset) {
  for (let i = offset; Date.now() < end; i++) {
    const [text, values, right] = QUERIES[i % QUERIES.length](i);
    try {
      const { rows } = await pool.query(text, values);
      if (!right(rows)) throw new Error(`wrong answer to ${text}`);
      tally.answered++;
    } catch (error) {
      tally.errors++;
      tally.firstError ??= error;
    }
  }
}

async function watch(observer, end, begin, seen) {
  while (Date.now() < end) {
    const { rows } = await observer.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'keel-soak'",
    );
    seen.backends = Math.max(seen.backends, rows[0].n);
    const seconds = (Date.now() - begin) / 1000;
    seen.rss.push({ seconds, bytes: process.memoryUsage.rss() });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function main() {
  const { Pool } = require('../lib');
  const cluster = await startCluster();
  const observer = new Pool({ ...cluster.config(), max: 1 });
  const pool = new Pool({ ...cluster.config(), max: MAX, application_name: 'keel-soak' });
  try {
    await observer.query(
      'CREATE TABLE soak (id int PRIMARY KEY, name text, hits int DEFAULT 0, at timestamptz DEFAULT now())',
    );
    await observer.query("INSERT INTO soak SELECT n, 'row ' || n FROM generate_series(1, 1000) n");
    const begin = Date.now();
    const end = begin + SECONDS * 1000;
    const tally = { answered: 0, errors: 0 };
    const seen = { backends: 0, rss: [] };
    console.log(`${CALLERS} callers, max ${MAX}, ${SECONDS} s`);
    const callers = Array.from({ length: CALLERS }, (_, i) => callUntil(pool, end, tally, i * 7));
    await Promise.all([...callers, watch(observer, end, begin, seen)]);
    report(tally, seen, pool.metrics());
  } finally {
    await pool.end();
    await observer.end();
    await cluster.stop();
  }
}

function report(tally, seen, metrics) {
  const memory = growth(seen.rss, WARM_SECONDS);
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  const { p50, p99, max } = metrics.latency.total;
  console.log(`answered      ${tally.answered} (${Math.round(tally.answered / SECONDS)} a second)`);
  console.log(`latency       p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(1)} ms`);
  console.log(`backends      at most ${seen.backends} of ${MAX}`);
  console.log(
    `memory        ${mib(memory.early)} MiB after ${WARM_SECONDS} s, ${mib(memory.late)} MiB at the end`,
  );
  const checks = {
    'no error': tally.errors === 0,
    [`never more than ${MAX} backends`]: seen.backends <= MAX && seen.backends > 0,
    'memory within 5 %': memory.ratio <= 1.05,
  };
  if (tally.firstError) console.log('first error  ', tally.firstError);
  for (const [what, held] of Object.entries(checks))
    console.log(`${held ? 'held  ' : 'BROKEN'}        ${what}`);
  if (!Object.values(checks).every(Boolean)) process.exitCode = 1;
}

const run = args.faults ? () => require('./soak-faults').soakFaults(args) : main;
run().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
