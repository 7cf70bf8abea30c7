'use strict';

/*
 * npm run sim [-- --seed S --steps N --seeds K --trace]: builds the simulator and runs it. N steps are shared out over the
 * seeds S, S + 1, ... A broken invariant is printed with its seed, which reproduces it exactly.
 */

const os = require('node:os');
const path = require('node:path');
const { ROOT, run } = require('./lib/run');
const { ensureSystem } = require('./lib/system');

const BUILD = 'build-sim';

async function main() {
  await ensureSystem(['c'], console.log);
  await run('cmake', ['-S', 'csrc', '-B', BUILD, '-DCMAKE_BUILD_TYPE=RelWithDebInfo'], { quiet: true });
  const parallel = String(os.cpus().length);
  await run('cmake', ['--build', BUILD, '--target', 'keel-sim', '--parallel', parallel], { quiet: true });
  await run(path.join(ROOT, BUILD, 'sim/keel-sim'), process.argv.slice(2));
}

main().catch((err) => {
  if (err.output) console.error(err.output);
  console.error(err.message);
  process.exitCode = 1;
});
