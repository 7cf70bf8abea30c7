'use strict';

/** Asks the application's password function whenever the engine opens a connection, and keeps what it threw. */
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
    return message;
  }

  /** What the password function threw, if that is why a connection failed. */
  take(message = '') {
    const key = /password function failed \(\d+\)/.exec(message)?.[0];
    const error = this.failures.get(key);
    this.failures.delete(key);
    return error;
  }
}

module.exports = { Passwords };
