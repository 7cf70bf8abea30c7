/// <reference types="node" />

import type { Pool, PoolEndOptions } from './index';

/** What a function among the targets of {@link installShutdownHandlers} is told. */
export interface ShutdownInfo {
  /** The signal that came. */
  signal: NodeJS.Signals;
  /** Milliseconds that are left of `timeout`; `undefined`: it is not limited. */
  timeout: number | undefined;
}

/**
 * What is to be ended: a pool, what `createDatabase()` gives, or a function (which may be its `close`), such as
 * `() => server.close()` of a framework whose `close()` gives a promise.
 */
export type ShutdownTarget =
  Pool | { db: object; close(options?: PoolEndOptions): Promise<void> } | ((info: ShutdownInfo) => unknown);

export interface ShutdownOptions {
  /** Default `['SIGTERM', 'SIGINT']`. */
  signals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Milliseconds for all targets together. When they are over, running statements are cancelled, connections are closed, and
   * functions are not waited for any longer. Default: each pool's `drainTimeout`, functions as long as they take.
   */
  timeout?: number | undefined;
  /**
   * How the process ends when all targets have: `'signal'` (the default) by the signal itself, so that whoever started it
   * sees which one it was (where something else listens for that signal: with exit code 128 and the signal's number, as
   * a shell would tell it); a number: with that exit code, or 1 instead of 0 when a target failed; `false`: not by us.
   */
  exit?: 'signal' | number | false | undefined;
}

/**
 * At the first of the signals ends the targets, one after the other, in the order given, and then the process; at a second one
 * ends the process at once. A target that fails is reported as a warning (`KEEL_SHUTDOWN`), and the next one follows. Nothing
 * in this package listens for signals unless this is called.
 *
 * @returns a function that takes the handlers away again
 * @example
 * installShutdownHandlers([() => app.close(), database]); // requests first, then what they need
 *
 * @throws `KeelError` `KEEL_CONFIG` for a wrong target or option; `KEEL_MISUSE` in a worker thread, which gets no signals
 */
export function installShutdownHandlers(
  target: ShutdownTarget | readonly ShutdownTarget[],
  options?: ShutdownOptions,
): () => void;
