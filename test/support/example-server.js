'use strict';

const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { until } = require('./poll');

const SERVER = path.resolve(__dirname, '../../examples/server');
const children = new Set();

/** What the example server reads its settings from. */
function environmentFor(url, more) {
  return { ...process.env, DATABASE_URL: url, PORT: '0', LOG_LEVEL: 'error', ...more };
}

function migrate(env, ...args) {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', 'server/migrate.ts', ...args], {
    cwd: SERVER,
    env,
  });
}

/** @returns {Promise<{ url: string, stop: () => Promise<number | string>, output: () => string }>} once it listens */
async function start(env) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'server/main.ts'], {
    cwd: SERVER,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const url = await until(
    () => {
      if (child.exitCode !== null) return 'it ended';
      return /listening on (\S+)/.exec(output)?.[1];
    },
    { timeout: 30_000, what: 'the server to listen' },
  );
  assert.match(url, /^http/);
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, stop, output: () => output };
}

/** Of a test that failed half-way. */
function killAll() {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
}

module.exports = { environmentFor, killAll, migrate, start };
