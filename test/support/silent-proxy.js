'use strict';

const net = require('node:net');

/**
 * A TCP proxy in front of `target` whose links can be cut, or made to fall silent: they stay open, what is sent into them is
 * taken, and nothing comes out of them any more. Links that are made later work.
 * @param {{ host: string, port: number }} target
 */
async function startSilentProxy({ host, port }) {
  const links = new Set();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, host);
    const link = [client, upstream];
    links.add(link);
    for (const socket of link) {
      socket.on('error', () => {});
      socket.on('close', () => {
        links.delete(link);
        for (const other of link) other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    host: '127.0.0.1',
    port: server.address().port,
    /** How many links there are. */
    get count() {
      return links.size;
    },
    silence() {
      for (const [client, upstream] of links) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        client.resume();
        upstream.resume();
      }
    },
    /** @param {'fin' | 'rst'} how */
    cut(how) {
      for (const [client] of links) {
        if (how === 'rst') client.resetAndDestroy();
        else client.end();
      }
    },
    async close() {
      for (const link of links) for (const socket of link) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

module.exports = { startSilentProxy };
