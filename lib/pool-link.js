'use strict';

const { isServerError } = require('./failures');
const { Link } = require('./link');

/** A pool's connection, seen by the client that stands for it as long as it lives. */
class PoolLink extends Link {
  constructor(client, pool, engine) {
    super(client);
    this.pool = pool;
    this.engine = engine;
    this.openedAt = performance.now();
    this.connId = 0;
    this.leasedAt = 0;
    this.gone = false;
    this.settingUp = false; // lent to the pool itself, for hooks and listeners
    this.told = false; // a lone query has been told of its death
    this.unsure = false; // a query was given up: what the server is at is for the engine to find out
    this.removeOnRelease = false;
    this.held = undefined; // while it is out and watched for leaks
  }

  /** Makes `client`, which has never connected, the one of this connection. */
  attach(info) {
    const { client } = this;
    client._link = this;
    client._connected = true;
    client._txStatus = 'I';
    this.opened(info);
  }

  isAtRest() {
    return this.lease === 0 && !this.gone;
  }

  // A pool decides for all its connections.
  keepAlive() {}

  close(callback) {
    if (this.gone) return callback();
    this.closing.push(callback);
    if (this.lease !== 0) this.giveBack(true);
    return undefined;
  }

  destroy() {
    this.cut = true;
    if (this.lease !== 0) this.giveBack(true);
  }

  heardOf(info) {
    super.heardOf(info);
    if (!isServerError(info.fields)) this.unsure = true;
  }

  giveBack(destroy) {
    const { lease } = this;
    this.lease = 0;
    // A stream that nobody takes the rows of would keep the connection for ever.
    for (const stream of this.client._streams) stream.abandon();
    this.engine.release(lease, destroy);
  }

  /**
   * @param {import('./engine').Failure} info
   * @param {boolean} held somebody has the client
   */
  closed(info, held) {
    const { client } = this;
    this.gone = true;
    this.lease = 0;
    const unexpected = info.code !== 'KEEL_OK' && !client._ending;
    const error = unexpected ? this.lossOf(info) : undefined;
    if (!client._ending) client._queryable = false;
    // Nobody has to listen: the next query says so, and release() drops the client.
    if (held && unexpected && client.listenerCount('error') > 0) this.tellLoss(info);
    this.ended();
    return error;
  }
}

module.exports = { PoolLink };
