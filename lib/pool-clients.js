'use strict';

const { CODES, KeelError } = require('./errors');
const { PoolLink } = require('./pool-link');
const { emitSafely } = require('./statement');
const { reportUncaught } = require('./safe-call');

// A listener that waits for the pool itself would wait for ever, with the connection that it keeps back.
const LISTENERS_MS = 5000;

/** The clients of a pool: one for each connection, the same as long as the connection lives. */
class PoolClients {
  constructor(pool) {
    this.pool = pool;
    this.byConnection = new Map();
    this.thrown = undefined; // by the constructor of a Client class of the application's
  }

  list() {
    return [...this.byConnection.values()];
  }

  /** @returns {import('./engine').PoolHandlers} */
  handlers() {
    const linkOf = (connId) => this.byConnection.get(connId)?._link;
    return {
      opened: (info) => this.opened(info),
      closed: (info) => this.closed(info),
      notice: (connId, fields) => linkOf(connId)?.notice(fields),
      notification: (info) => linkOf(info.connId)?.notification(info),
      parameter: (connId, name, value) => linkOf(connId)?.parameter(name, value),
      password: (connId) => this.pool._passwords.answer(this.pool._engine, connId),
      breaker: (change) => emitSafely(this.pool, 'breaker', { node: this.pool._where.node, ...change }),
      health: (info) => this.pool._health.heard(info),
      retry: (info) => this.retrying(info),
      poolClosed: () => this.pool._closed(),
    };
  }

  opened(info) {
    const { pool } = this;
    const client = this.newClient();
    if (client === undefined) {
      if (info.leaseId !== 0) pool._engine.release(info.leaseId, false);
      return;
    }
    const link = new PoolLink(client, pool, pool._engine);
    this.byConnection.set(info.connId, client);
    link.attach(info);
    pool.log('new client connected');
    if (info.leaseId === 0) {
      emitSafely(pool, 'connect', client);
      return;
    }
    link.lease = info.leaseId;
    this.setUp(client).catch(reportUncaught);
  }

  retrying({ attempt, delay, failure }) {
    const { pool } = this;
    if (pool.listenerCount('retry') === 0) return;
    const event = { node: pool._where.node, attempt, delay, error: pool.failureOf(failure) };
    emitSafely(pool, 'retry', event);
  }

  newClient() {
    try {
      return new this.pool.Client(this.pool.options);
    } catch (error) {
      this.thrown = error;
      return undefined;
    }
  }

  closed(info) {
    const { pool } = this;
    const client = this.byConnection.get(info.connId);
    if (client === undefined) return;
    this.byConnection.delete(info.connId);
    const link = client._link;
    const held = link.lease !== 0;
    const error = link.closed(info, held);
    if (error !== undefined && !held && !link.told) this.reportIdleDeath(error, client);
    if (held && !link.settingUp) link.removeOnRelease = true;
    else pool.emit('remove', client);
  }

  reportIdleDeath(error, client) {
    const { pool } = this;
    pool.log('idle client lost its connection', error);
    if (pool.listenerCount('error') === 0) return;
    Object.defineProperty(error, 'client', { configurable: true, writable: true, value: client });
    emitSafely(pool, 'error', error, client);
  }

  /** A query of the pool's own has been told what became of its connection. */
  heardOf({ code, connId }) {
    const link = this.byConnection.get(connId)?._link;
    if (link && code === CODES.CONNECTION_LOST) link.told = true;
  }

  /* ---------------------------------------------------------------- a new connection's first owner is the pool */

  async setUp(client) {
    const { pool } = this;
    const link = client._link;
    link.settingUp = true;
    let failure;
    try {
      await pool.options.onConnect?.(client);
      await this.tellListeners(client);
      await this.verify(client);
      await this.untilQuiet(client);
    } catch (error) {
      failure = error ?? new Error('the client was refused');
    }
    link.settingUp = false;
    if (link.gone) return;
    if (failure !== undefined && !failOldest(pool, failure)) this.reportRefusal(failure, client);
    if (Object.hasOwn(client, 'query')) pool._needsClients = true;
    link.giveBack(failure !== undefined);
  }

  // A connection that was opened to be kept warm: no request is there to be told.
  reportRefusal(failure, client) {
    const { pool } = this;
    pool.log('a hook refused a connection that nobody waits for', failure);
    if (pool.listenerCount('error') > 0) emitSafely(pool, 'error', failure, client);
  }

  // Unlike emit() this waits for listeners that are async functions: their queries are to come first, all of them.
  async tellListeners(client) {
    const { pool } = this;
    const answers = [];
    for (const listener of pool.rawListeners('connect')) {
      try {
        answers.push(listener.call(pool, client));
      } catch (error) {
        reportUncaught(error);
      }
    }
    const outcomes = await within(LISTENERS_MS, Promise.allSettled(answers));
    // As without us: nobody handles what an async listener throws.
    for (const { status, reason } of outcomes) if (status === 'rejected') void Promise.reject(reason);
  }

  verify(client) {
    const { pool } = this;
    if (!pool.options.verify) return undefined;
    return new Promise((resolve, reject) => {
      pool.options.verify(client, (error) => (error ? reject(error) : resolve()));
    });
  }

  // Queries that nobody waits for run on, and what follows one of them comes a turn later.
  async untilQuiet(client) {
    while (client._queue.length > 0 && !client._link.gone) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /* ---------------------------------------------------------------- lending */

  knows(connId) {
    return this.byConnection.has(connId);
  }

  checkOut(info, takenAt) {
    const { pool } = this;
    const client = this.byConnection.get(info.connId);
    if (client === undefined) return undefined;
    const link = client._link;
    link.lease = info.leaseId;
    link.connId = info.connId;
    // What the last holder left open was rolled back before.
    client._txStatus = 'I';
    link.unsure = false;
    link.leasedAt = info.leasedAt ?? performance.now();
    if (pool.options.allowExitOnIdle) pool._engine.ref();
    link.held = takenAt && pool._leaks.begin(takenAt);
    emitSafely(pool, 'acquire', client);
    let released = false;
    client.release = (reason) => {
      if (released) {
        const text = 'Release called on client which has already been released to the pool.';
        throw new KeelError(CODES.MISUSE, text);
      }
      released = true;
      this.keepsItself(client);
      this.takeBack(client, reason);
    };
    return client;
  }

  /** The application's Client class threw in its constructor. */
  brokenClient(info) {
    this.pool._engine.release(info.leaseId, true);
    return new KeelError(CODES.CONFIG, 'Client: its constructor threw', {
      cause: this.thrown,
      option: 'Client',
    });
  }

  takeBack(client, reason) {
    const { pool } = this;
    const link = client._link;
    emitSafely(pool, 'release', reason, client);
    if (pool.options.allowExitOnIdle) pool._engine.unref();
    const destroy = Boolean(reason) || !client._queryable || client._ending;
    if (!destroy && this.mayPass(client)) this.pass(link);
    else if (link.lease !== 0) link.giveBack(destroy);
    if (link.removeOnRelease) pool.emit('remove', client);
  }

  // Every use of a connection that is worn out after so many is to be counted.
  mayPass(client) {
    const { pool } = this;
    return (
      !pool.ending &&
      !(pool.options.maxUses > 0 && pool.options.maxUses < Infinity) &&
      pool._passing.allows(client, client._link)
    );
  }

  pass(link) {
    this.pool._passing.offer({ leaseId: link.lease, connId: link.connId, leasedAt: link.leasedAt });
    link.lease = 0;
  }

  /** The client is with nobody, or with the pool itself for a query: it cannot leak. */
  keepsItself({ _link: link }) {
    if (link?.held === undefined) return;
    this.pool._leaks.end(link.held);
    link.held = undefined;
  }

  expired(lifetimeMs) {
    if (lifetimeMs === 0) return 0;
    const born = performance.now() - lifetimeMs;
    return this.list().filter(({ _link: link }) => link.lease !== 0 && link.openedAt <= born).length;
  }
}

/** What `promise` resolves to, or an empty list when that takes too long. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, []);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// The one for whom the connection was opened; with hooks every request for a connection is a Wait.
function failOldest(pool, error) {
  const [oldest] = pool._waits;
  if (oldest === undefined) return false;
  oldest.fail(() => error);
  pool._engine.abort(oldest.tag);
  return true;
}

module.exports = { PoolClients };
