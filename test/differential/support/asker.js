'use strict';

const { until } = require('../../support/poll');

/** What a question may do with one of the two drivers; whatever it opens is closed by close(). */
class Asker {
  #config;
  #clients = [];
  #pools = [];

  /** @param {{ name: 'pg' | 'pgkeel', exports: object }} driver */
  constructor(driver, config) {
    this.name = driver.name;
    this.pg = driver.exports;
    this.#config = config;
    this.log = [];
  }

  config(options) {
    return { ...this.#config, ...options };
  }

  /** A client that is not connected yet. */
  client(options) {
    const client = new this.pg.Client(this.config(options));
    client.on('error', () => {}); // A question that wants to hear of it listens itself.
    this.#clients.push(client);
    return client;
  }

  async connect(options) {
    const client = this.client(options);
    await client.connect();
    return client;
  }

  pool(options) {
    const pool = new this.pg.Pool(this.config(options));
    pool.on('error', () => {});
    this.#pools.push(pool);
    return pool;
  }

  /** Puts a remark into the answer: the order of remarks is compared, too. */
  note(what, ...details) {
    this.log.push([what, ...details]);
  }

  listen(emitter, ...events) {
    for (const event of events) emitter.on(event, (...args) => this.note(event, ...args));
    return emitter;
  }

  /** How a call ends: returned, threw, resolved or rejected. */
  async outcome(fn) {
    let returned;
    try {
      returned = fn();
    } catch (err) {
      return { threw: err };
    }
    if (typeof returned?.then !== 'function') return { returned };
    try {
      return { resolved: await returned };
    } catch (err) {
      return { rejected: err };
    }
  }

  /** What a function that takes a callback gives to it and to its caller. */
  called(fn) {
    return new Promise((resolve, reject) => {
      let returned = '[called before it returned]';
      try {
        returned = fn((...args) => resolve({ returned, args }));
      } catch (err) {
        reject(err);
      }
    });
  }

  /** Resolves at the emitter's next event. */
  next(emitter, event) {
    return new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  }

  /** Waits until the server process `pid` runs the pg_sleep() that it was sent. */
  running(observer, pid) {
    const sql = `select 1 from pg_stat_activity where pid = $1 and state = 'active' and query like '%sleep%'`;
    return this.until(async () => (await observer.query(sql, [pid])).rowCount, 'the query to run');
  }

  until(condition, what, timeout) {
    return until(condition, { what, timeout });
  }

  /** For questions about what never happens. */
  later(milliseconds, value) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds, value));
  }

  async close() {
    await Promise.allSettled(this.#pools.map((pool) => (pool.ending ? undefined : pool.end())));
    await Promise.allSettled(this.#clients.map((client) => client.end()));
  }
}

module.exports = { Asker };
