/* probe.c: what the breaker means to a pool: what counts, who is refused, and who finds out that the node is back. */
#include "internal.h"

/* ---- the failure that opened it */

static void forget_cause(keel__pool *pool) {
  void *kept = (void *)pool->breaker_cause.detail;
  pool->breaker_cause = (keel__failure){0};
  if (kept) pool->ops->drop(pool->io, kept);
}

static void keep_cause(keel__pool *pool, const keel__failure *why) {
  void *kept = pool->ops->keep(pool->io, why->detail);
  forget_cause(pool);
  pool->breaker_cause = *why;
  pool->breaker_cause.detail = kept;
}

void keel__breaker_end(keel__pool *pool) {
  forget_cause(pool);
  keel__breaker_free(&pool->breaker);
}

/* ---- what a change of state brings with it */

/* A closing pool opens nothing any more but for COMMITs in doubt, and those only the probe can help. */
static bool needs_probes(const keel__pool *pool) {
  return !pool->breaker.forced && (pool->state == KEEL__POOL_OPEN || pool->in_doubt.count > 0);
}

static void plan_probe(keel__pool *pool, keel__time now) {
  if (!needs_probes(pool)) return;
  keel__time pause = keel__breaker_pause(&pool->breaker, &pool->rng);
  keel__heap_set(&pool->timers, &pool->breaker_timer, keel__time_after(now, pause));
}

/* They are opened for those who are refused now. */
static void give_up_attempts(keel__pool *pool) {
  for (unsigned state = KEEL__CONN_ASKING; state <= KEEL__CONN_STARTING; state++)
    for (keel__conn *conn; (conn = keel__conn_of(keel__list_first(&pool->conns[state]))) != NULL;)
      keel__conn_close(conn, KEEL__CLOSE_BREAKER, NULL);
}

/* After everything that may have changed the state. Those who wait are refused by keel__pool_run. */
static void changed(keel__pool *pool, keel_breaker_state from, keel__time now) {
  const keel__breaker *breaker = &pool->breaker;
  if (breaker->state == from) return;
  /* What failed at some time before has nothing to do with it. */
  if (from == KEEL_BREAKER_IS_CLOSED && breaker->slow) forget_cause(pool);
  pool->ops->breaker(pool->io, from, breaker->state, breaker->reason);
  if (breaker->state == KEEL_BREAKER_IS_OPEN) {
    give_up_attempts(pool);
    plan_probe(pool, now);
  } else if (breaker->state == KEEL_BREAKER_IS_CLOSED) {
    /* A probe that it no longer needs is an attempt like any other. */
    pool->probe = NULL;
    keel__heap_remove(&pool->timers, &pool->breaker_timer);
    forget_cause(pool);
  }
  /* From one probe to the next nothing is new. */
  if (from == KEEL_BREAKER_IS_CLOSED || breaker->state == KEEL_BREAKER_IS_CLOSED)
    keel__health_soon(pool, now);
}

/* ---- what counts */

void keel__node_failed(keel__pool *pool, const keel__failure *why, keel__time now) {
  keel_breaker_state from = pool->breaker.state;
  if (!pool->breaker.config.on) return;
  if (from == KEEL_BREAKER_IS_CLOSED) keep_cause(pool, why);
  keel__breaker_call(&pool->breaker, false, 0, now);
  changed(pool, from, now);
}

void keel__node_answered(keel__pool *pool, keel__time took, keel__time now) {
  if (keel__breaker_call(&pool->breaker, true, took, now)) changed(pool, KEEL_BREAKER_IS_CLOSED, now);
}

/* It is going down or starting up: nobody is served. Whatever else a server says to an attempt, it is there to say it. */
static bool is_unavailable(const keel__failure *why) {
  static const char *const codes[] = {"57P01", "57P02", "57P03", "08", NULL};
  return keel__is_sqlstate_of(why->sqlstate, codes);
}

keel__sign keel__sign_of_failure(const keel__conn *conn, const keel__failure *why) {
  /* The password was not there: nobody has asked the node for anything. */
  if (conn->state == KEEL__CONN_ASKING) return KEEL__SIGN_NONE;
  return why->sqlstate[0] == 0 || is_unavailable(why) ? KEEL__SIGN_FAILURE : KEEL__SIGN_LIFE;
}

/* ---- probes */

/* Nobody is served by an idle connection meanwhile, so that one of them may give way. */
static bool make_room(keel__pool *pool) {
  if (pool->conn_total < pool->config.max) return true;
  keel__conn *oldest = keel__conn_of(keel__list_last(&pool->conns[KEEL__CONN_IDLE]));
  if (oldest) keel__conn_close(oldest, KEEL__CLOSE_BREAKER, NULL);
  return oldest != NULL;
}

static keel__time probe_timeout(const keel__pool *pool) {
  return keel__time_sooner(pool->config.breaker.probe_timeout, pool->config.connect_timeout);
}

static void probe_ended(keel__pool *pool, bool ok, keel__time now) {
  keel_breaker_state from = pool->breaker.state;
  pool->probe = NULL;
  keel__breaker_probed(&pool->breaker, ok);
  changed(pool, from, now);
  if (pool->breaker.state == KEEL_BREAKER_IS_HALF_OPEN) keel__probe_due(pool, now);
}

void keel__probe_due(keel__pool *pool, keel__time now) {
  if (!needs_probes(pool)) return;
  if (!make_room(pool)) {
    plan_probe(pool, now);
    return;
  }
  if (pool->breaker.state == KEEL_BREAKER_IS_OPEN) {
    keel__breaker_probe(&pool->breaker);
    changed(pool, KEEL_BREAKER_IS_OPEN, now);
  }
  pool->probe = keel__pool_open_one(pool, probe_timeout(pool), now);
  if (!pool->probe) probe_ended(pool, false, now); /* no memory; it may be there next time */
}

void keel__probe_expect(keel__pool *pool, keel__time now) {
  bool expected = pool->probe || keel__timer_is_set(&pool->breaker_timer);
  if (keel__breaker_refuses(pool) && !expected) plan_probe(pool, now);
}

void keel__attempt_ended(keel__conn *conn, bool probe, keel__sign sign, const keel__failure *why,
                         keel__time now) {
  keel__pool *pool = conn->pool;
  if (sign == KEEL__SIGN_LIFE)
    keel__node_answered(pool, now - conn->open_started, now);
  else if (sign == KEEL__SIGN_FAILURE && probe)
    keep_cause(pool, why);
  if (sign == KEEL__SIGN_FAILURE) keel__node_failed(pool, why, now);
  if (probe) probe_ended(pool, sign == KEEL__SIGN_LIFE, now);
}

/* ---- refusals */

static int64_t milliseconds_until(const keel__timer *timer, keel__time now) {
  if (!keel__timer_is_set(timer)) return 0;
  return timer->due > now ? (int64_t)((timer->due - now + 999) / 1000) : 1;
}

keel__failure keel__breaker_failure(const keel__pool *pool, keel__time now) {
  const keel__timer *next = pool->probe ? &pool->probe->timer : &pool->breaker_timer;
  keel__failure why = keel__failure_of(KEEL_BREAKER_OPEN, KEEL_NOT_SENT);
  why.cause = pool->breaker_cause.code;
  why.detail = pool->breaker_cause.detail;
  why.retry_after_ms = milliseconds_until(next, now);
  return why;
}

static void refuse(keel__pool *pool, keel__request *request, keel__time now) {
  keel__failure why = keel__breaker_failure(pool, now);
  pool->breaker.rejected++;
  keel__request_refuse(pool, request, &why);
}

void keel__breaker_refuse_waiting(keel__pool *pool, keel__time now) {
  for (keel__request *request; (request = keel__request_of(keel__list_first(&pool->queue))) != NULL;)
    refuse(pool, request, now);
}

/* ---- by hand */

void keel__pool_breaker(keel__pool *pool, keel_breaker_action action, keel__time now) {
  keel_breaker_state from = pool->breaker.state;
  if (pool->config.single || pool->state == KEEL__POOL_CLOSED) return;
  if (action == KEEL_BREAKER_FORCE_OPEN) {
    keel__breaker_force_open(&pool->breaker);
    keel__heap_remove(&pool->timers, &pool->breaker_timer);
    forget_cause(pool);
  } else if (action == KEEL_BREAKER_CLOSE) {
    keel__breaker_close(&pool->breaker);
  }
  changed(pool, from, now);
  keel__pool_run(pool, now);
}
