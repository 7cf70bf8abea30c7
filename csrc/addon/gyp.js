'use strict';

/*
 * Answers binding.gyp: `node csrc/addon/gyp.js sources | includes | libraries [ROOT]`, one item a line. gyp has no globs,
 * and a list kept by hand forgets files. ROOT: of a static libpq.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '../..');
const HOMEBREW = ['/opt/homebrew/opt/libpq', '/usr/local/opt/libpq'];

function sources() {
  return ['csrc/addon', 'csrc', 'csrc/core', 'csrc/pg'].flatMap((dir) =>
    fs
      .readdirSync(path.join(ROOT, dir))
      .filter((name) => /\.(c|cc)$/.test(name))
      .sort()
      .map((name) => `${dir}/${name}`),
  );
}

/** pg_config's answer; where there is no pg_config, the place where Homebrew keeps libpq, if anywhere. */
function libpqDir(kind) {
  const asked = spawnSync('pg_config', [`--${kind}dir`], { encoding: 'utf8' });
  if (asked.status === 0) return asked.stdout.trim();
  return HOMEBREW.map((dir) => path.join(dir, kind)).find((dir) => fs.existsSync(dir));
}

function includes(root) {
  const addonApi = require('node-addon-api').include_dir;
  return [addonApi, root ? path.join(root, 'include') : (libpqDir('include') ?? '/usr/include/postgresql')];
}

/** In the order in which they need each other. */
function staticLibraries(root) {
  const archives = ['pq', 'pgcommon_shlib', 'pgport_shlib'].map((name) =>
    path.join(root, 'lib', `lib${name}.a`),
  );
  return [...archives, '-l:libssl.a', '-l:libcrypto.a', '-lm', '-ldl', '-pthread'];
}

function libraries(root) {
  if (root) return staticLibraries(root);
  const dir = libpqDir('lib');
  // The run path, for a libpq that the dynamic linker would not find by itself.
  return dir === undefined ? ['-lpq'] : [`-L${dir}`, `-Wl,-rpath,${dir}`, '-lpq'];
}

const ANSWERS = { sources, includes, libraries };
process.stdout.write(ANSWERS[process.argv[2]](process.argv[3]).join('\n'));
