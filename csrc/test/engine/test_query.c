/* test_query.c: what queries give, in both protocols. */
#include <stdio.h>

#include "client.h"

static client c;

static int begin(void **state) {
  (void)state;
  client_simple(&c, 4);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static void one_row(void **state) {
  (void)state;
  const answer *a = client_query(&c, "SELECT 1 AS one, NULL AS none, 'x'::text AS x, ''::text AS empty");
  assert_int_equal(a->kind, KEEL_EV_DONE);
  assert_string_equal(a->cells, "1|~|x|\n");
  assert_string_equal(a->tags, "SELECT 1;");
  assert_int_equal(a->result_sets, 1);
  assert_string_equal(a->fields[0].name, "one");
  assert_int_equal(a->fields[0].type_id, 23);
  assert_int_equal(a->fields[0].type_size, 4);
  assert_int_equal(a->fields[0].type_modifier, -1);
  assert_int_equal(a->fields[2].type_id, 25);
}

static void fields_of_a_table(void **state) {
  (void)state;
  client_query(&c, "DROP TABLE IF EXISTS fields_test");
  client_query(&c, "CREATE TABLE fields_test (a int, b varchar(20))");
  const answer *a = client_query(&c, "SELECT b, a FROM fields_test");
  assert_int_equal(a->rows, 0);
  assert_int_equal(a->result_sets, 1);
  assert_true(a->fields[0].table_id > 0);
  assert_int_equal(a->fields[0].column_id, 2);
  assert_int_equal(a->fields[0].type_modifier, 24);
  assert_int_equal(a->fields[1].column_id, 1);
  client_query(&c, "DROP TABLE fields_test");
}

static void parameters(void **state) {
  (void)state;
  uint64_t tag = client_send(&c, 0, 0, "SELECT $1::int + 1, $2::text, $3::text", 3, "41", NULL, "");
  assert_string_equal(client_wait(&c, tag)->cells, "42|~|\n");
}

static void binary_parameters_and_results(void **state) {
  (void)state;
  const char bytes[] = {0, 1, 2, (char)0xff};
  const char *params[] = {bytes, "7"};
  const int32_t lengths[] = {4, 1};
  const uint8_t formats[] = {1, 0};
  keel_request request = {.kind = KEEL_QUERY, .flags = KEEL_Q_BINARY, .timeout_ms = -1, .param_count = 2};
  request.text = "SELECT $1::bytea, $2::int4, encode($1::bytea, 'hex')";
  request.text_length = strlen(request.text);
  request.params = params;
  request.param_lengths = lengths;
  request.param_formats = formats;
  const answer *a = client_wait(&c, client_submit(&c, &request));
  assert_int_equal(a->code, KEEL_OK);
  assert_int_equal(a->fields[0].format, 1);
  assert_memory_equal(a->cells, "\0\1\2\xff|\0\0\0\7|000102ff\n", 19);
}

static void commands_without_rows(void **state) {
  (void)state;
  assert_string_equal(client_query(&c, "CREATE TEMP TABLE nothing (a int)")->tags, "CREATE TABLE;");
  assert_int_equal(client_query(&c, "SET work_mem = '5MB'")->result_sets, 0);
  assert_string_equal(client_query(&c, "")->tags, ";");
  assert_string_equal(client_wait(&c, client_send(&c, 0, KEEL_Q_SIMPLE, "", 0))->tags, ";");
  assert_string_equal(client_query(&c, "SELECT WHERE false")->tags, "SELECT 0;");
  assert_int_equal(client_query(&c, "SELECT")->rows, 1);
}

static void several_statements(void **state) {
  (void)state;
  uint64_t tag = client_send(&c, 0, KEEL_Q_SIMPLE, "SELECT 1; SET work_mem = '4MB'; ; SELECT 2, 3", 0);
  const answer *a = client_wait(&c, tag);
  assert_string_equal(a->cells, "1\n2|3\n");
  assert_string_equal(a->tags, "SELECT 1;SET;SELECT 1;");
  assert_int_equal(a->result_sets, 2);
  tag = client_send(&c, 0, KEEL_Q_SIMPLE, "SELECT 1; SELECT 1/0; SELECT 2", 0);
  a = client_wait(&c, tag);
  assert_string_equal(a->tags, "SELECT 1;");
  assert_int_equal(a->code, KEEL_SERVER);
  assert_string_equal(a->sqlstate, "22012");
  assert_int_equal(a->outcome, KEEL_ROLLED_BACK);
}

static void an_error_after_a_commit_of_its_own(void **state) {
  (void)state;
  const char *text = "CREATE TABLE IF NOT EXISTS committed (a int); COMMIT; SELECT 1/0";
  const answer *a = client_wait(&c, client_send(&c, 0, KEEL_Q_SIMPLE, text, 0));
  assert_string_equal(a->sqlstate, "22012");
  assert_int_equal(a->outcome, KEEL_OUTCOME_UNKNOWN);
  assert_string_equal(client_query(&c, "DROP TABLE committed")->tags, "DROP TABLE;");
}

static void extended_takes_one_statement(void **state) {
  (void)state;
  assert_string_equal(client_query(&c, "SELECT 1; SELECT 2")->sqlstate, "42601");
}

static void error_fields(void **state) {
  (void)state;
  client_query(&c, "CREATE TABLE IF NOT EXISTS unique_test (a int PRIMARY KEY)");
  client_query(&c, "INSERT INTO unique_test VALUES (1)");
  const answer *a = client_query(&c, "INSERT INTO unique_test VALUES (1)");
  assert_int_equal(a->kind, KEEL_EV_ERROR);
  assert_string_equal(a->sqlstate, "23505");
  assert_string_equal(a->detail, "Key (a)=(1) already exists.");
  assert_int_equal(a->attempts, 1);
  assert_int_equal(client_query(&c, "DROP TABLE unique_test")->code, KEEL_OK);
}

static void unicode(void **state) {
  (void)state;
  const char *text = "h\xc3\xa9llo \xf0\x9f\x98\x80 \xe2\x82\xac";
  uint64_t tag = client_send(&c, 0, 0, "SELECT $1::text, length($1::text)", 1, text);
  char expected[64];
  snprintf(expected, sizeof expected, "%s|9\n", text);
  assert_string_equal(client_wait(&c, tag)->cells, expected);
  assert_query(&c, "SELECT '\xc3\xa9' AS \"sp\xc3\xa4te\"", "\xc3\xa9\n");
}

static const answer *with_nul(uint64_t lease, uint32_t flags, bool in_text) {
  const char *params[] = {"a\0b"};
  const int32_t lengths[] = {3};
  keel_request request = {.kind = KEEL_QUERY, .flags = flags, .lease = lease, .timeout_ms = -1};
  request.text = in_text ? "SELECT 1\0; SELECT 2" : "SELECT $1::text";
  request.text_length = in_text ? 19 : strlen(request.text);
  request.param_count = in_text ? 0 : 1;
  request.params = params;
  request.param_lengths = lengths;
  return client_wait(&c, client_submit(&c, &request));
}

static void nul_bytes_are_refused(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    const answer *a = with_nul(0, i == 2 ? KEEL_Q_SIMPLE : 0, i > 0);
    assert_int_equal(a->code, KEEL_SERVER);
    assert_string_equal(a->sqlstate, "22021");
    assert_string_equal(a->message, "invalid byte sequence for encoding \"UTF8\": 0x00");
  }
}

static void a_nul_byte_fails_the_transaction(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "BEGIN", 0));
  assert_string_equal(with_nul(lease, 0, false)->sqlstate, "22021");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "SELECT 1", 0))->sqlstate, "25P02");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "COMMIT", 0))->tags, "ROLLBACK;");
  keel_release(c.pool, lease, 0);
}

static void big_value(void **state) {
  (void)state;
  const answer *a = client_query(&c, "SELECT repeat('x', 10000000), 'end'");
  assert_int_equal(a->code, KEEL_OK);
  assert_int_equal(a->bytes, 10000003);
  char *large = malloc(5000001);
  memset(large, 'y', 5000000);
  large[5000000] = 0;
  a = client_wait(&c, client_send(&c, 0, 0, "SELECT length($1::text)", 1, large));
  free(large);
  assert_string_equal(a->cells, "5000000\n");
}

static void many_rows(void **state) {
  (void)state;
  const answer *a = client_query(&c, "SELECT i, 'row ' || i FROM generate_series(1, 100000) i");
  assert_int_equal(a->rows, 100000);
  assert_string_equal(a->tags, "SELECT 100000;");
  assert_int_equal(strncmp(a->cells, "1|row 1\n2|row 2\n", 16), 0);
}

static void many_columns(void **state) {
  (void)state;
  char text[16000] = "SELECT 0";
  size_t used = strlen(text);
  for (int i = 1; i < 1600; i++) used += (size_t)snprintf(text + used, sizeof text - used, ", %d", i);
  const answer *a = client_query(&c, text);
  assert_int_equal(a->code, KEEL_OK);
  assert_int_equal(a->rows, 1);
}

static void prepared_from_the_second_use_on(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  const char *count = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 17'";
  for (int i = 0; i < 3; i++) {
    client_wait(&c, client_send(&c, lease, 0, "SELECT 17", 0));
    const answer *a = client_wait(&c, client_send(&c, lease, KEEL_Q_SIMPLE, count, 0));
    assert_string_equal(a->cells, i == 0 ? "0\n" : "1\n");
  }
  keel_release(c.pool, lease, 0);
}

static void named_statements(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  keel_request request = {.kind = KEEL_QUERY, .lease = lease, .timeout_ms = -1, .name = "mine"};
  for (int i = 0; i < 2; i++) {
    request.text = "SELECT 18";
    request.text_length = 9;
    assert_string_equal(client_wait(&c, client_submit(&c, &request))->cells, "18\n");
  }
  const char *count = "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'";
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, count, 0))->cells, "1\n");
  client_wait(&c, client_send(&c, lease, 0, "DISCARD ALL", 0));
  assert_string_equal(client_wait(&c, client_submit(&c, &request))->cells, "18\n");
  keel_release(c.pool, lease, 0);
}

static void the_cache_of_statements_is_bounded(void **state) {
  (void)state;
  client own;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = 1;
  options.prepare = KEEL_PREPARE_ALWAYS;
  options.prepare_cache = 3;
  client_start(&own);
  client_open(&own, &options);
  char text[32];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 10; i++) {
      snprintf(text, sizeof text, "SELECT %d", i);
      assert_int_equal(client_query(&own, text)->code, KEEL_OK);
    }
  }
  assert_query(&own, "SELECT count(*) FROM pg_prepared_statements", "3\n");
  client_end(&own);
}

/* A plan whose result has changed is made anew, unseen by the caller. */
static void stale_plans(void **state) {
  (void)state;
  client_query(&c, "CREATE TABLE IF NOT EXISTS stale (a int)");
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  for (int i = 0; i < 3; i++) client_wait(&c, client_send(&c, lease, 0, "SELECT * FROM stale", 0));
  client_query(&c, "ALTER TABLE stale ADD COLUMN b int");
  const answer *a = client_wait(&c, client_send(&c, lease, 0, "SELECT * FROM stale", 0));
  assert_int_equal(a->code, KEEL_OK);
  assert_string_equal(a->fields[1].name, "b");
  keel_release(c.pool, lease, 0);
  client_query(&c, "DROP TABLE stale");
}

static void malformed_requests_are_refused(void **state) {
  (void)state;
  keel_request request = {.kind = KEEL_QUERY, .tag = 999};
  assert_int_equal(keel_submit(c.pool, &request, 1), KEEL_MISUSE);
  request.text = "SELECT 1";
  request.text_length = 8;
  request.param_count = 1;
  assert_int_equal(keel_submit(c.pool, &request, 1), KEEL_MISUSE);
  request.param_count = 0;
  request.kind = 9;
  assert_int_equal(keel_submit(c.pool, &request, 1), KEEL_MISUSE);
}

/* As they were before it was counted why connections are closed. */
typedef struct older_stats {
  size_t size;
  int state;
  double counts_and_gauges[16], closings[4], breaker[5], health[2];
  keel_summary latencies[4];
  double not_its_own;
} older_stats;

static void figures_for_an_older_caller(void **state) {
  (void)state;
  union {
    keel_pool_stats now;
    older_stats older;
  } stats = {.older = {.size = offsetof(older_stats, not_its_own)}};
  client_query(&c, "SELECT 1");
  stats.older.not_its_own = -1;
  keel_pool_stats_read(c.pool, &stats.now);
  double started = stats.older.counts_and_gauges[0];
  assert_true(started > 0);
  assert_true(stats.older.closings[0] > 0 && stats.older.health[0] == 1); /* `created`, `healthy` */
  assert_true(stats.older.latencies[0].count == started && stats.older.latencies[3].count == started);
  assert_true(stats.older.not_its_own == -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_row),
      cmocka_unit_test(fields_of_a_table),
      cmocka_unit_test(parameters),
      cmocka_unit_test(binary_parameters_and_results),
      cmocka_unit_test(commands_without_rows),
      cmocka_unit_test(several_statements),
      cmocka_unit_test(an_error_after_a_commit_of_its_own),
      cmocka_unit_test(extended_takes_one_statement),
      cmocka_unit_test(error_fields),
      cmocka_unit_test(unicode),
      cmocka_unit_test(nul_bytes_are_refused),
      cmocka_unit_test(a_nul_byte_fails_the_transaction),
      cmocka_unit_test(big_value),
      cmocka_unit_test(many_rows),
      cmocka_unit_test(many_columns),
      cmocka_unit_test(prepared_from_the_second_use_on),
      cmocka_unit_test(named_statements),
      cmocka_unit_test(the_cache_of_statements_is_bounded),
      cmocka_unit_test(stale_plans),
      cmocka_unit_test(malformed_requests_are_refused),
      cmocka_unit_test(figures_for_an_older_caller),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
