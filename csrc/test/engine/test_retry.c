/* test_retry.c: what a C program hears of requests that are tried again. */
#include <stdio.h>

#include "client.h"

static client c;

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static void open_pool(const char *conninfo) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  assert_int_equal(options.max_retries, 0);
  assert_int_equal(options.retry_delay_ms, 1000);
  assert_int_equal(options.retry_max_delay_ms, 30000);
  options.max = 1;
  options.max_retries = 2;
  options.retry_delay_ms = 20;
  options.conninfo = conninfo;
  client_start(&c);
  client_open(&c, &options);
}

static void each_attempt_to_connect_is_told(void **state) {
  (void)state;
  open_pool("host=127.0.0.1 port=1 dbname=postgres sslmode=disable");
  uint64_t query = client_send(&c, 0, 0, "SELECT 1", 0), acquire = client_acquire(&c);
  uint64_t tags[] = {query, acquire};
  for (int i = 0; i < 2; i++) {
    const answer *a = client_wait(&c, tags[i]);
    assert_int_equal(a->kind, KEEL_EV_ERROR);
    assert_int_equal(a->code, KEEL_CONNECT_FAILED);
    assert_int_equal(a->outcome, KEEL_NOT_SENT);
    assert_string_equal(a->system, "ECONNREFUSED");
    assert_int_equal(a->retries, 2);
    assert_int_equal(a->attempts, 3);
    assert_in_range(a->pause, 0, 40);
  }
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(c.pool, &stats);
  assert_int_equal((int)stats.retried, 2); /* of the query */
}

static void run(uint32_t flags, const char *text, const char *tags, const char *cells) {
  const answer *a = client_wait(&c, client_send(&c, 0, flags, text, 0));
  if (a->kind != KEEL_EV_DONE) print_error("%s\n", a->message);
  assert_int_equal(a->kind, KEEL_EV_DONE);
  assert_string_equal(a->tags, tags);
  assert_string_equal(a->cells, cells);
}

/* The error comes at the commit, behind a result that looks complete. */
static void what_came_before_no_longer_counts(void **state) {
  (void)state;
  open_pool(NULL);
  const answer *made = client_wait(
      &c,
      client_send(&c, 0, KEEL_Q_SIMPLE,
                  "CREATE TEMPORARY TABLE once (id int); CREATE TEMPORARY SEQUENCE tries; "
                  "CREATE FUNCTION pg_temp.fail_at_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                  "IF nextval('tries') % 2 = 1 THEN RAISE EXCEPTION 'no' USING errcode = '40001'; END IF; "
                  "RETURN NULL; END $$; "
                  "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON once DEFERRABLE INITIALLY DEFERRED "
                  "FOR EACH ROW EXECUTE FUNCTION pg_temp.fail_at_first()",
                  0));
  assert_int_equal(made->kind, KEEL_EV_DONE);
  run(0, "INSERT INTO once VALUES (1) RETURNING id", "INSERT 0 1;", "1\n");
  assert_int_equal(client_answer(&c, c.last_tag)->retries, 1);
  assert_int_equal(client_answer(&c, c.last_tag)->attempts, 2); /* the one that came */
  assert_string_equal(client_answer(&c, c.last_tag)->sqlstate, "40001");
  run(KEEL_Q_SIMPLE, "SELECT 7; INSERT INTO once VALUES (2)", "SELECT 1;INSERT 0 1;", "7\n");
  run(0, "SELECT id FROM once ORDER BY id", "SELECT 2;", "1\n2\n");
}

/* Its taker has had the row. */
static void who_cannot_take_rows_back_is_told_of_the_error(void **state) {
  (void)state;
  const uint32_t flags[] = {KEEL_Q_WHOLE, KEEL_Q_ALONE};
  open_pool(NULL);
  const answer *made = client_wait(
      &c, client_send(&c, 0, KEEL_Q_SIMPLE,
                      "CREATE TEMPORARY TABLE never (id int); "
                      "CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "RAISE EXCEPTION 'no' USING errcode = '40001'; END $$; "
                      "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON never DEFERRABLE INITIALLY DEFERRED "
                      "FOR EACH ROW EXECUTE FUNCTION pg_temp.fail()",
                      0));
  assert_int_equal(made->kind, KEEL_EV_DONE);
  for (int i = 0; i < 2; i++) {
    const answer *a =
        client_wait(&c, client_send(&c, 0, flags[i], "INSERT INTO never VALUES (1) RETURNING id", 0));
    assert_int_equal(a->code, KEEL_SERVER);
    assert_int_equal(a->outcome, KEEL_ROLLED_BACK);
    assert_int_equal(a->attempts, 1);
    assert_int_equal(a->retries, 0);
    assert_string_equal(a->cells, "1\n");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(each_attempt_to_connect_is_told, end),
      cmocka_unit_test_teardown(what_came_before_no_longer_counts, end),
      cmocka_unit_test_teardown(who_cannot_take_rows_back_is_told_of_the_error, end),
  };
  return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
