'use strict';

const { startCluster } = require('./cluster');

let starting;

/** One server for all tests of this process that need no special one; the root hook in hooks.js stops it. */
function sharedCluster() {
  starting ??= startCluster();
  return starting;
}

async function stopSharedCluster() {
  const cluster = await starting;
  starting = undefined;
  await cluster?.stop({ mode: 'immediate' });
}

module.exports = { sharedCluster, stopSharedCluster };
