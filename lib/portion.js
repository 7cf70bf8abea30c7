'use strict';

/*
 * How many answers the application is given before it may hand over what it asks because of them (lib/submission.js does
 * that at the end of the tick). All at once, and the server has nothing to do until the last of them has been dealt
 * with: docs/decisions.md, 23.
 */

/* What a portion is to take, with all that the application does about it. A hand-over costs some 3 us. */
const PORTION_MS = 0.2;
const FIRST_GUESS_MS = 0.01;
/* One measurement's weight: a garbage collection is not the application's usual work. */
const WEIGHT = 1 / 8;

class Portion {
  #perAnswer = FIRST_GUESS_MS;
  #answers = 0;
  #begun = 0; // 0: this is none

  /** @returns {number} when that is, as performance.now() has it */
  begin() {
    this.forget();
    this.#begun = performance.now();
    this.#answers = 0;
    return this.#begun;
  }

  add() {
    this.#answers += 1;
  }

  get isFull() {
    return this.#answers * this.#perAnswer >= PORTION_MS;
  }

  /** The tick ends in which it was given, and the application has asked for something. */
  end() {
    if (this.#begun !== 0) this.#learn(performance.now() - this.#begun);
  }

  /** What is done from now on has other reasons. Where nothing was asked, nothing waits to be handed over. */
  forget() {
    if (this.#begun !== 0) this.#learn(0);
  }

  #learn(took) {
    this.#begun = 0;
    if (this.#answers > 0) this.#perAnswer += WEIGHT * (took / this.#answers - this.#perAnswer);
  }
}

module.exports = { Portion };
