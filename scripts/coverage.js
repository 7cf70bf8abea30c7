'use strict';

/*
 * npm run coverage: the lines of csrc/core that the unit tests and the simulator run. Fails below 90 %.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, run, step } = require('./lib/run');
const { ensureSystem } = require('./lib/system');

const BUILD = path.join(ROOT, 'build-coverage');
const LEAST_PERCENT = 90;

async function build() {
  await run('cmake', ['-S', 'csrc', '-B', BUILD, '-DKEEL_COVERAGE=ON'], { quiet: true });
  const parallel = String(os.cpus().length);
  await run('cmake', ['--build', BUILD, '--parallel', parallel], { quiet: true });
}

/** Counts of an earlier run would hide what this one does not reach. */
function forgetCounts(dir) {
  for (const name of fs.readdirSync(dir, { recursive: true })) {
    if (name.endsWith('.gcda')) fs.rmSync(path.join(dir, name));
  }
}

async function main() {
  await step('system packages', () => ensureSystem(['c', 'coverage'], console.log));
  await step('build', build);
  forgetCounts(BUILD);
  await step('tests of the core', () =>
    run('ctest', ['--test-dir', BUILD, '--output-on-failure', '--tests-regex', '^core-'], { quiet: true }),
  );
  const least = String(LEAST_PERCENT);
  await run('gcovr', ['--root', '.', '--filter', 'csrc/core/', '--fail-under-line', least, BUILD]);
}

main().catch((err) => {
  console.error(err.message);
  process.exitCode = 1;
});
