'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { freshDatabase } = require('./support/drivers');

const ROOT = path.join(__dirname, '../..');
const run = promisify(execFile);

/** A folder that has this package installed by its name, and drizzle-orm where `packages` says so. */
function makeApplication(files, packages = ['drizzle-orm']) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-application-'));
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'pgkeel'), 'dir');
  for (const name of packages) {
    fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name), 'dir');
  }
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  return folder;
}

const PROGRAM = `
  const things = pgTable('things', { id: serial().primaryKey(), at: timestamp({ mode: 'date' }), tags: text().array() });
  const notes = pgTable('notes', { id: serial().primaryKey(), thingId: integer('thing_id') });
  const schema = { things, notes, r: relations(things, ({ many }) => ({ notes: many(notes) })),
    n: relations(notes, ({ one }) => ({ thing: one(things, { fields: [notes.thingId], references: [things.id] }) })) };
  const { db, close } = createDatabase({ connectionString: process.env.DATABASE_URL, schema });
  const check = (name, ok) => { if (!ok) { console.error('failed: ' + name); process.exitCode = 1; } };
  await db.execute(sql\`create temp table if not exists nothing (i int)\`);
  await db.transaction(async (tx) => {
    await tx.execute(sql\`create table things (id serial primary key, at timestamp, tags text[])\`);
    await tx.execute(sql\`create table notes (id serial primary key, thing_id int)\`);
    const [row] = await tx.insert(things).values({ at: new Date(5), tags: ['a'] }).returning();
    check('insert', row.at.getTime() === 5 && row.tags[0] === 'a');
    await tx.insert(notes).values({ thingId: row.id });
    const joined = await tx.select().from(things).leftJoin(notes, eq(notes.thingId, things.id));
    check('join', joined[0].notes.thingId === row.id && joined[0].things.at instanceof Date);
    const nested = await tx.query.things.findFirst({ with: { notes: true } });
    check('relations', nested.notes.length === 1 && nested.at instanceof Date);
    await tx.execute(sql\`drop table things, notes\`);
  });
  const error = await db.execute(sql\`selec\`).catch((e) => e);
  check('DrizzleQueryError', error instanceof DrizzleQueryError && error.cause instanceof DatabaseError);
  check('is(db)', is(db, PgDatabase));
  const rolledBack = await db.transaction(async (tx) => tx.rollback()).catch((e) => e);
  check('TransactionRollbackError', rolledBack instanceof TransactionRollbackError);
  await close();
  console.log('done');
`;
const ORM = 'DrizzleQueryError, TransactionRollbackError, eq, is, relations, sql';
const CORE = 'PgDatabase, integer, pgTable, serial, text, timestamp';

const FILES = {
  'imports.mjs': `
    import { ${ORM} } from 'drizzle-orm';
    import { ${CORE} } from 'drizzle-orm/pg-core';
    import { DatabaseError } from 'pgkeel';
    import { createDatabase, drizzle, migrate } from 'pgkeel/drizzle';
    ${PROGRAM}`,
  'requires.cjs': `
    const { ${ORM} } = require('drizzle-orm');
    const { ${CORE} } = require('drizzle-orm/pg-core');
    const { DatabaseError } = require('pgkeel');
    const { createDatabase, drizzle, migrate } = require('pgkeel/drizzle');
    (async () => {${PROGRAM}})();`,
  // Tables of one copy of drizzle-orm, driver of the other: happens where a bundle or a test runner mixes them.
  'mixed.mjs': `
    import { createRequire } from 'node:module';
    import { ${ORM.replace('DrizzleQueryError, TransactionRollbackError, ', '')} } from 'drizzle-orm';
    import { ${CORE} } from 'drizzle-orm/pg-core';
    const require = createRequire(import.meta.url);
    const { DrizzleQueryError, TransactionRollbackError } = require('drizzle-orm');
    const { DatabaseError } = require('pgkeel');
    const { createDatabase } = require('pgkeel/drizzle');
    ${PROGRAM}`,
};

describe('pgkeel/drizzle as a module', function () {
  this.timeout(60_000);
  let fresh;
  let folder;

  before(async () => {
    fresh = await freshDatabase({ ddl: false });
    folder = makeApplication(FILES);
  });

  after(async () => {
    fs.rmSync(folder, { recursive: true, force: true });
    await fresh?.drop();
  });

  for (const file of Object.keys(FILES)) {
    it(`works in ${file}, errors and tables included`, async () => {
      const env = { ...process.env, DATABASE_URL: fresh.url };
      const { stdout } = await run(process.execPath, [file], { cwd: folder, env });
      assert.equal(stdout, 'done\n');
    });
  }

  it('gives the same names by import and by require', async () => {
    const program = `import * as m from 'pgkeel/drizzle'; import { createRequire } from 'node:module';
      const names = (o) => Object.keys(o).filter((n) => n !== 'default' && n !== 'module.exports').sort().join();
      console.log(names(m) + ' ' + names(createRequire(process.cwd() + '/x.js')('pgkeel/drizzle')))`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
    const names = 'createDatabase,drizzle,installShutdownHandlers,migrate';
    assert.equal(stdout, `${names} ${names}\n`);
  });

  describe('without drizzle-orm', () => {
    let bare;

    before(() => {
      bare = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-bare-'));
      const target = path.join(bare, 'node_modules', 'pgkeel');
      // A copy: through a link Node would find drizzle-orm beside this package's real folder.
      for (const part of ['lib', 'package.json', 'build']) {
        if (fs.existsSync(path.join(ROOT, part)))
          fs.cpSync(path.join(ROOT, part), path.join(target, part), { recursive: true });
      }
      for (const name of Object.keys(dependencies())) {
        fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(bare, 'node_modules', name), 'dir');
      }
    });

    after(() => fs.rmSync(bare, { recursive: true, force: true }));

    it('says what to install', async () => {
      const program = "try { require('pgkeel/drizzle') } catch (e) { console.log(e.code + ' ' + e.message) }";
      const { stdout } = await run(process.execPath, ['-e', program], { cwd: bare });
      assert.match(stdout, /^KEEL_CONFIG .*npm install drizzle-orm/);
    });

    it('names the missing package to import, too', async () => {
      const program = "import('pgkeel/drizzle').catch((e) => console.log(e.code + ' ' + e.message))";
      const { stdout } = await run(process.execPath, ['-e', program], { cwd: bare });
      assert.match(stdout, /^ERR_MODULE_NOT_FOUND .*'drizzle-orm'/);
    });

    it('leaves the pool usable', async () => {
      const { stdout } = await run(process.execPath, ['-p', "typeof require('pgkeel').Pool"], { cwd: bare });
      assert.equal(stdout, 'function\n');
    });
  });

  it('refuses a drizzle-orm that lacks what it needs', () => {
    const { makeDriver } = require('../../lib/drizzle/driver');
    const { requireOrm } = require('../../lib/drizzle/orm');
    const modules = requireOrm();
    const pgCore = { ...modules.pgCore, PgSession: undefined };
    assert.throws(() => makeDriver({ ...modules, pgCore }), {
      code: 'KEEL_CONFIG',
      message: /drizzle-orm 0\.45.*lacks PgSession/,
    });
  });
});

function dependencies() {
  return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).dependencies;
}
