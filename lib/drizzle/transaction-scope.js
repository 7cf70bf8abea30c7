'use strict';

const { KeelError } = require('../errors');
const { openStreamOf } = require('./targets');

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

  /** Behind the queries that were given before. Those given later are the client's to put behind it. */
  openStream(config, hooks) {
    const ready = this.pending === 0 ? undefined : this.tail;
    if (ready !== undefined) this.pending += 1;
    const statement = openStreamOf(this.client, config, hooks, ready);
    if (ready === undefined) return statement;
    this.tail = ready.then(() => {
      this.pending -= 1;
    });
    return statement;
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

  openStream(config, hooks) {
    return this.connection.openStream(config, hooks);
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
