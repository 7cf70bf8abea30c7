/* engine_stats.c: a pool's figures, for other threads. */
#include <string.h>

#include "engine.h"

static uint32_t count_states(const keel__pool *pool, keel__conn_state first, keel__conn_state last) {
  uint32_t count = 0;
  for (int state = (int)first; state <= (int)last; state++)
    count += keel__pool_count(pool, (keel__conn_state)state);
  return count;
}

static void copy_reasons(const uint64_t closed_for[], keel_pool_stats *stats) {
  stats->closed_lost = (double)closed_for[KEEL__CLOSE_LOST];
  stats->closed_idle = (double)closed_for[KEEL__CLOSE_IDLE_TIMEOUT];
  stats->closed_retired = (double)(closed_for[KEEL__CLOSE_LIFETIME] + closed_for[KEEL__CLOSE_MAX_USES]);
  stats->closed_released = (double)closed_for[KEEL__CLOSE_DESTROYED];
  stats->closed_unclean = (double)closed_for[KEEL__CLOSE_RESET_FAILED];
  stats->closed_silent = (double)closed_for[KEEL__CLOSE_CANCEL_SILENT];
}

static void copy_counters(const keel__pool *pool, keel_pool_stats *stats) {
  const keel__counters *counters = &pool->counters;
  stats->started = (double)counters->started;
  stats->succeeded = (double)counters->succeeded;
  stats->failed = (double)counters->failed;
  stats->retried = (double)counters->retried;
  stats->timed_out = (double)counters->timed_out;
  stats->cancelled = (double)counters->cancelled;
  stats->rejected = (double)counters->rejected;
  stats->slow = (double)counters->slow;
  stats->running = stats->started - stats->succeeded - stats->failed - stats->timed_out - stats->cancelled -
                   stats->rejected;
  stats->created = (double)counters->created;
  stats->closed = (double)counters->closed;
  stats->connect_failed = (double)counters->connect_failed;
  stats->resets = (double)counters->resets;
  copy_reasons(counters->closed_for, stats);
}

/* The engine's clock counts from somewhere. */
static double since_1970(keel__time at) {
  uv_timeval64_t now;
  if (at == KEEL__NEVER || uv_gettimeofday(&now) != 0) return 0;
  double ago = (double)(keel__now() - at) / 1000;
  return (double)now.tv_sec * 1000 + (double)now.tv_usec / 1000 - ago;
}

static void copy_breaker(const keel__breaker *breaker, keel_pool_stats *stats) {
  stats->breaker_state = breaker->state;
  stats->breaker_failures = breaker->failures;
  stats->breaker_opened = (double)breaker->opened;
  stats->breaker_rejected = (double)breaker->rejected;
  stats->breaker_last_failure = since_1970(breaker->last_failure);
}

static void copy_gauges(const keel__pool *pool, keel_pool_stats *stats) {
  stats->state = (int)pool->state;
  stats->total = pool->conn_total;
  stats->idle = count_states(pool, KEEL__CONN_IDLE, KEEL__CONN_CHECKING);
  stats->active = count_states(pool, KEEL__CONN_BUSY, KEEL__CONN_DRAINING);
  stats->connecting = count_states(pool, KEEL__CONN_ASKING, KEEL__CONN_STARTING);
  stats->waiting = pool->queue.count + pool->retrying.count;
  stats->min = pool->config.min;
  stats->max = pool->config.max;
}

static void copy_health(const keel_pool *pool, keel_pool_stats *stats) {
  stats->healthy = pool->unwell ? 0 : 1;
  stats->last_check = pool->checked_at;
}

/* The histograms are copied out of the lock's reach in time that does not depend on what is in them. */
static void copy_latency(keel_pool *pool, keel_pool_stats *stats) {
  keel__state_lock(pool->engine);
  keel__hist_summary(&pool->core.latency_queue, &stats->latency_queue);
  keel__hist_summary(&pool->core.latency_server, &stats->latency_server);
  keel__state_unlock(pool->engine);
  uv_mutex_lock(&pool->delivery.lock);
  keel__hist_summary(&pool->delivery.total, &stats->latency_total);
  keel__hist_summary(&pool->delivery.delivery, &stats->latency_delivery);
  uv_mutex_unlock(&pool->delivery.lock);
}

void keel_pool_stats_read(keel_pool *pool, keel_pool_stats *stats) {
  keel_pool_stats all;
  size_t size = stats->size < sizeof all ? stats->size : sizeof all;
  memset(&all, 0, sizeof all);
  keel__mailbox_await(pool->engine);
  keel__state_lock(pool->engine);
  copy_counters(&pool->core, &all);
  copy_gauges(&pool->core, &all);
  copy_breaker(&pool->core.breaker, &all);
  copy_health(pool, &all);
  keel__state_unlock(pool->engine);
  /* Quantiles cost a walk through the histograms; who asks for counters and gauges often need not pay for them. */
  if (size > offsetof(keel_pool_stats, latency_total)) copy_latency(pool, &all);
  all.size = stats->size;
  memcpy(stats, &all, size);
}
