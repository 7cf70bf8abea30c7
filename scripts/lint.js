'use strict';

/* `npm run lint`: every check that runs nothing of ours. `npm run lint -- --only eslint,prettier` runs some. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { ROOT, run, step } = require('./lib/run');
const { setUp } = require('./lib/setup');

const CHECKS = {
  prettier: () => run(localProgram('prettier'), ['--check', '--log-level=warn', '.'], { quiet: true }),
  eslint: () => run(localProgram('eslint'), ['--max-warnings=0', '.'], { quiet: true }),
  includes: () => run(process.execPath, ['scripts/check-includes.js'], { quiet: true }),
  sizes: () => run(process.execPath, ['scripts/check-sizes.js'], { quiet: true }),
  'clang-format': clangFormat,
  'clang-tidy': clangTidy,
};

function localProgram(name) {
  return path.join(ROOT, 'node_modules/.bin', name);
}

function* sourcesOf(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* sourcesOf(file);
    else if (/\.(c|h|cc|cpp|hpp)$/.test(entry.name)) yield path.relative(ROOT, file);
  }
}

async function clangFormat() {
  const sources = [...sourcesOf(path.join(ROOT, 'csrc'))];
  try {
    await run('clang-format', ['--dry-run', '-Werror', '--ferror-limit=1', ...sources], { quiet: true });
  } catch (err) {
    const files = [...new Set([...err.output.matchAll(/^(\S+?):\d+:\d+: error/gm)].map((match) => match[1]))];
    throw Object.assign(err, { output: `to be formatted (clang-format -i): ${files.join(' ')}` });
  }
}

/** One process for each file (clang-tidy 14 mixes up the va_lists of several), as many at a time as there are cores. */
async function clangTidy() {
  const build = ['-S', 'csrc', '-B', 'build-lint', '-DCMAKE_EXPORT_COMPILE_COMMANDS=ON'];
  await run('cmake', build, { quiet: true });
  const database = JSON.parse(fs.readFileSync(path.join(ROOT, 'build-lint/compile_commands.json'), 'utf8'));
  const files = [...new Set(database.map(({ file }) => file))];
  const complaints = [];
  const worker = async () => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) {
      const failure = await complaintsOf(file);
      if (failure) complaints.push(failure);
    }
  };
  await Promise.all(os.cpus().map(worker));
  if (complaints.length === 0) return;
  const message = `clang-tidy complains of ${complaints.length} files`;
  throw Object.assign(new Error(message), { output: complaints.join('\n') });
}

async function complaintsOf(file) {
  try {
    await run('clang-tidy', ['--quiet', '-p', 'build-lint', file], { quiet: true });
    return undefined;
  } catch (err) {
    return err.output || err.message;
  }
}

function chosenChecks() {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  if (values.only === undefined) return Object.keys(CHECKS);
  const names = values.only.split(',');
  const unknown = names.filter((name) => !CHECKS[name]);
  if (unknown.length === 0) return names;
  throw new Error(`--only takes ${Object.keys(CHECKS).join(', ')}; not ${unknown}`);
}

async function passes(name) {
  try {
    await step(name, CHECKS[name]);
    return true;
  } catch {
    return false;
  }
}

async function main() {
  const checks = chosenChecks();
  await setUp(['lint'], { addon: false });
  const counts = { passed: 0, failed: 0 };
  for (const name of checks) counts[(await passes(name)) ? 'passed' : 'failed'] += 1;
  console.log(`lint: ${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

main().catch((err) => {
  if (!err.reported) console.error(err.message);
  process.exitCode = 1;
});
