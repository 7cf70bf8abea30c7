'use strict';

/*
 * A pool's figures in the contract's shape. There is one node as long as there are no replicas; its lag is unknown, and no
 * slow queries are kept.
 */

const { BREAKER_STATES } = require('./decode');

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
  return {
    name: node,
    role: 'primary',
    host,
    port,
    healthy: stats.healthy === 1,
    lastCheck: stats.lastCheck === 0 ? null : Math.floor(stats.lastCheck),
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

async function healthOf(pool) {
  const node = await pool._health.check();
  return { healthy: node.healthy, state: STATES[pool._engine.counts().state], nodes: [node] };
}

module.exports = { breakerStateOf, healthOf, metricsOf };
