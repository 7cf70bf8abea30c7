'use strict';

/*
 * Builds the addon: npm's install script (silent when all is well), and `npm run build` with --force.
 * It is published, so it may use nothing but Node.js and npm's own node-gyp.
 *
 * PGKEEL_LIBPQ=static links a static libpq (of PGKEEL_LIBPQ_ROOT, by default what `npm run libpq` makes) and OpenSSL in.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const STATIC = process.env.PGKEEL_LIBPQ === 'static';
const LIBPQ_ROOT = path.resolve(process.env.PGKEEL_LIBPQ_ROOT || path.join(ROOT, 'build-libpq'));
const LIBPQ_ARCHIVE = path.join(LIBPQ_ROOT, 'lib/libpq.a');
const NAME = STATIC ? 'pgkeel_static' : 'pgkeel';
const ADDON = path.join(ROOT, 'build/Release', `${NAME}.node`);
const SOURCE = /\.(c|cc|cpp|h|hpp|gyp)$/;
// Folders of csrc that are no part of the addon.
const NOT_BUILT = new Set(['examples', 'sim', 'test']);

const NEEDS = [
  {
    what: 'a C++ compiler',
    found: () => [process.env.CXX, 'c++', 'g++', 'clang++'].some((name) => name && runs(name, '--version')),
    packages: { Debian: 'g++', Fedora: 'gcc-c++', macOS: 'xcode-select --install' },
  },
  {
    what: 'make',
    found: () => runs('make', '--version'),
    packages: { Debian: 'make', Fedora: 'make', macOS: 'xcode-select --install' },
  },
  {
    what: 'Python 3 (node-gyp runs on it)',
    found: () => [process.env.PYTHON, 'python3'].some((name) => name && runs(name, '--version')),
    packages: { Debian: 'python3', Fedora: 'python3', macOS: 'brew install python3' },
  },
  STATIC
    ? {
        what: 'OpenSSL with its headers and static libraries',
        found: () => fs.existsSync('/usr/include/openssl/ssl.h'),
        packages: {
          Debian: 'libssl-dev',
          Fedora: 'openssl-devel openssl-static',
          macOS: 'brew install openssl',
        },
      }
    : {
        what: "libpq, PostgreSQL's client library, with its headers (pg_config, libpq-fe.h)",
        found: hasLibpq,
        packages: { Debian: 'libpq-dev', Fedora: 'libpq-devel', macOS: 'brew install libpq' },
      },
];

function runs(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function hasLibpq() {
  const homebrew = ['/opt/homebrew/opt/libpq', '/usr/local/opt/libpq'];
  const dirs = ['/usr/include/postgresql', '/usr/include', ...homebrew.map((dir) => `${dir}/include`)];
  const asked = spawnSync('pg_config', ['--includedir'], { encoding: 'utf8' });
  if (asked.status === 0) dirs.push(asked.stdout.trim());
  return dirs.some((dir) => fs.existsSync(path.join(dir, 'libpq-fe.h')));
}

function missingMessage(missing) {
  const advice = (system) => [...new Set(missing.map((need) => need.packages[system]))];
  return [
    `pgkeel builds a native addon and lacks: ${missing.map((need) => need.what).join('; ')}.`,
    `  Debian, Ubuntu:  apt-get install ${advice('Debian').join(' ')}`,
    `  Fedora:          dnf install ${advice('Fedora').join(' ')}`,
    `  macOS:           ${advice('macOS').join(' && ')}`,
  ].join('\n');
}

function isCurrent() {
  if (!fs.existsSync(ADDON)) return false;
  const built = fs.statSync(ADDON).mtimeMs;
  const others = [path.join(ROOT, 'binding.gyp'), ...(STATIC ? [LIBPQ_ARCHIVE] : [])];
  return [...others, ...sources()].every((file) => fs.statSync(file).mtimeMs <= built);
}

function* sources(dir = path.join(ROOT, 'csrc'), top = true) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      if (!(top && NOT_BUILT.has(entry.name))) yield* sources(file, false);
    } else if (SOURCE.test(entry.name)) {
      yield file;
    }
  }
}

/** @returns {string} node-gyp's program: a devDependency here, npm's own copy in a user's project */
function findNodeGyp() {
  const npm = path.join(path.dirname(fs.realpathSync(process.execPath)), '../lib/node_modules/npm');
  const candidates = [
    () => require.resolve('node-gyp/bin/node-gyp.js', { paths: [ROOT] }),
    () => process.env.npm_config_node_gyp,
    () => path.join(path.dirname(process.env.npm_execpath), '../node_modules/node-gyp/bin/node-gyp.js'),
    () => path.join(npm, 'node_modules/node-gyp/bin/node-gyp.js'),
  ];
  for (const candidate of candidates) {
    const file = attempt(candidate);
    if (file && fs.existsSync(file)) return file;
  }
  throw new Error('pgkeel builds a native addon and finds no node-gyp: npm install --global node-gyp');
}

function attempt(candidate) {
  try {
    return candidate();
  } catch {
    return undefined;
  }
}

/** Node.js's headers lie beside many installed copies of it: then nothing need be downloaded. */
function headersOption() {
  const prefix = path.resolve(path.dirname(fs.realpathSync(process.execPath)), '..');
  return fs.existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function build() {
  const libpq = STATIC ? [`--libpq_root=${LIBPQ_ROOT}`, `--addon_name=${NAME}`] : [];
  const args = [findNodeGyp(), 'configure', 'build', '--jobs=max', ...headersOption(), ...libpq];
  const result = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (result.status === 0 && fs.existsSync(ADDON)) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  throw new Error("building pgkeel's addon failed: see the compiler's words above", { cause: result.error });
}

function checkLibpq() {
  if (!STATIC || fs.existsSync(LIBPQ_ARCHIVE)) return;
  throw new Error(
    `PGKEEL_LIBPQ=static asks for a static libpq, and ${LIBPQ_ARCHIVE} is missing. "npm run libpq" in a clone of pgkeel ` +
      'builds one; PGKEEL_LIBPQ_ROOT says where another one is.',
  );
}

function main() {
  checkLibpq();
  if (!process.argv.includes('--force') && isCurrent()) return;
  const missing = NEEDS.filter((need) => !need.found());
  if (missing.length > 0) throw new Error(missingMessage(missing));
  build();
  // make leaves a linked addon alone when only a comment changed; it is current all the same.
  fs.utimesSync(ADDON, new Date(), new Date());
}

try {
  main();
} catch (err) {
  console.error(err.message);
  process.exitCode = 1;
}
