'use strict';

const { KeelError } = require('../errors');
const { PRELUDE } = require('../statement');
const { openStreamOf } = require('./targets');

/**
 * One connection of a transaction. Its queries run one after the other, in the order they were given. BEGIN waits for the
 * first of them and goes out with it, where the client can do that: a round trip less.
 */
class QueuedConnection {
  constructor(client) {
    this.client = client;
    this.pending = 0;
    this.tail = undefined;
    this.begin = undefined; // until it has been sent
    this.refusal = undefined; // why the transaction has never begun
  }

  /** @param {string} text the BEGIN of what comes next */
  beginWith(text) {
    this.begin = text;
  }

  /** Whether the server has heard of the transaction; once idle() it may have to be ended there. */
  get hasBegun() {
    return this.begin === undefined && this.refusal === undefined;
  }

  /** Until all that was given has been answered. */
  async idle() {
    while (this.pending > 0) await this.tail;
  }

  assertBegun() {
    if (this.refusal !== undefined) throw this.refusal;
  }

  async run(config, params) {
    this.assertBegun();
    if (this.begin === undefined) return this.client.query(config, params);
    // The simple protocol, which is what a statement without values goes by, takes nothing in front of it.
    if (params.length > 0)
      return this.sendBegin((begin) => this.client.query({ ...config, [PRELUDE]: begin }, params));
    await this.sendBegin((begin) => this.client.query(begin));
    return this.client.query(config, params);
  }

  async sendBegin(send) {
    const { begin } = this;
    this.begin = undefined;
    try {
      return await send(begin);
    } catch (error) {
      // Unless the server says that it is inside a (failed) transaction, what came next would run outside of any.
      if (this.client.getTransactionStatus() !== 'E') this.refusal = error;
      throw error;
    }
  }

  /** @param {() => Promise} run once those before it have been answered */
  inTurn(run) {
    const result = this.pending === 0 ? run() : this.tail.then(run);
    this.pending += 1;
    const settle = () => {
      this.pending -= 1;
    };
    this.tail = result.then(settle, settle);
    return result;
  }

  query(config, params) {
    return this.inTurn(() => this.run(config, params));
  }

  /** Behind the queries that were given before. Those given later are the client's to put behind it. */
  openStream(config, hooks) {
    this.assertBegun();
    if (this.begin !== undefined)
      this.inTurn(() => this.sendBegin((begin) => this.client.query(begin))).catch(() => {});
    if (this.pending === 0) return openStreamOf(this.client, config, hooks);
    const ready = this.inTurn(async () => this.assertBegun());
    return openStreamOf(this.client, config, hooks, ready);
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
