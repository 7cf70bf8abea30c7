'use strict';

const net = require('node:net');

// Below the range from which Linux takes the ports of outgoing connections, so that a stopped server's port is
// still free when the server starts again.
const LOWEST = 20000;
const HIGHEST = 32000;

function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

async function freePort() {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
}

module.exports = { freePort };
