'use strict';

/*
 * What an application was told of every write, and the verdict on it when the server can be asked for the truth.
 */

const fs = require('node:fs');

/** What a call can have been told. `acknowledged` aside these are the outcomes of errors. */
const FATES = ['acknowledged', 'not-sent', 'rolled-back', 'unknown'];
const READ = 'read';
const WRITES = ['insert', 'once', 'upsert', 'transfer', 'drizzle'];
// How much later than its deadline a call may settle: the machine does other things, too.
const MARGIN_MS = 1500;
// What faults and load can look like to the application. Anything else is an error of ours.
const EXPECTED_CODES = new RegExp(
  '^(KEEL_(CONNECTION_LOST|QUERY_TIMEOUT|CONNECT_FAILED|CONNECT_TIMEOUT|ACQUIRE_TIMEOUT|QUEUE_FULL|BREAKER_OPEN)' +
    '|57P0[1-3]|57014|5330[0-9]|08\\w{3}|40001|40P01)$',
);

/** The calls of a run: those under way in memory, those settled in a file, so that memory tells of the pool alone. */
class Ledger {
  #file;
  #begun = 0;
  #pending = new Map();
  #lines = [];

  constructor(file) {
    this.#file = file;
    fs.writeFileSync(file, '');
  }

  /** @param {string} kind @param {number} limit ms until it has to be settled @returns {string} the call's key */
  begin(kind, limit) {
    const key = `${kind}-${++this.#begun}`;
    this.#pending.set(key, { key, kind, limit, start: performance.now() });
    return key;
  }

  /** @param {string} fate one of FATES, or whatever else it was told */
  settle(key, fate, code) {
    const call = this.#pending.get(key);
    if (call === undefined) throw new Error(`${key} was settled twice`);
    this.#pending.delete(key);
    const ms = Math.round(performance.now() - call.start);
    this.#lines.push(JSON.stringify({ key, kind: call.kind, limit: call.limit, ms, fate, code }));
    if (this.#lines.length >= 1000) this.#flush();
  }

  #flush() {
    fs.appendFileSync(this.#file, this.#lines.map((line) => `${line}\n`).join(''));
    this.#lines = [];
  }

  /** Every call of the run; those that have never settled have no fate. */
  calls() {
    this.#flush();
    const settled = fs.readFileSync(this.#file, 'utf8').split('\n').filter(Boolean);
    return [...settled.map((line) => JSON.parse(line)), ...this.#pending.values()];
  }
}

/** What is wrong with one call, given how often its key is in the tables. */
function wrongWith({ key, kind, fate, code, ms, limit }, times) {
  if (fate === undefined) return `${key} has never settled`;
  if (!FATES.includes(fate)) return `${key} failed (${code}) with the outcome ${fate}`;
  if (fate !== 'acknowledged' && !EXPECTED_CODES.test(code)) return `${key} failed with ${code}`;
  if (ms > limit + MARGIN_MS) return `${key} settled after ${ms} ms, its limit was ${limit} ms`;
  if (kind === READ) return undefined;
  if (times > 1) return `${key} is there ${times} times`;
  if (fate === 'acknowledged' && times === 0) return `${key} was acknowledged and is missing`;
  if ((fate === 'not-sent' || fate === 'rolled-back') && times > 0)
    return `${key} was told ${fate} and is there`;
  return undefined;
}

const noFigures = () => ({
  ...Object.fromEntries(FATES.map((fate) => [fate, 0])),
  ...{ unknownThere: 0, unknownAbsent: 0, slowestMs: 0 },
});

function count(figures, { kind, fate, ms }, times) {
  if (fate in figures) figures[fate] += 1;
  if (fate === 'unknown' && kind !== READ) figures[times > 0 ? 'unknownThere' : 'unknownAbsent'] += 1;
  figures.slowestMs = Math.max(figures.slowestMs, ms ?? 0);
}

/** Money that came from nowhere or went there: a transaction that was done by half. */
function wrongBalances(accounts) {
  return accounts
    .filter(({ balance, expected }) => balance !== expected)
    .map(({ id, balance, expected }) => `account ${id} has ${balance}, its transfers say ${expected}`);
}

/**
 * @param {object} truth
 * @param {{ key: string, kind: string, fate?: string, code?: string, ms?: number, limit: number }[]} truth.calls
 * @param {Map<string, number>} truth.times how often each key is in the tables
 * @param {{ id: number, balance: number, expected: number }[]} [truth.accounts]
 * @returns {{ violations: string[], figures: Record<string, object>, codes: Record<string, number> }} figures by kind
 */
function judge({ calls, times, accounts = [] }) {
  const violations = [];
  const figures = {};
  const codes = {};
  const known = new Set();
  for (const call of calls) {
    const found = times.get(call.key) ?? 0;
    known.add(call.key);
    count((figures[call.kind] ??= noFigures()), call, found);
    if (call.code !== undefined) codes[call.code] = (codes[call.code] ?? 0) + 1;
    const wrong = wrongWith(call, found);
    if (wrong !== undefined) violations.push(wrong);
  }
  for (const key of times.keys())
    if (!known.has(key)) violations.push(`${key} is there, and nobody wrote it`);
  return { violations: [...violations, ...wrongBalances(accounts)], figures, codes };
}

module.exports = { FATES, Ledger, READ, WRITES, judge };
