'use strict';

/*
 * `npm run libpq`: a static libpq 17 in build-libpq/, for `PGKEEL_LIBPQ=static`; see docs/building.md. Does nothing when it
 * is there already (`npm run libpq -- --force` does it all again). Uses nothing but Node.js itself.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { fetchSource } = require('./lib/debian-source');
const { ROOT, run, step } = require('./lib/run');
const { ensureSystem } = require('./lib/system');

const PACKAGE = { name: 'postgresql-17', release: 'trixie' };
const TARGET = path.join(ROOT, 'build-libpq');
const NOTE = path.join(TARGET, 'built.json');

// As Debian's own package, without what only programs need; and Kerberos and LDAP would bring further libraries along.
const CONFIGURE = [
  '--with-openssl',
  '--without-icu',
  '--without-readline',
  '--without-zlib',
  '--sysconfdir=/etc/postgresql-common',
];
const FILES = {
  lib: [
    'src/interfaces/libpq/libpq.a',
    // The archives for shared libraries: the plain ones of the same names hold code that is not position-independent.
    'src/common/libpgcommon_shlib.a',
    'src/port/libpgport_shlib.a',
  ],
  include: [
    'src/interfaces/libpq/libpq-fe.h',
    'src/interfaces/libpq/libpq-events.h',
    'src/include/postgres_ext.h',
    'src/include/pg_config_ext.h',
  ],
};
const RECIPE = JSON.stringify([PACKAGE, CONFIGURE, FILES]);

/** @returns {string | undefined} the version that has been built in this very way */
function builtVersion() {
  if (!fs.existsSync(NOTE)) return undefined;
  const { version, recipe } = JSON.parse(fs.readFileSync(NOTE, 'utf8'));
  return recipe === RECIPE ? version : undefined;
}

async function compile(source) {
  await run('./configure', CONFIGURE, { quiet: true, cwd: source });
  const jobs = `--jobs=${os.cpus().length}`;
  // Its makefile builds what it needs of src/common and src/port.
  await run('make', [jobs, '-C', 'src/interfaces/libpq', 'all'], { quiet: true, cwd: source });
}

/** The note comes last: what is there without it is not used. */
function install(source, version) {
  for (const [folder, files] of Object.entries(FILES)) {
    fs.mkdirSync(path.join(TARGET, folder), { recursive: true });
    for (const file of files)
      fs.copyFileSync(path.join(source, file), path.join(TARGET, folder, path.basename(file)));
  }
  fs.writeFileSync(NOTE, JSON.stringify({ version, recipe: RECIPE }));
}

async function build() {
  fs.rmSync(TARGET, { recursive: true, force: true });
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-libpq-'));
  try {
    await step('system packages', () => ensureSystem(['libpq'], (line) => console.log(`  ${line}`)));
    const { source, version } = await step(`source of ${PACKAGE.name}`, () =>
      fetchSource({ ...PACKAGE, dir }),
    );
    await step(`libpq ${version}`, () => compile(source));
    install(source, version);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } });
  if (values.force || builtVersion() === undefined) await build();
  console.log(`libpq ${builtVersion()} is in ${path.relative(process.cwd(), TARGET) || '.'}`);
}

main().catch((err) => {
  if (!err.reported) console.error(err.message);
  process.exitCode = 1;
});
