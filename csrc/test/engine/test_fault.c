/* test_fault.c: timeouts, aborts, and backends that die. */
#include <stdio.h>

#include "client.h"

static client c;     /* the pool under test */
static client other; /* the hand that kills */

static int begin(void **state) {
  (void)state;
  client_simple(&other, 1);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&other);
  return 0;
}

static int open_pool(void **state) {
  (void)state;
  client_simple(&c, 1);
  return 0;
}

static int close_pool(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static uint64_t timed(const char *text, int64_t timeout_ms, uint64_t lease) {
  keel_request request = {.kind = KEEL_QUERY, .lease = lease, .timeout_ms = timeout_ms, .text = text};
  request.text_length = strlen(text);
  return client_submit(&c, &request);
}

static void pid_of(uint64_t lease, char *pid, size_t size) {
  const answer *a = client_wait(&c, client_send(&c, lease, 0, "SELECT pg_backend_pid()", 0));
  snprintf(pid, size, "%s", client_cell(a));
}

static void kill_backend(const char *pid) {
  assert_string_equal(
      client_wait(&other, client_send(&other, 0, 0, "SELECT pg_terminate_backend($1::int)", 1, pid))->cells,
      "t\n");
}

/* Until the server says that the backend runs a statement that contains the word. */
static void wait_until_running(const char *word) {
  int64_t deadline = client_now_ms() + 20000;
  const char *text =
      "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query "
      "LIKE $1";
  char like[64];
  snprintf(like, sizeof like, "%%%s%%", word);
  while (strcmp(client_wait(&other, client_send(&other, 0, 0, text, 1, like))->cells, "1\n") != 0) {
    assert_true(client_now_ms() < deadline);
  }
}

static void a_timeout_cancels_on_the_server(void **state) {
  (void)state;
  char before[32], after[32];
  pid_of(0, before, sizeof before);
  int64_t started = client_now_ms();
  const answer *a = client_wait(&c, timed("SELECT pg_sleep(60)", 200, 0));
  assert_int_equal(a->code, KEEL_QUERY_TIMEOUT);
  assert_true(client_now_ms() - started < 5000);
  pid_of(0, after, sizeof after);
  assert_string_equal(before, after);
  assert_int_equal(c.closed, 0);
}

static void a_timeout_in_the_queue_was_not_sent(void **state) {
  (void)state;
  uint64_t slow = timed("SELECT pg_sleep(1)", 0, 0);
  uint64_t queued = timed("SELECT 1", 100, 0);
  const answer *a = client_wait(&c, queued);
  assert_int_equal(a->code, KEEL_QUERY_TIMEOUT);
  assert_int_equal(a->outcome, KEEL_NOT_SENT);
  assert_int_equal(client_wait(&c, slow)->code, KEEL_OK);
}

static void an_abort_cancels(void **state) {
  (void)state;
  uint64_t slow = timed("SELECT pg_sleep(61)", 0, 0), queued = timed("SELECT 1", 0, 0);
  wait_until_running("pg_sleep(61)");
  keel_abort(c.pool, queued);
  assert_int_equal(client_wait(&c, queued)->code, KEEL_ABORTED);
  assert_int_equal(client_answer(&c, queued)->outcome, KEEL_NOT_SENT);
  keel_abort(c.pool, slow);
  keel_abort(c.pool, slow);
  assert_int_equal(client_wait(&c, slow)->code, KEEL_ABORTED);
  assert_int_equal(client_answer(&c, slow)->outcome, KEEL_OUTCOME_UNKNOWN);
  assert_query(&c, "SELECT 1", "1\n");
  keel_abort(c.pool, slow);
  keel_abort(c.pool, 123456);
}

static void the_lease_survives_a_timeout(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "BEGIN", 0));
  assert_int_equal(client_wait(&c, timed("SELECT pg_sleep(62)", 200, lease))->code, KEEL_QUERY_TIMEOUT);
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "SELECT 1", 0))->sqlstate, "25P02");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "ROLLBACK", 0))->tags, "ROLLBACK;");
  keel_release(c.pool, lease, 0);
}

static void the_servers_own_timeout(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "SET statement_timeout = 100", 0));
  const answer *a = client_wait(&c, client_send(&c, lease, 0, "SELECT pg_sleep(63)", 0));
  assert_int_equal(a->code, KEEL_SERVER);
  assert_string_equal(a->sqlstate, "57014");
  keel_release(c.pool, lease, 1);
}

static void killed_while_idle(void **state) {
  (void)state;
  char pid[32];
  pid_of(0, pid, sizeof pid);
  kill_backend(pid);
  client_until(&c, &c.closed, 1);
  assert_int_equal(c.closed_by_fault, 1);
  assert_string_equal(c.closed_sqlstate, "57P01");
  assert_query(&c, "SELECT 1", "1\n");
}

static void killed_in_a_query(void **state) {
  (void)state;
  char pid[32];
  pid_of(0, pid, sizeof pid);
  uint64_t slow = timed("SELECT pg_sleep(64)", 0, 0), queued = timed("SELECT 5", 0, 0);
  wait_until_running("pg_sleep(64)");
  kill_backend(pid);
  const answer *a = client_wait(&c, slow);
  assert_int_equal(a->code, KEEL_CONNECTION_LOST);
  assert_string_equal(a->sqlstate, "57P01");
  assert_string_equal(a->message, "terminating connection due to administrator command");
  assert_int_equal(a->outcome, KEEL_OUTCOME_UNKNOWN);
  assert_string_equal(client_wait(&c, queued)->cells, "5\n");
}

static void killed_in_a_simple_query(void **state) {
  (void)state;
  char pid[32];
  pid_of(0, pid, sizeof pid);
  uint64_t slow = client_send(&c, 0, KEEL_Q_SIMPLE, "SELECT 1; SELECT pg_sleep(65)", 0);
  wait_until_running("pg_sleep(65)");
  kill_backend(pid);
  const answer *a = client_wait(&c, slow);
  assert_int_equal(a->code, KEEL_CONNECTION_LOST);
  assert_string_equal(a->sqlstate, "57P01");
  assert_query(&c, "SELECT 6", "6\n");
}

static void killed_in_a_transaction(void **state) {
  (void)state;
  char pid[32];
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "BEGIN", 0));
  pid_of(lease, pid, sizeof pid);
  kill_backend(pid);
  client_until(&c, &c.closed, 1);
  const answer *a = client_wait(&c, client_send(&c, lease, 0, "SELECT 1", 0));
  assert_int_equal(a->code, KEEL_CONNECTION_LOST);
  assert_int_equal(a->outcome, KEEL_NOT_SENT);
  keel_release(c.pool, lease, 0);
  assert_query(&c, "SELECT 7", "7\n");
}

static void killed_within_a_transaction(const char *text, uint32_t flags, const char *word,
                                        keel_outcome outcome) {
  char pid[32];
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "BEGIN", 0));
  pid_of(lease, pid, sizeof pid);
  uint64_t slow = client_send(&c, lease, flags, text, 0);
  wait_until_running(word);
  kill_backend(pid);
  const answer *a = client_wait(&c, slow);
  assert_int_equal(a->code, KEEL_CONNECTION_LOST);
  assert_int_equal(a->outcome, outcome);
  keel_release(c.pool, lease, 0);
}

/* What cannot be the transaction's end leaves no trace, whatever words it has in names, texts and remarks. */
static void killed_under_what_may_end_a_transaction(void **state) {
  (void)state;
  killed_within_a_transaction("SELECT pg_sleep(66) AS send, 'commit' -- end", 0, "sleep(66)",
                              KEEL_ROLLED_BACK);
  killed_within_a_transaction("SELECT 1; SELECT pg_sleep(67)", KEEL_Q_SIMPLE, "sleep(67)", KEEL_ROLLED_BACK);
  killed_within_a_transaction("SELECT pg_sleep(68); COMMIT", KEEL_Q_SIMPLE, "sleep(68)",
                              KEEL_OUTCOME_UNKNOWN);
  /* What follows a ROLLBACK is not in the transaction. */
  killed_within_a_transaction("ROLLBACK; SELECT pg_sleep(69)", KEEL_Q_SIMPLE, "sleep(69)",
                              KEEL_OUTCOME_UNKNOWN);
}

/* Over and over: killed at any moment, each request ends exactly once and the pool goes on. */
static void killed_again_and_again(void **state) {
  (void)state;
  client many;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = 5;
  options.pipeline_depth = 4;
  char url[512];
  snprintf(url, sizeof url, "%s", client_url("application_name=victim"));
  options.conninfo = url;
  client_start(&many);
  client_open(&many, &options);
  uint64_t first = many.last_tag + 1;
  for (int round = 0; round < 30; round++) {
    for (int i = 0; i < 40; i++) client_send(&many, 0, 0, "SELECT pg_sleep(0.002), $1::int", 1, "1");
    client_query(&other,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
    client_take(&many, 0);
  }
  int fine = 0;
  for (uint64_t tag = first; tag <= many.last_tag; tag++) {
    const answer *a = client_wait(&many, tag);
    fine += a->code == KEEL_OK;
    assert_true(a->code == KEEL_OK || a->code == KEEL_CONNECTION_LOST || a->code == KEEL_CONNECT_FAILED);
  }
  assert_true(fine > 0);
  assert_query(&many, "SELECT 8", "8\n");
  client_end(&many);
}

#define on_a_pool(test) cmocka_unit_test_setup_teardown(test, open_pool, close_pool)

int main(void) {
  const struct CMUnitTest tests[] = {
      on_a_pool(a_timeout_cancels_on_the_server),
      on_a_pool(a_timeout_in_the_queue_was_not_sent),
      on_a_pool(an_abort_cancels),
      on_a_pool(the_lease_survives_a_timeout),
      on_a_pool(the_servers_own_timeout),
      on_a_pool(killed_while_idle),
      on_a_pool(killed_in_a_query),
      on_a_pool(killed_in_a_simple_query),
      on_a_pool(killed_in_a_transaction),
      on_a_pool(killed_under_what_may_end_a_transaction),
      cmocka_unit_test(killed_again_and_again),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
