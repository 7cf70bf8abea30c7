'use strict';

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { DrizzleQueryError } = require('drizzle-orm');
const stockMigrator = require('drizzle-orm/node-postgres/migrator');
const { KeelError, Pool } = require('../..');
const { drizzle, migrate } = require('../../lib/drizzle');
const { until } = require('../support/poll');
const { freshDatabase, openDrivers } = require('./support/drivers');
const { writeMigrations } = require('./support/migrations');

const CREATE = [
  'create table things (id serial primary key, name text);\n',
  "insert into things (name) values ('a');\n",
];
const ALTER = ["alter table things add column extra text default 'x';\n"];
const LOCKS =
  "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";

describe('migrate()', () => {
  let fresh;
  let pool;
  let cleanup;

  beforeEach(async () => {
    fresh = await freshDatabase({ ddl: false });
    pool = new Pool({ connectionString: fresh.url, max: 3 });
    cleanup = [];
  });

  afterEach(async () => {
    await pool.end();
    for (const remove of cleanup) remove();
    await fresh.drop();
  });

  function folderWith(...migrations) {
    const { folder, remove } = writeMigrations(migrations);
    cleanup.push(remove);
    return folder;
  }

  const journal = () => fresh.psql('select hash, created_at from drizzle.__drizzle_migrations order by id');

  it("leaves the same journal and the same tables as the stock migrator, and each may go on with the other's", async () => {
    const [stock] = openDrivers(fresh.url, ['reference']);
    try {
      const first = folderWith(CREATE);
      await migrate(drizzle(pool), { migrationsFolder: first });
      const ours = await journal();
      await stockMigrator.migrate(stock.open(), { migrationsFolder: first });
      assert.equal(await journal(), ours);
      await fresh.psql('drop schema drizzle cascade; drop table things');
      await stockMigrator.migrate(stock.open(), { migrationsFolder: first });
      assert.equal(await journal(), ours);
      await migrate(drizzle(pool), { migrationsFolder: folderWith(CREATE, ALTER) });
      assert.equal(await fresh.psql('select name, extra from things'), 'a|x');
      assert.equal((await journal()).split('\n').length, 2);
    } finally {
      await stock.pool.end();
    }
  });

  it('does nothing the second time', async () => {
    const migrationsFolder = folderWith(CREATE, ALTER);
    await migrate(drizzle(pool), { migrationsFolder });
    await migrate(drizzle(pool), { migrationsFolder });
    assert.equal(await fresh.psql('select count(*) from things'), '1');
  });

  it('keeps its journal where it is told to', async () => {
    const config = {
      migrationsFolder: folderWith(CREATE),
      migrationsSchema: 'own',
      migrationsTable: 'steps',
    };
    await migrate(drizzle(pool), config);
    assert.equal(await fresh.psql('select count(*) from own.steps'), '1');
  });

  it('runs once when several processes start together', async () => {
    // Two runs of this would fail (no "if not exists") or leave two rows.
    const slow = ['select pg_sleep(0.3);\n', ...CREATE];
    const migrationsFolder = folderWith(slow, ALTER);
    const children = [1, 2, 3].map(() =>
      fork(path.join(__dirname, 'support', 'migrate-process.js'), [fresh.url, migrationsFolder]),
    );
    await Promise.all(children.map((child) => once(child, 'message')));
    const exits = children.map((child) => once(child, 'exit'));
    for (const child of children) child.send('go');
    assert.deepEqual(
      await Promise.all(exits),
      children.map(() => [0, null]),
    );
    assert.equal(await fresh.psql('select name, extra from things'), 'a|x');
    assert.equal((await journal()).split('\n').length, 2);
    assert.equal(await fresh.psql(LOCKS), '0');
  });

  it("waits for a migration that takes longer than the pool's limits", async () => {
    const limited = new Pool({
      connectionString: fresh.url,
      max: 1,
      statement_timeout: 100,
      query_timeout: 200,
    });
    const migrationsFolder = folderWith(['select pg_sleep(0.4);\n', ...CREATE]);
    try {
      await Promise.all([
        migrate(drizzle(limited), { migrationsFolder }),
        migrate(drizzle(pool), { migrationsFolder }),
      ]);
      assert.equal((await limited.query('show statement_timeout')).rows[0].statement_timeout, '100ms');
    } finally {
      await limited.end();
    }
    assert.equal(await fresh.psql('select count(*) from things'), '1');
  });

  it('frees the lock and keeps the connection after a migration that fails, and names what failed', async () => {
    const broken = folderWith(CREATE, ['create table things (again int);\n']);
    await assert.rejects(
      migrate(drizzle(pool), { migrationsFolder: broken }),
      (error) => error instanceof DrizzleQueryError && error.cause.code === '42P07',
    );
    assert.equal(await fresh.psql(LOCKS), '0');
    assert.equal(await fresh.psql("select to_regclass('things') is null"), 't');
    await migrate(drizzle(pool), { migrationsFolder: folderWith(CREATE) });
    assert.equal(pool.totalCount, 1);
  });

  it('frees the lock when the connection is lost in the middle', async () => {
    const migrationsFolder = folderWith(['select pg_sleep(60);\n']);
    const failed = assert.rejects(migrate(drizzle(pool), { migrationsFolder }), DrizzleQueryError);
    const running =
      "from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%'";
    await until(async () => (await fresh.psql(`select 1 ${running}`)) === '1');
    await fresh.psql(`select pg_terminate_backend(pid) ${running}`);
    await failed;
    await until(async () => (await fresh.psql(LOCKS)) === '0');
    await migrate(drizzle(pool), { migrationsFolder: folderWith(CREATE) });
  });

  it('logs the statements of the migrations', async () => {
    const lines = [];
    const db = drizzle({ client: pool, logger: { logQuery: (text) => lines.push(text) } });
    await migrate(db, { migrationsFolder: folderWith(CREATE) });
    assert.ok(lines.includes('begin') && lines.includes(CREATE[0]) && lines.includes('commit'));
  });

  it('works over a single client', async () => {
    const client = await pool.connect();
    try {
      await migrate(drizzle(client), { migrationsFolder: folderWith(CREATE) });
    } finally {
      client.release();
    }
    assert.equal(await fresh.psql(LOCKS), '0');
  });

  it('refuses a folder without a journal, a database that is none, and a mock', async () => {
    const migrationsFolder = folderWith(CREATE);
    await assert.rejects(migrate(drizzle(pool), { migrationsFolder: '/nowhere' }), /_journal\.json/);
    await assert.rejects(migrate({}, { migrationsFolder }), KeelError);
    await assert.rejects(migrate(drizzle.mock(), { migrationsFolder }), KeelError);
  });
});
