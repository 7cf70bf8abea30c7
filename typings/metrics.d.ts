/** A snapshot of a pool. All counters since the pool was opened; all times in milliseconds. */
export interface PoolMetrics {
  name: string;
  state: 'open' | 'draining' | 'closed';
  queries: {
    started: number;
    succeeded: number;
    failed: number;
    /** Attempts after the first. */
    retried: number;
    timedOut: number;
    cancelled: number;
    /** Refused without being tried: queue full, breaker open, pool closed. */
    rejected: number;
    /** Slower than `slowQueryThreshold`. */
    slow: number;
    running: number;
  };
  latency: {
    /** From submission to settlement. */
    total: Summary;
    /** Waiting for a connection. */
    queue: Summary;
    /** From sent to the last byte. */
    server: Summary;
    /** From the last byte to JavaScript. */
    delivery: Summary;
  };
  /** The primary first. */
  nodes: NodeMetrics[];
  /** Newest first; parameters are left out. */
  slowQueries: SlowQuery[];
}

/** A distribution of durations in milliseconds; all 0 while `count` is 0. */
export interface Summary {
  count: number;
  min: number;
  max: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
}

export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';
export type NodeRole = 'primary' | 'replica' | 'unknown';

export interface NodeMetrics {
  name: string;
  role: NodeRole;
  host: string;
  port: number;
  healthy: boolean;
  /** When the node was last checked: milliseconds since 1970. `null`: not yet. */
  lastCheck: number | null;
  breaker: {
    state: BreakerState;
    /** In a row, up to now. */
    failures: number;
    /** How many times it has opened; a probe that fails is part of the same time. */
    opened: number;
    /** Queries, and requests for a client, that it has refused. */
    rejected: number;
    /** When the last failure was that counts, in milliseconds since 1970. `null`: there was none. */
    lastFailureTime: number | null;
  };
  connections: {
    total: number;
    idle: number;
    active: number;
    connecting: number;
    waiting: number;
    min: number;
    max: number;
    created: number;
    closed: number;
    failed: number;
    /** `active / max`, from 0 to 1. */
    utilization: number;
  };
  queries: { started: number; succeeded: number; failed: number };
  /** How far a replica is behind; `null` where it is not known. */
  lag: { bytes: number | null; ms: number | null };
}

/** A query slower than `slowQueryThreshold`. Holds the statement's text and no parameter. */
export interface SlowQuery {
  text: string;
  /** The same for all statements that differ in literals only. */
  fingerprint: string;
  durationMs: number;
  queueMs: number;
  serverMs: number;
  deliveryMs: number;
  rows: number;
  node: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** One node's health: event `health`, and the members of {@link PoolHealth.nodes}. */
export interface NodeHealth {
  node: string;
  healthy: boolean;
  role?: NodeRole | undefined;
  /**
   * How long the check took in milliseconds; `null` when it failed, or when it needed no round trip of its own because others
   * had just been answered.
   */
  latencyMs?: number | null | undefined;
  /** Why it failed. */
  error?: Error | undefined;
}

export interface PoolHealth {
  /** The primary can be reached. */
  healthy: boolean;
  state: PoolMetrics['state'];
  nodes: NodeHealth[];
}

/** Event `breaker`: a node's circuit breaker changed its state. */
export interface BreakerEvent {
  node: string;
  from: BreakerState;
  to: BreakerState;
  /** In words: `5 failures in a row`, `12 of 20 calls failed`, `the probe failed`, `forced open`, ... */
  reason: string;
}

/** A node's circuit breaker in your hands. Clients that are out are not concerned. */
export interface Breaker {
  /** Refuses all that would need another connection, without probes, until `close()` or `reset()`. */
  open(): void;
  /** Closes it and forgets what was counted; from now on it works by itself, where it is on. */
  close(): void;
  /** The same. */
  reset(): void;
  readonly state: BreakerState;
}

/** Event `retry`: a request, or a transaction of Drizzle's, is tried again after `delay` milliseconds. */
export interface RetryEvent {
  node: string;
  /** The number of the attempt that comes, 2 for the first retry. */
  attempt: number;
  delay: number;
  /** Of the attempt before. */
  error: Error;
}

/** Event `failover`: writes go to another node from now on. */
export interface FailoverEvent {
  from: string;
  to: string;
}

/**
 * Event `leak`: a client is held longer than `leakDetectionThreshold`, or the rows of a stream of the pool wait for so long that
 * nobody takes one. Once for each; with no listener it is a warning of the process (`KEEL_LEAK`), once for each place.
 */
export interface LeakEvent {
  heldMs: number;
  /** A title and the frames that took it, the application's first. */
  stack: string;
}
