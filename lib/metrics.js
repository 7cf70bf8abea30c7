'use strict';

/*
 * A pool's figures in the contract's shape. There is one node as long as there are no replicas; its breaker is always
 * closed, its lag unknown, and no slow queries are kept.
 */

const STATES = ['open', 'draining', 'closed'];

const pick = (stats, names) => Object.fromEntries(names.map((name) => [name, stats[name]]));

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
    breaker: { state: 'CLOSED', failures: 0, opened: 0, rejected: 0, lastFailureTime: null },
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

module.exports = { healthOf, metricsOf };
