'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { sharedCluster } = require('../support/shared');
const meant = require('./meant');
const { ask } = require('./support/ask');
const { normalise } = require('./support/normalise');

const DRIVERS = {
  pg: { name: 'pg', exports: require('pg') },
  pgkeel: { name: 'pgkeel', exports: require('../../lib/index.js') },
};
const QUESTIONS = path.join(__dirname, 'questions');
const UNLIKE = 'unlike-pg';
const TABLES = fs.readFileSync(path.join(__dirname, 'tables.sql'), 'utf8');
const EXPLAINED = fs.readFileSync(path.join(__dirname, '../../docs/pg-differences.md'), 'utf8');

const questionsOf = (theme) => require(path.join(QUESTIONS, theme));
const allThemes = fs.readdirSync(QUESTIONS).map((file) => path.basename(file, '.js'));

describe('differential', () => {
  let config;

  before(async () => {
    const cluster = await sharedCluster();
    await cluster.psql(TABLES);
    config = cluster.config();
  });

  after(async () => (await sharedCluster()).psql('drop schema differential cascade'));

  const answersTo = async (question) => ({
    expected: await ask(question, DRIVERS.pg, config),
    actual: await ask(question, DRIVERS.pgkeel, config),
  });

  for (const theme of allThemes.filter((name) => name !== UNLIKE).sort()) {
    describe(`as in pg: ${theme}`, () => {
      for (const question of questionsOf(theme)) {
        it(question.ask, async () => {
          const { expected, actual } = await answersTo(question);
          assert.deepEqual(actual, expected);
        });
      }
    });
  }

  describe('unlike in pg, and meant', () => {
    const questions = new Map(questionsOf(UNLIKE).map((question) => [question.ask, question]));

    for (const { ask: title, why, answer, log = [] } of meant.questions) {
      it(title, async () => {
        const { expected, actual } = await answersTo(questions.get(title));
        assert.deepEqual(actual, normalise({ answer, log }, DRIVERS.pgkeel.exports));
        assert.notDeepEqual(actual, expected, 'listed in meant.js and yet as in pg');
        assert.ok(EXPLAINED.includes(`\n## ${why}\n`), `docs/pg-differences.md has no heading "${why}"`);
      });
    }

    it('every question is listed', () => {
      const listed = meant.questions.map((entry) => entry.ask).sort();
      assert.deepEqual([...questions.keys()].sort(), listed);
    });
  });

  it('no two questions of a theme have one name', () => {
    for (const theme of allThemes) {
      const names = questionsOf(theme).map((question) => question.ask);
      assert.equal(new Set(names).size, names.length, theme);
    }
  });
});
