'use strict';

/*
 * `npm test`: sets a clone up and runs every test. Uses nothing but Node.js itself, because on a fresh clone there is
 * nothing else. `npm test -- --only c,types,unit` runs some parts.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { ROOT, run, step } = require('./lib/run');
const { setUp } = require('./lib/setup');

const SUITE_LIMIT_MS = 600_000;
const LINGER_MS = 10_000;
const MOCHA_SUITES = ['unit', 'integration', 'differential', 'drizzle', 'dropin'];

/** Each part resolves to `{ passed, failed }`; one that throws counts as one failure. */
const PARTS = {
  c: testC,
  types: testTypes,
  ...Object.fromEntries(MOCHA_SUITES.map((suite) => [suite, () => runMocha(suite)])),
};
const GROUPS = { js: MOCHA_SUITES };

async function testC() {
  // A newer compiler's new warnings are no reason to fail here; .ci/run is strict.
  await run('cmake', ['-S', 'csrc', '-B', 'build-c', '-DKEEL_WERROR=OFF'], { quiet: true });
  const jobs = String(os.cpus().length);
  await run('cmake', ['--build', 'build-c', '--parallel', jobs], { quiet: true });
  const log = path.join(ROOT, 'build-c/Testing/Temporary/LastTest.log');
  fs.rmSync(log, { force: true });
  const failure = await settle(
    run('ctest', ['--test-dir', 'build-c', '--output-on-failure', '--no-tests=error', '--parallel', jobs]),
  );
  return counted(countC(fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : ''), failure);
}

/** ctest counts programs; those that are cmocka's say themselves how many tests they ran. */
function countC(log) {
  const counts = { passed: 0, failed: 0 };
  for (const section of log.split(/^\d+\/\d+ Testing: /m).slice(1)) {
    const number = (label) => [...section.matchAll(new RegExp(`\\[  ${label}  \\] (\\d+) test\\(s\\)`, 'g'))];
    const sum = (matches) => matches.reduce((total, match) => total + Number(match[1]), 0);
    const [passed, failed] = [sum(number('PASSED')), sum(number('FAILED'))];
    const programFailed = !/^Test Passed\.$/m.test(section);
    counts.passed += passed || (programFailed ? 0 : 1);
    counts.failed += failed || (programFailed ? 1 : 0);
  }
  return counts;
}

/** Each TypeScript project is one test: ours in every way of resolving modules, and the example server. */
async function testTypes() {
  const projects = fs
    .readdirSync(path.join(ROOT, 'test/types'))
    .filter((name) => /^tsconfig.*\.json$/.test(name));
  const counts = { passed: 0, failed: 0 };
  for (const project of [...projects.map((name) => `test/types/${name}`), 'examples/server/tsconfig.json']) {
    const failure = await settle(run(localProgram('tsc'), ['-p', project]));
    if (failure) console.error(`  ${project}: ${failure.message}`);
    counts[failure ? 'failed' : 'passed'] += 1;
  }
  const { passed, failed } = await runMocha('types');
  return { passed: counts.passed + passed, failed: counts.failed + failed };
}

async function runMocha(suite) {
  const counts = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-test-')), 'counts.json');
  const args = ['--reporter', './test/support/reporter.js', `test/${suite}/**/*.test.js`];
  const { giveUp, stopWatching } = watchMocha(counts);
  try {
    const options = { env: { PGKEEL_TEST_COUNTS: counts }, giveUp };
    const failure = await settle(run(localProgram('mocha'), args, options));
    const { passes = 0, failures = 0 } = fs.existsSync(counts)
      ? JSON.parse(fs.readFileSync(counts, 'utf8'))
      : {};
    return counted({ passed: passes, failed: failures }, failure);
  } finally {
    stopWatching();
    fs.rmSync(path.dirname(counts), { recursive: true });
  }
}

/** Tests that leave a socket or a timer behind would keep their process alive for ever: that is a failure too. */
function watchMocha(counts) {
  const controller = new AbortController();
  const started = performance.now();
  let ended;
  const timer = setInterval(() => {
    const now = performance.now();
    if (fs.existsSync(counts)) ended ??= now;
    if (now - ended > LINGER_MS)
      controller.abort('the tests have ended, but something they left keeps the process alive');
    if (now - started > SUITE_LIMIT_MS)
      controller.abort(`the tests took longer than ${SUITE_LIMIT_MS / 1000} s`);
  }, 500);
  return { giveUp: controller.signal, stopWatching: () => clearInterval(timer) };
}

function localProgram(name) {
  return path.join(ROOT, 'node_modules/.bin', name);
}

async function settle(promise) {
  try {
    await promise;
    return undefined;
  } catch (err) {
    return err;
  }
}

/** A runner that failed although no test of it did (it crashed, it found no test, it hung) is a failure of its own. */
function counted({ passed, failed }, failure) {
  if (failure) console.error(`  ${failure.message}`);
  return { passed, failed: failure ? Math.max(failed, 1) : failed };
}

function chosenParts() {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  if (values.only === undefined) return Object.keys(PARTS);
  const names = values.only.split(',').flatMap((name) => GROUPS[name] ?? [name]);
  const unknown = names.filter((name) => !PARTS[name]);
  if (unknown.length === 0) return names;
  throw new Error(
    `--only takes ${[...Object.keys(PARTS), ...Object.keys(GROUPS)].join(', ')}; not ${unknown}`,
  );
}

async function testPart(name) {
  try {
    const counts = await step(`test ${name}`, PARTS[name], ({ failed }) => failed === 0);
    console.log(`  ${name}: ${counts.passed} passed, ${counts.failed} failed`);
    return counts;
  } catch {
    return { passed: 0, failed: 1 };
  }
}

async function main() {
  const total = { passed: 0, failed: 0 };
  try {
    const parts = chosenParts();
    const addon = parts.some((name) => name !== 'c');
    await setUp([...(addon ? ['build', 'test'] : []), ...(parts.includes('c') ? ['c'] : [])], { addon });
    for (const name of parts) {
      const { passed, failed } = await testPart(name);
      total.passed += passed;
      total.failed += failed;
    }
  } catch (err) {
    if (!err.reported) console.error(err.message);
    total.failed += 1;
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
}

main();
