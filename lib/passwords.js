'use strict';

const { keyFailure } = require('./tls');

// Attempts fail one after the other, and are heard of at once; more are not under way than a pool has connections.
const KEPT = 1000;

/**
 * Asks the application's password function whenever the engine opens a connection, and keeps what it threw. What else
 * is known to be wrong with opening one is told here, too.
 */
class Passwords {
  /**
   * @param {object} parameters a ConnectionParameters
   * @param {(password: string | null) => void} [received]
   */
  constructor(parameters, received = () => {}) {
    this.parameters = parameters;
    this.ask = parameters.password;
    this.received = received;
    this.failures = new Map(); // what the engine was told -> what was thrown
    this.lastFailure = 0;
  }

  async answer(engine, connId) {
    try {
      const failure = keyFailure(this.parameters.ssl);
      if (failure) throw failure;
      const password = await this.ask.call(undefined, this.parameters);
      if (password !== undefined && password !== null && typeof password !== 'string') {
        throw new TypeError('Password must be a string');
      }
      this.received(password ?? null);
      engine.password(connId, password ?? '', null);
    } catch (error) {
      engine.password(connId, null, this.keep(error));
    }
  }

  // The engine carries text; the number in it leads back to the error itself.
  keep(error) {
    this.lastFailure += 1;
    const message = `password function failed (${this.lastFailure})`;
    this.failures.set(message, error);
    this.failures.delete(`password function failed (${this.lastFailure - KEPT})`);
    return message;
  }

  /** What the password function threw, if that is why a connection failed. All who waited for it hear the same. */
  take(message = '') {
    const key = /password function failed \(\d+\)/.exec(message)?.[0];
    return this.failures.get(key);
  }
}

module.exports = { Passwords };
