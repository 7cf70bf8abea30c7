'use strict';

/*
 * Whoever gives a client back and at once asks for one again, as in a loop, gets the same one without the engine having
 * heard of it: within a tick a lease passes from hand to hand, and is given back when the tick ends. Nobody is overtaken:
 * nothing passes while somebody waits for a connection, and a lease that was held for long goes back in any case, so
 * that connections are retired when they are due.
 */

const HELD_MS = 50;

class Passing {
  #engine;
  #leases = [];
  #planned = false;

  /** @param {import('./engine').EnginePool} engine */
  constructor(engine) {
    this.#engine = engine;
  }

  /** Whether the lease of a client that is given back may pass. */
  allows(client, { lease, leasedAt, unsure }) {
    return (
      lease !== 0 &&
      !unsure &&
      client._txStatus === 'I' &&
      client._queue.length === 0 &&
      this.#engine.waiting === 0 &&
      performance.now() - leasedAt < HELD_MS
    );
  }

  /** @param {{ leaseId: number, connId: number, leasedAt: number }} held until the tick ends */
  offer(held) {
    this.#leases.push(held);
    if (this.#planned) return;
    this.#planned = true;
    this.#engine.beforeFlush(() => {
      this.#planned = false;
      this.giveBack();
    });
  }

  /** @returns {{ leaseId: number, connId: number, leasedAt: number } | undefined} */
  take() {
    return this.#leases.pop();
  }

  /** Before a query of the pool's own is asked: it may use one of them, and whoever connects after it comes after it. */
  giveBack() {
    if (this.#leases.length === 0) return;
    for (const { leaseId } of this.#leases.splice(0)) this.#engine.release(leaseId, false);
  }
}

module.exports = { Passing };
