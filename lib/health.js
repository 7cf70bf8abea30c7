'use strict';

const { CODES, KeelError } = require('./errors');
const { errorOf, isServerError } = require('./failures');
const { emitSafely } = require('./statement');

const HEALTHY = 'KEEL_OK';

/** What the engine's checks of a pool's node find: told to listeners, and to those who ask. */
class Health {
  #pool;
  #asked = [];

  constructor(pool) {
    this.#pool = pool;
  }

  /** Asks for a check now. @returns {Promise<object>} a node's health; never rejects */
  check() {
    const { _engine: engine, ending } = this.#pool;
    if (ending) return Promise.resolve(this.#closedNode());
    return new Promise((resolve) => {
      // The answer is waited for, whatever else there is to do.
      if (this.#asked.push(resolve) === 1) engine.ref();
      engine.check();
    });
  }

  /** A check has ended, be it the engine's own or one that was asked for. */
  heard(info) {
    const node = this.#nodeOf(info);
    this.#answer(node);
    emitSafely(this.#pool, 'health', node);
  }

  /** The pool is closed: nothing more will be heard. */
  closed() {
    this.#answer(this.#closedNode());
  }

  #answer(node) {
    const asked = this.#asked.splice(0);
    if (asked.length > 0) this.#pool._engine.unref();
    for (const resolve of asked) resolve(node);
  }

  #closedNode() {
    return this.#nodeOf({ code: CODES.POOL_CLOSED, outcome: 'not-sent', attempts: 0, fields: {} });
  }

  #nodeOf(info) {
    const healthy = info.code === HEALTHY;
    const node = {
      node: this.#pool._where.node,
      healthy,
      role: 'primary',
      latencyMs: info.latencyMs ?? null,
    };
    if (!healthy) node.error = healthErrorOf(info, this.#pool._where);
    return node;
  }
}

function healthErrorOf(info, where) {
  // Nothing was asked of the server that could have an outcome: the words are the check's own.
  if (info.code === CODES.ACQUIRE_TIMEOUT && !isServerError(info.fields)) {
    return new KeelError(info.code, info.fields.M, { node: where.node });
  }
  return errorOf(info, where);
}

module.exports = { Health };
