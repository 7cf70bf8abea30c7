/* test_close.c: ends: of pools, of the engine, with work in flight; and many threads at once. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "client.h"

static client c;

static void closed_pool_refuses(void **state) {
  (void)state;
  client_simple(&c, 2);
  assert_query(&c, "SELECT 1", "1\n");
  keel_pool_close(c.pool, -1, 0);
  client_until(&c, &c.pool_closed, 1);
  assert_int_equal(client_query(&c, "SELECT 1")->code, KEEL_POOL_CLOSED);
  assert_int_equal(client_wait(&c, client_acquire(&c))->code, KEEL_POOL_CLOSED);
  keel_pool_free(c.pool);
  c.pool = NULL;
  client_end(&c);
}

static void a_drain_finishes_what_was_accepted(void **state) {
  (void)state;
  uint64_t tags[20];
  client_simple(&c, 3);
  for (int i = 0; i < 20; i++) tags[i] = client_send(&c, 0, 0, "SELECT pg_sleep(0.05)", 0);
  keel_pool_close(c.pool, 20000, 0);
  client_until(&c, &c.pool_closed, 1);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(client_answer(&c, tags[i])->finals, 1);
    assert_int_equal(client_answer(&c, tags[i])->code, KEEL_OK);
  }
  client_end(&c);
}

static void a_drain_has_an_end(void **state) {
  (void)state;
  uint64_t tags[6];
  client_simple(&c, 3);
  for (int i = 0; i < 6; i++) tags[i] = client_send(&c, 0, 0, "SELECT pg_sleep(70)", 0);
  uint64_t waiting = client_acquire(&c);
  int64_t started = client_now_ms();
  keel_pool_close(c.pool, 300, 0);
  client_until(&c, &c.pool_closed, 1);
  assert_in_range(client_now_ms() - started, 290, 10000);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(client_answer(&c, tags[i])->finals, 1);
    assert_int_equal(client_answer(&c, tags[i])->code, KEEL_POOL_CLOSED);
  }
  assert_int_equal(client_answer(&c, waiting)->code, KEEL_POOL_CLOSED);
  client_end(&c);
}

/* What was given up is not left running on the server. */
static void force_cancels(void **state) {
  (void)state;
  client other;
  client_simple(&other, 1);
  client_simple(&c, 2);
  uint64_t tag = client_send(&c, 0, 0, "SELECT pg_sleep(71)", 0);
  const char *count =
      "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(71)' AND state = 'active'";
  int64_t deadline = client_now_ms() + 20000;
  while (strcmp(client_query(&other, count)->cells, "1\n") != 0) assert_true(client_now_ms() < deadline);
  keel_pool_close(c.pool, -1, 1);
  client_until(&c, &c.pool_closed, 1);
  assert_int_equal(client_answer(&c, tag)->code, KEEL_POOL_CLOSED);
  while (strcmp(client_query(&other, count)->cells, "0\n") != 0) assert_true(client_now_ms() < deadline);
  client_end(&c);
  client_end(&other);
}

/* More than get a thread at once, and nobody stays for them. */
static void the_end_waits_for_its_cancels(void **state) {
  (void)state;
  enum { STATEMENTS = 24 };
  client other;
  client_simple(&other, 1);
  client_simple(&c, STATEMENTS);
  for (int i = 0; i < STATEMENTS; i++) client_send(&c, 0, 0, "SELECT pg_sleep(72)", 0);
  const char *count =
      "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(72)' AND state = 'active'";
  int64_t deadline = client_now_ms() + 20000;
  while (strcmp(client_query(&other, count)->cells, "24\n") != 0) assert_true(client_now_ms() < deadline);
  keel_pool_close(c.pool, -1, 1);
  client_until(&c, &c.pool_closed, 1);
  int64_t closed = client_now_ms();
  while (strcmp(client_query(&other, count)->cells, "0\n") != 0) assert_true(client_now_ms() < closed + 2000);
  client_end(&c);
  client_end(&other);
}

static void stop_with_work_in_flight(void **state) {
  (void)state;
  for (int round = 0; round < 10; round++) {
    client_simple(&c, 3);
    client_acquire(&c);
    if (round % 2) client_query(&c, "SELECT 1");
    for (int i = 0; i < 10; i++) client_send(&c, 0, 0, i % 2 ? "SELECT pg_sleep(5)" : "SELECT 1", 0);
    int64_t started = client_now_ms();
    c.pool = NULL;
    client_end(&c);
    assert_true(client_now_ms() - started < 1000);
  }
}

static void stop_while_names_are_looked_up(void **state) {
  (void)state;
  for (int round = 0; round < 5; round++) {
    keel_pool_options options;
    keel_pool_options_init(&options);
    options.conninfo = "host=no-such-host.invalid,localhost,no-other-host.invalid user=postgres";
    client_start(&c);
    client_open(&c, &options);
    for (int i = 0; i < 10; i++) client_send(&c, 0, 0, "SELECT 1", 0);
    int64_t started = client_now_ms();
    c.pool = NULL;
    client_end(&c);
    assert_true(client_now_ms() - started < 1000);
  }
}

static void stop_at_once(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    client_simple(&c, 3);
    c.pool = NULL;
    client_end(&c);
  }
}

/* ---------------------------------------------------------------- threads */

#define THREADS 8
#define REQUESTS 400

typedef struct worker {
  keel_pool *pool;
  uint64_t first;
} worker;

static void *submit_many(void *data) {
  worker *w = data;
  for (uint64_t i = 0; i < REQUESTS; i++) {
    keel_request request = {.tag = w->first + i, .kind = KEEL_QUERY, .timeout_ms = -1, .text = "SELECT 1"};
    request.text_length = 8;
    keel_pool_stats stats = {.size = sizeof stats};
    if (keel_submit(w->pool, &request, 1) != KEEL_OK) abort();
    if (i % 16 == 0) keel_pool_stats_read(w->pool, &stats);
    if (i % 32 == 0) keel_abort(w->pool, request.tag);
  }
  return NULL;
}

static void many_threads(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  worker workers[THREADS];
  client_simple(&c, 5);
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){c.pool, 1 + (uint64_t)i * REQUESTS};
    assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &workers[i]), 0);
  }
  for (uint64_t tag = 1; tag <= (uint64_t)THREADS * REQUESTS; tag++) {
    const answer *a = client_wait(&c, tag);
    assert_true(a->code == KEEL_OK || a->code == KEEL_ABORTED);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(c.pool, &stats);
  assert_true(stats.started == THREADS * REQUESTS && stats.running == 0);
  assert_true(stats.succeeded + stats.cancelled == stats.started);
  client_end(&c);
}

/* First come, first served. */
static void waiters_are_served_in_order(void **state) {
  (void)state;
  enum { WAITERS = 2000 };
  static uint64_t order[WAITERS];
  client_simple(&c, 5);
  uint64_t first = c.last_tag + 1;
  int taken = 0;
  for (int i = 0; i < WAITERS; i++) client_acquire(&c);
  int64_t deadline = client_now_ms() + 60000;
  while (taken < WAITERS) {
    assert_true(client_now_ms() < deadline);
    if (!keel_wait(c.engine, 1000)) continue;
    for (keel_event *event; (event = keel_next(c.engine)) != NULL; keel_event_free(event)) {
      if (keel_event_type(event) != KEEL_EV_LEASED) continue;
      order[taken++] = keel_event_tag(event);
      keel_release(c.pool, keel_event_lease(event), 0);
    }
  }
  for (int i = 0; i < WAITERS; i++) assert_int_equal(order[i], first + (uint64_t)i);
  client_end(&c);
}

static void two_pools_on_one_engine(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  client_start(&c);
  client_open(&c, &options);
  keel_pool *first = c.pool;
  client_open(&c, &options);
  assert_int_not_equal(keel_pool_id(first), keel_pool_id(c.pool));
  assert_query(&c, "SELECT 2", "2\n");
  keel_pool *second = c.pool;
  c.pool = first;
  assert_query(&c, "SELECT 1", "1\n");
  keel_pool_close(first, -1, 0);
  client_until(&c, &c.pool_closed, 1);
  keel_pool_free(first);
  c.pool = second;
  assert_query(&c, "SELECT 3", "3\n");
  c.pool_closed = 0;
  client_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closed_pool_refuses),
      cmocka_unit_test(a_drain_finishes_what_was_accepted),
      cmocka_unit_test(a_drain_has_an_end),
      cmocka_unit_test(force_cancels),
      cmocka_unit_test(the_end_waits_for_its_cancels),
      cmocka_unit_test(stop_with_work_in_flight),
      cmocka_unit_test(stop_while_names_are_looked_up),
      cmocka_unit_test(stop_at_once),
      cmocka_unit_test(many_threads),
      cmocka_unit_test(waiters_are_served_in_order),
      cmocka_unit_test(two_pools_on_one_engine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
