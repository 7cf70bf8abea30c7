/* overload.c: how fast the queue moves, and whom it is too slow for. */
#include "overload.h"

#include "internal.h"

/* No connection is idle, none is on its way, and there is no room for another. */
static bool is_saturated(const keel__pool *pool) {
  return pool->conn_total >= pool->config.max && pool->setup_leases == 0 &&
         pool->conns[KEEL__CONN_IDLE].count == 0 && keel__pool_opening(pool) == 0;
}

void keel__overload_took(keel__pool *pool, const keel__request *request, keel__time now) {
  keel__overload *overload = &pool->overload;
  keel__time since = overload->last > request->queued ? overload->last : request->queued;
  if (!pool->config.shed || request->queued >= now) return;
  overload->last = now;
  /* Who waited for a connection to be opened, or was sent before, tells nothing. */
  if (pool->conn_total < pool->config.max || request->attempts > 0 || keel__pool_opening(pool) > 0) return;
  overload->busy += now - since;
  overload->taken++;
  if (overload->taken < 2 * KEEL__OVERLOAD_MEMORY) return;
  overload->taken /= 2;
  overload->busy /= 2;
}

/* Half of what there is at most: an estimate that is too high must not shut out for ever what would correct it. */
static keel__time needed(const keel__pool *pool, const keel__request *request, keel__time left) {
  keel__time need = 0;
  if (!keel__estimates_need(&pool->estimates, request->text, &need)) return 0;
  return keel__time_sooner(need, left / 2);
}

/* A burst may use all of the time there is. When the one whose turn it is has waited for most of it himself, more comes than
 * goes: then a part is kept back, or everybody would be served at the last moment, and half of them after it. */
static keel__time bearable(const keel__pool *pool, keel__time time, keel__time now) {
  const keel__request *head = keel__request_of(keel__list_first(&pool->queue));
  keel__time most = time - time / KEEL__OVERLOAD_SPARE;
  return head->attempts == 0 && now - head->submitted > most ? most : time;
}

bool keel__overload_is_late(const keel__pool *pool, keel__request *request, keel__time now) {
  const keel__overload *overload = &pool->overload;
  keel__time end = request->timer.due;
  if (!pool->config.shed || pool->queue.count < 2 || !keel__timer_is_set(&request->timer)) return false;
  if (overload->taken < KEEL__OVERLOAD_LEAST || !is_saturated(pool)) return false;
  if (request->kind == KEEL_QUERY && request->deadline != KEEL__NEVER) {
    keel__time begin = request->deadline - needed(pool, request, request->deadline - now);
    if (begin < end) end = begin;
  }
  keel__time wait = (keel__time)((double)overload->busy / overload->taken * pool->queue.count);
  if (end > now && wait <= bearable(pool, end - now, now)) return false;
  request->expected = wait;
  return true;
}

bool keel__overload_is_hopeless(const keel__pool *pool, keel__request *request, const keel__conn *conn,
                                keel__time now) {
  keel__time need = 0;
  if (pool->queue.count < 2 || !pool->config.shed || request->deadline == KEEL__NEVER) return false;
  if (request->kind != KEEL_QUERY || request->attempts > 0) return false;
  keel__time left = request->deadline > now ? request->deadline - now : 0;
  /* With more than half of his time left he has not waited for long. */
  if (left > (request->deadline - request->submitted) / 2) return false;
  if (!keel__estimates_need(&pool->estimates, request->text, &need)) return false;
  if (conn->round_trip != KEEL__NEVER) need += conn->round_trip;
  need += conn->backlog;
  if (left >= need) return false;
  request->expected = need;
  return true;
}
