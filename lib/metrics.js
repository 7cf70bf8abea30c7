'use strict';

/*
 * A pool's figures in the contract's shape. There is one node as long as there are no replicas; its lag is unknown, and no
 * slow queries are kept.
 */

const { BREAKER_STATES } = require('./decode');

const CHECK_TIMEOUT_MS = 5000;
const STATES = ['open', 'draining', 'closed'];

const pick = (stats, names) => Object.fromEntries(names.map((name) => [name, stats[name]]));

const breakerStateOf = (stats) => BREAKER_STATES[stats.breakerState];

function breakerMetrics(stats) {
  const { breakerLastFailure } = stats;
  return {
    state: breakerStateOf(stats),
    failures: stats.breakerFailures,
    opened: stats.breakerOpened,
    rejected: stats.breakerRejected,
    lastFailureTime: breakerLastFailure === 0 ? null : Math.round(breakerLastFailure),
  };
}

function nodeMetrics(pool, stats) {
  const { host, port, node } = pool._where;
  const { started, succeeded, failed, connectFailed, active, max } = stats;
  const check = pool._lastCheck;
  return {
    name: node,
    role: 'primary',
    host,
    port,
    healthy: check === null ? true : check.healthy,
    lastCheck: check === null ? null : check.at,
    breaker: breakerMetrics(stats),
    connections: {
      ...pick(stats, ['total', 'idle', 'active', 'connecting', 'waiting', 'min', 'max', 'created', 'closed']),
      failed: connectFailed,
      utilization: max > 0 ? active / max : 0,
    },
    queries: { started, succeeded, failed },
    lag: { bytes: null, ms: null },
  };
}

function metricsOf(pool) {
  const stats = pool._engine.stats();
  return {
    name: pool.options.name ?? 'pool',
    state: STATES[stats.state],
    queries: pick(stats, [
      ...[
        'started',
        'succeeded',
        'failed',
        'retried',
        'timedOut',
        'cancelled',
        'rejected',
        'slow',
        'running',
      ],
    ]),
    latency: {
      total: stats.latencyTotal,
      queue: stats.latencyQueue,
      server: stats.latencyServer,
      delivery: stats.latencyDelivery,
    },
    nodes: [nodeMetrics(pool, stats)],
    slowQueries: [],
  };
}

/** Asks the server for something that costs it nothing, within the time that a connection may take. */
async function checkHealth(pool) {
  const start = performance.now();
  let error;
  try {
    const allowed = Number(pool.options.connectionTimeoutMillis) || CHECK_TIMEOUT_MS;
    await pool.query({ text: 'SELECT 1', timeout: allowed });
  } catch (failure) {
    error = failure;
  }
  const healthy = error === undefined;
  pool._lastCheck = { healthy, at: Date.now() };
  const latencyMs = healthy ? performance.now() - start : null;
  const node = { node: pool._where.node, healthy, role: 'primary', latencyMs };
  if (!healthy) node.error = error;
  return { healthy, state: STATES[pool._engine.stats().state], nodes: [node] };
}

module.exports = { breakerStateOf, checkHealth, metricsOf };
