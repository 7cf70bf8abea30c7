'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');

const ROOT = path.join(__dirname, '../..');
const TYPINGS = path.join(ROOT, 'typings');

describe('typings of pgkeel/drizzle', function () {
  this.timeout(120_000);

  it('compile under strict, as ES module and as CommonJS, and infer what they should', async () => {
    const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const project = path.join(__dirname, 'types');
    await promisify(execFile)(process.execPath, [tsc, '-p', project]).catch(({ stdout }) =>
      assert.fail(stdout),
    );
  });

  // They differ in nothing but the module system in which they are read, which decides whose classes they mean.
  it('are the same for import and for require', () => {
    const read = (name) => fs.readFileSync(path.join(TYPINGS, name), 'utf8');
    assert.equal(read('drizzle.d.mts'), read('drizzle.d.ts'));
  });
});
