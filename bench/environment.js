'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { CONTESTANTS } = require('./contestants');

/** By path, because not every package exports its package.json. */
function versionOf(name) {
  const root = path.resolve(__dirname, '..');
  const folder = name === 'pgkeel' ? root : path.join(root, 'node_modules', name);
  return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version;
}

/** What figures depend on and a reader of them wants to know. */
async function describe(cluster, contestants) {
  const names = new Set(contestants.flatMap((name) => CONTESTANTS[name].packages));
  const packages = Object.fromEntries([...names, 'drizzle-orm'].map((name) => [name, versionOf(name)]));
  if (names.has('pgkeel')) packages.libpq_of_pgkeel = require('pgkeel').libpqVersion;
  return {
    cpu: os.cpus()[0].model,
    cores: os.cpus().length,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    server: await cluster.psql('show server_version'),
    packages,
    load: os.loadavg()[0],
  };
}

module.exports = { describe };
