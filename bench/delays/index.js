'use strict';

/* `--delays`: what the longest delays of the event loop consist of while large results arrive (Linux). */

const { describe } = require('../environment');
const { measure } = require('../process');
const { leaveOut, rotated } = require('../rounds');
const { TABLES } = require('../tables');

const RESULTS = 30;
const AT_MOST_S = 60;

async function runDelays(cluster, options) {
  const { kind, rounds } = options;
  await cluster.psql(TABLES);
  await cluster.psql('vacuum analyze');
  const left = leaveOut(options, cluster.config());
  const environment = await describe(cluster, options.contestants, []);
  const contestants = options.contestants.map((name) => ({ name, rounds: [], failures: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const each of rotated(contestants, round)) {
      const job = {
        contestant: each.name,
        results: RESULTS,
        atMost: AT_MOST_S,
        connection: cluster.config(),
      };
      const { figures, failure } = await measure('delays/child.js', job);
      each.rounds[round] = figures?.delays;
      if (failure) each.failures.push(failure);
      console.log(`round ${round + 1}: ${each.name}`);
    }
  }
  const date = new Date().toISOString();
  return { kind, date, environment, options: { rounds, results: RESULTS }, left, contestants };
}

module.exports = { runDelays };
