'use strict';

const http = require('node:http');

// The sample data of examples/server/server/seed.ts.
const CUSTOMERS = 200;
const PRODUCTS = 100;
const CATEGORIES = ['books', 'garden', 'kitchen', 'music', 'toys'];

/** A repeatable stream of numbers (mulberry32): two runs send the same traffic. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sends mixed reads and writes to the example server, a bounded number at a time and for a bounded time. */
class Traffic {
  #url;
  #agent;
  #random;
  #unpaid = [];
  /** Orders known to be there. @type {number[]} */
  #orders = [];
  #deadline = 0;
  /** Per kind of request: latencies in ms. @type {Map<string, number[]>} */
  latencies = new Map();
  /** @type {string[]} */
  failures = [];

  constructor(url, { concurrency, seed = 1 }) {
    this.#url = url;
    this.concurrency = concurrency;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
    this.#random = randomNumbers(seed);
  }

  get count() {
    return [...this.latencies.values()].reduce((sum, list) => sum + list.length, 0);
  }

  async run(seconds) {
    this.#deadline = performance.now() + seconds * 1000;
    try {
      await Promise.all(Array.from({ length: this.concurrency }, () => this.#worker()));
    } finally {
      this.#agent.destroy();
    }
  }

  async #worker() {
    while (performance.now() < this.#deadline) {
      const { kind, method = 'GET', path, body, expected = 200, done } = this.#next();
      const started = performance.now();
      try {
        const answer = await this.#send(method, path, body);
        if (answer.status !== expected)
          throw new Error(`status ${answer.status}: ${answer.text.slice(0, 200)}`);
        done?.(JSON.parse(answer.text));
      } catch (err) {
        this.failures.push(`${method} ${path}: ${err.message}`);
      }
      if (!this.latencies.has(kind)) this.latencies.set(kind, []);
      this.latencies.get(kind).push(performance.now() - started);
    }
  }

  #next() {
    const choice = this.#random();
    if (choice < 0.3) return { kind: 'list orders', path: `/orders?customerId=${this.#pick(CUSTOMERS)}` };
    if (choice < 0.5 && this.#orders.length > 0) return this.#oneOrder();
    if (choice < 0.7)
      return { kind: 'products', path: `/products?category=${CATEGORIES[this.#pick(5) - 1]}` };
    if (choice < 0.72) return { kind: 'revenue report', path: '/reports/revenue?days=7' };
    if (choice < 0.82 && this.#unpaid.length > 0) return this.#payOrder(this.#unpaid.shift());
    return this.#placeOrder();
  }

  #placeOrder() {
    const ids = new Set(Array.from({ length: this.#pick(4) }, () => this.#pick(PRODUCTS)));
    const items = [...ids].map((productId) => ({ productId, quantity: this.#pick(3) }));
    return {
      kind: 'place an order',
      method: 'POST',
      path: '/orders',
      body: { customerId: this.#pick(CUSTOMERS), items },
      expected: 201,
      done: (order) => {
        this.#unpaid.push(order.id);
        this.#orders.push(order.id);
      },
    };
  }

  #oneOrder() {
    return { kind: 'one order', path: `/orders/${this.#orders[this.#pick(this.#orders.length) - 1]}` };
  }

  #payOrder(id) {
    return { kind: 'pay an order', method: 'PATCH', path: `/orders/${id}`, body: { status: 'paid' } };
  }

  #pick(highest) {
    return 1 + Math.floor(this.#random() * highest);
  }

  #send(method, path, body) {
    const json = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      json === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) };
    return new Promise((resolve, reject) => {
      const request = http.request(
        new URL(path, this.#url),
        { method, agent: this.#agent, headers },
        (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () =>
            resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
          );
        },
      );
      request.once('error', reject);
      request.end(json);
    });
  }
}

/** @param {number[]} values */
function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

module.exports = { Traffic, quantile, randomNumbers };
