/* test_session.c: leases, transactions, settings, notices, notifications, figures. */
#include <stdio.h>

#include "client.h"

static client c;

static int begin(void **state) {
  (void)state;
  client_simple(&c, 2);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static uint64_t lease(void) {
  const answer *a = client_wait(&c, client_acquire(&c));
  assert_int_equal(a->kind, KEEL_EV_LEASED);
  assert_true(a->lease > 0);
  return a->lease;
}

static const answer *on(uint64_t held, const char *text) {
  return client_wait(&c, client_send(&c, held, 0, text, 0));
}

static void a_lease_is_one_session(void **state) {
  (void)state;
  uint64_t held = lease();
  char pid[32];
  snprintf(pid, sizeof pid, "%s", client_cell(on(held, "SELECT pg_backend_pid()")));
  for (int i = 0; i < 5; i++) {
    assert_string_equal(client_cell(on(held, "SELECT pg_backend_pid()")), pid);
    assert_string_not_equal(client_cell(client_query(&c, "SELECT pg_backend_pid()")), pid);
  }
  keel_release(c.pool, held, 0);
}

static void a_lease_given_back_is_rolled_back(void **state) {
  (void)state;
  client_query(&c, "CREATE TABLE IF NOT EXISTS left_open (a int)");
  uint64_t held = lease(), tag = 0;
  on(held, "BEGIN");
  tag = client_send(&c, held, 0, "INSERT INTO left_open VALUES (1)", 0);
  keel_release(c.pool, held, 0);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_OK);
  for (int i = 0; i < 4; i++) assert_query(&c, "SELECT count(*) FROM left_open", "0\n");
  assert_int_equal(on(held, "SELECT 1")->code, KEEL_MISUSE);
  client_query(&c, "DROP TABLE left_open");
  assert_int_equal(c.closed, 0);
}

static void a_lease_may_be_destroyed(void **state) {
  (void)state;
  uint64_t held = lease();
  int before = c.closed;
  on(held, "SELECT 1");
  keel_release(c.pool, held, 1);
  client_until(&c, &c.closed, before + 1);
  assert_query(&c, "SELECT 1", "1\n");
}

static void transaction_status(void **state) {
  (void)state;
  uint64_t held = lease();
  assert_int_equal(on(held, "BEGIN")->code, KEEL_OK);
  assert_string_equal(on(held, "SELECT 1/0")->sqlstate, "22012");
  assert_string_equal(on(held, "SELECT 1")->sqlstate, "25P02");
  assert_string_equal(on(held, "ROLLBACK")->tags, "ROLLBACK;");
  assert_string_equal(on(held, "SELECT 1")->cells, "1\n");
  keel_release(c.pool, held, 0);
}

/* A lone BEGIN would leave the next statement of anybody in its transaction. */
static void a_lone_begin_does_not_leak(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) client_query(&c, "BEGIN");
  for (int i = 0; i < 8; i++) assert_string_equal(client_query(&c, "SAVEPOINT s")->sqlstate, "25P01");
}

static void notices(void **state) {
  (void)state;
  int before = c.notices;
  client_query(&c, "DO $$ BEGIN RAISE WARNING 'mind the %', 'gap'; END $$");
  client_until(&c, &c.notices, before + 1);
  assert_string_equal(c.notice, "mind the gap");
  assert_string_equal(c.notice_severity, "WARNING");
}

static void notifications_on_an_idle_lease(void **state) {
  (void)state;
  uint64_t held = lease();
  on(held, "LISTEN news");
  client_query(&c, "SELECT pg_notify('news', 'h\xc3\xa9llo')");
  client_until(&c, &c.notifications, 1);
  assert_string_equal(c.channel, "news");
  assert_string_equal(c.payload, "h\xc3\xa9llo");
  client_query(&c, "NOTIFY news");
  client_until(&c, &c.notifications, 2);
  assert_string_equal(c.payload, "");
  keel_release(c.pool, held, 1);
}

static void settings(void **state) {
  (void)state;
  client own;
  const char *names[] = {"statement_timeout", "my.own", NULL}, *values[] = {"12345", "it's", NULL};
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.session_names = names;
  options.session_values = values;
  client_start(&own);
  client_open(&own, &options);
  assert_query(&own, "SELECT current_setting('statement_timeout'), current_setting('my.own')",
               "12345ms|it's\n");
  client_end(&own);
}

static void a_setting_that_the_server_refuses(void **state) {
  (void)state;
  client own;
  const char *names[] = {"no_such_setting", NULL}, *values[] = {"1", NULL};
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.session_names = names;
  options.session_values = values;
  client_start(&own);
  client_open(&own, &options);
  const answer *a = client_query(&own, "SELECT 1");
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_string_equal(a->sqlstate, "42704");
  client_end(&own);
}

static void new_connections_are_lent_first(void **state) {
  (void)state;
  client own;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.hold_new = 1;
  options.max = 1;
  client_start(&own);
  client_open(&own, &options);
  uint64_t tag = client_send(&own, 0, 0, "SELECT current_setting('my.mark')", 0);
  client_until(&own, &own.opened, 1);
  assert_true(own.opened_lease > 0);
  assert_non_null(strstr(own.opened_parameters, "client_encoding=UTF8"));
  client_wait(&own, client_send(&own, own.opened_lease, 0, "SET my.mark = 'set up'", 0));
  assert_int_equal(client_answer(&own, tag)->finals, 0);
  keel_release(own.pool, own.opened_lease, 0);
  assert_string_equal(client_wait(&own, tag)->cells, "set up\n");
  client_end(&own);
}

static void figures(void **state) {
  (void)state;
  client own;
  client_simple(&own, 3);
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(own.pool, &stats);
  assert_true(stats.total == 0 && stats.max == 3 && stats.state == 0 && stats.started == 0);
  for (int i = 0; i < 20; i++) client_query(&own, i == 0 ? "SELECT 1/0" : "SELECT 1");
  uint64_t slow[5];
  for (int i = 0; i < 5; i++) slow[i] = client_send(&own, 0, 0, "SELECT pg_sleep(0.2)", 0);
  keel_pool_stats_read(own.pool, &stats);
  assert_true(stats.started == 25 && stats.running == 5 && stats.succeeded == 19 && stats.failed == 1);
  assert_true(stats.waiting >= 2);
  for (int i = 0; i < 5; i++) client_wait(&own, slow[i]);
  keel_pool_stats_read(own.pool, &stats);
  assert_true(stats.succeeded == 24 && stats.running == 0 && stats.total == 3);
  assert_true(stats.latency_total.count == 25 && stats.latency_total.max >= 200);
  assert_true(stats.latency_server.count == 25 && stats.latency_delivery.count == 25);
  assert_true(stats.latency_queue.count == 25 && stats.latency_queue.max >= 190);
  stats.latency_total.count = -1;
  stats.size = offsetof(keel_pool_stats, latency_total);
  keel_pool_stats_read(own.pool, &stats);
  assert_true(stats.succeeded == 24 && stats.latency_total.count == -1);
  client_end(&own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lease_is_one_session),
      cmocka_unit_test(a_lease_given_back_is_rolled_back),
      cmocka_unit_test(a_lease_may_be_destroyed),
      cmocka_unit_test(transaction_status),
      cmocka_unit_test(a_lone_begin_does_not_leak),
      cmocka_unit_test(notices),
      cmocka_unit_test(notifications_on_an_idle_lease),
      cmocka_unit_test(settings),
      cmocka_unit_test(a_setting_that_the_server_refuses),
      cmocka_unit_test(new_connections_are_lent_first),
      cmocka_unit_test(figures),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
