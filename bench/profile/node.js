'use strict';

/* What a query costs a whole process of Node.js: system calls, and what V8 has to allocate. */

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { ROOT } = require('../../scripts/lib/run');
const { environment } = require('../process');
const { SHORT, perQuery } = require('./per-query');
const { parseStrace } = require('./strace');

const LOAD = path.join(__dirname, 'load.js');
const TIMEOUT_MS = 180_000;
// Compiled code allocates less; the counts are of a program that has run for a while.
const WARM_UP = 30_000;
const MOST_SITES = 20;
const NEW_SPACE_MIB = 512;
const NO_COLLECTION = ['min', 'max'].map((bound) => `--${bound}-semi-space-size=${NEW_SPACE_MIB}`);

async function run(program, args) {
  const options = { env: environment(), timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 };
  return JSON.parse((await promisify(execFile)(program, args, options)).stdout);
}

async function countSystemCalls(job) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-bench-'));
  const out = path.join(dir, 'strace.out');
  try {
    const strace = ['-f', '-c', '-o', out];
    const args = [...strace, process.execPath, LOAD, JSON.stringify({ ...job, way: 'count' })];
    const { queries } = await run('strace', args);
    return { queries, amounts: parseStrace(fs.readFileSync(out, 'utf8')) };
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/** @returns {Promise<Record<string, number>>} calls per query, by name */
async function systemCalls(job) {
  const short = await countSystemCalls({ ...job, queries: SHORT });
  const long = await countSystemCalls({ ...job, queries: SHORT + job.queries });
  return perQuery(short, long);
}

/** @returns {Promise<number>} bytes of V8's heap per query */
async function allocatedBytes(job) {
  const asked = JSON.stringify({ ...job, way: 'heap', warmUp: WARM_UP });
  const { queries, heap } = await run(process.execPath, ['--expose-gc', ...NO_COLLECTION, LOAD, asked]);
  return heap / queries;
}

/** @returns {Promise<{ file: string, function: string, bytes: number }[]>} per query, sampled, the largest first */
async function allocationSites(job) {
  const asked = JSON.stringify({ ...job, way: 'sites', warmUp: WARM_UP });
  const { queries, sites } = await run(process.execPath, [LOAD, asked]);
  const each = Object.entries(sites).map(([site, bytes]) => {
    const [file, name] = site.split('\t');
    return { file: shortPath(file), function: name, bytes: bytes / queries };
  });
  return each.sort((a, b) => b.bytes - a.bytes).slice(0, MOST_SITES);
}

function shortPath(file) {
  if (file.startsWith(ROOT)) return path.relative(ROOT, file);
  return file || '(no file)';
}

module.exports = { allocatedBytes, allocationSites, systemCalls };
