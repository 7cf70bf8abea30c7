'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { sharedCluster } = require('../support/shared');

const ROOT = path.resolve(__dirname, '../..');

// A program of another package, for which `pg` is this one.
describe('installed as "pg"', () => {
  let folder;
  let config;

  before(async () => {
    config = (await sharedCluster()).config();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-alias-'));
    fs.mkdirSync(path.join(folder, 'node_modules'));
    fs.symlinkSync(ROOT, path.join(folder, 'node_modules/pg'));
  });

  after(() => fs.rmSync(folder, { recursive: true }));

  function run(name, program) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, program);
    const env = { ...process.env, CONFIG: JSON.stringify(config) };
    return execFileSync(process.execPath, [file], { encoding: 'utf8', env });
  }

  it('CommonJS', () => {
    const output = run(
      'program.cjs',
      `const { Pool } = require('pg');
       const pool = new Pool(JSON.parse(process.env.CONFIG));
       pool.query('select $1::text as greeting', ['hello'], (error, result) => {
         if (error) throw error;
         console.log(result.rows[0].greeting);
         pool.end();
       });`,
    );
    assert.equal(output, 'hello\n');
  });

  it('ESM: a default and named exports that are the same', () => {
    const output = run(
      'program.mjs',
      `import pg, * as named from 'pg';
       for (const name of ['Client', 'Pool', 'Query', 'Result', 'DatabaseError', 'TypeOverrides', 'types', 'defaults',
         'escapeIdentifier', 'escapeLiteral', 'Connection', 'KeelError', 'hardenedDefaults', 'version', 'libpqVersion',
         'installShutdownHandlers']) {
         if (pg[name] === undefined || pg[name] !== named[name]) throw new Error(name);
       }
       const client = new pg.Client(JSON.parse(process.env.CONFIG));
       await client.connect();
       const { rows } = await client.query('select 1 as one');
       await client.end();
       console.log(rows[0].one, pg.version.split('.')[0], /^\\d+\\.\\d+$/.test(pg.libpqVersion));`,
    );
    assert.equal(output, '1 8 true\n');
  });

  it('paths that other packages import', () => {
    const output = run(
      'deep.cjs',
      `for (const name of ['result', 'utils', 'connection-parameters', 'defaults', 'query', 'type-overrides', 'client']) {
         if (require('pg/lib/' + name) !== require('pg/lib/' + name + '.js')) throw new Error(name);
       }
       const pg = require('pg');
       console.log(require('pg/lib/result') === pg.Result, require('pg/lib/defaults') === pg.defaults,
         Object.keys(pg).includes('native'), pg.native.Client === pg.Client);`,
    );
    assert.equal(output, 'true true false true\n');
  });

  it('is not opened by being loaded', () => {
    const start = performance.now();
    run('load.cjs', `const { Pool, Client } = require('pg'); new Pool(); new Client();`);
    assert.ok(performance.now() - start < 10_000);
  });
});
