'use strict';

const net = require('node:net');

const QUERY = 0x51; // 'Q': the simple protocol
const TEXT_AT = 5;

function isCommit(chunk) {
  return chunk[0] === QUERY && /^(commit|end)\b/i.test(chunk.toString('latin1', TEXT_AT, TEXT_AT + 7));
}

/**
 * A TCP proxy in front of a server that can lose a link under a COMMIT:
 *
 *   before    the server never gets it
 *   after     the server has answered, and the answer is lost
 *   withheld  we lose the link, the server keeps its end; what comes of it is up to deliver() and hangUp()
 *   stalled   nobody loses it, and nothing passes any more
 */
class CommitCutter {
  constructor(target) {
    this.target = target;
    this.links = new Set();
    this.refusing = false;
    this.server = net.createServer((client) => this.#accept(client));
  }

  async listen() {
    await new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    return this;
  }

  /** Loses the link under the next COMMIT, once. @param {() => Promise<void>} [disaster] before we notice */
  cut(mode, disaster = async () => {}) {
    const done = new Promise((resolve) => {
      this.armed = { mode, disaster, resolve };
    });
    return done;
  }

  #accept(client) {
    client.on('error', () => {});
    if (this.refusing) return client.destroy();
    const server = net.connect(this.target);
    const link = { client, server, held: false };
    this.links.add(link);
    server.on('error', () => {});
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (chunk) => this.#fromClient(link, chunk));
    server.on('data', (chunk) => this.#fromServer(link, chunk));
    client.on('close', () => link.held || server.destroy());
    server.on('close', () => {
      if (!link.held) client.destroy();
      this.links.delete(link);
    });
    return undefined;
  }

  #fromClient(link, chunk) {
    const { armed } = this;
    if (armed === undefined || !isCommit(chunk)) return void link.server.write(chunk);
    this.armed = undefined;
    link.held = true;
    link.commit = chunk;
    if (armed.mode === 'after') {
      link.armed = armed;
      link.server.write(chunk);
      return undefined;
    }
    return void this.#lose(link, armed);
  }

  #fromServer(link, chunk) {
    if (!link.held) return void link.client.write(chunk);
    const { armed } = link;
    link.armed = undefined;
    return armed === undefined ? undefined : void this.#lose(link, armed);
  }

  async #lose(link, { mode, disaster, resolve }) {
    await disaster();
    if (mode === 'before' || mode === 'after') link.server.destroy();
    if (mode !== 'stalled') link.client.destroy();
    resolve({
      deliver: () => link.server.write(link.commit),
      hangUp: () => link.server.destroy(),
    });
  }

  async close() {
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}

/** @param {{ host: string, port: number }} target */
function startCommitCutter(target) {
  return new CommitCutter(target).listen();
}

module.exports = { startCommitCutter };
