/* retry.c: what is tried again, and when: what is known not to have happened, and what does no harm when it happens twice. */
#include "internal.h"

/* Nothing was sent. But a server that has refused a password or knows no such database will do so again: of what a server can
 * say, only its having trouble (of the link, of resources, of its operator's, of its system) may pass. */
static bool may_open_later(const keel__failure *why) {
  static const char *const passing[] = {"08", "53", "57", "58", NULL};
  return why->sqlstate[0] == 0 || keel__is_sqlstate_of(why->sqlstate, passing);
}

static bool left_no_trace(const keel__failure *why) {
  static const char *const codes[] = {"40001", "40P01", NULL};
  return !why->nested && why->outcome != KEEL_OUTCOME_UNKNOWN && keel__is_sqlstate_of(why->sqlstate, codes);
}

/* What a holder runs is his to repeat: he alone knows what came before it in his transaction. */
static bool may_repeat(const keel__request *request, const keel__failure *why) {
  if (request->flags & KEEL_Q_ONCE) return false;
  if (why->code == KEEL_CONNECT_FAILED || why->code == KEEL_CONNECT_TIMEOUT) return may_open_later(why);
  if (!keel__request_is_lone(request) || request->delivered) return false;
  if (why->code == KEEL_CONNECTION_LOST) return request->reads || request->flags & KEEL_Q_IDEMPOTENT;
  return why->code == KEEL_SERVER && left_no_trace(why);
}

static keel__time limit_of(const keel__pool *pool, const keel__request *request) {
  keel__time limit = keel__request_wait_limit(pool, request);
  return keel__timer_is_set(&pool->drain_timer) ? keel__time_sooner(limit, pool->drain_timer.due) : limit;
}

/* Full jitter, so that those who failed together do not come back together. */
static keel__time pause_of(keel__pool *pool, uint32_t retries) {
  keel__time longest = pool->config.retry_delay, limit = pool->config.retry_max_delay;
  for (; retries > 0 && longest > 0 && longest < limit; retries--) longest *= 2;
  return keel__rng_below(&pool->rng, keel__time_sooner(longest, limit) + 1);
}

/* Of the attempt that has failed; what an earlier one may have done does not go away. */
static keel_outcome outcome_of(const keel__request *request, const keel__failure *why) {
  if (request->uncertain) return KEEL_OUTCOME_UNKNOWN;
  return why->outcome == KEEL_OUTCOME_NONE ? KEEL_ROLLED_BACK : why->outcome;
}

bool keel__retry(keel__pool *pool, keel__request *request, const keel__failure *why, keel__time now) {
  if (request->retries >= pool->config.max_retries || !may_repeat(request, why)) return false;
  /* It would be refused: better it hears what it has come to. */
  if (keel__breaker_refuses(pool)) return false;
  keel__time pause = pause_of(pool, request->retries);
  keel__time due = keel__time_after(now, pause);
  keel__failure told = *why;
  told.outcome = outcome_of(request, why);
  if (due >= limit_of(pool, request) || !pool->ops->retry(pool->io, request, pause, &told)) return false;
  request->retries++;
  request->replanned = false;
  if (why->code == KEEL_CONNECTION_LOST && !request->reads) request->uncertain = true;
  keel__request_set_state(pool, request, KEEL__REQ_RETRY_WAIT);
  request->conn = NULL;
  keel__heap_set(&pool->timers, &request->timer, due);
  return true;
}

void keel__retry_due(keel__pool *pool, keel__request *request, keel__time now) {
  if (request->kind == KEEL_QUERY) pool->counters.retried++;
  request->queued = now;
  keel__request_queue(pool, request);
}

void keel__retry_lost(keel__conn *conn, const keel__failure *why, keel__time now) {
  keel__failure lost = *why;
  lost.code = KEEL_CONNECTION_LOST;
  lost.outcome = KEEL_OUTCOME_UNKNOWN;
  keel__link *next = keel__list_first(&conn->in_flight);
  while (next) {
    keel__request *request = keel__request_of(next);
    next = keel__list_next(&conn->in_flight, next);
    if (request->state == KEEL__REQ_SENT) keel__retry(conn->pool, request, &lost, now);
  }
}
