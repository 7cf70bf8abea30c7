/* pool.c: brings together who waits and what is free. */
#include "alloc.h"
#include "internal.h"

#define POOL_TIMERS 4u /* of the drain, of reopening, of the breaker, of health */

keel_code keel__pool_init(keel__pool *pool, const keel__pool_config *config, const keel__ops *ops, void *io,
                          uint64_t seed) {
  *pool = (keel__pool){.config = *config, .ops = ops, .io = io};
  keel__heap_init(&pool->timers);
  keel__rng_init(&pool->rng, seed);
  keel__list_init(&pool->queue);
  keel__list_init(&pool->retrying);
  keel__list_init(&pool->in_doubt);
  keel__list_init(&pool->requests);
  for (unsigned state = 0; state < KEEL__CONN_STATES; state++) keel__list_init(&pool->conns[state]);
  keel__hist_init(&pool->latency_queue);
  keel__hist_init(&pool->latency_server);
  pool->drain_timer.kind = KEEL__TIMER_DRAIN;
  pool->reopen_timer.kind = KEEL__TIMER_REOPEN;
  pool->breaker_timer.kind = KEEL__TIMER_BREAKER;
  pool->health.timer.kind = KEEL__TIMER_HEALTH;
  keel_code code = KEEL_OK;
  for (unsigned i = 0; i < POOL_TIMERS && !code; i++) code = keel__heap_reserve(&pool->timers);
  if (!code) code = keel__breaker_init(&pool->breaker, &config->breaker);
  if (code) keel__heap_free(&pool->timers);
  return code;
}

void keel__pool_start(keel__pool *pool, keel__time now) {
  keel__health_begin(pool, now);
  keel__pool_run(pool, now);
}

void keel__pool_destroy(keel__pool *pool) {
  for (keel__link *link; (link = keel__list_first(&pool->requests)) != NULL;) {
    keel__request *request = KEEL__OF(keel__request, registry, link);
    keel__list_remove(&pool->requests, link);
    keel__doubt_free(pool, request);
    pool->ops->forget(pool->io, request);
  }
  for (unsigned state = 0; state < KEEL__CONN_STATES; state++) {
    for (keel__conn *conn; (conn = keel__conn_of(keel__list_first(&pool->conns[state]))) != NULL;) {
      keel__list_remove(&pool->conns[state], &conn->link);
      keel__lru_clear(&conn->prepared);
      keel__free(conn);
    }
  }
  keel__free(pool->leases.places);
  pool->leases = (keel__leases){0};
  keel__estimates_free(&pool->estimates);
  keel__breaker_end(pool);
  keel__heap_free(&pool->timers);
}

static void set_state(keel__pool *pool, keel__pool_state state) {
  assert(state == pool->state + 1);
  pool->state = state;
}

/* ---- who gets what */

static keel__conn *first_idle(keel__pool *pool, bool fresh, keel__time now) {
  const keel__list *idle = &pool->conns[KEEL__CONN_IDLE];
  for (keel__link *link = keel__list_first(idle), *next; link; link = next) {
    keel__conn *conn = keel__conn_of(link);
    next = keel__list_next(idle, link);
    if (keel__conn_retired(conn, now))
      keel__conn_close(conn, KEEL__CLOSE_LIFETIME, NULL);
    else if (!fresh || keel__conn_is_fresh(conn, now))
      return conn;
  }
  return NULL;
}

keel__conn *keel__conn_take_idle(keel__pool *pool, keel__time now) {
  return first_idle(pool, false, now);
}

static keel__conn *choose(keel__pool *pool, const keel__request *request, keel__time now) {
  uint32_t cost;
  bool shares = keel__share_wanted(pool, request, &cost);
  keel__conn *conn = NULL;
  if (shares)
    conn = keel__share_is_crowded(pool) ? keel__share_best(pool, now) : keel__share_first(pool, now);
  if (!conn) conn = first_idle(pool, true, now);
  if (!conn && shares) conn = keel__share_best(pool, now);
  return conn;
}

/* First come, first served, whatever it is: who cannot be served holds up those behind him, or a KEEL_ACQUIRE would starve
 * among statements that share connections. */
static void dispatch(keel__pool *pool, keel__time now) {
  keel__request *request;
  while ((request = keel__request_of(keel__list_first(&pool->queue))) != NULL) {
    keel__conn *conn = choose(pool, request, now);
    if (!conn) return;
    if (keel__overload_is_hopeless(pool, request, conn, now)) {
      keel__failure why = keel__failure_of(KEEL_QUERY_TIMEOUT, KEEL_NOT_SENT);
      keel__request_refuse(pool, request, &why);
      continue;
    }
    keel__overload_took(pool, request, now);
    if (request->kind == KEEL_ACQUIRE)
      keel__lease_grant(pool, request, conn, now);
    else
      keel__conn_send(conn, request, now);
  }
}

/* ---- closing */

static void close_unneeded(keel__pool *pool) {
  static const keel__conn_state unneeded[] = {KEEL__CONN_ASKING,     KEEL__CONN_RESOLVING,
                                              KEEL__CONN_CONNECTING, KEEL__CONN_STARTING,
                                              KEEL__CONN_IDLE,       KEEL__CONN_CHECKING};
  for (unsigned i = 0; i < sizeof unneeded / sizeof *unneeded; i++)
    for (keel__conn *conn; (conn = keel__conn_of(keel__list_first(&pool->conns[unneeded[i]]))) != NULL;)
      keel__conn_close(conn, KEEL__CLOSE_SHUTDOWN, NULL);
}

static void finish_drain(keel__pool *pool) {
  if (pool->queue.count + pool->retrying.count + pool->in_doubt.count > 0) return;
  close_unneeded(pool);
  if (pool->conn_total + pool->conns[KEEL__CONN_CLOSING].count + pool->requests.count > 0) return;
  keel__heap_remove(&pool->timers, &pool->drain_timer);
  keel__heap_remove(&pool->timers, &pool->reopen_timer);
  keel__heap_remove(&pool->timers, &pool->breaker_timer);
  set_state(pool, KEEL__POOL_CLOSED);
  pool->ops->pool_closed(pool->io, pool);
}

static void end_drain(keel__pool *pool) {
  keel__failure why = keel__failure_of(KEEL_POOL_CLOSED, KEEL_NOT_SENT);
  pool->drain_over = true;
  keel__pool_fail_queue(pool, &why);
  keel__doubts_end(pool);
  for (unsigned state = KEEL__CONN_ASKING; state < KEEL__CONN_CLOSING; state++)
    for (keel__conn *conn; (conn = keel__conn_of(keel__list_first(&pool->conns[state]))) != NULL;)
      keel__conn_close(conn, KEEL__CLOSE_SHUTDOWN, NULL);
}

static void refuse_acquires_of(keel__pool *pool, keel__list *list) {
  keel__failure why = keel__failure_of(KEEL_POOL_CLOSED, KEEL_NOT_SENT);
  keel__link *next = keel__list_first(list);
  while (next) {
    keel__request *request = keel__request_of(next);
    next = keel__list_next(list, next);
    if (request->kind == KEEL_ACQUIRE) keel__request_refuse(pool, request, &why);
  }
}

static void refuse_acquires(keel__pool *pool) {
  refuse_acquires_of(pool, &pool->queue);
  refuse_acquires_of(pool, &pool->retrying);
}

void keel__pool_close(keel__pool *pool, keel__time timeout, bool force, keel__time now) {
  if (pool->state == KEEL__POOL_CLOSED) return;
  keel__time before = keel__timer_is_set(&pool->drain_timer) ? pool->drain_timer.due : KEEL__NEVER;
  keel__time end = force ? now : keel__time_after(now, timeout);
  if (pool->state == KEEL__POOL_OPEN) {
    set_state(pool, KEEL__POOL_DRAINING);
    refuse_acquires(pool);
    keel__health_end(pool);
  }
  if (end <= now)
    end_drain(pool);
  else if (end < before)
    keel__heap_set(&pool->timers, &pool->drain_timer, end);
  keel__pool_run(pool, now);
}

void keel__pool_run(keel__pool *pool, keel__time now) {
  if (pool->state == KEEL__POOL_CLOSED) return;
  if (keel__breaker_refuses(pool)) keel__breaker_refuse_waiting(pool, now);
  /* While somebody waits to be asked for nothing is idle: what is held back is only what would share a busy connection and
   * keep it busy, perhaps for ever. What shares is quick, and one that is not is moved away, so that such a connection soon
   * runs dry. Those that are lent, or busy with something long, take no lone statement anyway. */
  if (keel__doubts_ask(pool, now)) dispatch(pool, now);
  if (pool->queue.count > 0) keel__check_for_waiters(pool, now);
  keel__pool_open_more(pool, now);
  if (pool->state == KEEL__POOL_DRAINING) finish_drain(pool);
}

/* ---- requests from outside */

/* KEEL_OK: it may wait. */
static keel_code refusal(const keel__pool *pool) {
  if (pool->state != KEEL__POOL_OPEN) return KEEL_POOL_CLOSED;
  if (pool->single_end != KEEL_OK) return pool->single_end;
  return KEEL_OK;
}

/* Those for whom a connection is on its way do not count: they do not wait for others to finish. */
static bool is_overfull(const keel__pool *pool) {
  uint32_t coming = keel__pool_coming(pool);
  uint32_t waiting = pool->queue.count > coming ? pool->queue.count - coming : 0;
  return pool->config.max_waiting > 0 && waiting + pool->retrying.count > pool->config.max_waiting;
}

static void submit_lone(keel__pool *pool, keel__request *request, keel__time now) {
  keel__failure why = keel__failure_of(refusal(pool), KEEL_NOT_SENT);
  if (why.code != KEEL_OK) {
    keel__request_refuse(pool, request, &why);
    return;
  }
  keel__request_queue(pool, request);
  keel__pool_run(pool, now);
  /* If it is still there it is the last: whatever else waits came before it. */
  keel__request *last = keel__request_of(keel__list_last(&pool->queue));
  if (last != request || (!is_overfull(pool) && !keel__overload_is_late(pool, request, now))) return;
  why.code = KEEL_QUEUE_FULL;
  keel__request_refuse(pool, request, &why);
}

static void refuse_unregistered(keel__pool *pool, keel__request *request, keel_code code) {
  keel__failure why = keel__failure_of(code, KEEL_NOT_SENT);
  keel__request_settle(pool, request, &why);
  keel__request_set_state(pool, request, KEEL__REQ_DONE);
  pool->ops->forget(pool->io, request);
}

void keel__pool_submit(keel__pool *pool, keel__request *request, keel__time timeout, keel__time now) {
  request->submitted = request->queued = now;
  request->deadline = keel__time_after(now, timeout);
  request->timer.kind = KEEL__TIMER_REQUEST;
  if (request->kind == KEEL_QUERY) pool->counters.started++;
  if (keel__heap_reserve(&pool->timers) != KEEL_OK) {
    refuse_unregistered(pool, request, KEEL_NO_MEMORY);
    return;
  }
  keel__list_push_back(&pool->requests, &request->registry);
  if (request->lease)
    keel__lease_submit(pool, request, now);
  else
    submit_lone(pool, request, now);
}

void keel__pool_abort(keel__pool *pool, keel__request *request, keel__time now) {
  if (request->settled) return;
  keel__request_give_up(pool, request, KEEL_ABORTED, now);
  keel__pool_run(pool, now);
}

void keel__pool_hold_new(keel__pool *pool, bool on) {
  pool->config.hold_new = on;
}

void keel__pool_set_processors(keel__pool *pool, uint32_t processors) {
  pool->processors = processors;
}

void keel__pool_behind_pooler(keel__pool *pool) {
  if (pool->config.prepare == KEEL_PREPARE_AUTO) pool->prepare_off = true;
  pool->share_off = true;
}

uint32_t keel__pool_count(const keel__pool *pool, keel__conn_state state) {
  return pool->conns[state].count;
}

/* ---- time */

static void fire(keel__pool *pool, keel__timer *timer, keel__time now) {
  switch ((enum keel__timer_kind)timer->kind) {
    case KEEL__TIMER_REQUEST:
      keel__request_expire(pool, KEEL__OF(keel__request, timer, timer), now);
      break;
    case KEEL__TIMER_CONN:
      keel__conn_expire(KEEL__OF(keel__conn, timer, timer), now);
      break;
    case KEEL__TIMER_DRAIN:
      end_drain(pool);
      break;
    case KEEL__TIMER_REOPEN:
      break; /* that it is not set any more is what keel__pool_run looks at */
    case KEEL__TIMER_BREAKER:
      keel__probe_due(pool, now);
      break;
    case KEEL__TIMER_HEALTH:
      keel__health_expired(pool, now);
      break;
  }
}

void keel__pool_tick(keel__pool *pool, keel__time now) {
  for (keel__timer *timer; (timer = keel__heap_first(&pool->timers)) != NULL && timer->due <= now;) {
    keel__heap_remove(&pool->timers, timer);
    fire(pool, timer, now);
    keel__pool_run(pool, now);
  }
}

keel__time keel__pool_next(const keel__pool *pool) {
  const keel__timer *timer = keel__heap_first(&pool->timers);
  return timer ? timer->due : KEEL__NEVER;
}
