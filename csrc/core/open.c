/* open.c: when connections are opened, and what a failed attempt means for those who wait. */
#include "alloc.h"
#include "internal.h"

#define BACKOFF_FIRST 10000u  /* us; the figures are HikariCP's: 10 ms, doubling up to 5 s, with jitter */
#define BACKOFF_LAST 5000000u /* us */
#define BACKOFF_IN_DOUBT \
  1000000u /* us: somebody waits to hear what became of his COMMIT, and his time is limited */

bool keel__conn_is_opening(const keel__conn *conn) {
  return conn->state >= KEEL__CONN_ASKING && conn->state <= KEEL__CONN_STARTING;
}

static uint32_t count_between(const keel__pool *pool, keel__conn_state first, keel__conn_state last) {
  uint32_t count = 0;
  for (unsigned state = first; state <= (unsigned)last; state++) count += pool->conns[state].count;
  return count;
}

uint32_t keel__pool_opening(const keel__pool *pool) {
  return count_between(pool, KEEL__CONN_ASKING, KEEL__CONN_STARTING);
}

uint32_t keel__pool_established(const keel__pool *pool) {
  return count_between(pool, KEEL__CONN_IDLE, KEEL__CONN_DRAINING);
}

/* A connection that its owner sets up is given back when he has done so. A check that takes long may never end well. */
uint32_t keel__pool_coming(const keel__pool *pool) {
  uint32_t checked = pool->conns[KEEL__CONN_CHECKING].count - pool->slow_checks;
  return keel__pool_opening(pool) + pool->setup_leases + checked;
}

static keel__time backoff(keel__pool *pool) {
  uint64_t delay = BACKOFF_FIRST, last = pool->in_doubt.count > 0 ? BACKOFF_IN_DOUBT : BACKOFF_LAST;
  for (uint32_t i = 1; i < pool->open_failures && delay < last; i++) delay *= 2;
  if (delay > last) delay = last;
  return delay / 2 + keel__rng_below(&pool->rng, delay / 2 + 1);
}

static void fail_all(keel__pool *pool, keel__list *list, const keel__failure *why) {
  for (keel__request *request; (request = keel__request_of(keel__list_first(list))) != NULL;)
    keel__request_refuse(pool, request, why);
}

void keel__pool_fail_queue(keel__pool *pool, const keel__failure *why) {
  fail_all(pool, &pool->queue, why);
  fail_all(pool, &pool->retrying, why);
}

static void not_opened(keel__pool *pool, keel__request *request, const keel__failure *why, keel__time now) {
  keel__failure own = *why;
  own.outcome = keel__request_waiting_outcome(request);
  request->unopened++;
  if (!keel__retry(pool, request, &own, now)) keel__request_refuse(pool, request, why);
}

/* Nothing is established. As many as there were attempts under way beside this one may hope on, first come first; of those left
 * who was here when the failed attempt began is told. Who came later gets an attempt of his own. */
static void fail_hopeless(keel__pool *pool, keel__time started, uint32_t hope, const keel__failure *why,
                          keel__time now) {
  keel__link *next = keel__list_first(&pool->queue);
  while (next) {
    keel__request *request = keel__request_of(next);
    next = keel__list_next(&pool->queue, next);
    if (hope > 0)
      hope--;
    else if (request->queued <= started)
      not_opened(pool, request, why, now);
  }
}

static void fail_single(keel__pool *pool, const keel__failure *why, keel__time now) {
  pool->single_end = why->code;
  for (keel__request *request; (request = keel__request_of(keel__list_first(&pool->queue))) != NULL;)
    not_opened(pool, request, why, now);
}

void keel__open_succeeded(keel__pool *pool) {
  pool->open_failures = 0;
  keel__heap_remove(&pool->timers, &pool->reopen_timer);
}

void keel__open_spoiled(keel__pool *pool, keel__time now) {
  pool->open_failures++;
  pool->last_open_failure = now;
  keel__heap_set(&pool->timers, &pool->reopen_timer, keel__time_after(now, backoff(pool)));
}

static void attempt_failed(keel__pool *pool, keel__time started, uint32_t others, const keel__failure *why,
                           keel__time now) {
  pool->counters.connect_failed++;
  /* Attempts that ran side by side failed of one cause: they count as one. */
  if (pool->open_failures == 0 || started >= pool->last_open_failure) pool->open_failures++;
  pool->last_open_failure = now;
  keel__heap_set(&pool->timers, &pool->reopen_timer, keel__time_after(now, backoff(pool)));
  if (pool->config.single)
    fail_single(pool, why, now);
  else if (keel__pool_established(pool) == 0)
    fail_hopeless(pool, started, others, why, now);
}

static keel__conn *conn_new(keel__pool *pool) {
  keel__conn *conn = keel__alloc(sizeof *conn);
  if (!conn) return NULL;
  if (keel__leases_reserve(&pool->leases, pool->conn_total + 1) || keel__heap_reserve(&pool->timers)) {
    keel__free(conn);
    return NULL;
  }
  conn->pool = pool;
  conn->round_trip = KEEL__NEVER;
  conn->id = ++pool->last_conn;
  conn->status = 'I';
  conn->timer.kind = KEEL__TIMER_CONN;
  keel__list_init(&conn->in_flight);
  keel__list_init(&conn->lease_queue);
  keel__lru_init(&conn->prepared, pool->config.prepare_cache);
  return conn;
}

keel__conn *keel__pool_open_one(keel__pool *pool, keel__time timeout, keel__time now) {
  keel__conn *conn = conn_new(pool);
  if (!conn) return NULL;
  conn->open_started = now;
  keel__conn_set_state(conn, pool->config.ask_password ? KEEL__CONN_ASKING : KEEL__CONN_RESOLVING);
  keel__heap_set(&pool->timers, &conn->timer, keel__time_after(now, timeout));
  pool->ops->open(pool->io, conn);
  return conn;
}

bool keel__open_one(keel__pool *pool, keel__time now) {
  if (keel__pool_open_one(pool, pool->config.connect_timeout, now)) return true;
  keel__failure why = keel__failure_of(KEEL_NO_MEMORY, KEEL_NOT_SENT);
  attempt_failed(pool, now, keel__pool_opening(pool), &why, now);
  return false;
}

static uint32_t above(uint32_t a, uint32_t b) {
  return a > b ? a - b : 0;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

/* A COMMIT in doubt is not told of failed attempts: it waits for the next one, however many there are. */
static uint32_t wanted_in_doubt(const keel__pool *pool, uint32_t room, keel__time now) {
  if (keel__pool_coming(pool) > 0 || keel__timer_is_set(&pool->reopen_timer)) return 0;
  return keel__doubts_wait(pool, now) ? smaller(room, 1) : 0;
}

static uint32_t wanted(const keel__pool *pool, keel__time now) {
  uint32_t opening = keel__pool_opening(pool);
  uint32_t room = above(pool->config.max, pool->conn_total);
  uint32_t for_waiting = smaller(room, above(pool->queue.count, keel__pool_coming(pool)));
  uint32_t for_min =
      pool->state == KEEL__POOL_OPEN ? smaller(room, above(pool->config.min, pool->conn_total)) : 0;
  if ((pool->config.single && pool->last_conn > 0) || keel__breaker_refuses(pool)) return 0;
  uint32_t count = for_waiting > for_min ? for_waiting : for_min;
  if (pool->in_doubt.count > 0) count = larger(count, wanted_in_doubt(pool, room, now));
  if (pool->open_failures == 0) return count;
  /* With nothing established those who wait are told of every failure, so each attempt is somebody's first. */
  if (for_waiting > 0 && keel__pool_established(pool) == 0) return for_waiting;
  return opening > 0 || keel__timer_is_set(&pool->reopen_timer) ? 0 : smaller(count, 1);
}

void keel__pool_open_more(keel__pool *pool, keel__time now) {
  for (uint32_t count = wanted(pool, now); count > 0; count--)
    if (!keel__open_one(pool, now)) return;
}

static void fail_attempt(keel__conn *conn, const keel__failure *failure, keel__time now) {
  keel__pool *pool = conn->pool;
  bool probe = pool->probe == conn;
  bool reached = conn->state != KEEL__CONN_ASKING;
  keel__sign sign = keel__sign_of_failure(conn, failure);
  keel__conn_close(conn, KEEL__CLOSE_OPEN_FAILED, failure);
  uint32_t others = keel__pool_opening(pool);
  /* First, so that nobody is to be tried again who will be refused; then there are no others any more. */
  keel__attempt_ended(conn, probe, sign, failure, now);
  attempt_failed(pool, conn->open_started, others, failure, now);
  keel__health_open_failed(pool, reached ? failure : NULL, now);
}

void keel__open_expired(keel__conn *conn, keel__time now) {
  keel__failure why = keel__failure_of(KEEL_CONNECT_TIMEOUT, KEEL_NOT_SENT);
  fail_attempt(conn, &why, now);
}

void keel__conn_progress(keel__conn *conn, keel__conn_state stage, keel__time now) {
  (void)now;
  assert(stage >= KEEL__CONN_RESOLVING && stage <= KEEL__CONN_STARTING);
  if (keel__conn_is_opening(conn) && conn->state != stage) keel__conn_set_state(conn, stage);
}

static keel__time retirement(keel__pool *pool, keel__time now) {
  keel__time life = pool->config.max_lifetime;
  if (life == KEEL__NEVER) return KEEL__NEVER;
  return keel__time_after(
      now, (keel__time)((double)life * (1 - keel__rng_real(&pool->rng) * pool->config.lifetime_jitter)));
}

void keel__conn_opened(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  if (!keel__conn_is_opening(conn)) return;
  bool probe = pool->probe == conn;
  bool wanted_still = pool->state == KEEL__POOL_OPEN || pool->queue.count + pool->retrying.count > 0;
  bool hold = pool->config.hold_new && wanted_still;
  pool->counters.created++;
  /* What its owner is to set up first has not succeeded yet. */
  if (!hold) keel__open_succeeded(pool);
  conn->opened = now;
  conn->retire_at = retirement(pool, now);
  conn->announced = true;
  if (hold) {
    keel__conn_set_state(conn, KEEL__CONN_LEASED);
    conn->lease = keel__lease_begin(&pool->leases, conn);
    conn->setup_lease = true;
    pool->setup_leases++;
  }
  pool->ops->opened(pool->io, conn);
  if (!hold) keel__conn_ready(conn, now);
  keel__attempt_ended(conn, probe, KEEL__SIGN_LIFE, NULL, now);
  keel__health_opened(conn, now);
  keel__pool_run(pool, now);
}

void keel__conn_open_failed(keel__conn *conn, const keel__failure *failure, keel__time now) {
  if (!keel__conn_is_opening(conn)) return;
  keel__pool *pool = conn->pool;
  fail_attempt(conn, failure, now);
  keel__pool_run(pool, now);
}
