'use strict';

const CAPACITY = 1 << 20;

/** Latencies in ms. Made at once, so that growing is no part of what is measured; untouched pages cost no memory. */
class Latencies {
  #values = new Float64Array(CAPACITY);
  count = 0;

  /** Past the capacity the oldest are overwritten. */
  add(value) {
    this.#values[this.count++ % CAPACITY] = value;
  }

  sorted() {
    return this.#values.slice(0, Math.min(this.count, CAPACITY)).sort();
  }
}

/** `callers` of them, each asking again as soon as it is answered, until the time is up and `least` answers are there. */
async function runCallers(once, callers, until, latencies, least = 0) {
  const caller = async (index) => {
    let last = performance.now();
    do {
      await once(index);
      const now = performance.now();
      latencies.add(now - last);
      last = now;
    } while (last < until || latencies.count < least);
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
}

/**
 * `size` requests at once, and the next batch when all are answered, until `isOver` says so. Unlike with runCallers(),
 * requests that are stuck weigh in the percentiles: the others do not go on asking meanwhile.
 */
async function runBatches(once, size, isOver, latencies) {
  do {
    const started = performance.now();
    const one = async (_, index) => {
      await once(index);
      latencies.add(performance.now() - started);
    };
    await Promise.all(Array.from({ length: size }, one));
  } while (!isOver());
}

module.exports = { Latencies, runBatches, runCallers };
