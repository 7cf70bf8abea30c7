'use strict';

/*
 * Reads what valgrind's callgrind writes (its manual's "Callgrind Format Specification"): what each source file of each
 * object cost by itself, and how often whom called whom.
 */

const NAME = /^(ob|fl|fi|fe|fn|cob|cfi|cfl|cfn)=\((\d+)\)(?: (.*))?$/;
// Which names share their numbers.
const TABLE = { ob: 'object', cob: 'object', fn: 'function', cfn: 'function' };

class Reader {
  #names = { object: new Map(), file: new Map(), function: new Map() };
  #object = '';
  #file = '';
  #function = '';
  #callee;
  #isInclusive = false;
  costs = new Map();
  calls = new Map();

  line(text) {
    const name = NAME.exec(text);
    if (name) return this.#name(name[1], this.#resolve(...name.slice(1)));
    if (text.startsWith('calls=')) return this.#call(Number(text.slice(6).split(' ', 1)[0]));
    if (/^[\d+*-]/.test(text)) this.#cost(Number(text.split(' ')[1]));
  }

  /** A name is written out where it comes up first; later its number stands for it. */
  #resolve(kind, id, name) {
    const table = this.#names[TABLE[kind] ?? 'file'];
    if (name !== undefined) table.set(id, name);
    return table.get(id);
  }

  #name(kind, value) {
    if (kind === 'ob') this.#object = value;
    else if (kind === 'fn') this.#function = value;
    else if (kind === 'cfn') this.#callee = value;
    else if (kind === 'fl' || kind === 'fi' || kind === 'fe') this.#file = value;
  }

  #call(count) {
    const caller = { object: this.#object, caller: this.#function };
    add(this.calls, { ...caller, callee: this.#callee }, count);
    this.#isInclusive = true;
  }

  /** What follows a call is the cost of the callee, which is counted there. */
  #cost(cost) {
    if (!this.#isInclusive)
      add(this.costs, { object: this.#object, file: this.#file, function: this.#function }, cost);
    this.#isInclusive = false;
  }
}

function add(map, entry, amount) {
  const key = JSON.stringify(entry);
  map.set(key, (map.get(key) ?? 0) + amount);
}

const entries = (map) => [...map].map(([key, amount]) => ({ ...JSON.parse(key), amount }));

/**
 * @param {string} text
 * @returns {{ costs: { object: string, file: string, function: string, amount: number }[],
 *   calls: { object: string, caller: string, callee: string, amount: number }[] }} `object` is the caller's
 */
function parseCallgrind(text) {
  const reader = new Reader();
  for (const line of text.split('\n')) reader.line(line);
  return { costs: entries(reader.costs), calls: entries(reader.calls) };
}

/** Sums by group. @param {{ amount: number }[]} list @param {(entry: object) => string | undefined} groupOf */
function sumBy(list, groupOf) {
  const sums = {};
  for (const entry of list) {
    const group = groupOf(entry);
    if (group !== undefined) sums[group] = (sums[group] ?? 0) + entry.amount;
  }
  return sums;
}

module.exports = { parseCallgrind, sumBy };
