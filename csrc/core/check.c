/*
 * check.c: is an idle connection still there? The server is asked for next to nothing before a connection is handed out that has
 * been idle for longer than config.alive_bypass, and for the node's health (health.c).
 */
#include "internal.h"

/* us. A server that takes longer for next to nothing is as good as gone. */
#define LONGEST 5000000u
/* us that those who wait count on a check; then another connection is checked or opened beside it. More than the longest way
 * round the world takes, so that a healthy link never costs a second connection. */
#define PATIENCE 500000u

static keel__time limit_of(const keel__conn *conn) {
  return keel__time_sooner(conn->pool->config.connect_timeout, LONGEST);
}

void keel__conn_check(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  keel__conn_set_state(conn, KEEL__CONN_CHECKING);
  conn->check_begun = now;
  keel__heap_set(&pool->timers, &conn->timer, now + keel__time_sooner(limit_of(conn), PATIENCE));
  pool->ops->check(pool->io, conn);
}

void keel__check_expired(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  keel__time end = conn->check_begun + limit_of(conn);
  if (now >= end) {
    keel__failure why = keel__failure_of(KEEL_CONNECTION_LOST, KEEL_NOT_SENT);
    keel__conn_close(conn, KEEL__CLOSE_CHECK_FAILED, &why);
    return;
  }
  conn->check_slow = true;
  pool->slow_checks++;
  keel__heap_set(&pool->timers, &conn->timer, end);
}

/* To be asked is not to be used: it goes back to where it was in the order of use, and its idle time goes on. */
static void go_back(keel__conn *conn) {
  keel__list *idle = &conn->pool->conns[KEEL__CONN_IDLE];
  keel__conn_set_state(conn, KEEL__CONN_IDLE);
  keel__link *next = keel__list_next(idle, &conn->link);
  while (next && keel__conn_of(next)->idle_since >= conn->idle_since) next = keel__list_next(idle, next);
  keel__list_remove(idle, &conn->link);
  keel__list_insert(idle, next ? next : &idle->ends, &conn->link);
  keel__conn_arm_idle(conn, conn->idle_since);
}

void keel__conn_checked(keel__conn *conn, const keel__failure *failure, keel__time now) {
  if (conn->state != KEEL__CONN_CHECKING) return;
  keel__pool *pool = conn->pool;
  if (failure) {
    keel__conn_close(conn, KEEL__CLOSE_CHECK_FAILED, failure);
  } else {
    keel__check_over(conn);
    conn->fresh_since = conn->last_answer = now;
    keel__node_answered(pool, now - conn->check_begun, now);
    go_back(conn);
    keel__health_answered(conn, now);
  }
  keel__pool_run(pool, now);
}

/* Whoever waits after all has been handed out that may be, waits for one of these among others: what is idle is stale. */
void keel__check_for_waiters(keel__pool *pool, keel__time now) {
  keel__conn *conn;
  while (pool->queue.count > keel__pool_coming(pool) &&
         (conn = keel__conn_of(keel__list_first(&pool->conns[KEEL__CONN_IDLE]))) != NULL)
    keel__conn_check(conn, now);
}
