'use strict';

const { startCluster } = require('./cluster');

let starting;

// `npm run matrix` names a version; its binaries are npm's.
const version = process.env.PGKEEL_TEST_POSTGRES;

/** One server for all tests of this process that need no special one; the root hook in hooks.js stops it. */
function sharedCluster() {
  starting ??= startCluster(version ? { version, embedded: true } : {});
  return starting;
}

async function stopSharedCluster() {
  const cluster = await starting;
  starting = undefined;
  await cluster?.stop({ mode: 'immediate' });
}

module.exports = { sharedCluster, stopSharedCluster };
