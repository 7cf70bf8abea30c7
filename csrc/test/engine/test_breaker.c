/* test_breaker.c: refusals while a server is down, as a C program meets them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

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

static void open_guarded(const char *conninfo) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = conninfo;
  options.breaker = 1;
  options.breaker_failure_threshold = 2;
  client_open(&c, &options);
}

static const char *nobody_listens(void) {
  static char conninfo[64];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  close(fd);
  snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", ntohs(address.sin_port));
  return conninfo;
}

static keel_pool_stats stats(void) {
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(c.pool, &stats);
  return stats;
}

static void refuses_with_the_failure_that_opened_it(void **state) {
  (void)state;
  open_guarded(nobody_listens());
  for (int i = 0; i < 2; i++) assert_int_equal(client_query(&c, "SELECT 1")->code, KEEL_CONNECT_FAILED);
  const answer *a = client_query(&c, "SELECT 1");
  assert_int_equal(a->code, KEEL_BREAKER_OPEN);
  assert_int_equal(a->outcome, KEEL_NOT_SENT);
  assert_int_equal(a->attempts, 0);
  assert_int_equal(a->cause, KEEL_CONNECT_FAILED);
  assert_string_equal(a->system, "ECONNREFUSED");
  assert_true(a->retry_after > 0 && a->retry_after <= 5000);
  client_until(&c, &c.breakers, 1);
  keel_pool_stats now = stats();
  assert_true(now.breaker_state != KEEL_BREAKER_IS_CLOSED && now.breaker_failures >= 2);
  assert_true(now.breaker_opened == 1 && now.breaker_rejected == 1 && now.rejected == 1);
  assert_true(now.breaker_last_failure > 1e12);
}

static void says_when_slow_calls_have_opened_it(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.breaker = 1;
  options.breaker_slow_rate = 50;
  options.breaker_slow_call_ms = 20;
  options.breaker_minimum_calls = 4;
  client_open(&c, &options);
  /* The opening of the connection is a call, too. */
  const answer *a = client_query(&c, "SELECT pg_sleep(0.05)");
  for (int i = 0; i < 3 && a->code == KEEL_OK; i++) a = client_query(&c, "SELECT pg_sleep(0.05)");
  if (a->code == KEEL_OK) a = client_query(&c, "SELECT 1");
  assert_int_equal(a->code, KEEL_BREAKER_OPEN);
  assert_int_equal(a->cause, KEEL_OK);
  assert_string_equal(a->message, "refused at once: too many calls were slow");
}

static void tells_of_its_changes(void **state) {
  (void)state;
  open_guarded(nobody_listens());
  for (int i = 0; i < 2; i++) client_query(&c, "SELECT 1");
  client_until(&c, &c.breakers, 1);
  assert_int_equal(c.breaker_from, KEEL_BREAKER_IS_CLOSED);
  assert_int_equal(c.breaker_to, KEEL_BREAKER_IS_OPEN);
  assert_string_equal(c.breaker_reason, "2 failures in a row");
  client_until(&c, &c.breakers, 3);
  assert_int_equal(c.breaker_from, KEEL_BREAKER_IS_HALF_OPEN);
  assert_string_equal(c.breaker_reason, "the probe failed");
}

static void is_moved_by_hand(void **state) {
  (void)state;
  open_guarded(NULL);
  keel_pool_breaker(c.pool, KEEL_BREAKER_FORCE_OPEN);
  const answer *a = client_query(&c, "SELECT 1");
  assert_int_equal(a->code, KEEL_BREAKER_OPEN);
  assert_int_equal(a->cause, KEEL_OK);
  assert_int_equal(a->retry_after, 0);
  assert_true(stats().breaker_state == KEEL_BREAKER_IS_OPEN);
  keel_pool_breaker(c.pool, KEEL_BREAKER_CLOSE);
  assert_query(&c, "SELECT 1", "1\n");
  assert_true(stats().breaker_state == KEEL_BREAKER_IS_CLOSED && stats().breaker_last_failure == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(refuses_with_the_failure_that_opened_it, begin, end),
      cmocka_unit_test_setup_teardown(says_when_slow_calls_have_opened_it, begin, end),
      cmocka_unit_test_setup_teardown(tells_of_its_changes, begin, end),
      cmocka_unit_test_setup_teardown(is_moved_by_hand, begin, end),
  };
  return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
