'use strict';

const { CODES, KeelError } = require('./errors');
const { errorOf, isServerError, lost } = require('./failures');
const { NoticeMessage, NotificationResponseMessage, ParameterStatusMessage } = require('./messages');
const { emitSafely } = require('./statement');

/** What a Client's own link and a pool's have in common: a connection of the engine's, seen by its client. */
class Link {
  constructor(client) {
    this.client = client;
    this.engine = undefined;
    this.connId = 0;
    this.lease = 0;
    this.where = { host: client.host, port: client.port, node: `${client.host}:${client.port}` };
    this.killedBy = undefined; // a server's last words that a query has been told already
    this.cut = false; // the application destroyed the socket
    this.closing = []; // called when it is closed
  }

  /** @param {import('./engine').Opened} info */
  opened(info) {
    const { client } = this;
    this.connId = info.connId;
    this.where = { host: info.host, port: info.port, node: `${info.host}:${info.port}` };
    client.processID = info.processId;
    for (const [name, value] of Object.entries(info.parameters)) this.parameter(name, value);
  }

  parameter(name, value) {
    emitSafely(this.client.connection, 'parameterStatus', new ParameterStatusMessage(name, value));
  }

  notice(fields) {
    const message = new NoticeMessage(fields);
    emitSafely(this.client.connection, 'notice', message);
    emitSafely(this.client, 'notice', message);
  }

  notification(info) {
    const message = new NotificationResponseMessage(info);
    emitSafely(this.client.connection, 'notification', message);
    emitSafely(this.client, 'notification', message);
  }

  /** A query has been told of this failure: nobody else has to be. */
  heardOf({ fields }) {
    if (isFatal(fields)) this.killedBy = fields.C;
  }

  /** A failed query's error. */
  failureOf(info) {
    const ours = this.client._ending || this.cut;
    if (ours && !isServerError(info.fields) && info.code !== CODES.QUERY_TIMEOUT)
      return this.terminated(info);
    // The server's last words were not for those that waited behind.
    if (info.outcome === 'not-sent' && info.code === CODES.CONNECTION_LOST) return lost(info, this.where);
    return errorOf(info, this.where);
  }

  terminated({ outcome, attempts }) {
    const text = this.cut ? 'Connection terminated unexpectedly' : 'Connection terminated';
    return new KeelError(CODES.CONNECTION_LOST, text, { outcome, attempts, node: this.where.node });
  }

  /** The error to report of a link that is gone without our asking. */
  lossOf(info) {
    if (isServerError(info.fields) && info.fields.C !== this.killedBy) return errorOf(info, this.where);
    return errorOf({ ...info, code: CODES.CONNECTION_LOST, fields: {} }, this.where);
  }

  tellLoss(info) {
    const { client } = this;
    const error = this.lossOf(info);
    emitSafely(client, 'error', error);
    // As in pg the broken link follows the server's last words, but a program that listens once does not crash of it.
    if (isServerError(info.fields) && error.code === info.fields.C && client.listenerCount('error') > 0) {
      emitSafely(client, 'error', lost({ ...info, code: CODES.CONNECTION_LOST, fields: {} }, this.where));
    }
  }

  /** The connection is gone: the client's last event follows. */
  ended() {
    const { client } = this;
    client._ended = true;
    if (!client._ending) client._queryable = false;
    client.connection.stream.destroyed = true;
    const callbacks = this.closing.splice(0);
    for (const callback of callbacks) emitEnd(callback);
    emitSafely(client.connection.stream, 'close');
    emitSafely(client.connection, 'end');
    process.nextTick(() => client.emit('end'));
  }
}

// V is S untranslated.
function isFatal({ V: severity }) {
  return severity === 'FATAL' || severity === 'PANIC';
}

function emitEnd(callback) {
  try {
    callback();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

module.exports = { Link };
