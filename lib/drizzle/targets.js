'use strict';

const { KeelError } = require('../errors');

// A target is what a session sends its queries to: `query(config, params)` resolves to a pg result,
// `openStream(config, hooks)` sends one whose rows are taken as they come, and `lease()` gives one connection for a
// transaction.

/** Anything with pg's Pool surface: ours, pg's own, a view. */
class PoolTarget {
  constructor(pool) {
    this.pool = pool;
  }

  query(config, params) {
    return this.pool.query(config, params);
  }

  openStream(config, hooks) {
    return openStreamOf(this.pool, config, hooks);
  }

  async lease() {
    return new PoolLease(await this.pool.connect());
  }
}

/** A single client: all queries share its connection, a transaction does too, and nothing is given back. */
class ClientTarget {
  constructor(client) {
    this.client = client;
  }

  query(config, params) {
    return this.client.query(config, params);
  }

  openStream(config, hooks) {
    return openStreamOf(this.client, config, hooks);
  }

  async lease() {
    return { client: this.client, spoil() {}, release() {} };
  }
}

/** Behind `drizzle.mock()`: builds statements, sends nothing. */
class MockTarget {
  async query() {
    throw notConnected();
  }

  openStream() {
    throw notConnected();
  }

  lease() {
    return this.query();
  }
}

class PoolLease {
  constructor(client) {
    this.client = client;
    this.fault = undefined;
    this.spoil = this.spoil.bind(this);
    // pg's clients emit an error when the link dies between two queries; unheard, it would end the process.
    client.on?.('error', this.spoil);
  }

  /** The connection's state is not known any more: it is closed when it comes back. The first reason stays. */
  spoil(error) {
    this.fault ??= error;
  }

  release() {
    this.client.removeListener?.('error', this.spoil);
    this.client.release(this.fault);
  }
}

function notConnected() {
  return new KeelError(
    'KEEL_CONFIG',
    'drizzle.mock() has no connection: it can build queries but not run them',
  );
}

function openStreamOf(client, config, hooks, ready) {
  if (typeof client._openStream === 'function') return client._openStream(config, hooks, ready);
  throw new KeelError('KEEL_MISUSE', '$stream() works over the pools and clients of this package alone');
}

function isPool(client) {
  return typeof client.totalCount === 'number' || (client.constructor?.name ?? '').includes('Pool');
}

function targetOf(client) {
  return isPool(client) ? new PoolTarget(client) : new ClientTarget(client);
}

module.exports = { ClientTarget, MockTarget, PoolLease, PoolTarget, isPool, openStreamOf, targetOf };
