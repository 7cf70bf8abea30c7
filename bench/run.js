'use strict';

/* `npm run bench`: see README.md. */

const os = require('node:os');
const { setUp } = require('../scripts/lib/setup');
const { readOptions, USAGE } = require('./options');

// Nothing of the server's own making may fall into one contestant's measurement and not into another's.
const CONFIG = {
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '8GB',
  max_connections: 200,
  shared_buffers: '256MB',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
};

const RUNNERS = {
  workloads: () => require('./rounds').runAll,
  slow: () => require('./rounds').runAll,
  scaling: () => require('./rounds').runAll,
  stream: () => require('./stream').runStream,
  delays: () => require('./delays').runDelays,
  overload: () => require('./overload').runOverload,
  profile: () => require('./profile').runProfile,
};

/** All that failed anywhere in a result: each part of one that was measured by rounds lists its own. */
function failuresOf({ cases = [], contestants = [], failures = [] }) {
  return [...failures, ...[...cases, ...contestants].flatMap((each) => each.failures ?? [])];
}

async function measure(options) {
  await setUp(options.kind === 'profile' ? ['build', 'server', 'c', 'profile'] : ['build', 'server']);
  // What follows needs npm packages, which a fresh clone has only now.
  const { startCluster } = require('../test/support/cluster');
  const { text } = require('./report');
  const { write } = require('./results');
  const { chooseCases } = require('./workloads');
  const run = RUNNERS[options.kind]();
  options.cases = chooseCases(options.kind, options.only);
  if (os.loadavg()[0] > 0.5) console.log('The machine is busy with other things: expect noise.');
  const cluster = await startCluster({ config: CONFIG });
  try {
    const result = await run(cluster, options);
    console.log(`\n${text(result)}\n\n${write(result, options.out)}`);
    process.exitCode = failuresOf(result).length === 0 ? 0 : 1;
  } finally {
    await cluster.stop();
  }
}

function report({ files, into }) {
  const { read } = require('./results');
  const { markdown } = require('./report');
  const results = read(files);
  if (into === undefined) return console.log(results.map((result) => markdown(result)).join('\n\n'));
  require('./report/document').fillIn(into, results, markdown);
}

function plot({ files, to }) {
  const { read } = require('./results');
  for (const file of require('./plot').draw(read(files), to)) console.log(file);
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  const actions = { help: () => console.log(USAGE), measure, report, plot };
  await actions[options.action](options);
}

main().catch((err) => {
  if (!err.reported) console.error(err.message);
  process.exitCode = 1;
});
