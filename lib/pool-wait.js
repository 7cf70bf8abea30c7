'use strict';

const { rejectForCaller, captureSite, atSite } = require('./caller');
const { safeCall } = require('./safe-call');
const { causedBy } = require('./statement');

const ignore = () => {};

/** A wait for a client: the engine's sink of pool.connect(). Settled once, by whoever comes first. */
class Wait {
  constructor(pool) {
    this.pool = pool;
    this.tag = 0;
    this.settled = false;
    this.callback = undefined;
    this.site = undefined;
    this.takenAt = undefined; // the stack of a leak
    this.before = undefined; // why an attempt before this one failed
    this.resolve = undefined;
    this.reject = undefined;
  }

  answerTo(callback, entry) {
    this.callback = callback;
    this.site = captureSite(entry);
  }

  promise(PromiseClass) {
    return new PromiseClass((resolve, reject) => {
      this.resolve = resolve;
      if (PromiseClass !== Promise) this.reject = reject;
    });
  }

  leased(info) {
    const { pool } = this;
    // It was failed in the meantime, by a hook: what came is for the next one.
    if (this.settled) return pool._engine.release(info.leaseId, false);
    pool._waits.delete(this);
    const client = pool._holdsClients.checkOut(info, this.takenAt);
    if (client === undefined) return this.fail(() => pool._holdsClients.brokenClient(info));
    this.settled = true;
    if (this.resolve !== undefined) return this.resolve(client);
    return safeCall(this.callback, undefined, client, client.release);
  }

  again(failure) {
    this.before = failure;
  }

  error(info) {
    this.fail(() => causedBy(this.pool.failureOf(info), this.before, this.pool));
  }

  fail(makeError) {
    if (this.settled) return;
    this.settled = true;
    this.pool._waits.delete(this);
    if (this.reject !== undefined) this.reject(makeError());
    else if (this.resolve !== undefined) rejectForCaller(this.resolve, makeError);
    else safeCall(this.callback, atSite(makeError(), this.site), undefined, ignore);
  }
}

module.exports = { Wait };
