'use strict';

/*
 * SIGTERM and SIGINT as an orderly end: what is under way finishes, connections are closed, and then the process ends as the
 * signal would have ended it. Nothing is installed unless somebody asks for it.
 */

const os = require('os');
const { isMainThread } = require('worker_threads');
const { CODES, KeelError } = require('./errors');

const MAX_MS = 2 ** 31 - 1;
const DEFAULT_SIGNALS = ['SIGTERM', 'SIGINT'];
const CANNOT_BE_HANDLED = ['SIGKILL', 'SIGSTOP'];
// What a pool needs to close its connections once its time is over.
const GRACE_MS = 500;
const EXIT_CODE_OF_SIGNALS = 128; // a shell's: and the signal's number
const BY_SIGNAL_MS = 1000;

function refuse(option, accepted) {
  throw new KeelError(CODES.CONFIG, `${option}: accepted is ${accepted}`, { option });
}

const isWhole = (value, high) => Number.isInteger(value) && value >= 0 && value <= high;

function checkOptions({ signals, timeout, exit }) {
  const known = (name) => Object.hasOwn(os.constants.signals, name) && !CANNOT_BE_HANDLED.includes(name);
  if (!Array.isArray(signals) || signals.length === 0 || !signals.every(known))
    refuse('signals', "names of signals, such as ['SIGTERM', 'SIGINT']");
  if (timeout !== undefined && !isWhole(timeout, MAX_MS))
    refuse('timeout', `a whole number of milliseconds from 0 to ${MAX_MS}`);
  if (exit !== 'signal' && exit !== false && !isWhole(exit, 255))
    refuse('exit', "'signal', false, or an exit code from 0 to 255");
}

/** How to end one target: a function of `{ signal, timeout }`, which may give a promise. */
function endOf(target) {
  if (typeof target === 'function') return target;
  // A pool, and each of its views.
  if (typeof target?._endOrJoin === 'function') return ({ timeout }) => target._endOrJoin({ timeout });
  if (target?.db !== undefined && typeof target.close === 'function')
    return ({ timeout }) => target.close({ timeout });
  // Not whatever has a method close(): that of a server of node:http gives no promise to wait for.
  return refuse('target', 'a pool, what createDatabase() gives, a function, or an array of these');
}

/** Waits for `work`, but no longer than the time allowed, if it is limited. */
async function within(allowedMs, work) {
  if (allowedMs === undefined) return work;
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(reject, allowedMs + GRACE_MS, new Error('its time was over'));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Several may drain at once, each its own targets: the process is the last one's to end.
const draining = new Set();

class Shutdown {
  #ends;
  #options;
  #begun = false;
  #failed = false;

  constructor(ends, options) {
    this.#ends = ends;
    this.#options = options;
    for (const signal of options.signals) process.on(signal, this.#hear);
  }

  uninstall() {
    for (const signal of this.#options.signals) process.removeListener(signal, this.#hear);
  }

  // Whoever asks a second time will not wait.
  #hear = (signal) => {
    if (this.#begun) {
      this.uninstall();
      endProcess(signal);
      return;
    }
    this.#begun = true;
    void this.#drain(signal);
  };

  async #drain(signal) {
    const { timeout } = this.#options;
    draining.add(this);
    const end = timeout === undefined ? undefined : performance.now() + timeout;
    for (const endOne of this.#ends) {
      const left = end === undefined ? undefined : Math.max(0, Math.round(end - performance.now()));
      try {
        await within(left, endOne({ signal, timeout: left }));
      } catch (error) {
        this.#failed = true;
        warn(error);
      }
    }
    // Warnings are printed a tick later.
    setImmediate(() => this.#finish(signal));
  }

  #finish(signal) {
    const { exit } = this.#options;
    this.uninstall();
    draining.delete(this);
    if (draining.size > 0) return;
    if (exit === 'signal') endProcess(signal);
    else if (exit !== false) process.exit(this.#failed && exit === 0 ? 1 : exit);
    else if (this.#failed) process.exitCode ??= 1;
  }
}

function warn(error) {
  const text = `shutting down: ${error?.message ?? error}`;
  process.emitWarning(text, { code: 'KEEL_SHUTDOWN', detail: error?.stack });
}

/** As if nobody had listened for the signal: whoever has started this process sees which one it was. */
function endProcess(signal) {
  const code = EXIT_CODE_OF_SIGNALS + os.constants.signals[signal];
  // Another listener keeps the signal from ending the process, and has heard it once already.
  if (process.listenerCount(signal) > 0) process.exit(code);
  process.kill(process.pid, signal);
  // There are signals that end no process by themselves.
  setTimeout(() => process.exit(code), BY_SIGNAL_MS);
}

/**
 * Ends `target` at the first of the signals and the process after it; see the typings.
 * @param {object | Function | Array<object | Function>} target pools, databases of createDatabase(), functions; one after
 *   the other
 * @param {{ signals?: string[], timeout?: number, exit?: 'signal' | number | false }} [options]
 * @returns {() => void} takes the handlers away again
 */
function installShutdownHandlers(target, options = {}) {
  const { signals = DEFAULT_SIGNALS, timeout, exit = 'signal' } = options;
  checkOptions({ signals, timeout, exit });
  const ends = [target].flat().map(endOf);
  if (!isMainThread) throw new KeelError(CODES.MISUSE, 'signals reach the main thread only');
  const shutdown = new Shutdown(ends, { signals: [...new Set(signals)], timeout, exit });
  return () => shutdown.uninstall();
}

module.exports = { installShutdownHandlers };
