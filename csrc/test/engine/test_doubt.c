/* test_doubt.c: COMMITs whose answer is lost. */
#include <stdio.h>

#include "client.h"
#include "proxy.h"

static client c;     /* the pool under test, behind the proxy */
static client other; /* who looks, and kills */
static proxy p;

static int begin(void **state) {
  (void)state;
  keel_pool_options options;
  char url[256];
  proxy_start(&p);
  keel_pool_options_init(&options);
  snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", p.port);
  options.conninfo = url;
  options.max = 2;
  client_start(&c);
  client_open(&c, &options);
  client_simple(&other, 1);
  client_query(&other, "CREATE TABLE IF NOT EXISTS in_doubt (id int)");
  client_query(&other, "TRUNCATE in_doubt");
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  client_end(&other);
  proxy_stop(&p);
  return 0;
}

static void wait_for(uint64_t tag) {
  const answer *a = client_wait(&c, tag);
  if (a->code != KEEL_OK) print_error("%s\n", a->message);
  assert_int_equal(a->code, KEEL_OK);
}

/* A lease with a transaction open in which a row was written; by the simple protocol, or with a value. */
static uint64_t with_transaction(uint32_t flags, char *pid, size_t size) {
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  snprintf(pid, size, "%s",
           client_cell(client_wait(&c, client_send(&c, lease, 0, "SELECT pg_backend_pid()", 0))));
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "BEGIN", 0));
  if (flags & KEEL_Q_SIMPLE)
    wait_for(client_send(&c, lease, flags, "INSERT INTO in_doubt VALUES (1)", 0));
  else
    wait_for(client_send(&c, lease, flags, "INSERT INTO in_doubt VALUES ($1)", 1, "1"));
  return lease;
}

static const answer *commit_unheard(uint64_t lease, uint32_t flags) {
  atomic_store(&p.swallow, 1);
  return client_wait(&c, client_send(&c, lease, flags, "COMMIT", 0));
}

static void a_lost_answer_is_asked_for(void **state) {
  (void)state;
  char pid[32];
  const answer *a = commit_unheard(with_transaction(0, pid, sizeof pid), KEEL_Q_SIMPLE);
  assert_int_equal(a->code, KEEL_OK);
  assert_int_equal(a->finals, 1);
  assert_string_equal(a->tags, "COMMIT;");
  assert_int_equal(c.closed_by_fault, 1);
  assert_query(&other, "SELECT count(*) FROM in_doubt", "1\n");
}

/* Were its id forgotten, a question would go ahead of the COMMIT, and it is the answer to that which would be swallowed. */
static void a_savepoint_taken_back_leaves_the_id(void **state) {
  (void)state;
  char pid[32];
  uint64_t lease = with_transaction(0, pid, sizeof pid);
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "SAVEPOINT a", 0));
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "ROLLBACK TO SAVEPOINT a", 0));
  const answer *a = commit_unheard(lease, KEEL_Q_SIMPLE);
  assert_int_equal(a->code, KEEL_OK);
  assert_query(&other, "SELECT count(*) FROM in_doubt", "1\n");
}

/* What is swallowed is the answer to the question that goes ahead: the COMMIT has not left, though one of the extended
 * protocol could have gone with it. */
static void a_commit_that_has_not_left_left_no_trace(void **state) {
  (void)state;
  static const uint32_t protocols[] = {KEEL_Q_SIMPLE, 0};
  for (size_t i = 0; i < 2; i++) {
    char pid[32];
    uint64_t lease = with_transaction(KEEL_Q_SIMPLE, pid, sizeof pid);
    const answer *a = commit_unheard(lease, protocols[i]);
    assert_int_equal(a->code, KEEL_CONNECTION_LOST);
    assert_int_equal(a->outcome, KEEL_ROLLED_BACK);
    keel_release(c.pool, lease, 0);
    assert_query(&other, "SELECT count(*) FROM in_doubt", "0\n");
  }
}

static uint64_t with_question_dropped(void) {
  char pid[32];
  uint64_t lease = with_transaction(0, pid, sizeof pid);
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "ROLLBACK", 0));
  /* Unseen: its tag is DO. */
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "DO 'BEGIN EXECUTE ''DEALLOCATE ALL''; END'", 0));
  wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "BEGIN; INSERT INTO in_doubt VALUES (2)", 0));
  return lease;
}

static void a_question_that_fails_fails_the_commit_and_nothing_else(void **state) {
  (void)state;
  static const uint32_t protocols[] = {KEEL_Q_SIMPLE, 0};
  for (size_t i = 0; i < 2; i++) {
    uint64_t lease = with_question_dropped();
    const answer *a = client_wait(&c, client_send(&c, lease, protocols[i], "COMMIT", 0));
    assert_int_equal(a->code, KEEL_SERVER);
    assert_string_equal(a->sqlstate, "26000");
    assert_int_equal(a->outcome, KEEL_ROLLED_BACK);
    /* The transaction is over, as after any COMMIT, and the next one is asked for again. */
    wait_for(client_send(&c, lease, KEEL_Q_SIMPLE, "BEGIN; INSERT INTO in_doubt VALUES (3)", 0));
    wait_for(client_send(&c, lease, protocols[i], "COMMIT", 0));
    keel_release(c.pool, lease, 0);
  }
  assert_query(&other, "SELECT string_agg(id::text, ' ') FROM in_doubt", "3 3\n");
  assert_int_equal(c.closed, 0);
}

static void a_killed_commit_is_known_to_be_rolled_back(void **state) {
  (void)state;
  char pid[32];
  client_query(&other,
               "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
               "'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'");
  client_query(&other,
               "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON in_doubt DEFERRABLE INITIALLY "
               "DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
  uint64_t lease = with_transaction(0, pid, sizeof pid);
  uint64_t tag = client_send(&c, lease, KEEL_Q_SIMPLE, "COMMIT", 0);
  const char *running = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int AND query = 'COMMIT'";
  int64_t deadline = client_now_ms() + 20000;
  while (strcmp(client_wait(&other, client_send(&other, 0, 0, running, 1, pid))->cells, "1\n") != 0)
    assert_true(client_now_ms() < deadline);
  client_wait(&other, client_send(&other, 0, 0, "SELECT pg_terminate_backend($1::int)", 1, pid));
  const answer *a = client_wait(&c, tag);
  assert_string_equal(a->sqlstate, "57P01");
  assert_int_equal(a->outcome, KEEL_ROLLED_BACK);
  client_query(&other, "DROP FUNCTION slow CASCADE");
  assert_query(&other, "SELECT count(*) FROM in_doubt", "0\n");
}

#define with_pools(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_pools(a_lost_answer_is_asked_for),
      with_pools(a_savepoint_taken_back_leaves_the_id),
      with_pools(a_commit_that_has_not_left_left_no_trace),
      with_pools(a_question_that_fails_fails_the_commit_and_nothing_else),
      with_pools(a_killed_commit_is_known_to_be_rolled_back),
  };
  return cmocka_run_group_tests_name("doubt", tests, NULL, NULL);
}
