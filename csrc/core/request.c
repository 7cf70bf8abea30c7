/* request.c: one request's way from submission to its one settlement. */
#include "internal.h"

#define BIT(state) (1u << KEEL__REQ_##state)

/* clang-format off */
static const unsigned legal[] = {
    [KEEL__REQ_NEW] = BIT(QUEUED) | BIT(DONE),
    [KEEL__REQ_QUEUED] = BIT(SENT) | BIT(RETRY_WAIT) | BIT(DONE),
    [KEEL__REQ_SENT] = BIT(QUEUED) | BIT(CANCELLING) | BIT(RETRY_WAIT) | BIT(IN_DOUBT) | BIT(DONE),
    [KEEL__REQ_CANCELLING] = BIT(DONE),
    [KEEL__REQ_RETRY_WAIT] = BIT(QUEUED) | BIT(DONE),
    [KEEL__REQ_IN_DOUBT] = BIT(DONE),
    [KEEL__REQ_DONE] = 0,
};
/* clang-format on */

static keel__list *list_of(keel__pool *pool, keel__request *request, keel__req_state state) {
  switch (state) {
    case KEEL__REQ_QUEUED:
      return request->lease ? &request->conn->lease_queue : &pool->queue;
    case KEEL__REQ_SENT:
    case KEEL__REQ_CANCELLING:
      return &request->conn->in_flight;
    case KEEL__REQ_RETRY_WAIT:
      return &pool->retrying;
    case KEEL__REQ_IN_DOUBT:
      return &pool->in_doubt;
    default:
      return NULL;
  }
}

void keel__request_set_state(keel__pool *pool, keel__request *request, keel__req_state state) {
  assert(legal[request->state] & (1u << state));
  keel__list *from = list_of(pool, request, request->state);
  keel__list *to = list_of(pool, request, state);
  if (from != to) {
    if (from) keel__list_remove(from, &request->link);
    /* One that comes back from the wire, or from a pause, was here before all those that wait. */
    if (to && state == KEEL__REQ_QUEUED && request->state != KEEL__REQ_NEW)
      keel__list_push_front(to, &request->link);
    else if (to)
      keel__list_push_back(to, &request->link);
  }
  request->state = state;
}

static uint64_t *counter_of(keel__counters *counters, const keel__failure *failure) {
  if (!failure) return &counters->succeeded;
  switch (failure->code) {
    case KEEL_QUERY_TIMEOUT:
    case KEEL_ACQUIRE_TIMEOUT:
      return &counters->timed_out;
    case KEEL_ABORTED:
      return &counters->cancelled;
    case KEEL_QUEUE_FULL:
    case KEEL_BREAKER_OPEN:
      return &counters->rejected;
    case KEEL_POOL_CLOSED:
      return failure->outcome == KEEL_OUTCOME_UNKNOWN ? &counters->failed : &counters->rejected;
    default:
      return &counters->failed;
  }
}

void keel__request_settle(keel__pool *pool, keel__request *request, const keel__failure *failure) {
  keel__failure known;
  assert(!request->settled);
  request->settled = true;
  /* Whatever became of it this time. */
  if (failure && request->uncertain) {
    known = *failure;
    known.outcome = KEEL_OUTCOME_UNKNOWN;
    failure = &known;
  }
  keel__heap_remove(&pool->timers, &request->timer);
  if (request->kind == KEEL_QUERY) ++*counter_of(&pool->counters, failure);
  pool->ops->settle(pool->io, request, failure);
}

void keel__request_end(keel__pool *pool, keel__request *request) {
  assert(request->settled);
  keel__request_set_state(pool, request, KEEL__REQ_DONE);
  keel__list_remove(&pool->requests, &request->registry);
  keel__heap_unreserve(&pool->timers);
  pool->ops->forget(pool->io, request);
}

/* A request that waits was never sent, or was sent and is known to have left no trace, unless it is one that may do so twice. */
keel_outcome keel__request_waiting_outcome(const keel__request *request) {
  if (request->uncertain) return KEEL_OUTCOME_UNKNOWN;
  return request->attempts > 0 ? KEEL_ROLLED_BACK : KEEL_NOT_SENT;
}

void keel__request_refuse(keel__pool *pool, keel__request *request, const keel__failure *why) {
  keel__failure failure = *why;
  failure.outcome = keel__request_waiting_outcome(request);
  keel__request_settle(pool, request, &failure);
  keel__request_end(pool, request);
}

void keel__request_give_up(keel__pool *pool, keel__request *request, keel_code code, keel__time now) {
  keel__failure failure = keel__failure_of(code, KEEL_OUTCOME_UNKNOWN);
  request->aborted = code == KEEL_ABORTED;
  if (request->state == KEEL__REQ_QUEUED || request->state == KEEL__REQ_RETRY_WAIT) {
    keel__request_refuse(pool, request, &failure);
    return;
  }
  if (request->state == KEEL__REQ_IN_DOUBT) {
    keel__doubt_give_up(pool, request, code);
    return;
  }
  keel__request_settle(pool, request, &failure);
  keel__request_set_state(pool, request, KEEL__REQ_CANCELLING);
  request->conn->given_up++;
  keel__conn_next(request->conn, now);
}

/* How long it may wait for a connection. What was sent already has waited its turn. */
static keel__time acquire_deadline(const keel__pool *pool, const keel__request *request) {
  if (!keel__request_is_lone(request) || request->attempts > 0) return KEEL__NEVER;
  return keel__time_after(request->submitted, pool->config.acquire_timeout);
}

keel__time keel__request_wait_limit(const keel__pool *pool, const keel__request *request) {
  return keel__time_sooner(acquire_deadline(pool, request), request->deadline);
}

void keel__request_queue(keel__pool *pool, keel__request *request) {
  keel__request_set_state(pool, request, KEEL__REQ_QUEUED);
  if (request->lease == 0) request->conn = NULL;
  keel__heap_set(&pool->timers, &request->timer, keel__request_wait_limit(pool, request));
}

void keel__request_expire(keel__pool *pool, keel__request *request, keel__time now) {
  if (request->state == KEEL__REQ_IN_DOUBT) {
    keel__doubt_expire(pool, request, now);
    return;
  }
  if (request->state == KEEL__REQ_RETRY_WAIT && now < keel__request_wait_limit(pool, request)) {
    keel__retry_due(pool, request, now);
    return;
  }
  bool waits = request->state == KEEL__REQ_QUEUED || request->state == KEEL__REQ_RETRY_WAIT;
  bool waited_too_long =
      request->kind == KEEL_ACQUIRE || (waits && acquire_deadline(pool, request) < request->deadline);
  keel__request_give_up(pool, request, waited_too_long ? KEEL_ACQUIRE_TIMEOUT : KEEL_QUERY_TIMEOUT, now);
}
