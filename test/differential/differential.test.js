'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const pg = require('pg');
const pgkeel = require('../../lib/index.js');
const { sharedCluster } = require('../support/shared');
const meant = require('./meant');
const { ask } = require('./support/ask');

const QUESTIONS = path.join(__dirname, 'questions');
const TABLES = fs.readFileSync(path.join(__dirname, 'tables.sql'), 'utf8');

const themes = fs.readdirSync(QUESTIONS).sort();
const meantAnswers = new Map(meant.questions.map((entry) => [entry.question, entry]));

function compare(title, expected, actual) {
  const entry = meantAnswers.get(title);
  if (!entry) return assert.deepEqual(actual, expected);
  assert.notDeepEqual(actual, expected, 'listed in meant.js and yet equal to pg');
  assert.deepEqual(actual, entry.pgkeel);
}

describe('differential: pg and pgkeel give the same answers', () => {
  let config;

  before(async () => {
    const cluster = await sharedCluster();
    await cluster.psql(TABLES);
    config = cluster.config();
  });

  for (const theme of themes) {
    describe(path.basename(theme, '.js'), () => {
      for (const question of require(path.join(QUESTIONS, theme))) {
        it(question.ask, async () => {
          const expected = await ask(question, pg, config);
          const actual = await ask(question, pgkeel, config);
          compare(`${path.basename(theme, '.js')}: ${question.ask}`, expected, actual);
        });
      }
    });
  }
});
