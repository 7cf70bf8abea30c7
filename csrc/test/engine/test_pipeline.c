/* test_pipeline.c: several statements in flight on one connection; errors stay with the statement that made them. */
#include <stdio.h>

#include "client.h"

static client c;

static int begin(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = 1;
  options.pipeline_depth = 8;
  client_start(&c);
  client_open(&c, &options);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static void answers_in_order(void **state) {
  (void)state;
  uint64_t tags[200];
  char text[32], expected[32];
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "%d", i);
    tags[i] = client_send(&c, 0, 0, "SELECT $1::int", 1, text);
  }
  for (int i = 0; i < 200; i++) {
    snprintf(expected, sizeof expected, "%d\n", i);
    assert_string_equal(client_wait(&c, tags[i])->cells, expected);
  }
}

static void errors_in_the_middle(void **state) {
  (void)state;
  uint64_t tags[120];
  for (int i = 0; i < 120; i++) {
    const char *text = i % 5 == 1   ? "SELECT 1/0"
                       : i % 5 == 3 ? "SELECT nonsense"
                       : i % 5 == 4 ? "SELECT $1::int"
                                    : "SELECT 'fine'";
    tags[i] = i % 5 == 4 ? client_send(&c, 0, 0, text, 1, "no number") : client_send(&c, 0, 0, text, 0);
  }
  for (int i = 0; i < 120; i++) {
    static const char *const expected[] = {"", "22012", "", "42703", "22P02"};
    const answer *a = client_wait(&c, tags[i]);
    assert_string_equal(a->sqlstate, expected[i % 5]);
    if (i % 5 % 2 == 0 && i % 5 < 4) assert_string_equal(a->cells, "fine\n");
  }
}

static void simple_ones_in_between(void **state) {
  (void)state;
  uint64_t tags[60];
  for (int i = 0; i < 60; i++) {
    tags[i] = i % 3 == 1 ? client_send(&c, 0, KEEL_Q_SIMPLE, "SELECT 'a'; SELECT 'b'", 0)
                         : client_send(&c, 0, 0, "SELECT 'c'", 0);
  }
  for (int i = 0; i < 60; i++) {
    assert_string_equal(client_wait(&c, tags[i])->cells, i % 3 == 1 ? "a\nb\n" : "c\n");
  }
}

static void one_connection_only(void **state) {
  (void)state;
  uint64_t tags[20];
  for (int i = 0; i < 20; i++) tags[i] = client_send(&c, 0, 0, "SELECT pg_backend_pid()", 0);
  for (int i = 1; i < 20; i++) {
    assert_string_equal(client_wait(&c, tags[i])->cells, client_wait(&c, tags[0])->cells);
  }
}

static void large_ones_both_ways(void **state) {
  (void)state;
  uint64_t tags[24];
  char *large = malloc(1000001);
  memset(large, 'y', 1000000);
  large[1000000] = 0;
  for (int i = 0; i < 24; i++) tags[i] = client_send(&c, 0, 0, "SELECT $1::text", 1, large);
  for (int i = 0; i < 24; i++) assert_int_equal(client_wait(&c, tags[i])->bytes, 1000000);
  free(large);
}

/* The statement that is given up is cancelled; those behind it run all the same. */
static void a_timeout_in_the_middle(void **state) {
  (void)state;
  const char *text = "SELECT pg_sleep(30)";
  keel_request request = {.kind = KEEL_QUERY, .timeout_ms = 300, .text = text, .text_length = strlen(text)};
  uint64_t before = client_send(&c, 0, 0, "SELECT 1", 0);
  uint64_t slow = client_submit(&c, &request);
  uint64_t after[5];
  for (int i = 0; i < 5; i++) after[i] = client_send(&c, 0, 0, "SELECT 2", 0);
  assert_string_equal(client_wait(&c, before)->cells, "1\n");
  assert_int_equal(client_wait(&c, slow)->code, KEEL_QUERY_TIMEOUT);
  for (int i = 0; i < 5; i++) assert_string_equal(client_wait(&c, after[i])->cells, "2\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_in_order),       cmocka_unit_test(errors_in_the_middle),
      cmocka_unit_test(simple_ones_in_between), cmocka_unit_test(one_connection_only),
      cmocka_unit_test(large_ones_both_ways),   cmocka_unit_test(a_timeout_in_the_middle),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
