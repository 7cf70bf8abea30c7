'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, run, step } = require('./run');
const { ensureSystem } = require('./system');

/** What a clone needs before anything in it can run: system packages, npm packages, the addon. */
async function setUp(systemNeeds, { addon = true } = {}) {
  await step('system packages', () => ensureSystem(systemNeeds, (line) => console.log(`  ${line}`)));
  await step('npm packages', installNpmPackages);
  if (addon && needsLibpq()) await run(process.execPath, ['scripts/build-libpq.js']);
  if (addon) await step('addon', () => run(process.execPath, ['scripts/install.js'], { quiet: true }));
}

/** Does the addon that was asked for carry a libpq, and the one that we would build? */
function needsLibpq() {
  return process.env.PGKEEL_LIBPQ === 'static' && !process.env.PGKEEL_LIBPQ_ROOT;
}

async function installNpmPackages() {
  if (packagesAreCurrent(ROOT)) return;
  console.log('  npm ci');
  await run('npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'], { quiet: true });
}

/** Compares what npm noted of its last install with the lock file: far quicker than asking npm. */
function packagesAreCurrent(dir) {
  const installed = readPackages(path.join(dir, 'node_modules/.package-lock.json'));
  if (!installed) return false;
  const locked = readPackages(path.join(dir, 'package-lock.json'));
  return Object.entries(locked).every(([place, wanted]) => {
    if (!place.startsWith('node_modules/') || wanted.optional || wanted.link) return true;
    return installed[place]?.version === wanted.version;
  });
}

function readPackages(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')).packages : undefined;
}

module.exports = { setUp };
