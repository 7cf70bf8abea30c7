'use strict';

/* `--delays`: what the longest delays of the event loop consist of while large results arrive (Linux). */

const { describe } = require('../environment');
const { leaveOut, runInTurn } = require('../rounds');
const { TABLES } = require('../tables');
const { ALONE } = require('./decoding');

const RESULTS = 30;
const AT_MOST_S = 60;

async function runDelays(cluster, options) {
  const { kind, rounds } = options;
  await cluster.psql(TABLES);
  await cluster.psql('vacuum analyze');
  const left = leaveOut(options, cluster.config());
  const environment = await describe(cluster, options.contestants, []);
  const contestants = await runInTurn('delays/child.js', [...options.contestants, ALONE], rounds, {
    results: RESULTS,
    atMost: AT_MOST_S,
    connection: cluster.config(),
  });
  const date = new Date().toISOString();
  return { kind, date, environment, options: { rounds, results: RESULTS }, left, contestants };
}

module.exports = { runDelays };
