'use strict';

const net = require('node:net');

/**
 * Passes on what clients and a server say to each other, until stall(): then it keeps its connections and takes new ones, but
 * not a byte comes through any more.
 * @param {{ host: string, port: number }} server
 */
async function startRelay({ host, port }) {
  const sockets = new Set();
  let stalled = false;

  function keep(socket) {
    sockets.add(socket);
    socket.setNoDelay(true).on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  }

  const relay = net.createServer((client) => {
    keep(client);
    if (stalled) return void client.pause();
    const server = net.connect({ host, port });
    keep(server);
    client.pipe(server);
    server.pipe(client);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
  });
  await new Promise((resolve) => {
    relay.listen(0, '127.0.0.1', resolve);
  });

  return {
    port: relay.address().port,
    stall() {
      stalled = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      relay.close();
    },
  };
}

/**
 * A server of which nothing is to be had: it takes connections and answers each message of a start-up by the next of `answers`,
 * then by nothing.
 * @param {Buffer[]} [answers]
 */
async function startMute(answers = []) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    const left = answers.slice();
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => left.length > 0 && socket.write(left.shift()));
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: server.address().port,
    connections: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

module.exports = { startMute, startRelay };
