'use strict';

/*
 * PostgreSQL's protocol as far as somebody in between has to understand it: where a message ends, which belong
 * together, and what a client's text is. TLS is passed on as it comes.
 */

const STARTUP_KINDS = new Map([
  [196_608, 'startup'],
  [196_610, 'startup'],
  [80_877_102, 'cancel'],
  [80_877_103, 'ssl'],
  [80_877_104, 'gss'],
]);
const TLS_HANDSHAKE = 0x16;
// A client waits for an answer after these (or, after Terminate, for none): what it sent until then is one request.
const ENDS_REQUEST = new Set(['S', 'Q', 'H', 'F', 'X', 'p', 'd', 'c', 'f']);
const READY_FOLLOWS = new Set(['S', 'Q', 'F']);

/** Bytes that have come and were not yet taken. */
class Bytes {
  #chunks = [];
  length = 0;

  push(chunk) {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** All of it as one buffer, without taking it. */
  look() {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  take(count = this.length) {
    const all = this.look();
    this.#chunks = count < all.length ? [all.subarray(count)] : [];
    this.length -= count;
    return all.subarray(0, count);
  }
}

/** Cuts one direction of a connection into pieces; `next()` gives undefined until a piece is whole. */
class Reader {
  bytes = new Bytes();
  opaque = false;
  #missing = 0; // so that a long message is not joined anew with each of its packets

  push(chunk) {
    this.bytes.push(chunk);
  }

  /** What is left when no more comes. */
  rest() {
    return this.bytes.take();
  }

  /** The length of the message that begins here, 0 when not all of it is here. */
  wholeMessage(before) {
    if (this.bytes.length < Math.max(before + 4, this.#missing)) return 0;
    const length = before + this.bytes.look().readInt32BE(before);
    this.#missing = this.bytes.length < length ? length : 0;
    return this.#missing > 0 ? 0 : length;
  }

  opaquePiece(kind) {
    return this.bytes.length === 0
      ? undefined
      : { kind, bytes: this.bytes.take(), answer: 'some', texts: [] };
  }
}

const textAt = (message, start) => message.toString('utf8', start, message.indexOf(0, start));

/**
 * What a client sends, a request at a time: `{ kind, bytes, texts, answer }`. `kind` is ssl, gss, cancel, startup, tls,
 * password, query or terminate; `texts` are the statements in it; `answer` says how its answer ends: 'ready' (with
 * ReadyForQuery), 'byte', 'some' (whatever comes first) or 'end' (the server hangs up).
 */
class ClientReader extends Reader {
  #started = false;
  #prepared = new Map();
  #messages = [];

  next() {
    if (this.opaque) return this.opaquePiece('tls');
    return this.#started ? this.#nextRequest() : this.#nextOpening();
  }

  #nextOpening() {
    if (this.bytes.length > 0 && this.bytes.look()[0] === TLS_HANDSHAKE) {
      this.opaque = true;
      return this.next();
    }
    const length = this.wholeMessage(0);
    if (length === 0) return undefined;
    const bytes = this.bytes.take(length);
    const kind = STARTUP_KINDS.get(bytes.readInt32BE(4)) ?? 'startup';
    this.#started = kind === 'startup';
    const answer = { startup: 'ready', cancel: 'end' }[kind] ?? 'byte';
    return { kind, bytes, answer, texts: [] };
  }

  #nextRequest() {
    for (let length; (length = this.wholeMessage(1)) > 0;) {
      const message = this.bytes.take(length);
      const type = String.fromCharCode(message[0]);
      this.#messages.push({ type, message, text: this.#textOf(type, message) });
      if (ENDS_REQUEST.has(type)) return this.#endRequest(type);
    }
    return undefined;
  }

  #endRequest(type) {
    const messages = this.#messages;
    this.#messages = [];
    return {
      kind: { p: 'password', X: 'terminate' }[type] ?? 'query',
      bytes: Buffer.concat(messages.map(({ message }) => message)),
      texts: messages.map(({ text }) => text).filter((text) => text !== undefined),
      answer: READY_FOLLOWS.has(type) ? 'ready' : 'none',
    };
  }

  #textOf(type, message) {
    if (type === 'Q') return textAt(message, 5);
    if (type === 'P') {
      const name = textAt(message, 5);
      const text = textAt(message, 6 + Buffer.byteLength(name));
      this.#prepared.set(name, text);
      return text;
    }
    if (type !== 'B') return undefined;
    const portal = textAt(message, 5);
    return this.#prepared.get(textAt(message, 6 + Buffer.byteLength(portal)));
  }

  rest() {
    const messages = this.#messages.map(({ message }) => message);
    this.#messages = [];
    return Buffer.concat([...messages, super.rest()]);
  }
}

/** What a server sends, a message at a time: `{ type, bytes }`; `type` is its letter, or 'byte' or 'some'. */
class ServerReader extends Reader {
  awaitsByte = false;

  next() {
    if (this.awaitsByte) return this.#nextByte();
    if (this.opaque) {
      const piece = this.opaquePiece('tls');
      return piece && { type: 'some', bytes: piece.bytes };
    }
    const length = this.wholeMessage(1);
    if (length === 0) return undefined;
    const bytes = this.bytes.take(length);
    return { type: String.fromCharCode(bytes[0]), bytes };
  }

  // 'S' and 'G' mean that encryption begins; after 'N' the client goes on in the open or goes away. A server that cannot
  // even say that sends an error in the old form, which ends the connection.
  #nextByte() {
    if (this.bytes.length === 0) return undefined;
    this.awaitsByte = false;
    const bytes = this.bytes.take(1);
    this.opaque = bytes[0] !== 'N'.charCodeAt(0);
    return { type: 'byte', bytes };
  }
}

module.exports = { ClientReader, ServerReader };
