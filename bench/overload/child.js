'use strict';

/*
 * One contestant under one load: requests arrive whether or not earlier ones are answered. With `rate` 0 its capacity
 * is measured instead: callers that ask again as soon as they are answered.
 */

const { setTimeout: pause } = require('node:timers/promises');
const { CONTESTANTS } = require('../contestants');
const { Latencies, runCallers } = require('../load');
const { answer } = require('../process');
const { quantile } = require('../statistics');

const CONNECTIONS = 10;
const DEADLINE_MS = 500;
const CALLERS = 2 * CONNECTIONS;
const STATEMENT = { name: 'overload', text: 'select pg_sleep(0.005)' };
// What each offers to keep the deadline.
const LIMITS = {
  connectionTimeoutMillis: DEADLINE_MS,
  query_timeout: DEADLINE_MS,
  shed: true,
};

/** What became of requests; only what ends within the window counts. */
class Tally {
  #from;
  #to;
  answered = new Latencies();
  failed = new Latencies();
  late = 0;
  outcomes = {};

  constructor(from, to) {
    this.#from = from;
    this.#to = to;
  }

  #counts(now) {
    return now >= this.#from && now < this.#to;
  }

  succeed(started) {
    const now = performance.now();
    if (!this.#counts(now)) return;
    if (now - started <= DEADLINE_MS) this.answered.add(now - started);
    else this.late++;
  }

  fail(started, err) {
    const now = performance.now();
    if (!this.#counts(now)) return;
    const kind = err.code ?? err.message;
    this.outcomes[kind] = (this.outcomes[kind] ?? 0) + 1;
    this.failed.add(now - started);
  }

  figures() {
    const seconds = (this.#to - this.#from) / 1000;
    const [answered, failed] = [this.answered.sorted(), this.failed.sorted()];
    return {
      goodput: answered.length / seconds,
      late: this.late / seconds,
      failed: failed.length / seconds,
      p50: quantile(answered, 0.5),
      p99: quantile(answered, 0.99),
      told: quantile(failed, 0.5),
      outcomes: this.outcomes,
    };
  }
}

/** As many as there should have been by now, a tick's at a time. */
async function arrive(driver, rate, tally, until) {
  const began = performance.now();
  const open = new Set();
  const one = () => {
    const started = performance.now();
    const request = driver.run(STATEMENT, []).then(
      () => tally.succeed(started),
      (err) => tally.fail(started, err),
    );
    open.add(request);
    void request.finally(() => open.delete(request));
  };
  for (let sent = 0, now = began; now < until; now = performance.now()) {
    for (const due = ((now - began) / 1000) * rate; sent < due; sent++) one();
    await pause(1);
  }
  await Promise.all(open);
}

async function capacity(driver, seconds) {
  const latencies = new Latencies();
  const began = performance.now();
  await runCallers(() => driver.run(STATEMENT, []), CALLERS, began + seconds * 1000, latencies);
  return { capacity: latencies.count / ((performance.now() - began) / 1000) };
}

async function measure({ contestant, connection, rate, warmUp, seconds }) {
  const driver = await CONTESTANTS[contestant].open({ ...connection, max: CONNECTIONS, ...LIMITS });
  await Promise.all(Array.from({ length: CONNECTIONS }, () => driver.run(STATEMENT, [])));
  if (rate === 0) return capacity(driver, seconds);
  const from = performance.now() + warmUp * 1000;
  const tally = new Tally(from, from + seconds * 1000);
  await arrive(driver, rate, tally, from + seconds * 1000);
  return tally.figures();
}

answer(measure);
