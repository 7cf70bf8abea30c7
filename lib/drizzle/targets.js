'use strict';

const { KeelError } = require('../errors');

// A target is what a session sends its queries to: `query(config, params)` resolves to a pg result, and
// `lease()` gives one connection for a transaction.

/** Anything with pg's Pool surface: ours, pg's own, a view. */
class PoolTarget {
  constructor(pool) {
    this.pool = pool;
  }

  query(config, params) {
    return this.pool.query(config, params);
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

  async lease() {
    return { client: this.client, spoil() {}, release() {} };
  }
}

/** Behind `drizzle.mock()`: builds statements, sends nothing. */
class MockTarget {
  async query() {
    throw new KeelError(
      'KEEL_CONFIG',
      'drizzle.mock() has no connection: it can build queries but not run them',
    );
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

function isPool(client) {
  return typeof client.totalCount === 'number' || (client.constructor?.name ?? '').includes('Pool');
}

function targetOf(client) {
  return isPool(client) ? new PoolTarget(client) : new ClientTarget(client);
}

module.exports = { ClientTarget, MockTarget, PoolLease, PoolTarget, isPool, targetOf };
