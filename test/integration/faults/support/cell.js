'use strict';

/*
 * One cell of the fault matrix: a pool of its own in a situation, a fault at a moment, and what the pool has promised.
 */

const assert = require('node:assert/strict');
const { Pool } = require('../../../../lib');
const { until } = require('../../../support/poll');

// How much later than its deadline a call may settle: this machine does other things, too.
const MARGIN_MS = 1500;
const RECOVERY_MS = 15_000;
const OUTCOMES = ['not-sent', 'rolled-back', 'unknown'];
// What a fault of the network or the server may look like. Anything else is an error of ours.
const CODES =
  /^(KEEL_(CONNECTION_LOST|QUERY_TIMEOUT|CONNECT_FAILED|CONNECT_TIMEOUT|ACQUIRE_TIMEOUT|BREAKER_OPEN)|57P0[1-3]|53[13]00|08\w{3}|58030|XX000)$/;

let cells = 0;

/** A promise that takes longer than anything may is an error of its own, and the run goes on. */
function bounded(promise, ms, what) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} has not settled after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Cell {
  #background = [];
  #timers = new Set();
  calls = [];
  /** How the one write of the cell ended: `{ done: true }`, or the error, or nothing yet. */
  fate = undefined;
  /** COMMIT has been asked for (or the write is a lone statement). */
  decided = true;

  constructor(rig, fault, situation, moment) {
    Object.assign(this, { rig, fault, situation, moment });
    this.key = `cell-${++cells}`;
    this.timeout = fault.timeout ?? 3000;
    this.pool = new Pool({
      ...rig.proxyConfig(),
      ...situation.options,
      application_name: this.key,
      max: 3,
      query_timeout: this.timeout,
      acquireTimeoutMillis: this.timeout,
      connectionTimeoutMillis: Math.min(2000, this.timeout - 300),
      idleTimeoutMillis: 60_000,
      maxRetries: 6,
      retryDelay: 50,
      retryMaxDelay: 200,
      circuitBreaker: { failureThreshold: 5, resetTimeout: 300 },
      aliveBypassWindow: 500,
    });
  }

  /** Runs one call of the application's and notes how long it took and how it ended. */
  async call(what, ask, { limit = this.timeout, innocent = false } = {}) {
    const start = performance.now();
    const note = { what, limit, innocent, ms: undefined, error: undefined };
    this.calls.push(note);
    try {
      return await bounded(ask(), limit + RECOVERY_MS, what);
    } catch (error) {
      note.error = error;
      throw error;
    } finally {
      note.ms = performance.now() - start;
    }
  }

  /** The call whose end is the fate of the cell's write. */
  async write(work) {
    try {
      await work();
      this.fate = { done: true };
    } catch (error) {
      this.fate = { done: false, error };
    }
  }

  /** The fault goes on beside what the cell does, and is waited for when the cell heals. */
  background(promise) {
    promise.catch(() => {}); // heal() reports it.
    this.#background.push(promise);
  }

  /** A fault that ends by itself. */
  after(ms, act) {
    const timer = setTimeout(() => this.background(Promise.resolve(act())), ms);
    this.#timers.add(timer);
  }

  /** Sets the trap that strikes at the cell's moment. */
  strikeAt(spec) {
    if (spec === undefined) return;
    this.trap = this.rig.proxy.trap({ ...spec, act: (link) => this.fault.strike(this, link) });
  }

  async run() {
    await this.situation.warm?.(this);
    const early = this.fault.early?.[this.situation.id];
    if (early) await early(this);
    else this.strikeAt(this.situation.moments?.[this.moment]);
    await this.situation.run(this);
    // A trap that nothing has gone into is a cell that has tested nothing.
    if (this.trap) await bounded(this.trap.sprung, 1000, 'the fault');
  }

  /** Everything is whole again: the pool answers, can be ended, and has left nothing at the server. */
  async heal() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.rig.cluster.thaw();
    await this.fault.heal?.(this);
    await Promise.all(this.#background);
    await this.rig.proxy.heal();
    await until(() => this.pool.query({ text: 'select 1', timeout: 1000 }), {
      timeout: RECOVERY_MS,
      what: 'the pool to answer again',
    });
    const { retried } = this.pool.metrics().queries;
    await bounded(this.pool.end({ timeout: 3000 }), RECOVERY_MS, 'pool.end()');
    await until(async () => (await this.backends()) === '0', {
      timeout: RECOVERY_MS,
      what: "the pool's connections to be gone from the server",
    });
    return { retried };
  }

  backends() {
    return this.rig.cluster.psql(
      `select count(*) from pg_stat_activity where application_name = '${this.key}'`,
    );
  }

  /** Whatever went wrong in the test: nothing of it is left for the next one. */
  async clear() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.rig.cluster.thaw();
    await Promise.allSettled(this.#background);
    await this.fault.heal?.(this);
    await this.rig.proxy.heal();
    if (!this.pool.ending) await this.pool.end({ force: true });
    if (this.rig.cluster.pid() === undefined) await this.rig.cluster.start();
  }

  async times() {
    return Number(await this.rig.cluster.psql(`select count(*) from ledger where key = '${this.key}'`));
  }

  /** What was promised, against what is there. @returns the row for the table */
  async judge({ retried }) {
    for (const call of this.calls) this.#judgeCall(call);
    const { done, error } = this.fate;
    const told = done ? 'done' : error.outcome;
    assert.ok(done || OUTCOMES.includes(told), 'no outcome', { cause: error });
    const expected = this.fault.must?.[this.situation.id];
    if (expected)
      assert.ok(expected.includes(told), `told ${told}, promised is ${expected}`, { cause: error });
    const times = this.situation.reads ? undefined : await this.#judgeWrite(told);
    return { told, code: error?.code, times, retried };
  }

  async #judgeWrite(told) {
    const times = await this.times();
    if (told === 'done') assert.equal(times, 1, 'an acknowledged write is there exactly once');
    else if (told !== 'unknown') assert.equal(times, 0, `told ${told}, and the write is there`);
    else assert.ok(times <= 1, `a write of unknown outcome is there ${times} times`);
    if (!this.decided) assert.equal(times, 0, 'COMMIT was never asked for, and the write is there');
    return times;
  }

  #judgeCall({ what, limit, ms, error, innocent }) {
    const tooLate = `${what} settled after ${Math.round(ms)} ms, its limit was ${limit} ms`;
    assert.ok(ms <= limit + MARGIN_MS, tooLate);
    if (error === undefined) return;
    if (innocent) {
      assert.notEqual(error.code, '57014', 'an innocent query was hit by a cancel');
      if (this.fault.sparesInnocents) throw error;
    }
    if (!CODES.test(error.code)) throw error;
    assert.ok(OUTCOMES.includes(error.outcome), `${what}: ${error.code} says nothing of its outcome`);
  }
}

/** @returns a row of the table */
async function runCell(rig, fault, situation, moment) {
  const cell = new Cell(rig, fault, situation, moment);
  const start = performance.now();
  try {
    await cell.run();
    const result = await cell.judge(await cell.heal());
    return {
      fault: fault.id,
      situation: situation.id,
      ...(moment && { moment }),
      ...result,
      ms: Math.round(performance.now() - start),
    };
  } finally {
    await cell.clear();
  }
}

module.exports = { runCell };
