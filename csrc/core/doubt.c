/*
 * doubt.c: COMMITs whose answer was lost with their link. The I/O side knows the transaction's id, so that the server can be
 * asked what became of it, on any other connection and before anybody else is served.
 *
 * Asking goes on until the server has said or the time is over. A failed attempt to connect is no answer, nor is a link that
 * dies while the server is asked.
 */
#include "alloc.h"
#include "internal.h"

#define PAUSE_FIRST 10000u  /* us: a server that is alive has noticed by then that the link is gone */
#define PAUSE_LAST 1000000u /* us */

typedef struct keel__doubt {
  keel__failure loss;
  void *kept;       /* the loss's detail; NULL: none */
  keel__conn *conn; /* where the server is being asked; NULL: nowhere */
  keel__time until;
  keel__time resume; /* not to be asked again before */
  keel__time pause;
} keel__doubt;

/* ---- the end of one */

static void let_go(keel__request *request) {
  keel__doubt *doubt = request->doubt;
  if (doubt->conn) doubt->conn->inquiry = NULL;
  doubt->conn = NULL;
}

void keel__doubt_free(keel__pool *pool, keel__request *request) {
  keel__doubt *doubt = request->doubt;
  if (!doubt) return;
  let_go(request);
  if (doubt->kept) pool->ops->drop(pool->io, doubt->kept);
  keel__free(doubt);
  request->doubt = NULL;
}

static void settle(keel__pool *pool, keel__request *request, const keel__failure *failure) {
  keel__request_settle(pool, request, failure);
  keel__doubt_free(pool, request);
  keel__request_end(pool, request);
}

static void settle_lost(keel__pool *pool, keel__request *request, keel_outcome outcome) {
  keel__failure failure = request->doubt->loss;
  failure.detail = request->doubt->kept;
  failure.outcome = outcome;
  settle(pool, request, &failure);
}

void keel__doubt_give_up(keel__pool *pool, keel__request *request, keel_code code) {
  keel__failure failure = keel__failure_of(code, KEEL_OUTCOME_UNKNOWN);
  settle(pool, request, &failure);
}

void keel__doubts_end(keel__pool *pool) {
  for (keel__request *request; (request = keel__request_of(keel__list_first(&pool->in_doubt))) != NULL;)
    settle_lost(pool, request, KEEL_OUTCOME_UNKNOWN);
}

/* ---- the beginning */

static bool is_in_doubt(const keel__conn *conn, const keel__request *request) {
  const keel__pool *pool = conn->pool;
  return request && request->state == KEEL__REQ_SENT && request->commits && conn->status == 'T' &&
         conn->fate == KEEL__FATE_ASK && pool->config.resolve_commits;
}

void keel__doubt_begin(keel__conn *conn, const keel__failure *loss, keel__time now) {
  keel__pool *pool = conn->pool;
  keel__request *request = keel__conn_head(conn);
  if (!is_in_doubt(conn, request)) return;
  keel__doubt *doubt = keel__alloc(sizeof *doubt);
  if (!doubt) return;
  if (!pool->ops->remember(pool->io, conn, request)) {
    keel__free(doubt);
    return;
  }
  doubt->loss = *loss;
  doubt->loss.code = KEEL_CONNECTION_LOST;
  doubt->kept = pool->ops->keep(pool->io, loss->detail);
  doubt->resume = now;
  doubt->until = request->deadline;
  if (doubt->until == KEEL__NEVER) doubt->until = keel__time_after(now, pool->config.resolve_timeout);
  request->doubt = doubt;
  keel__request_set_state(pool, request, KEEL__REQ_IN_DOUBT);
  request->conn = NULL;
  keel__heap_set(&pool->timers, &request->timer, doubt->until);
  keel__probe_expect(pool, now);
}

/* ---- asking */

static bool is_due(const keel__request *request, keel__time now) {
  return !request->doubt->conn && request->doubt->resume <= now;
}

static void ask(keel__conn *conn, keel__request *request, keel__time now) {
  keel__pool *pool = conn->pool;
  keel__doubt *doubt = request->doubt;
  doubt->conn = conn;
  doubt->pause = doubt->pause ? doubt->pause * 2 : PAUSE_FIRST;
  if (doubt->pause > PAUSE_LAST) doubt->pause = PAUSE_LAST;
  doubt->resume = keel__time_after(now, doubt->pause);
  keel__heap_set(&pool->timers, &request->timer, doubt->until);
  conn->inquiry = request;
  keel__conn_set_state(conn, KEEL__CONN_INQUIRING);
  keel__heap_set(&pool->timers, &conn->timer, keel__time_after(now, pool->config.cancel_timeout));
  pool->ops->inquire(pool->io, conn, request);
}

bool keel__doubts_ask(keel__pool *pool, keel__time now) {
  keel__link *next = keel__list_first(&pool->in_doubt);
  while (next) {
    keel__request *request = keel__request_of(next);
    next = keel__list_next(&pool->in_doubt, next);
    if (!is_due(request, now)) continue;
    keel__conn *conn = keel__conn_take_idle(pool, now);
    if (!conn) return false;
    ask(conn, request, now);
  }
  return true;
}

bool keel__doubts_wait(const keel__pool *pool, keel__time now) {
  for (keel__link *link = keel__list_first(&pool->in_doubt); link;
       link = keel__list_next(&pool->in_doubt, link))
    if (is_due(keel__request_of(link), now)) return true;
  return false;
}

/* ---- what comes of it */

static void wait_a_little(keel__pool *pool, keel__request *request) {
  const keel__doubt *doubt = request->doubt;
  keel__heap_set(&pool->timers, &request->timer, keel__time_sooner(doubt->resume, doubt->until));
}

void keel__doubt_unasked(keel__conn *conn) {
  keel__request *request = conn->inquiry;
  if (!request) return;
  let_go(request);
  wait_a_little(conn->pool, request);
}

static void learn(keel__pool *pool, keel__request *request, keel__verdict verdict) {
  switch (verdict) {
    case KEEL__VERDICT_COMMITTED:
      settle(pool, request, NULL);
      break;
    case KEEL__VERDICT_ROLLED_BACK:
      settle_lost(pool, request, KEEL_ROLLED_BACK);
      break;
    case KEEL__VERDICT_LATER:
      wait_a_little(pool, request);
      break;
    case KEEL__VERDICT_UNKNOWN:
      settle_lost(pool, request, KEEL_OUTCOME_UNKNOWN);
      break;
  }
}

void keel__conn_inquired(keel__conn *conn, keel__verdict verdict, keel__time now) {
  if (conn->state != KEEL__CONN_INQUIRING) return;
  keel__request *request = conn->inquiry;
  if (request) {
    let_go(request);
    learn(conn->pool, request, verdict);
  }
  keel__heap_remove(&conn->pool->timers, &conn->timer);
  conn->last_answer = now;
  keel__node_answered(conn->pool, 0, now);
  keel__conn_ready(conn, now);
  keel__pool_run(conn->pool, now);
}

void keel__doubt_expire(keel__pool *pool, keel__request *request, keel__time now) {
  if (now >= request->doubt->until)
    settle_lost(pool, request, KEEL_OUTCOME_UNKNOWN);
  else
    keel__heap_set(&pool->timers, &request->timer, request->doubt->until);
}
