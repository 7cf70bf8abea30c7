'use strict';

/*
 * Clients that are out for longer than `leakDetectionThreshold`, and streams whose rows nobody takes for so long. Each is
 * reported once, with the place that took it. One timer serves a pool: all are allowed the same time, so that whoever was
 * taken first is due first.
 */

const path = require('path');
const { captureSite } = require('./caller');
const { emitSafely } = require('./statement');

// Between the application and us may be Drizzle, or a query builder.
const FRAMES = 24;
const OURS = path.join(__dirname, path.sep);

const NATIVE = /[( ]node:|\(<anonymous>\)$/;
const isForeign = (frame) => /^\s+at /.test(frame) && !frame.includes(OURS) && !NATIVE.test(frame);
const isPackage = (frame) => /[\\/]node_modules[\\/]/.test(frame);

/** The frames of a site, the application's first: packages that it was called through are left out. */
function framesOf(site) {
  const frames = String(site.stack).split('\n').filter(isForeign);
  const first = frames.findIndex((frame) => !isPackage(frame));
  return frames.slice(Math.max(first, 0));
}

/**
 * @typedef {object} Held
 * @property {number} since
 * @property {{ stack?: string }} site where it was taken
 * @property {(() => boolean) | undefined} moves whether it was made use of since the last call
 */

class Leaks {
  #pool;
  #allowedMs;
  /** In the order in which they are due. @type {Set<Held>} */
  #held = new Set();
  #timer;
  #warned = new Set();

  constructor(pool, allowedMs) {
    this.#pool = pool;
    this.#allowedMs = allowedMs;
  }

  /** Where the call of `entry` came from. */
  siteOf(entry) {
    return captureSite(entry, FRAMES);
  }

  /** @param {{ stack?: string }} site @param {() => boolean} [moves] @returns {Held} for end() */
  begin(site, moves) {
    const held = { since: performance.now(), site, moves };
    this.#held.add(held);
    if (this.#timer === undefined) this.#lookIn(this.#allowedMs);
    return held;
  }

  /** It came back. */
  end(held) {
    this.#held.delete(held);
  }

  /** The pool is closed: nothing is out any more. */
  close() {
    this.#held.clear();
    clearTimeout(this.#timer);
  }

  #lookIn(ms) {
    this.#timer = setTimeout(() => this.#look(), ms);
    this.#timer.unref();
  }

  #look() {
    this.#timer = undefined;
    const now = performance.now();
    for (const held of this.#held) {
      const left = held.since + this.#allowedMs - now;
      // A timer counts whole milliseconds and may be early by a part of one.
      if (left > 0) return this.#lookIn(Math.ceil(left));
      this.#held.delete(held);
      if (held.moves?.()) this.#held.add(Object.assign(held, { since: now }));
      else this.#report(held, now);
    }
    return undefined;
  }

  #report({ since, site }, now) {
    const frames = framesOf(site);
    const title = `Error: a client is held for longer than ${this.#allowedMs} ms; it was taken here`;
    const leak = { heldMs: now - since, stack: [title, ...frames].join('\n') };
    if (this.#pool.listenerCount('leak') > 0) emitSafely(this.#pool, 'leak', leak);
    else this.#warn(leak.stack, frames[0] ?? '');
  }

  // Somebody has asked for it by the option. Once for each place: one that leaks does so again and again.
  #warn(stack, place) {
    if (this.#warned.has(place)) return;
    this.#warned.add(place);
    process.emitWarning(stack.replace(/^Error: /, ''), { type: 'LeakWarning', code: 'KEEL_LEAK' });
  }
}

/** @returns {Leaks | undefined} undefined: nobody asks for it, and nothing is to be done for it */
function leaksOf(pool) {
  const allowedMs = Number(pool.options.leakDetectionThreshold ?? 0);
  return allowedMs > 0 ? new Leaks(pool, allowedMs) : undefined;
}

module.exports = { leaksOf };
