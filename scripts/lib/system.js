'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { run } = require('./run');

// Debian's name of what a step needs, and how to see that it is there (installed from elsewhere counts).
const PACKAGES = {
  'g++': () => runs('g++', '--version'),
  make: () => runs('make', '--version'),
  python3: () => runs('python3', '--version'),
  'libpq-dev': () => runs('pg_config', '--version') && hasHeader('postgresql/libpq-fe.h', 'libpq-fe.h'),
  postgresql: hasServer,
  openssl: () => runs('openssl', 'version'),
  cmake: () => runs('cmake', '--version'),
  'pkg-config': () => runs('pkg-config', '--version'),
  'libuv1-dev': () => hasHeader('uv.h'),
  'libcmocka-dev': () => hasHeader('cmocka.h'),
  pgbouncer: () => fs.existsSync('/usr/sbin/pgbouncer') || runs('pgbouncer', '--version'),
  clang: () => runs('clang', '--version'),
  'clang-format': () => runs('clang-format', '--version'),
  'clang-tidy': () => runs('clang-tidy', '--version'),
  'libclang-rt-dev': () => clangHas('libclang_rt.asan-x86_64.a', 'libclang_rt.asan-aarch64.a'),
  bison: () => runs('bison', '--version'),
  flex: () => runs('flex', '--version'),
  perl: () => runs('perl', '--version'),
  'libssl-dev': () => hasHeader('openssl/ssl.h'),
  'dpkg-dev': () => runs('dpkg-source', '--version'),
  valgrind: () => runs('valgrind', '--version'),
  strace: () => runs('strace', '--version'),
  gcovr: () => runs('gcovr', '--version'),
};

const NEEDED_FOR = {
  build: ['g++', 'make', 'python3', 'libpq-dev'],
  server: ['openssl'],
  test: ['pgbouncer', 'openssl'],
  c: [
    'g++',
    'make',
    'cmake',
    'pkg-config',
    'libpq-dev',
    'libuv1-dev',
    'libcmocka-dev',
    'postgresql',
    'openssl',
  ],
  lint: [
    'cmake',
    'make',
    'pkg-config',
    'libpq-dev',
    'libuv1-dev',
    'libcmocka-dev',
    'clang-format',
    'clang-tidy',
  ],
  sanitizers: ['clang', 'libclang-rt-dev'],
  libpq: ['g++', 'make', 'bison', 'flex', 'perl', 'libssl-dev', 'dpkg-dev'],
  profile: ['valgrind', 'strace'],
  coverage: ['gcovr'],
};

function runs(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function hasServer() {
  const versions = '/usr/lib/postgresql';
  if (!fs.existsSync(versions)) return false;
  return fs.readdirSync(versions).some((version) => fs.existsSync(`${versions}/${version}/bin/postgres`));
}

function hasHeader(...names) {
  const dirs = [
    '/usr/include',
    '/usr/local/include',
    '/opt/homebrew/include',
    '/opt/homebrew/opt/libpq/include',
  ];
  return names.some((name) => dirs.some((dir) => fs.existsSync(`${dir}/${name}`)));
}

function clangHas(...files) {
  return files.some((file) => {
    const asked = spawnSync('clang', [`-print-file-name=${file}`], { encoding: 'utf8' });
    const libraries = spawnSync('clang', ['-print-runtime-dir'], { encoding: 'utf8' });
    const found = (asked.stdout ?? '').trim();
    return found.startsWith('/') || fs.existsSync(`${(libraries.stdout ?? '').trim()}/${file}`);
  });
}

/**
 * Makes sure that the system has what the named steps need; installs Debian's packages where it may.
 * @param {Array<keyof typeof NEEDED_FOR>} steps
 * @param {(line: string) => void} say
 */
async function ensureSystem(steps, say) {
  const needed = [...new Set(steps.flatMap((step) => NEEDED_FOR[step]))];
  const missing = needed.filter((name) => !PACKAGES[name]());
  if (missing.length === 0) return;
  const root = becomeRoot();
  if (!runs('apt-get', '--version') || root === undefined) throw new Error(adviceFor(missing));
  say(`installing ${missing.join(' ')} (apt-get)`);
  await updateIndexes();
  await apt(root, ['install', '--yes', '--no-install-recommends', ...missing]);
  const still = missing.filter((name) => !PACKAGES[name]());
  if (still.length > 0) throw new Error(adviceFor(still));
}

/** Makes apt read its mirrors' indexes anew, where that is allowed. */
async function updateIndexes() {
  const root = becomeRoot();
  if (root !== undefined) await apt(root, ['update']);
}

/** @returns {string[] | undefined} what to put before a command to run it as root; undefined: cannot */
function becomeRoot() {
  if (process.getuid?.() === 0) return [];
  return runs('sudo', '--non-interactive', 'true') ? ['sudo', '--non-interactive'] : undefined;
}

function apt(root, args) {
  const [program, ...rest] = [
    ...root,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '--quiet=2',
    ...args,
  ];
  return run(program, rest, { quiet: true });
}

function adviceFor(missing) {
  return (
    `These are missing and cannot be installed from here: ${missing.join(', ')} (Debian's names).\n` +
    `As an administrator of a Debian or Ubuntu machine: apt-get install ${missing.join(' ')}`
  );
}

module.exports = { ensureSystem, updateIndexes };
