'use strict';

const assert = require('node:assert/strict');
const { answerOf } = require('./support/answer');
const { freshDatabase, openDrivers } = require('./support/drivers');

const SUBJECTS = [
  'reading',
  'mapping',
  'relations',
  'writing',
  'values',
  'raw',
  'transactions',
  'failing',
  'logging-and-cache',
];

// Each program runs over drizzle-orm/node-postgres with pg, over our own driver, and over the stock driver with
// our pool, and must come to the same: values, commands, errors with all their fields, log lines, cache calls.
describe('Drizzle programs answer as over pg', () => {
  let fresh;
  let reference;
  let others;

  before(async () => {
    fresh = await freshDatabase();
    [reference, ...others] = openDrivers(fresh.url, ['reference', 'own', 'stock over ours']);
  });

  after(async () => {
    await Promise.all([reference, ...(others ?? [])].map((driver) => driver?.pool.end()));
    await fresh?.drop();
  });

  async function answer(driver, program) {
    await fresh.psql('select start_over()');
    const logged = (config) => {
      const lines = [];
      return {
        lines,
        db: driver.open({ ...config, logger: { logQuery: (text, params) => lines.push([text, params]) } }),
      };
    };
    return answerOf(() => program({ db: driver.open(), open: driver.open, logged }));
  }

  for (const subject of SUBJECTS) {
    describe(subject, () => {
      for (const [name, program] of Object.entries(require(`./programs/${subject}`))) {
        it(name, async () => {
          const expected = await answer(reference, program);
          // A program that fails by mistake would agree with anything.
          assert.equal('error' in expected, subject === 'failing', JSON.stringify(expected.error));
          for (const driver of others) {
            const actual = await answer(driver, program);
            assert.deepEqual(actual, expected, `${driver.name} differs from pg`);
          }
        });
      }
    });
  }
});
