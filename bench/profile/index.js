'use strict';

/*
 * `--profile`: what a W1 query costs, part by part, in counts that do not depend on how fast the machine is; and what of W2 is
 * the server's.
 */

const { describe } = require('../environment');
const { TABLES } = require('../tables');
const { serverTimes } = require('./formats');
const { profileNative } = require('./native');
const { allocatedBytes, allocationSites, systemCalls } = require('./node');

const CALLERS = 64;
const ITSELF = 'the benchmark itself';

async function attempt(what, failures, work) {
  console.log(what);
  try {
    return await work();
  } catch (err) {
    failures.push(`${what}: ${(err.output || err.stderr || err.message).trim()}`);
    return undefined;
  }
}

async function profileContestant(contestant, job, failures) {
  const asked = { ...job, contestant };
  return {
    name: contestant,
    systemCalls: await attempt(`system calls, ${contestant}`, failures, () => systemCalls(asked)),
    allocated: await attempt(`bytes allocated, ${contestant}`, failures, () => allocatedBytes(asked)),
    sites: await attempt(`allocation sites, ${contestant}`, failures, () => allocationSites(asked)),
  };
}

async function runProfile(cluster, { kind, contestants: names, queries }) {
  await cluster.psql(TABLES);
  await cluster.psql('vacuum analyze');
  const environment = await describe(cluster, names, []);
  const failures = [];
  const job = { connection: cluster.config(), queries, callers: CALLERS };
  const native = await attempt('instructions of the C library', failures, () => profileNative(job));
  const contestants = [];
  for (const name of names) contestants.push(await profileContestant(name, job, failures));
  const itself = { ...job, contestant: ITSELF };
  const own = await attempt(`bytes allocated, ${ITSELF}`, failures, () => allocatedBytes(itself));
  const formats = await attempt("the server's work by format", failures, () => serverTimes(job));
  return {
    kind,
    date: new Date().toISOString(),
    environment,
    options: { queries, callers: CALLERS },
    left: [],
    native,
    contestants,
    itself: own,
    formats,
    failures,
  };
}

module.exports = { runProfile };
