'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { CONTESTANTS } = require('./contestants');

/** From where it would be loaded, because not every package exports its package.json. */
function versionOf(name) {
  for (let dir = path.dirname(require.resolve(name)); dir !== path.dirname(dir); dir = path.dirname(dir)) {
    const file = path.join(dir, 'package.json');
    const found = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    if (found.name === name) return found.version;
  }
  return undefined;
}

/** What figures depend on and a reader of them wants to know. */
async function describe(cluster, contestants, also = ['drizzle-orm']) {
  const names = new Set(contestants.flatMap((name) => CONTESTANTS[name].packages));
  const packages = Object.fromEntries([...names, ...also].map((name) => [name, versionOf(name)]));
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
