/*
 * health.c: whether the node is well. Asked every config.health_interval and by hand, of a connection that nobody misses: an
 * idle one. Where all are in use the answers that their users got are the proof; where there were none, a new one is opened if
 * there is room. One connection's silence proves nothing but its own death, so after it a new one is tried; what that meets
 * is the verdict.
 */
#include "internal.h"

#define LONGEST 5000000u  /* us that a check may take where opening has no limit */
#define MOMENT 1000u      /* us */
#define LOOK_AGAIN 50000u /* us until it is looked again for somebody for whom there was nothing to see */

/* ---- verdicts */

/* The interval counts from one beginning to the next, so that a check that takes long does not stretch it. */
static void rest(keel__pool *pool) {
  keel__health *health = &pool->health;
  keel__time interval = pool->config.health_interval;
  health->under_way = health->by_hand = health->doubted = false;
  health->conn = NULL;
  if (interval != KEEL__NEVER)
    interval = (keel__time)((double)interval * (0.9 + 0.2 * keel__rng_real(&pool->rng)));
  keel__heap_set(&pool->timers, &health->timer, keel__time_after(health->begun, interval));
}

static void found(keel__pool *pool, keel__time latency, const keel__failure *failure) {
  rest(pool);
  pool->ops->healthy(pool->io, pool, latency, failure);
}

static void failed(keel__pool *pool, keel_code code) {
  keel__failure why = keel__failure_of(code, KEEL_NOT_SENT);
  found(pool, KEEL__NEVER, &why);
}

/* For a reason that says nothing of the node. */
static void give_up(keel__pool *pool, keel_code code) {
  if (pool->health.by_hand)
    failed(pool, code);
  else
    rest(pool);
}

/* ---- what there is to see */

/* Since when an answer is as good as one of our own. */
static keel__time recent(const keel__pool *pool, keel__time now) {
  keel__time interval = pool->config.health_interval;
  if (pool->health.by_hand) return pool->health.begun;
  return interval < now ? now - interval : 0;
}

static bool was_answered(const keel__pool *pool, keel__time since) {
  for (unsigned state = KEEL__CONN_IDLE; state <= KEEL__CONN_DRAINING; state++) {
    const keel__list *list = &pool->conns[state];
    for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link)) {
      const keel__conn *conn = keel__conn_of(link);
      if (conn->last_answer >= since || conn->opened >= since) return true;
    }
  }
  return false;
}

static bool is_at_work(const keel__pool *pool) {
  for (unsigned state = KEEL__CONN_BUSY; state <= KEEL__CONN_DRAINING; state++) {
    const keel__list *list = &pool->conns[state];
    for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link))
      if (keel__conn_head(keel__conn_of(link))) return true;
  }
  return false;
}

static bool has_room(const keel__pool *pool) {
  return pool->conn_total < pool->config.max && !pool->config.single;
}

/* Users do without the one that has been idle for longest, unless it is all that they have left. Whoever asks by hand wants to
 * know, and a round trip is all that anybody would wait. */
static bool is_spare(const keel__pool *pool, const keel__conn *conn, keel__time now) {
  bool unused = now - conn->idle_since >= pool->config.health_interval;
  return pool->conns[KEEL__CONN_IDLE].count > 1 || has_room(pool) || pool->health.by_hand || unused;
}

/* NULL: none, or it is about to go. What is idle while somebody waits is stale, so that the check is for him too. */
static keel__conn *longest_idle(keel__pool *pool, keel__time now) {
  keel__conn *conn = keel__conn_of(keel__list_last(&pool->conns[KEEL__CONN_IDLE]));
  return !conn || keel__conn_retired(conn, now) ? NULL : conn;
}

/* ---- a check */

static void ask(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  pool->health.conn = conn;
  /* The connection's own timer ends the check. */
  keel__heap_remove(&pool->timers, &pool->health.timer);
  if (conn->state == KEEL__CONN_IDLE) keel__conn_check(conn, now);
}

static void judge(keel__pool *pool, keel__conn *idle, keel__time now) {
  keel__health *health = &pool->health;
  if (was_answered(pool, recent(pool, now)))
    found(pool, KEEL__NEVER, NULL);
  else if (idle && !health->doubted)
    ask(idle, now);
  else if (health->by_hand)
    keel__heap_set(&pool->timers, &health->timer, keel__time_sooner(now + LOOK_AGAIN, health->end));
  else if (is_at_work(pool))
    failed(pool, KEEL_ACQUIRE_TIMEOUT);
  else
    rest(pool); /* all are lent to holders who ask for nothing: nobody knows */
}

static void try_new(keel__pool *pool, keel__conn *idle, keel__time now) {
  keel__health *health = &pool->health;
  bool backs_off = keel__timer_is_set(&pool->reopen_timer) && pool->reopen_timer.due > now;
  /* Before the attempt begins, which may ask who it is for. */
  keel__heap_set(&pool->timers, &health->timer, health->end);
  if (keel__pool_opening(pool) > 0) return;
  bool known = !health->by_hand && !health->doubted && was_answered(pool, recent(pool, now));
  if (known || !has_room(pool)) {
    judge(pool, idle, now);
  } else if (backs_off && !health->by_hand) {
    /* The server has just refused; that was told to those who asked for the connection. */
    rest(pool);
    keel__heap_set(&pool->timers, &health->timer, pool->reopen_timer.due);
  } else if (!keel__open_one(pool, now)) {
    give_up(pool, KEEL_NO_MEMORY);
  }
}

/* The breaker's probes are the check. */
static void refused(keel__pool *pool, keel__time now) {
  keel__failure why = keel__breaker_failure(pool, now);
  found(pool, KEEL__NEVER, &why);
}

static void look(keel__pool *pool, keel__time now) {
  if (keel__breaker_refuses(pool)) {
    refused(pool, now);
    return;
  }
  keel__conn *checking = keel__conn_of(keel__list_first(&pool->conns[KEEL__CONN_CHECKING]));
  keel__conn *idle = longest_idle(pool, now);
  if (checking && !pool->health.doubted)
    ask(checking, now);
  else if (idle && !pool->health.doubted && is_spare(pool, idle, now))
    ask(idle, now);
  else
    try_new(pool, idle, now);
}

/* A moment after an attempt's own end, which has more to tell. */
static keel__time end_after(const keel__pool *pool, keel__time now) {
  keel__time connect = pool->config.connect_timeout;
  return keel__time_after(now, (connect == KEEL__NEVER ? LONGEST : connect) + MOMENT);
}

static void begin(keel__pool *pool, bool by_hand, keel__time now) {
  keel__health *health = &pool->health;
  health->under_way = true;
  health->by_hand = by_hand;
  health->begun = now;
  health->end = end_after(pool, now);
  look(pool, now);
}

void keel__health_expired(keel__pool *pool, keel__time now) {
  keel__health *health = &pool->health;
  /* Its connection died: what comes instead has all the time that it needs. */
  if (health->under_way && health->end == KEEL__NEVER) health->end = end_after(pool, now);
  if (!health->under_way)
    begin(pool, false, now);
  else if (now < health->end || keel__breaker_refuses(pool))
    look(pool, now);
  else
    failed(pool, keel__pool_opening(pool) > 0 ? KEEL_CONNECT_TIMEOUT : KEEL_ACQUIRE_TIMEOUT);
}

void keel__health_soon(keel__pool *pool, keel__time now) {
  keel__health *health = &pool->health;
  bool checks = health->under_way || pool->config.health_interval != KEEL__NEVER;
  if (checks && pool->state == KEEL__POOL_OPEN && !health->conn)
    keel__heap_set(&pool->timers, &health->timer, now);
}

void keel__pool_check(keel__pool *pool, keel__time now) {
  /* Its last op is behind it. */
  if (pool->state == KEEL__POOL_CLOSED) return;
  if (pool->state != KEEL__POOL_OPEN)
    failed(pool, KEEL_POOL_CLOSED);
  else if (pool->health.under_way)
    pool->health.by_hand = true;
  else
    begin(pool, true, now);
  keel__pool_run(pool, now);
}

/* ---- what happens meanwhile */

static bool awaits_new(const keel__pool *pool) {
  return pool->health.under_way && !pool->health.conn;
}

/* The breaker may have opened meanwhile, even by this very answer, if it was slow: then nobody is served, well or not. */
static void answered(keel__pool *pool, keel__time begun, keel__time now) {
  if (keel__breaker_refuses(pool))
    refused(pool, now);
  else
    found(pool, now - begun, NULL);
}

void keel__health_opened(keel__conn *conn, keel__time now) {
  if (awaits_new(conn->pool)) answered(conn->pool, conn->open_started, now);
}

/* A server that takes no more connections but answers on those that it has is well, unless this has opened the breaker. */
void keel__health_open_failed(keel__pool *pool, const keel__failure *why, keel__time now) {
  if (!awaits_new(pool)) return;
  if (!keel__breaker_refuses(pool) && was_answered(pool, recent(pool, now)))
    found(pool, KEEL__NEVER, NULL);
  else if (why)
    found(pool, KEEL__NEVER, why);
  else
    give_up(pool, KEEL_CONNECT_FAILED);
}

void keel__health_answered(keel__conn *conn, keel__time now) {
  if (conn->pool->health.conn == conn) answered(conn->pool, conn->check_begun, now);
}

void keel__health_closed(keel__conn *conn) {
  keel__health *health = &conn->pool->health;
  if (health->conn != conn) return;
  health->conn = NULL;
  health->doubted = true;
  health->end = KEEL__NEVER;
  keel__heap_set(&conn->pool->timers, &health->timer, health->begun); /* at once */
}

/* ---- the pool's life */

void keel__health_begin(keel__pool *pool, keel__time now) {
  pool->health.begun = now;
  rest(pool);
}

void keel__health_end(keel__pool *pool) {
  bool asked = pool->health.by_hand;
  pool->config.health_interval = KEEL__NEVER;
  rest(pool);
  if (asked) failed(pool, KEEL_POOL_CLOSED);
}
