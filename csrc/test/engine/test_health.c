/* test_health.c: is the server well, and are idle connections still there? */
#include "client.h"

#define CHECKED \
  "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%are you there%' AND pid <> pg_backend_pid()"

static client c;

static int begin(void **state) {
  (void)state;
  client_start(&c);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static keel_pool_stats stats(void) {
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(c.pool, &stats);
  return stats;
}

static void it_is_checked_now_and_then(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.health_check_interval_ms = 30;
  client_open(&c, &options);
  assert_true(stats().healthy == 1 && stats().last_check == 0);
  client_until(&c, &c.health_checks, 4);
  assert_int_equal(c.health, KEEL_OK);
  assert_in_range(c.health_latency_us, 0, 5000000);
  assert_true(stats().healthy == 1 && stats().last_check > 1.6e12);
  assert_true(stats().created == 1); /* one connection served all of them */
}

static void it_may_be_asked_for(void **state) {
  (void)state;
  client_simple(&c, 2);
  keel_pool_check(c.pool);
  client_until(&c, &c.health_checks, 1);
  assert_int_equal(c.health, KEEL_OK);
  assert_query(&c, "SELECT 1", "1\n");
}

static void a_server_that_is_not_there(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = "host=127.0.0.1 port=1 user=postgres";
  client_open(&c, &options);
  keel_pool_check(c.pool);
  client_until(&c, &c.health_checks, 1);
  assert_int_equal(c.health, KEEL_CONNECT_FAILED);
  assert_int_equal(c.health_latency_us, -1);
  assert_true(stats().healthy == 0);
}

/* Two of a pool's connections: one asks the server what the other was asked last. */
static void a_stale_connection_is_checked(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.alive_bypass_ms = 0;
  options.max = 2;
  client_open(&c, &options);
  uint64_t one = client_wait(&c, client_acquire(&c))->lease;
  uint64_t other = client_wait(&c, client_acquire(&c))->lease;
  keel_release(c.pool, one, 0);
  client_take(&c, 20);
  one = client_wait(&c, client_acquire(&c))->lease;
  assert_string_equal(client_wait(&c, client_send(&c, other, 0, CHECKED, 0))->cells, "1\n");
  keel_release(c.pool, one, 0);
  keel_release(c.pool, other, 0);
}

/* What is prepared, and who is who in the pipeline, is as before. Another connection looks on: each time it was checked. */
static void a_checked_connection_is_as_good_as_new(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.alive_bypass_ms = 0;
  options.max = 2;
  client_open(&c, &options);
  uint64_t other = client_wait(&c, client_acquire(&c))->lease;
  for (int i = 0; i < 20; i++) {
    uint64_t one = client_wait(&c, client_acquire(&c))->lease;
    const char *checked = i == 0 ? "0\n" : "1\n"; /* it has only just been opened */
    assert_string_equal(client_wait(&c, client_send(&c, other, 0, CHECKED, 0))->cells, checked);
    assert_string_equal(client_wait(&c, client_send(&c, one, 0, "SELECT $1::text", 1, "v"))->cells, "v\n");
    keel_release(c.pool, one, 0);
    client_take(&c, 2);
    assert_int_equal(client_query(&c, "nonsense")->code, KEEL_SERVER);
    client_take(&c, 2);
    assert_string_equal(client_wait(&c, client_send(&c, 0, 0, "SELECT $1::text", 1, "w"))->cells, "w\n");
    client_take(&c, 2);
  }
  keel_release(c.pool, other, 0);
  assert_true(stats().created == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_is_checked_now_and_then, begin, end),
      cmocka_unit_test_setup_teardown(it_may_be_asked_for, begin, end),
      cmocka_unit_test_setup_teardown(a_server_that_is_not_there, begin, end),
      cmocka_unit_test_setup_teardown(a_stale_connection_is_checked, begin, end),
      cmocka_unit_test_setup_teardown(a_checked_connection_is_as_good_as_new, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
