'use strict';

/* `npm run bench`: see README.md. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setUp } = require('../scripts/lib/setup');

// Nothing of the server's own making may fall into one contestant's measurement and not into another's.
const CONFIG = {
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '8GB',
  shared_buffers: '256MB',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
};

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

function write(result, file) {
  const name = `${result.date.replaceAll(':', '-').slice(0, 19)}.json`;
  const target = path.resolve(file ?? path.join(__dirname, 'results', name));
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, `${JSON.stringify(result, null, 2)}\n`);
  return path.relative(process.cwd(), target);
}

async function main() {
  await setUp(['build', 'server']);
  // What follows needs npm packages, which a fresh clone has only now.
  const { startCluster } = require('../test/support/cluster');
  const { readOptions, USAGE } = require('./options');
  const { report } = require('./report');
  const { runAll } = require('./rounds');
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  if (os.loadavg()[0] > 0.5) console.log('The machine is busy with other things: expect noise.');
  const cluster = await startCluster({ config: CONFIG });
  try {
    const result = await runAll(cluster, options);
    console.log(`\n${report(result)}\n\n${write(result, options.out)}`);
    process.exitCode = sum(result.cases.map(({ failures }) => failures.length)) === 0 ? 0 : 1;
  } finally {
    await cluster.stop();
  }
}

main().catch((err) => {
  if (!err.reported) console.error(err.message);
  process.exitCode = 1;
});
