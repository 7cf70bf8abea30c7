'use strict';

const fs = require('node:fs');
const { reporters } = require('mocha');

/** Mocha's spec reporter, which also leaves the counts where scripts/test.js asks for them. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures } = runner.stats;
      fs.writeFileSync(process.env.PGKEEL_TEST_COUNTS, JSON.stringify({ passes, failures }));
    });
  }
};
