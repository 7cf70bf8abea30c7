/* share.c: busy connections that take one more lone statement. */
#include "internal.h"

bool keel__request_may_share(const keel__request *request) {
  return request->shares && !request->alone && keel__request_is_lone(request) &&
         !(request->flags & (KEEL_Q_SIMPLE | KEEL_Q_ALONE));
}

bool keel__share_wanted(const keel__pool *pool, const keel__request *request, uint32_t *cost) {
  if (pool->config.pipeline_depth < 2 || pool->share_off || !keel__request_may_share(request)) return false;
  return keel__estimates_find(&pool->estimates, request->text, cost) && *cost <= KEEL__SHARE_QUICK;
}

/* Since when the server has had nothing else to do there. */
static keel__time head_started(const keel__conn *conn) {
  keel__time sent = keel__conn_head(conn)->sent;
  return conn->last_answer > sent ? conn->last_answer : sent;
}

static bool is_overdue(const keel__conn *conn, keel__time now) {
  return now > head_started(conn) + conn->backlog + KEEL__SHARE_PATIENCE;
}

/* Behind an abandoned statement, or with a cancel on its way, a new one might be hit by a cancel that is not its own. */
static bool has_room(const keel__conn *conn, keel__time now) {
  if (!conn->shared || conn->cancel_sent || conn->given_up > 0 || conn->status != 'I') return false;
  return conn->in_flight.count < conn->pool->config.pipeline_depth && !keel__conn_retired(conn, now) &&
         !is_overdue(conn, now);
}

bool keel__share_is_crowded(const keel__pool *pool) {
  return pool->processors > 0 && pool->conns[KEEL__CONN_BUSY].count >= pool->processors;
}

keel__conn *keel__share_first(const keel__pool *pool, keel__time now) {
  const keel__list *busy = &pool->conns[KEEL__CONN_BUSY];
  for (keel__link *link = keel__list_first(busy); link; link = keel__list_next(busy, link)) {
    keel__conn *conn = keel__conn_of(link);
    if (conn->backlog <= KEEL__SHARE_PACK && has_room(conn, now)) return conn;
  }
  return NULL;
}

keel__conn *keel__share_best(const keel__pool *pool, keel__time now) {
  const keel__list *busy = &pool->conns[KEEL__CONN_BUSY];
  keel__conn *best = NULL;
  for (keel__link *link = keel__list_first(busy); link; link = keel__list_next(busy, link)) {
    keel__conn *conn = keel__conn_of(link);
    if (conn->backlog > KEEL__SHARE_BACKLOG || (best && best->backlog <= conn->backlog)) continue;
    if (has_room(conn, now)) best = conn;
  }
  return best;
}

void keel__share_sent(keel__conn *conn, keel__request *request) {
  uint32_t cost = 0;
  bool shares = keel__share_wanted(conn->pool, request, &cost);
  if (conn->in_flight.count == 0) {
    conn->shared = shares;
    conn->backlog = 0;
  }
  request->sole = conn->in_flight.count == 0;
  request->cost = shares ? cost + 1 : 0; /* nothing is free: a thousand of them are not */
  conn->backlog += request->cost;
}

/* The way there and back is no fault of a statement that found the connection idle. It is never longer than what any of them
 * has taken. */
static keel__time without_the_way(keel__conn *conn, keel__time took) {
  if (conn->round_trip == KEEL__NEVER) return took;
  if (took < conn->round_trip) conn->round_trip = took;
  return took - conn->round_trip;
}

void keel__conn_round_trip(keel__conn *conn, keel__time took) {
  conn->round_trip = took;
}

/* One that was cut short would have taken longer: that it was slow until then is all that can be learned of it, and nothing when
 * it is known to be slower. */
static bool is_news(const keel__pool *pool, const keel__request *request, keel__time took) {
  uint32_t known = 0;
  (void)keel__estimates_find(&pool->estimates, request->text, &known);
  return took > KEEL__SHARE_QUICK && took > known;
}

void keel__share_answered(keel__conn *conn, const keel__request *request, bool whole, keel__time now) {
  keel__time took = now - head_started(conn);
  if (request->sole) took = without_the_way(conn, took);
  conn->backlog -= request->cost;
  conn->last_answer = now;
  if (request->state == KEEL__REQ_CANCELLING) conn->given_up--;
  const keel__pool_config *config = &conn->pool->config;
  if ((whole || is_news(conn->pool, request, took)) && (config->pipeline_depth > 1 || config->shed))
    keel__estimates_record(&conn->pool->estimates, request->text, took);
}

/* ---- a head that holds up those behind it */

void keel__share_watch(keel__conn *conn) {
  if (!conn->shared || conn->in_flight.count < 2 || conn->cancel_sent || keel__timer_is_set(&conn->timer))
    return;
  keel__heap_set(&conn->pool->timers, &conn->timer, keel__time_after(head_started(conn), KEEL__SHARE_STUCK));
}

bool keel__share_is_stuck(const keel__conn *conn, keel__time now) {
  return conn->shared && conn->in_flight.count > 1 && now >= head_started(conn) + KEEL__SHARE_STUCK;
}
