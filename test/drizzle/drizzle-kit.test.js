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

const SCHEMA = `
  import { integer, pgEnum, pgTable, serial, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core';
  export const kind = pgEnum('kind', ['small', 'large']);
  export const makers = pgTable('makers', { id: serial().primaryKey(), name: text().notNull() });
  export const things = pgTable('things', {
    id: serial().primaryKey(),
    kind: kind().notNull().default('small'),
    makerId: integer('maker_id').references(() => makers.id),
    madeAt: timestamp('made_at', { withTimezone: true }).defaultNow(),
  }, (table) => [uniqueIndex('things_once').on(table.kind, table.makerId)]);
`;
const CONFIG = `
  import { defineConfig } from 'drizzle-kit';
  export default defineConfig({
    dialect: 'postgresql', schema: './schema.ts', out: './migrations',
    dbCredentials: { url: process.env.DATABASE_URL! },
  });
`;
const COLUMNS = `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
  where table_schema = 'public' order by table_name, ordinal_position`;

// drizzle-kit takes the first importable of "pg", "postgres", ...: here "pg" is an alias of this package.
describe('drizzle-kit with "pg" aliased to this package', function () {
  this.timeout(120_000);
  let folder;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-kit-'));
    const modules = path.join(folder, 'node_modules');
    fs.mkdirSync(modules);
    // Copies of what decides which pg is found: through links Node would look beside their real folders.
    for (const name of ['drizzle-kit', 'drizzle-orm']) {
      fs.cpSync(path.join(ROOT, 'node_modules', name), path.join(modules, name), { recursive: true });
    }
    for (const name of dependenciesOf('drizzle-kit')) link(name, modules);
    fs.symlinkSync(ROOT, path.join(modules, 'pg'), 'dir');
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "name": "application", "private": true }');
    fs.writeFileSync(path.join(folder, 'schema.ts'), SCHEMA);
    fs.writeFileSync(path.join(folder, 'drizzle.config.ts'), CONFIG);
  });

  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const kit = (fresh, ...args) =>
    run(process.execPath, [path.join('node_modules', 'drizzle-kit', 'bin.cjs'), ...args], {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: fresh.url, NO_COLOR: '1' },
    });

  async function withDatabase(use) {
    const fresh = await freshDatabase({ ddl: false });
    try {
      return await use(fresh);
    } finally {
      await fresh.drop();
    }
  }

  it('finds this package as pg', async () => {
    const { stdout } = await run(process.execPath, ['-p', "typeof require('pg').KeelError"], { cwd: folder });
    assert.equal(stdout, 'function\n');
  });

  it('pushes a schema, sees no difference afterwards, and generates and migrates to the same', async () => {
    const pushed = await withDatabase(async (fresh) => {
      await kit(fresh, 'push', '--force');
      const again = await kit(fresh, 'push', '--force');
      assert.match(again.stdout, /No changes detected/);
      return fresh.psql(COLUMNS);
    });
    const migrated = await withDatabase(async (fresh) => {
      await kit(fresh, 'generate', '--name', 'first');
      assert.ok(fs.existsSync(path.join(folder, 'migrations', '0000_first.sql')));
      await kit(fresh, 'migrate');
      await kit(fresh, 'migrate');
      assert.equal(await fresh.psql('select count(*) from drizzle.__drizzle_migrations'), '1');
      return fresh.psql(COLUMNS);
    });
    assert.equal(migrated, pushed);
    assert.match(pushed, /^things\|kind\|USER-DEFINED\|NO\|'small'::kind$/m);
  });
});

function dependenciesOf(name) {
  const manifest = path.join(ROOT, 'node_modules', name, 'package.json');
  return Object.keys(JSON.parse(fs.readFileSync(manifest, 'utf8')).dependencies ?? {});
}

function link(name, modules) {
  const target = path.join(modules, name);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules', name), target, 'dir');
}
