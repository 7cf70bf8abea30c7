/* internal.h: what the files of the core need of each other. Not for anybody else. */
#ifndef KEEL_CORE_INTERNAL_H
#define KEEL_CORE_INTERNAL_H

#include <assert.h>

#include "core.h"

enum keel__timer_kind {
  KEEL__TIMER_REQUEST,
  KEEL__TIMER_CONN,
  KEEL__TIMER_DRAIN,
  KEEL__TIMER_REOPEN,
  KEEL__TIMER_BREAKER,
  KEEL__TIMER_HEALTH,
};

static inline keel__request *keel__request_of(keel__link *link) {
  return link ? KEEL__OF(keel__request, link, link) : NULL;
}

static inline keel__conn *keel__conn_of(keel__link *link) {
  return link ? KEEL__OF(keel__conn, link, link) : NULL;
}

static inline keel__request *keel__conn_head(const keel__conn *conn) {
  return keel__request_of(keel__list_first(&conn->in_flight));
}

static inline bool keel__request_is_lone(const keel__request *request) {
  return request->kind == KEEL_QUERY && request->lease == 0;
}

static inline keel__failure keel__failure_of(keel_code code, keel_outcome outcome) {
  return (keel__failure){.code = code, .outcome = outcome};
}

/* ---- request.c */
void keel__request_set_state(keel__pool *pool, keel__request *request, keel__req_state state);
/* Tells the caller; the request itself lives on until keel__request_end. */
void keel__request_settle(keel__pool *pool, keel__request *request, const keel__failure *failure);
void keel__request_end(keel__pool *pool, keel__request *request);
/* What is known of one that is not on the wire. */
keel_outcome keel__request_waiting_outcome(const keel__request *request);
/* Settles and ends one that is not on the wire. `detail` of `why` is passed on, its outcome is what the core knows. */
void keel__request_refuse(keel__pool *pool, keel__request *request, const keel__failure *why);
void keel__request_give_up(keel__pool *pool, keel__request *request, keel_code code, keel__time now);
void keel__request_expire(keel__pool *pool, keel__request *request, keel__time now);
/* Puts one that is waiting or on the wire (back) into its queue. */
void keel__request_queue(keel__pool *pool, keel__request *request);
/* Until when it may wait. */
keel__time keel__request_wait_limit(const keel__pool *pool, const keel__request *request);

/* ---- conn.c */
void keel__conn_set_state(keel__conn *conn, keel__conn_state state);
void keel__conn_send(keel__conn *conn, keel__request *request, keel__time now);
/* Does what the connection's situation asks for: cancel, send, reset, give back, close. After every change of it. */
void keel__conn_next(keel__conn *conn, keel__time now);
void keel__conn_ready(keel__conn *conn, keel__time now); /* newly opened, or given back */
void keel__conn_close(keel__conn *conn, keel__close_reason reason, const keel__failure *failure);
void keel__conn_expire(keel__conn *conn, keel__time now);
bool keel__conn_retired(const keel__conn *conn, keel__time now);
/* Sets the timer of an idle one that has been idle since then. */
void keel__conn_arm_idle(keel__conn *conn, keel__time since);
/* One that is idle, last used first, fresh or not; NULL: none. */
keel__conn *keel__conn_take_idle(keel__pool *pool, keel__time now);

/* ---- doubt.c */
/* The link is about to be closed because it died: a COMMIT on it that the server can be asked about is in doubt from now on. */
void keel__doubt_begin(keel__conn *conn, const keel__failure *loss, keel__time now);
/* Asks for those whose time has come, on connections that are idle. False: there are too few of them, and somebody waits. */
bool keel__doubts_ask(keel__pool *pool, keel__time now);
/* Somebody would be asked for now if there were a connection. */
bool keel__doubts_wait(const keel__pool *pool, keel__time now);
/* The connection on which the server was asked closes. */
void keel__doubt_unasked(keel__conn *conn);
void keel__doubt_give_up(keel__pool *pool, keel__request *request, keel_code code);
void keel__doubt_expire(keel__pool *pool, keel__request *request, keel__time now);
/* There is no more time to ask: all are told that nobody knows. */
void keel__doubts_end(keel__pool *pool);
/* Frees what is kept for it. */
void keel__doubt_free(keel__pool *pool, keel__request *request);

/* ---- open.c */
bool keel__conn_is_opening(const keel__conn *conn);
uint32_t keel__pool_opening(const keel__pool *pool);
uint32_t keel__pool_established(const keel__pool *pool);
/* Connections that come to those who wait without anybody having to finish first. */
uint32_t keel__pool_coming(const keel__pool *pool);
/* False: it could not even begin; who is concerned has been told. */
bool keel__open_one(keel__pool *pool, keel__time now);
void keel__pool_open_more(keel__pool *pool, keel__time now);
/* Everybody who waits for a connection, or for the moment to be tried again. */
void keel__pool_fail_queue(keel__pool *pool, const keel__failure *why);
/* Begins to open a connection. NULL: no memory. */
keel__conn *keel__pool_open_one(keel__pool *pool, keel__time timeout, keel__time now);
void keel__open_expired(keel__conn *conn, keel__time now);
void keel__open_succeeded(keel__pool *pool);
/* A connection that could be opened was of no use: the minimum is not refilled in a hurry. */
void keel__open_spoiled(keel__pool *pool, keel__time now);

/* ---- lease.c */
KEEL_MUST_CHECK keel_code keel__leases_reserve(keel__leases *leases, uint32_t spare);
uint64_t keel__lease_begin(keel__leases *leases, keel__conn *conn); /* room must have been reserved */
keel__lease *keel__lease_find(const keel__leases *leases, uint64_t id);
void keel__lease_end(keel__leases *leases, keel__lease *lease);
void keel__lease_grant(keel__pool *pool, keel__request *request, keel__conn *conn, keel__time now);
void keel__lease_submit(keel__pool *pool, keel__request *request, keel__time now);
void keel__lease_next(keel__conn *conn, keel__time now);

/* ---- overload.c */
/* Just before one that is in the queue gets a connection. */
void keel__overload_took(keel__pool *pool, const keel__request *request, keel__time now);
/* The last of the queue, who has just come, would have to wait for longer than he may. */
bool keel__overload_is_late(const keel__pool *pool, keel__request *request, keel__time now);
/* The first of the queue, before he is sent there: there is no time left for it, and others wait. */
bool keel__overload_is_hopeless(const keel__pool *pool, keel__request *request, const keel__conn *conn,
                                keel__time now);

/* ---- prepare.c */
keel__plan keel__plan_make(keel__conn *conn, const keel__request *request);
/* Learns from the answer; true: the plan was not as thought, and sending it once more with a new one may help. */
bool keel__plan_answered(keel__conn *conn, keel__request *request, const keel__failure *failure);

/* ---- share.c */
/* What it is lets it share a connection; whether it is quick is another question. */
bool keel__request_may_share(const keel__request *request);
/* It may, and is known to be quick: *cost is what is expected of it. */
bool keel__share_wanted(const keel__pool *pool, const keel__request *request, uint32_t *cost);
/* As many backends are at work as there are processors for: one more would only take turns with them. */
bool keel__share_is_crowded(const keel__pool *pool);
/* A busy connection that is to be preferred to an idle one; the best when none is idle. */
keel__conn *keel__share_first(const keel__pool *pool, keel__time now);
keel__conn *keel__share_best(const keel__pool *pool, keel__time now);
/* Just before it joins those in flight; just before it leaves them, answered. `whole`: nobody has cut it short. */
void keel__share_sent(keel__conn *conn, keel__request *request);
void keel__share_answered(keel__conn *conn, const keel__request *request, bool whole, keel__time now);
/* Sees to it that the connection's timer rings when its head holds up others; asks whether it does. */
void keel__share_watch(keel__conn *conn);
bool keel__share_is_stuck(const keel__conn *conn, keel__time now);

/* ---- probe.c: what the breaker means to a pool */
/* Nothing is tried but the engine's own probe. */
static inline bool keel__breaker_refuses(const keel__pool *pool) {
  return pool->breaker.state != KEEL_BREAKER_IS_CLOSED;
}
/* The node was at fault; it has answered, after so long. */
void keel__node_failed(keel__pool *pool, const keel__failure *why, keel__time now);
void keel__node_answered(keel__pool *pool, keel__time took, keel__time now);
/* An attempt to connect has ended, and what that says of the node. */
typedef enum keel__sign { KEEL__SIGN_NONE, KEEL__SIGN_LIFE, KEEL__SIGN_FAILURE } keel__sign;
keel__sign keel__sign_of_failure(const keel__conn *conn, const keel__failure *why);
void keel__attempt_ended(keel__conn *conn, bool probe, keel__sign sign, const keel__failure *why,
                         keel__time now);
void keel__probe_due(keel__pool *pool, keel__time now);
/* A COMMIT is in doubt: somebody is to find out whether the node is back, although the pool may be closing. */
void keel__probe_expect(keel__pool *pool, keel__time now);
/* What those are told who are refused now. */
keel__failure keel__breaker_failure(const keel__pool *pool, keel__time now);
/* Settles and ends all that wait: the breaker is open. */
void keel__breaker_refuse_waiting(keel__pool *pool, keel__time now);
void keel__breaker_end(keel__pool *pool); /* with the pool */
/* ---- check.c */
/* It may be handed out as it is. */
static inline bool keel__conn_is_fresh(const keel__conn *conn, keel__time now) {
  keel__time bypass = conn->pool->config.alive_bypass;
  return bypass == KEEL__NEVER || now - conn->fresh_since <= bypass;
}
void keel__conn_check(keel__conn *conn, keel__time now);
void keel__check_expired(keel__conn *conn, keel__time now);
/* It has ended: nobody counts on it, or no longer counts on it, any more. */
static inline void keel__check_over(keel__conn *conn) {
  if (conn->check_slow) conn->pool->slow_checks--;
  conn->check_slow = false;
}
/* Checks as many idle connections as there are requests for which none is coming. */
void keel__check_for_waiters(keel__pool *pool, keel__time now);

/* ---- health.c */
void keel__health_begin(keel__pool *pool, keel__time now); /* the pool has been started */
void keel__health_end(keel__pool *pool);                   /* the pool is open no more */
void keel__health_expired(keel__pool *pool, keel__time now);
/* There is news of the node that is not to wait for the next check. */
void keel__health_soon(keel__pool *pool, keel__time now);
/* What becomes of connections, for a check that may be made on one of them. After the breaker has heard of it. */
void keel__health_opened(keel__conn *conn, keel__time now);
/* `why` NULL: for want of something on our side, before the server was asked. */
void keel__health_open_failed(keel__pool *pool, const keel__failure *why, keel__time now);
void keel__health_answered(keel__conn *conn, keel__time now);
void keel__health_closed(keel__conn *conn);
/* ---- retry.c */
/* It waits or is on the wire, and has failed: true: it is tried again after a pause; false: settle it. */
bool keel__retry(keel__pool *pool, keel__request *request, const keel__failure *why, keel__time now);
/* The pause is over. */
void keel__retry_due(keel__pool *pool, keel__request *request, keel__time now);
/* The same question for all that is in flight on a connection whose link is dead: what stays there is to be settled. */
void keel__retry_lost(keel__conn *conn, const keel__failure *why, keel__time now);

/* ---- pool.c */
/* Brings together who waits and what is free; opens, closes. At the end of everything that came from outside. */
void keel__pool_run(keel__pool *pool, keel__time now);

#endif
