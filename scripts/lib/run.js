'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '../..');
const STILL_BUSY_MS = 15_000;
const KILL_AFTER_MS = 10_000;

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/**
 * Runs a program to its end. Quiet programs are heard only when they fail.
 * @param {string} program
 * @param {string[]} args
 * @param {{ quiet?: boolean, cwd?: string, env?: Record<string, string>, giveUp?: AbortSignal }} [options]
 *   `giveUp` ends the program; its reason says why
 * @returns {Promise<string>} what a quiet program printed, "" otherwise
 */
function run(program, args, { quiet = false, cwd = ROOT, env = {}, giveUp } = {}) {
  const stdio = ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'];
  const child = spawn(program, args, { cwd, stdio, env: { ...process.env, ...env } });
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  giveUp?.addEventListener('abort', () => endProgram(child), { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      if (giveUp?.aborted) return reject(Object.assign(new Error(giveUp.reason), { output }));
      if (code === 0) return resolve(output);
      const command = [path.basename(program), ...args].join(' ').slice(0, 120);
      reject(Object.assign(new Error(`${command} ended with ${signal ?? `exit code ${code}`}`), { output }));
    });
  });
}

function endProgram(child) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  child.once('close', () => clearTimeout(timer));
}

/**
 * Does one step of a longer procedure with its name, signs of life and its time on the screen.
 * `succeeded` judges a result that tells of failures without being one.
 */
async function step(name, work, succeeded = () => true) {
  const started = performance.now();
  console.log(`▸ ${name}`);
  const alive = setInterval(() => console.log(`  ... ${name}: ${seconds(started)} so far`), STILL_BUSY_MS);
  try {
    const result = await work();
    console.log(`${succeeded(result) ? '✓' : '✗'} ${name} (${seconds(started)})`);
    return result;
  } catch (err) {
    if (err.output) console.error(err.output);
    console.error(`✗ ${name} (${seconds(started)}): ${err.message}`);
    throw Object.assign(err, { reported: true });
  } finally {
    clearInterval(alive);
  }
}

module.exports = { ROOT, run, step };
