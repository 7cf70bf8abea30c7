'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { sharedCluster } = require('../support/shared');

const PROGRAMS = path.join(__dirname, 'programs');
const TIME_LIMIT_MS = 60_000;

describe('programs written for pg', () => {
  let cluster;

  before(async () => {
    cluster = await sharedCluster();
  });

  // Its own database, so that both begin with nothing.
  async function run(program, driver) {
    const database = `dropin_${driver}_${path.basename(program, '.js').replace(/\W/g, '_')}`;
    await cluster.psql(`drop database if exists ${database}`);
    await cluster.psql(`create database ${database}`);
    const url = new URL(cluster.url);
    url.pathname = `/${database}`;
    const alias = driver === 'pgkeel' ? ['-r', path.join(__dirname, 'alias.js')] : [];
    const env = { ...process.env, DATABASE_URL: url.href };
    const args = [...alias, path.join(PROGRAMS, program)];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, { env, timeout: TIME_LIMIT_MS }, (error, stdout, stderr) => {
        // Ended by the time limit: it has closed its pool, and something keeps it alive all the same.
        if (error?.killed) reject(new Error(`it did not exit; it told ${stdout}${stderr}`));
        else if (stdout.length > 0) resolve(JSON.parse(stdout));
        else reject(new Error(`it told nothing (${error}): ${stderr}`));
      });
    });
  }

  for (const program of fs.readdirSync(PROGRAMS)) {
    it(`${path.basename(program, '.js')} does with pgkeel as it does with pg`, async function () {
      this.timeout(2 * TIME_LIMIT_MS);
      const [theirs, ours] = [await run(program, 'pg'), await run(program, 'pgkeel')];
      assert.deepEqual([theirs.pg, ours.pg], [true, false], 'each with the driver meant');
      assert.equal(theirs.error, undefined);
      assert.equal(ours.error, undefined);
      assert.deepEqual(ours.told, theirs.told);
    });
  }
});
