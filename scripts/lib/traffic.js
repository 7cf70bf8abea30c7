'use strict';

const http = require('node:http');

// The sample data of examples/server/server/seed.ts.
const CUSTOMERS = 200;
const PRODUCTS = 100;
const CATEGORIES = ['books', 'garden', 'kitchen', 'music', 'toys'];
// Whoever is sent away asks again much sooner than he is told to: what it costs to refuse is to be seen.
const REFUSED_PAUSE_MS = 10;

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

/** Sends mixed reads and writes to the example server, a bounded number at a time, until it is stopped. */
class Traffic {
  #url;
  #agent;
  #random;
  #unpaid = [];
  /** Orders known to be there. @type {number[]} */
  #orders = [];
  #stopped = false;
  /** Of the answers expected, per kind of request: latencies in ms. @type {Map<string, number[]>} */
  latencies = new Map();
  /** The last of them came at this time, by performance.now(). */
  lastAnswer = 0;
  /** Answers 503: the database is not available. @type {{ at: number, ms: number, outcome: string, writes: boolean }[]} */
  refusals = [];
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

  /** Orders that the server has confirmed. */
  get orders() {
    return this.#orders;
  }

  stop() {
    this.#stopped = true;
  }

  async run() {
    try {
      await Promise.all(Array.from({ length: this.concurrency }, () => this.#worker()));
    } finally {
      this.#agent.destroy();
    }
  }

  async #worker() {
    while (!this.#stopped) {
      const { method = 'GET', path, ...request } = this.#next();
      const started = performance.now();
      try {
        const answer = await this.#send(method, path, request.body);
        await this.#take(answer, { ...request, method, started });
      } catch (err) {
        this.failures.push(`${method} ${path}: ${err.message}`);
      }
    }
  }

  async #take({ status, text }, { kind, method, expected = 200, done, started }) {
    const at = performance.now();
    if (status === 503) {
      this.refusals.push({
        at,
        ms: at - started,
        outcome: JSON.parse(text).outcome,
        writes: method === 'POST',
      });
      await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
      return;
    }
    if (status !== expected) throw new Error(`status ${status}: ${text.slice(0, 200)}`);
    done?.(JSON.parse(text));
    this.lastAnswer = at;
    if (!this.latencies.has(kind)) this.latencies.set(kind, []);
    this.latencies.get(kind).push(at - started);
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
