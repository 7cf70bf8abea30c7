'use strict';

const { KeelError } = require('../errors');

/** One connection of a transaction. Its queries run one after the other, in the order they were given. */
class QueuedConnection {
  constructor(client) {
    this.client = client;
    this.pending = 0;
    this.tail = undefined;
  }

  query(config, params) {
    const run = async () => this.client.query(config, params);
    const result = this.pending === 0 ? run() : this.tail.then(run);
    this.pending += 1;
    const settle = () => {
      this.pending -= 1;
    };
    this.tail = result.then(settle, settle);
    return result;
  }
}

/**
 * Where a transaction's (or savepoint's) queries go, as long as it is open. Builders and prepared queries keep
 * their session, so that one made inside and run after the end comes here as well and is refused.
 */
class TransactionScope {
  constructor(connection, parent) {
    this.connection = connection;
    this.parent = parent;
    this.root = parent?.root ?? this;
    this.end = undefined;
    this.broken = undefined;
    this.written = parent?.written ?? new Set();
  }

  query(config, params) {
    this.assertOpen(); // Again: a look into the cache lies between the statement's start and here.
    return this.connection.query(config, params);
  }

  nest() {
    return new TransactionScope(this.connection, this);
  }

  finish(how) {
    this.end = how;
  }

  /** After this nothing but a rollback of the whole transaction is possible. */
  breakAll(error) {
    this.root.broken ??= error;
  }

  assertOpen() {
    for (let scope = this; scope; scope = scope.parent) {
      if (scope.end) throw ended(scope);
    }
    if (this.root.broken) {
      throw new KeelError(
        'KEEL_MISUSE',
        'this transaction can only be rolled back: going back to a savepoint failed',
        { cause: this.root.broken, outcome: 'not-sent' },
      );
    }
  }
}

function ended(scope) {
  const what = scope.parent ? 'nested transaction' : 'transaction';
  return new KeelError(
    'KEEL_MISUSE',
    `this ${what} has ended (${scope.end}): a query given to its tx afterwards would run outside of it. ` +
      'Await every query before the callback returns.',
    { outcome: 'not-sent' },
  );
}

module.exports = { QueuedConnection, TransactionScope };
