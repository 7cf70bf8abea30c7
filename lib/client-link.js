'use strict';

const { openPool } = require('./engine');
const { CODES, KeelError } = require('./errors');
const { TEXTS, connectErrorOf } = require('./failures');
const { Link } = require('./link');
const { clientEngineOptions } = require('./options');
const { Passwords } = require('./passwords');
const { emitSafely } = require('./statement');

/** A Client's own connection: an engine's pool of one that is opened once and not replaced. */
class ClientLink extends Link {
  constructor(client) {
    super(client);
    const { connectionParameters } = client;
    this.passwords = new Passwords(connectionParameters, (password) => {
      client.password = connectionParameters.password = password;
    });
    this.settled = undefined;
    this.engine = openPool(clientEngineOptions(connectionParameters), {
      opened: (info) => this.opened(info),
      closed: (info) => this.closed(info),
      notice: (_connId, fields) => this.notice(fields),
      notification: (info) => this.notification(info),
      parameter: (_connId, name, value) => this.parameter(name, value),
      password: (connId) => this.passwords.answer(this.engine, connId),
      poolClosed: () => this.poolClosed(),
    });
    this.lost = undefined;
    this.finished = false;
  }

  open(settled) {
    this.settled = settled;
    // Opening has its own time limit; nobody else waits here.
    this.engine.acquire(0, this);
  }

  isAtRest() {
    return false;
  }

  keepAlive(on) {
    this.engine.keepAlive = on ? 'always' : 'never';
  }

  /* ---------------------------------------------------------------- the sink of the one lease */

  leased(info) {
    const { client } = this;
    this.lease = info.leaseId;
    client._connecting = false;
    client._connected = true;
    client._txStatus = 'I';
    // Whoever hears of the connection may ask at once, and is behind those who have asked before.
    for (const statement of client._queue.slice()) if (statement.tag === 0) client._send(statement);
    this.tellOpened();
    emitSafely(client, 'connect');
  }

  error(info) {
    const { client } = this;
    client._connecting = false;
    client._queryable = false;
    this.tellOpened(() => {
      if (client._ending) return new KeelError(CODES.CONNECTION_LOST, 'Connection terminated');
      return connectErrorOf(info, this.where, this.passwords);
    });
    this.lost ??= info;
    this.engine.close(0, true);
  }

  tellOpened(makeError) {
    const { settled } = this;
    this.settled = undefined;
    try {
      settled?.(makeError);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /* ---------------------------------------------------------------- its end */

  closed(info) {
    const { client } = this;
    // While it is being opened, connect() is told.
    if (!client._connected || this.lost !== undefined) return;
    this.lost = info;
    this.lease = 0;
    if (!client._ending) {
      client._queryable = false;
      this.tellLoss(info);
    }
    this.engine.close(0, true);
  }

  close(callback) {
    this.closing.push(callback);
    const { client } = this;
    const running = client._queue.length > 0;
    const graceful = client._connected && client._queryable && (!running || client.pipeline);
    if (!graceful) {
      this.engine.close(0, true);
      return;
    }
    this.engine.release(this.lease, !running);
    this.engine.close(undefined, false);
  }

  /** As if the socket had been destroyed: what runs is told that the connection is gone. */
  destroy() {
    this.cut = true;
    this.engine.close(0, true);
  }

  poolClosed() {
    if (this.finished) return;
    this.finished = true;
    const { client } = this;
    this.failQueued();
    const unexpected = client._connected && !client._ending && this.lost === undefined;
    client._connecting = false;
    if (unexpected)
      emitSafely(client, 'error', new KeelError(CODES.CONNECTION_LOST, TEXTS[CODES.CONNECTION_LOST]));
    this.ended();
  }

  // Those that were asked before it was connected, and never sent.
  failQueued() {
    const { client } = this;
    const text = client._ending ? 'Connection terminated' : TEXTS[CODES.CONNECTION_LOST];
    for (const statement of client._queue.slice()) {
      if (statement.tag === 0) statement.failLater(() => new KeelError(CODES.CONNECTION_LOST, text));
    }
  }
}

module.exports = { ClientLink };
