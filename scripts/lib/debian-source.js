'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { run } = require('./run');
const { updateIndexes } = require('./system');

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const TARGET_FORMAT = '$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(COMPONENT)';

/**
 * Fetches a source package of a Debian release other than the machine's own, with apt's own checks: the index is signed with
 * a key that the machine trusts, and the files have the checksums that the index tells. The machine's configuration is read
 * and left alone.
 * @param {{ name: string, release: string, dir: string }} wanted `dir` is filled
 * @returns {Promise<{ source: string, version: string }>} the unpacked and patched sources
 */
async function fetchSource({ name, release, dir }) {
  const mirrors = await findMirrors();
  const options = privateApt(dir, sourcesList(mirrors, release));
  await apt([...options, 'update'], dir, `reading the index of ${release} from ${mirrors.main} failed`);
  const version = newestVersion(options, name);
  if (!version)
    throw new Error(`Debian's ${release}, as ${mirrors.main} has it, has no source package ${name}`);
  await apt(
    [...options, 'source', name],
    dir,
    `${name} ${version} is in the index of ${release} at ${mirrors.main}, but fetching or unpacking its source failed`,
  );
  return { source: unpacked(dir, name), version };
}

/** The mirrors that this machine's apt is set up with. */
async function findMirrors() {
  if (readMirrors().main === undefined) await updateIndexes();
  const mirrors = readMirrors();
  if (mirrors.main !== undefined) return mirrors;
  throw new Error(
    'apt on this machine is set up with no mirror of Debian ("apt-get indextargets" shows none), ' +
      'and so there is nowhere to fetch the source of libpq from',
  );
}

function readMirrors() {
  const asked = spawnSync('apt-get', ['indextargets', '--format', TARGET_FORMAT, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const targets = (asked.stdout ?? '').split('\n').map((line) => line.split('|'));
  const uriOf = (wanted) =>
    targets
      .find(
        ([origin, label, , component]) => origin === 'Debian' && label === wanted && component === 'main',
      )?.[2]
      // apt would ask for dists// otherwise, which some mirrors refuse.
      .replace(/\/+$/, '');
  return { main: uriOf('Debian'), security: uriOf('Debian-Security') };
}

function sourcesList({ main, security }, release) {
  const signed = fs.existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const lines = [`deb-src ${signed}${main} ${release} main`];
  if (security !== undefined) lines.push(`deb-src ${signed}${security} ${release}-security main`);
  return `${lines.join('\n')}\n`;
}

/** Options that give apt lists and a cache of its own in `dir`. */
function privateApt(dir, list) {
  for (const folder of ['lists/partial', 'cache/archives/partial']) {
    fs.mkdirSync(path.join(dir, 'apt', folder), { recursive: true });
  }
  fs.writeFileSync(path.join(dir, 'apt/sources.list'), list);
  const settings = {
    'Dir::Etc::SourceList': path.join(dir, 'apt/sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': path.join(dir, 'apt/lists'),
    'Dir::Cache': path.join(dir, 'apt/cache'),
    // Root's downloads go through a user who cannot write here.
    ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
  };
  return ['--quiet=2', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
}

async function apt(args, cwd, what) {
  try {
    await run('apt-get', args, { quiet: true, cwd });
  } catch (err) {
    const reasons = (err.output ?? '').split('\n').filter((line) => /^(E|Err)[:\d]/.test(line));
    throw new Error([`${what}:`, ...(reasons.length > 0 ? reasons : [err.message])].join('\n  '), {
      cause: err,
    });
  }
}

function newestVersion(options, name) {
  const asked = spawnSync('apt-cache', [...options, 'showsrc', '--only-source', name], { encoding: 'utf8' });
  const versions = [...(asked.stdout ?? '').matchAll(/^Version: (.+)$/gm)].map(([, version]) => version);
  return versions.sort(newerFirst)[0];
}

function newerFirst(a, b) {
  if (a === b) return 0;
  return spawnSync('dpkg', ['--compare-versions', a, 'gt', b]).status === 0 ? -1 : 1;
}

function unpacked(dir, name) {
  const found = fs
    .readdirSync(dir)
    .find((entry) => /^\d/.test(entry.slice(name.length + 1)) && isSource(dir, entry));
  if (found === undefined) throw new Error(`apt-get source ${name} left no folder in ${dir}`);
  return path.join(dir, found);
}

function isSource(dir, entry) {
  return fs.existsSync(path.join(dir, entry, 'configure'));
}

module.exports = { fetchSource };
