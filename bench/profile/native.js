'use strict';

/* Instructions and allocations of the C library per query, by callgrind, without Node.js around it. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, run } = require('../../scripts/lib/run');
const { parseCallgrind, sumBy } = require('./callgrind');
const { SHORT, perQuery } = require('./per-query');

const BUILD = path.join(ROOT, 'build-bench');
const PROGRAM = path.join(BUILD, 'keel-load');

const ALLOCATION =
  /^_?_?(libc_)?(malloc|calloc|realloc|free|cfree|posix_memalign)$|^_int_|^malloc_consolidate|^unlink_chunk/;
const ALLOCATORS = ['malloc', 'calloc', 'realloc'];

/** By file where it is ours (inline functions belong to where they are written), else by library. */
function partOf({ object, file, function: name }) {
  if (file.includes('/csrc/core/')) return 'core/';
  if (file.includes('/csrc/pg/')) return 'pg/';
  if (file.includes('/csrc/')) return 'engine';
  if (file.includes('/bench/native/')) return 'the load program';
  return libraryOf(object, plain(name));
}

function libraryOf(object, name) {
  const library = /^(lib[a-z]+|ld-)/.exec(path.basename(object))?.[1];
  if (library === 'libc' && ALLOCATION.test(name)) return 'libc: malloc, free';
  const named = {
    libpq: 'libpq',
    libuv: 'libuv',
    libc: 'libc: all else, entries to the kernel',
    'ld-': 'linker',
  };
  return named[library] ?? 'other libraries';
}

/** In a cycle of calls, callgrind numbers the functions. */
const plain = (name) => name.replace(/'\d+$/, '');

/** Who asked the C library for memory. What it asks of itself (realloc of nothing is malloc) is the same request. */
function allocatorOf({ object, callee }) {
  if (!ALLOCATORS.includes(plain(callee)) || /\/libc\./.test(object)) return undefined;
  if (object === PROGRAM) return 'pgkeel';
  return object.includes('/libpq.') ? 'libpq' : 'others';
}

/** Which function of ours asks. */
function placeOf({ caller, callee }) {
  return /^keel__(alloc|realloc)$/.test(plain(callee)) ? plain(caller) : undefined;
}

async function build() {
  await run('cmake', ['-S', 'bench/native', '-B', BUILD], { quiet: true });
  await run('cmake', ['--build', BUILD, '--target', 'keel-load'], { quiet: true });
}

async function count(connection, queries, callers) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-bench-'));
  const out = path.join(dir, 'callgrind.out');
  const { host, port, user, database } = connection;
  const conninfo = `host=${host} port=${port} user=${user} dbname=${database}`;
  // Or one thread keeps the only turn that valgrind gives, and the two never work side by side.
  const tool = ['--tool=callgrind', '--fair-sched=yes', `--callgrind-out-file=${out}`];
  try {
    await run('valgrind', [...tool, PROGRAM, conninfo, String(queries), String(callers)], { quiet: true });
    const { costs, calls } = parseCallgrind(fs.readFileSync(out, 'utf8'));
    return {
      instructions: { queries, amounts: sumBy(costs, partOf) },
      allocations: { queries, amounts: sumBy(calls, allocatorOf) },
      places: { queries, amounts: sumBy(calls, placeOf) },
    };
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/**
 * @typedef {Record<string, number>} Amounts
 * @returns {Promise<{ instructions: Amounts, allocations: Amounts, places: Amounts }>} per query
 */
async function profileNative({ connection, queries, callers }) {
  await build();
  const short = await count(connection, SHORT, callers);
  const long = await count(connection, SHORT + queries, callers);
  return {
    instructions: perQuery(short.instructions, long.instructions),
    allocations: perQuery(short.allocations, long.allocations),
    places: perQuery(short.places, long.places),
  };
}

module.exports = { profileNative };
