'use strict';

/*
 * A TCP proxy between a client and PostgreSQL that knows where the protocol's messages end and does harm at moments
 * that are chosen exactly. A test says when (a trap) and what (an act), and awaits that it has happened.
 *
 *   const proxy = await startFaultProxy(cluster);
 *   const trap = proxy.trap({ text: /^commit/i, moment: 'executed', act: 'reset' });
 *   ... await trap.sprung; ... await proxy.stop();
 *
 * Moments, for a client's request and its answer:
 *   before     the server has got nothing of it
 *   inside     the server has got half of it
 *   sent       all of it was passed on; nothing is known of the answer
 *   executed   the whole answer has come, and the client has got nothing of it
 *   answering  the client has got half of the answer, which ends in the middle of a message where there is one
 *
 * Acts: 'reset' and 'fin' cut the link; 'stall', 'stall to server' and 'stall to client' hold what comes from then on until
 * heal(); a function is given the link, which stands still until it is done.
 */

const { EventEmitter, once } = require('node:events');
const net = require('node:net');
const { ClientReader, ServerReader } = require('./protocol');

const ACTS = {
  reset: (link) => link.cut('reset'),
  fin: (link) => link.cut('fin'),
  stall: (link) => link.stall('both'),
  'stall to server': (link) => link.stall('to server'),
  'stall to client': (link) => link.stall('to client'),
};
const MOMENTS = new Set(['before', 'inside', 'sent', 'executed', 'answering']);

/** An RST alone. Node's resetAndDestroy() is this with end() before it, so that a FIN goes ahead of the RST. */
function reset(socket) {
  socket.resetAndClosing = true;
  socket.destroy();
}

/** One direction of a link. What it is not allowed to pass on stays here and, beyond that, in the sender's socket. */
class Flow {
  #link;
  #holds = 0;
  #ended = false;
  #dead = false;
  #first = []; // what a trap has kept back: it goes on before anything else does

  constructor(link, from, to, reader) {
    this.#link = link;
    this.from = from;
    this.to = to;
    this.reader = reader;
  }

  receive(chunk) {
    if (this.#dead) return;
    this.reader.push(chunk);
    this.#run();
  }

  /** @returns {() => void} lets it go on; more than once does no harm */
  hold() {
    this.#holds += 1;
    this.from.pause();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#holds -= 1;
      if (this.#holds > 0) return;
      this.from.resume();
      this.#run();
    };
  }

  write(bytes) {
    if (this.#dead || !this.to.writable || this.to.write(bytes)) return;
    const release = this.hold();
    const goOn = () => {
      this.to.off('drain', goOn).off('close', goOn);
      release();
    };
    this.to.on('drain', goOn).on('close', goOn);
  }

  /** Does this as soon as nothing holds it, before it passes on anything else. */
  goOnWith(act) {
    this.#first.push(act);
  }

  /** No more comes: what is here is passed on, and then the end. */
  finish() {
    this.#ended = true;
    this.#run();
  }

  /** From now on what comes is read and thrown away. */
  kill() {
    this.#dead = true;
    this.from.resume();
  }

  #run() {
    while (this.#holds === 0 && !this.#dead && this.#first.length > 0) this.#first.shift()();
    for (let piece; this.#holds === 0 && !this.#dead && (piece = this.reader.next()) !== undefined;)
      this.#link.pass(this, piece);
    if (this.#holds > 0 || this.#dead || !this.#ended) return;
    this.#link.flowEnds(this);
    if (this.#holds > 0) return;
    this.#dead = true;
    if (!this.to.writable) return;
    this.to.write(this.reader.rest());
    this.to.end();
  }
}

/** A client's connection and the one to the server that was made for it. */
class Link {
  #proxy;
  #releases = new Set();
  #asked = 0;
  #answered = 0;
  #withheld; // { trap, number, ends, bytes }: the answer that a trap waits for
  #open = 2;

  constructor(proxy, client, target) {
    this.#proxy = proxy;
    this.client = client;
    this.server = net.connect({ ...target, allowHalfOpen: true });
    this.pid = undefined; // of the backend, once it has said so
    this.isCut = false;
    this.closed = new Promise((resolve) => (this.hasClosed = resolve));
    this.toServer = new Flow(this, client, this.server, new ClientReader());
    this.toClient = new Flow(this, this.server, client, new ServerReader());
    this.#watch(client, this.toServer, this.toClient);
    this.#watch(this.server, this.toClient, this.toServer);
    // A server that is not there: its own clients would have been refused.
    const refuse = () => reset(client);
    this.server.once('error', refuse).once('connect', () => this.server.off('error', refuse));
  }

  #watch(socket, outgoing, incoming) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => outgoing.receive(chunk));
    socket.on('end', () => outgoing.finish());
    socket.on('error', () => {});
    socket.on('close', () => {
      outgoing.finish();
      incoming.kill();
      this.#open -= 1;
      if (this.#open === 0) this.hasClosed();
    });
  }

  /* ---- what passes */

  /** @internal */
  pass(flow, piece) {
    if (flow === this.toServer) this.#request(piece);
    else this.#message(piece);
  }

  #request(request) {
    const number = this.#asked;
    if (request.answer === 'ready') this.#asked += 1;
    const trap = this.#proxy.trapFor(request);
    if (trap === undefined) return this.#forward(request);
    const { bytes } = request;
    const half = Math.ceil(bytes.length / 2);
    switch (trap.moment) {
      case 'before':
        return this.#spring(trap, this.toServer, () => this.#forward(request));
      case 'inside':
        this.toServer.write(bytes.subarray(0, half));
        return this.#spring(trap, this.toServer, () =>
          this.#forward({ ...request, bytes: bytes.subarray(half) }),
        );
      case 'sent':
        this.#forward(request);
        return this.#spring(trap, this.toServer, () => {});
      default:
        this.#withheld = { trap, number, ends: request.answer, bytes: [] };
        return this.#forward(request);
    }
  }

  #forward({ kind, bytes }) {
    if (kind === 'ssl' || kind === 'gss') this.toClient.reader.awaitsByte = true;
    this.toServer.write(bytes);
  }

  #message({ type, bytes }) {
    const number = this.#answered;
    if (type === 'Z') this.#answered += 1;
    if (type === 'K') this.pid = bytes.readInt32BE(5);
    const withheld = this.#withheld;
    if (withheld === undefined || (withheld.ends === 'ready' && withheld.number !== number))
      return this.toClient.write(bytes);
    withheld.bytes.push(bytes);
    const isLast = withheld.ends === 'ready' ? type === 'Z' : withheld.ends !== 'end';
    return isLast ? this.#answerIsHere() : undefined;
  }

  /** @internal The server has hung up: whatever a trap waited for is here now. */
  flowEnds(flow) {
    if (flow === this.toClient && this.#withheld !== undefined) this.#answerIsHere();
  }

  #answerIsHere() {
    const { trap, bytes } = this.#withheld;
    this.#withheld = undefined;
    const answer = Buffer.concat(bytes);
    // Half of its first message: a message of at least five bytes ends in the middle, a lone byte cannot.
    const first = Math.ceil((bytes[0]?.length ?? 0) / 2);
    const passed = trap.moment === 'answering' ? first : 0;
    this.toClient.write(answer.subarray(0, passed));
    this.#spring(trap, this.toClient, () => this.toClient.write(answer.subarray(passed)));
  }

  #spring(trap, flow, goOn) {
    const releases = [this.toServer.hold(), this.toClient.hold()];
    flow.goOnWith(goOn);
    trap.fire(this).then(() => {
      for (const release of releases) release();
    });
  }

  /* ---- harm */

  /** Ends it for both sides. What was passed on before arrives at the server all the same. */
  cut(how) {
    this.isCut = true;
    this.toServer.kill();
    this.toClient.kill();
    this.server.end();
    if (how === 'reset') reset(this.client);
    else this.client.end();
  }

  /** @param {'both' | 'to server' | 'to client'} direction holds what comes from now on, until release() */
  stall(direction) {
    if (direction !== 'to client') this.#releases.add(this.toServer.hold());
    if (direction !== 'to server') this.#releases.add(this.toClient.hold());
  }

  release() {
    for (const release of this.#releases) release();
    this.#releases.clear();
  }

  /** Nothing moves for so long. */
  delay(ms) {
    const releases = [this.toServer.hold(), this.toClient.hold()];
    return new Promise((resolve) => {
      setTimeout(() => {
        for (const release of releases) release();
        resolve();
      }, ms);
    });
  }

  destroy() {
    this.isCut = true;
    this.client.destroy();
    this.server.destroy();
  }
}

/** Waits for a request and then acts, `times` times at most. */
class Trap {
  #act;
  #settle;

  constructor({ on = 'query', text, moment = 'before', times = 1, act }) {
    if (!MOMENTS.has(moment)) throw new Error(`unknown moment: ${moment}`);
    this.#act = typeof act === 'function' ? act : ACTS[act];
    if (this.#act === undefined) throw new Error(`unknown act: ${act}`);
    Object.assign(this, { on, text, moment, times });
    /** Resolves with the link when the first act is done. */
    this.sprung = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.sprung.catch(() => {}); // Whoever awaits it gets the failure.
  }

  takes({ kind, texts }) {
    if (kind !== this.on) return false;
    return this.text === undefined || texts.some((text) => this.text.test(text));
  }

  async fire(link) {
    try {
      await this.#act(link);
      this.#settle.resolve(link);
    } catch (error) {
      this.#settle.reject(error);
    }
  }
}

class FaultProxy extends EventEmitter {
  #target;
  #listener;
  #traps = new Set();
  #stalled;
  links = new Set();
  /** New connections are accepted and closed at once. */
  hangsUp = false;

  constructor({ host, port }) {
    super();
    this.#target = { host, port };
    this.host = '127.0.0.1';
    this.port = 0;
  }

  /** Accepts connections, on the same port as before. */
  async listen() {
    if (this.#listener) return;
    const listener = net.createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#listener = listener;
    listener.listen({ host: this.host, port: this.port });
    await once(listener, 'listening');
    this.port = listener.address().port;
  }

  /** New connections are refused by the system; those that are there go on. */
  async refuse() {
    const listener = this.#listener;
    this.#listener = undefined;
    // It is closed at once; the event comes only when its connections have ended.
    listener?.close();
  }

  #accept(socket) {
    if (this.hangsUp) {
      socket.on('error', () => {});
      return void socket.destroy();
    }
    const link = new Link(this, socket, this.#target);
    this.links.add(link);
    if (this.#stalled) link.stall(this.#stalled);
    link.closed.then(() => {
      this.links.delete(link);
      this.emit('closed', link);
    });
    return void this.emit('link', link);
  }

  /**
   * @param {object} trap
   * @param {'ssl' | 'tls' | 'startup' | 'password' | 'query' | 'cancel' | 'terminate'} [trap.on] the kind of request
   * @param {RegExp} [trap.text] of a statement in it
   * @param {'before' | 'inside' | 'sent' | 'executed' | 'answering'} [trap.moment]
   * @param {number} [trap.times] default 1
   * @param {string | ((link: Link) => unknown)} trap.act
   */
  trap(trap) {
    const set = new Trap(trap);
    this.#traps.add(set);
    return set;
  }

  /** Takes a trap away that nothing has gone into. */
  untrap(trap) {
    this.#traps.delete(trap);
  }

  /** @internal */
  trapFor(request) {
    for (const trap of this.#traps) {
      if (!trap.takes(request)) continue;
      trap.times -= 1;
      if (trap.times === 0) this.#traps.delete(trap);
      return trap;
    }
    return undefined;
  }

  /** Cuts every link there is. */
  cut(how) {
    for (const link of this.links) link.cut(how);
  }

  /** Holds what comes on every link there is or will be, until heal(). */
  stall(direction = 'both') {
    this.#stalled = direction;
    for (const link of this.links) link.stall(direction);
  }

  /** From now on it does no harm: what was held goes on, traps are taken away, connections are accepted. */
  async heal() {
    this.#traps.clear();
    this.#stalled = undefined;
    this.hangsUp = false;
    for (const link of this.links) link.release();
    await this.listen();
  }

  async stop() {
    this.#traps.clear();
    await this.refuse();
    const links = [...this.links];
    for (const link of links) link.destroy();
    await Promise.all(links.map((link) => link.closed));
  }
}

/** @param {{ host: string, port: number }} target */
async function startFaultProxy(target) {
  const proxy = new FaultProxy(target);
  await proxy.listen();
  return proxy;
}

module.exports = { startFaultProxy };
