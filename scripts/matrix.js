'use strict';

/*
 * npm run matrix [-- --postgres 14,18 --node 22]: the differential and the integration tests against PostgreSQL 14 to 18
 * (npm's binaries) and under other versions of Node.js (npm's too; the addon is Node-API and is not built anew). Ends with
 * "N passed, N failed".
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { ROOT, run } = require('./lib/run');

const { values: args } = parseArgs({
  options: {
    postgres: { type: 'string', default: '14,15,16,17,18' },
    node: { type: 'string', default: '22,24' },
  },
});

const MOCHA = path.join(ROOT, 'node_modules/mocha/bin/mocha.js');
const TESTS = ['test/unit', 'test/integration', 'test/integration/faults', 'test/differential'];

async function nodeOf(version) {
  const platform = `node-${os.platform()}-${os.arch()}`;
  const prefix = path.join(ROOT, '.cache/node', version);
  const node = path.join(prefix, 'node_modules', platform, 'bin/node');
  if (!fs.existsSync(node)) {
    fs.mkdirSync(prefix, { recursive: true });
    const options = ['--prefix', prefix, '--no-audit', '--no-fund', '--no-save'];
    await run('npm', ['install', ...options, `${platform}@${version}`], { quiet: true });
  }
  return node;
}

function count(output, what) {
  return Number(new RegExp(`^\\s*(\\d+) ${what}`, 'm').exec(output)?.[1] ?? 0);
}

function test(node, environment) {
  const started = Date.now();
  const { stdout, stderr, status } = spawnSync(node, [MOCHA, '--reporter', 'dot', ...TESTS], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const passed = count(stdout, 'passing');
  const failed = Math.max(count(stdout, 'failing'), status === 0 && passed > 0 ? 0 : 1);
  if (failed > 0) console.log(stdout, stderr);
  return { passed, failed, seconds: Math.round((Date.now() - started) / 1000) };
}

async function main() {
  const rows = [];
  const list = (text) => text.split(',').filter(Boolean);
  for (const version of list(args.postgres)) {
    console.log(`PostgreSQL ${version} ...`);
    const result = test(process.execPath, { PGKEEL_TEST_POSTGRES: version });
    rows.push({ node: process.versions.node, postgres: version, ...result });
  }
  for (const version of list(args.node)) {
    console.log(`Node.js ${version} ...`);
    rows.push({ node: version, postgres: 'usual', ...test(await nodeOf(version), {}) });
  }
  console.table(rows);
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  if (sum('failed') > 0 || rows.length === 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
