'use strict';

/*
 * Texts that were asked before travel as a small number, the slot under which the addon keeps them. Bounded in number and
 * in size: when there is no room, a text that has not been asked since the hand last passed it gives up its slot (the
 * CLOCK algorithm, which keeps about what LRU would and costs a hit nothing but a flag).
 */

const MAX_SLOTS = 10_000;
const MAX_UNITS = 8 * 2 ** 20;
/* A longer text is a bulk insert, made for one use. It passes through the slot that nothing is kept in. */
const MAX_TEXT_UNITS = 2 ** 16;
const PASSING_SLOT = 1;
/** No statement has it. */
const NO_SLOT = 0;
const FIRST_SLOT = PASSING_SLOT + 1;

class StatementRegistry {
  #byText = new Map();
  #byName = new Map();
  #entries = [];
  #hand = 0;
  #units = 0;
  #define;

  /** @param {(slot: number, text: string, name: string | undefined) => void} define tells the addon what a slot holds */
  constructor(define) {
    this.#define = define;
  }

  /** @returns {number} the slot of a statement, valid for what is asked next: another text may take its place later */
  slotOf(text, name) {
    const entry = name === undefined ? this.#byText.get(text) : this.#byName.get(name);
    if (entry === undefined || entry.text !== text) return this.#add(text, name);
    entry.used = true;
    return entry.slot;
  }

  #add(text, name) {
    if (text.length > MAX_TEXT_UNITS) {
      this.#define(PASSING_SLOT, text, name);
      return PASSING_SLOT;
    }
    const slot = this.#entries.length < MAX_SLOTS ? FIRST_SLOT + this.#entries.length : this.#freeSlot();
    while (this.#units + text.length > MAX_UNITS) this.#define(this.#freeSlot(), '', undefined);
    // First of all: when the text cannot be handed over, nobody must think that it was.
    this.#define(slot, text, name);
    const entry = { slot, text, used: false, map: this.#byText, key: text };
    if (name !== undefined) Object.assign(entry, { map: this.#byName, key: name });
    entry.map.set(entry.key, entry);
    this.#entries[slot - FIRST_SLOT] = entry;
    this.#units += text.length;
    return slot;
  }

  /** Takes the text out of a slot; a slot that is empty already is as good. */
  #freeSlot() {
    for (;;) {
      const entry = this.#entries[this.#hand];
      this.#hand = (this.#hand + 1) % this.#entries.length;
      if (entry.used) {
        entry.used = false;
      } else {
        this.#forget(entry);
        return entry.slot;
      }
    }
  }

  #forget(entry) {
    this.#units -= entry.text.length;
    entry.text = '';
    // Another text may have taken the name over.
    if (entry.map.get(entry.key) === entry) entry.map.delete(entry.key);
  }
}

module.exports = { StatementRegistry, NO_SLOT };
