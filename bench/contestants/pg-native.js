'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { driverOver, nodePostgres } = require('./pg-like');

const BUILD_TIMEOUT_MS = 180_000;

function loads() {
  try {
    require('pg-native');
    return true;
  } catch {
    return false;
  }
}

// npm packages are installed without their scripts, so that its addon is not there at first.
function build() {
  console.log('pg-native: building its addon (npm rebuild libpq)');
  const cwd = path.resolve(__dirname, '../..');
  return spawnSync('npm', ['rebuild', 'libpq'], { cwd, encoding: 'utf8', timeout: BUILD_TIMEOUT_MS });
}

module.exports = {
  packages: ['pg', 'pg-native', 'libpq'],
  missing() {
    if (loads()) return undefined;
    const { stderr } = build();
    if (loads()) return undefined;
    const reason = stderr?.split('\n').find((line) => /error/i.test(line));
    return `its addon cannot be built${reason ? `: ${reason}` : ''} (it needs libpq-dev, a C++ compiler and Python)`;
  },
  open(config) {
    const { Pool } = require('pg').native;
    return driverOver(new Pool(config), nodePostgres);
  },
};
