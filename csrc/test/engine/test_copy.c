/* test_copy.c: COPY through a query: an answer, and a connection that can be used. */
#include "client.h"

static client c;

static int begin(void **state) {
  (void)state;
  client_simple(&c, 1);
  client_query(&c, "CREATE TABLE IF NOT EXISTS copied (a int, b text)");
  client_query(&c, "INSERT INTO copied SELECT i, 'x' FROM generate_series(1, 1000) i");
  return 0;
}

static int end(void **state) {
  (void)state;
  client_query(&c, "DROP TABLE copied");
  client_end(&c);
  return 0;
}

static void copy_in(uint32_t flags, const char *text) {
  const answer *a = client_wait(&c, client_send(&c, 0, flags, text, 0));
  assert_int_equal(a->copies, 1);
  assert_int_equal(a->code, KEEL_SERVER);
  assert_string_equal(a->sqlstate, "57014");
  assert_string_equal(a->message, "COPY from stdin failed: No source stream defined");
  assert_query(&c, "SELECT count(*) FROM copied", "1000\n");
}

static void copy_from_stdin(void **state) {
  (void)state;
  copy_in(0, "COPY copied FROM STDIN");
  copy_in(0, "  -- a remark\n /* and /* another */ */ cOpY copied FROM STDIN");
  copy_in(KEEL_Q_SIMPLE, "COPY copied FROM STDIN");
  copy_in(KEEL_Q_SIMPLE, "SELECT 1; COPY copied FROM STDIN; SELECT 2");
}

static void copy_to_stdout(void **state) {
  (void)state;
  const char *texts[] = {"COPY copied TO STDOUT", "COPY (SELECT * FROM copied) TO STDOUT"};
  for (int i = 0; i < 4; i++) {
    const answer *a = client_wait(&c, client_send(&c, 0, i < 2 ? 0 : KEEL_Q_SIMPLE, texts[i % 2], 0));
    assert_int_equal(a->copies, 1);
    assert_int_equal(a->code, KEEL_OK);
    assert_string_equal(a->tags, "COPY 1000;");
    assert_query(&c, "SELECT 1", "1\n");
  }
}

static void several_copies_in_one(void **state) {
  (void)state;
  const char *text = "COPY copied TO STDOUT; SELECT 5; COPY copied TO STDOUT";
  const answer *a = client_wait(&c, client_send(&c, 0, KEEL_Q_SIMPLE, text, 0));
  assert_int_equal(a->copies, 2);
  assert_string_equal(a->tags, "COPY 1000;SELECT 1;COPY 1000;");
  assert_string_equal(a->cells, "5\n");
}

static void a_large_copy_out(void **state) {
  (void)state;
  const answer *a =
      client_query(&c, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT");
  assert_string_equal(a->tags, "COPY 20000;");
}

/* What runs in a transaction of the holder's stays there. */
static void copy_on_a_lease(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "BEGIN", 0));
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "COPY copied TO STDOUT", 0))->tags,
                      "COPY 1000;");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "SELECT 1", 0))->cells, "1\n");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "COPY copied FROM STDIN", 0))->sqlstate,
                      "57014");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "SELECT 1", 0))->sqlstate, "25P02");
  assert_string_equal(client_wait(&c, client_send(&c, lease, 0, "ROLLBACK", 0))->tags, "ROLLBACK;");
  keel_release(c.pool, lease, 0);
  assert_query(&c, "SELECT 3", "3\n");
}

static void words_that_only_look_like_copy(void **state) {
  (void)state;
  assert_string_equal(client_query(&c, "copy_me")->sqlstate, "42601");
  assert_query(&c, "/* copy */ SELECT 4", "4\n");
  assert_string_equal(client_query(&c, "COPY")->sqlstate, "42601");
  assert_string_equal(client_query(&c, "/* not closed")->sqlstate, "42601");
  assert_int_equal(c.closed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copy_from_stdin),       cmocka_unit_test(copy_to_stdout),
      cmocka_unit_test(several_copies_in_one), cmocka_unit_test(a_large_copy_out),
      cmocka_unit_test(copy_on_a_lease),       cmocka_unit_test(words_that_only_look_like_copy),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
