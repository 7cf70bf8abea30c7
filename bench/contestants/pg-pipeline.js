'use strict';

const { driverOver, nodePostgres } = require('./pg-like');

/*
 * pg's `pipeline` option belongs to a client, and pg's pool lends a client to one query at a time. So lone statements go to
 * the clients in turn here, and transactions to a pool whose clients pipeline within themselves.
 */
class PipelinedPool {
  #clients;
  #pool;
  #next = 0;

  constructor(clients, pool) {
    this.#clients = clients;
    this.#pool = pool;
  }

  query(...args) {
    this.#next = (this.#next + 1) % this.#clients.length;
    return this.#clients[this.#next].query(...args);
  }

  connect() {
    return this.#pool.connect();
  }

  async end() {
    await Promise.all([this.#pool, ...this.#clients].map((each) => each.end()));
  }
}

module.exports = {
  packages: ['pg'],
  async open({ max, ...config }) {
    const { Client, Pool } = require('pg');
    const pipelined = { ...config, pipeline: true };
    const clients = Array.from({ length: max }, () => new Client(pipelined));
    await Promise.all(clients.map((client) => client.connect()));
    return driverOver(new PipelinedPool(clients, new Pool({ ...pipelined, max })), nodePostgres);
  },
};
