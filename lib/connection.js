'use strict';

const { EventEmitter } = require('events');
const { CODES, KeelError } = require('./errors');

/** The socket, as far as programs touch it: they destroy it, or keep it from holding the process. */
class LinkStream extends EventEmitter {
  constructor(connection) {
    super();
    this.destroyed = false;
    Object.defineProperty(this, 'connection', { enumerable: false, value: connection });
  }

  get writable() {
    return !this.destroyed;
  }

  get readable() {
    return !this.destroyed;
  }

  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.connection.client?._destroyLink(error);
    return this;
  }

  end() {
    return this.destroy();
  }

  ref() {
    this.connection.client?.ref();
    return this;
  }

  unref() {
    this.connection.client?.unref();
    return this;
  }

  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }
}

/**
 * What pg's users see of a client's link: an emitter of `parameterStatus`, `notice`, `notification`, `end`. The protocol
 * is the engine's: there are no messages to send here.
 */
class Connection extends EventEmitter {
  constructor(config = {}) {
    super();
    this.stream = new LinkStream(this);
    this.parsedStatements = {};
    this.submittedNamedStatements = {};
    this.ssl = config.ssl || false;
    this.sslNegotiation = config.sslNegotiation || 'postgres';
    this._ending = false;
    Object.defineProperty(this, 'client', { enumerable: false, writable: true, value: undefined });
  }

  run(query) {
    this.client.query(query);
  }

  ref() {
    this.stream.ref();
  }

  unref() {
    this.stream.unref();
  }

  end() {
    this._ending = true;
    this.client?.end();
  }
}

const MESSAGES = [
  ...[
    'connect',
    'startup',
    'password',
    'requestSsl',
    'cancel',
    'query',
    'parse',
    'bind',
    'describe',
    'execute',
  ],
  ...['close', 'flush', 'sync', 'sendCopyFromChunk', 'endCopyFrom', 'sendCopyFail'],
];
for (const name of MESSAGES) {
  Connection.prototype[name] = function refuseMessage() {
    const why =
      'the engine speaks the protocol itself, so that protocol messages cannot be sent from JavaScript';
    throw new KeelError(CODES.MISUSE, `connection.${name}(): ${why}`);
  };
}

module.exports = Connection;
