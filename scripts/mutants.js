'use strict';

/*
 * npm run mutants [-- --only TEXT]: plants bugs in a copy of the core, one at a time, and fails if neither the unit tests nor
 * the simulator notice one. Shows who did.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { parseArgs } = require('node:util');
const { ROOT, step } = require('./lib/run');
const { ensureSystem } = require('./lib/system');
const { MUTANTS } = require('./lib/mutants');

const SOURCES = ['core', 'sim', 'test/core', 'keel.h'];
const SIM_STEPS = 1_500_000;
// A bug may also make the core loop for ever.
// Longer than ctest waits for one test: it is ctest that ends a test which hangs, and nobody would end it after ctest.
const LONGEST_MS = 60_000;
const PROJECT = `cmake_minimum_required(VERSION 3.18)
project(mutants LANGUAGES C)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_FLAGS "-O1 -w -D_GNU_SOURCE")
find_package(PkgConfig REQUIRED)
enable_testing()
add_subdirectory(core)
add_subdirectory(sim)
add_subdirectory(test/core)
`;

async function prepare(dir) {
  for (const name of SOURCES) {
    fs.cpSync(path.join(ROOT, 'csrc', name), path.join(dir, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  fs.writeFileSync(path.join(dir, 'CMakeLists.txt'), PROJECT);
  await call('cmake', ['-S', dir, '-B', path.join(dir, 'build')]);
}

/** Runs a program to its end; quiet unless it has to succeed and does not. */
function call(program, args, { mayFail = false } = {}) {
  const options = { timeout: LONGEST_MS, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, options);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (status) => {
      if (status !== 0 && !mayFail) reject(new Error(`${program} failed:\n${output}`));
      else resolve(status === 0);
    });
  });
}

function build(dir) {
  return call('cmake', ['--build', path.join(dir, 'build')]);
}

/** @returns {Promise<string[]>} who noticed that something is wrong */
async function verdict(dir) {
  const noticed = [];
  const tests = ['--test-dir', path.join(dir, 'build'), '--exclude-regex', 'core-sim'];
  if (!(await call('ctest', [...tests, '--no-tests=error', '--stop-on-failure'], { mayFail: true })))
    noticed.push('unit tests');
  const simulator = path.join(dir, 'build/sim/keel-sim');
  if (!(await call(simulator, ['--steps', String(SIM_STEPS)], { mayFail: true }))) noticed.push('simulator');
  return noticed;
}

function plant(dir, mutant) {
  const file = path.join(dir, mutant.file);
  const source = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, source.split(mutant.from).join(mutant.to));
  return () => fs.writeFileSync(file, source);
}

/** Before anything is built, and all of them: each stands for one place of the source. */
function assertPlantable(mutants) {
  const lost = mutants.filter(({ file, from }) => {
    const source = fs.readFileSync(path.join(ROOT, 'csrc', file), 'utf8');
    return source.split(from).length !== 2;
  });
  const names = lost.map(({ file, name }) => `${file} has changed: "${name}" has to be planted anew`);
  if (names.length > 0) throw new Error(names.join('\n'));
}

async function tryMutant(dir, mutant) {
  const restore = plant(dir, mutant);
  try {
    await build(dir);
    return await verdict(dir);
  } finally {
    restore();
  }
}

/** One of several who take mutants from the same list, each with a copy of the core of his own. */
async function work(dir, mutants, counts) {
  await prepare(dir);
  await build(dir);
  for (let mutant; (mutant = mutants.shift()) !== undefined;) {
    const noticed = await tryMutant(dir, mutant).catch((error) => {
      mutants.length = 0;
      throw error;
    });
    counts[noticed.length > 0 ? 'passed' : 'failed']++;
    console.log(`${noticed.length > 0 ? '✓' : '✗'} ${mutant.name}: ${noticed.join(', ') || 'NOT NOTICED'}`);
  }
}

function chosenMutants() {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
  return MUTANTS.filter((mutant) => mutant.name.includes(values.only));
}

async function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-mutants-'));
  const counts = { passed: 0, failed: 0 };
  try {
    const mutants = [...chosenMutants()];
    assertPlantable(mutants);
    await ensureSystem(['c'], console.log);
    await step('the core as it is', async () => {
      await prepare(path.join(dir, '0'));
      await build(path.join(dir, '0'));
      const noticed = await verdict(path.join(dir, '0'));
      if (noticed.length > 0) throw new Error(`fails without any bug planted: ${noticed.join(', ')}`);
    });
    const workers = os.cpus().map((_, i) => work(path.join(dir, String(i)), mutants, counts));
    // All of them have let go of their folders before these are removed.
    const ends = await Promise.allSettled(workers);
    for (const { status, reason } of ends) if (status === 'rejected') throw reason;
  } catch (err) {
    console.error(err.message);
    counts.failed++;
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

main();
