/* What is told of a COMMIT whose link has died. */
#include "fake.h"

#include <stdlib.h>

/* c1 is lent to somebody who has a transaction open there whose COMMIT, r2, is in flight. */
static fake *with_commit_of(keel__pool_config config, uint32_t conns, keel__fate fate, keel__time timeout) {
  fake *fake = fake_warm(config, conns);
  uint64_t lease = fake_lease(fake);
  keel__request *request = calloc(1, sizeof *request);
  assert_non_null(request);
  request->kind = KEEL_QUERY;
  request->tag = ++fake->tags;
  request->lease = lease;
  request->commits = true;
  fake->conns[1]->status = 'T';
  fake->conns[1]->fate = fate;
  keel__pool_submit(&fake->pool, request, timeout, fake->now);
  expect(fake, "send c1 r2");
  return fake;
}

static fake *with_commit(uint32_t conns, keel__fate fate) {
  return with_commit_of(fake_config(), conns, fate, KEEL__NEVER);
}

static void inquired(fake *fake, uint32_t conn, keel__verdict verdict) {
  keel__conn_inquired(fake->conns[conn], verdict, fake->now);
}

static void the_server_is_asked_and_its_answer_counts(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  expect(fake, "remember c1 r2, gone c1 LOST, close c1 LOST, inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "ok r2");
  assert_int_equal(fake->pool.counters.succeeded, 1);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_IDLE), 1);
  fake_free(fake);
}

static void what_was_rolled_back_is_told_so(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_ignore(fake);
  inquired(fake, 2, KEEL__VERDICT_ROLLED_BACK);
  expect(fake, "CONNECTION_LOST r2 rolled-back");
  fake_free(fake);
}

/* Whatever the server said before the link died; and the detail of that, which has not lived for so long, is the one kept. */
static void what_was_lost_is_told_as_it_was(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  keel__failure failure = {.code = KEEL_SERVER, .sqlstate = "57P01", .detail = fake};
  keel__conn_lost(fake->conns[1], &failure, fake->now);
  fake_ignore(fake);
  inquired(fake, 2, KEEL__VERDICT_ROLLED_BACK);
  expect(fake, "CONNECTION_LOST r2 rolled-back");
  assert_string_equal(fake->refusal.sqlstate, "57P01");
  assert_ptr_equal(fake->refusal.detail, &fake->kept);
  fake_free(fake);
}

static void what_the_server_cannot_say_is_unknown(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_ignore(fake);
  inquired(fake, 2, KEEL__VERDICT_UNKNOWN);
  expect(fake, "CONNECTION_LOST r2 unknown");
  fake_free(fake);
}

static void one_that_is_still_in_progress_is_asked_for_again(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_ignore(fake);
  inquired(fake, 2, KEEL__VERDICT_LATER);
  expect(fake, "");
  fake_wait(fake, 9 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_LATER);
  fake_wait(fake, 19 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "ok r2");
  fake_free(fake);
}

static void the_pauses_grow_up_to_a_second(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  for (int i = 0; i < 12; i++) {
    inquired(fake, 2, KEEL__VERDICT_LATER);
    fake_wait(fake, 1000 * MS);
  }
  fake_ignore(fake);
  inquired(fake, 2, KEEL__VERDICT_LATER);
  fake_wait(fake, 999 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "inquire c2 r2");
  fake_free(fake);
}

/* It may have begun a transaction, which its link has taken along. */
static void a_lost_begin_left_no_trace(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  keel__request *request = fake_query_on(fake, fake_lease(fake), 0);
  request->quiet = true;
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 rolled-back, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void nothing_to_commit_left_no_trace(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_NOTHING);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 rolled-back, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void a_failed_transaction_commits_nothing(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake->conns[1]->status = 'E';
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 rolled-back, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void without_an_id_nobody_is_asked(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_UNKNOWN);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void turned_off_nobody_is_asked(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.resolve_commits = false;
  fake *fake = with_commit_of(config, 2, KEEL__FATE_ASK, KEEL__NEVER);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void without_memory_it_is_unknown(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake->forgets = true;
  fake_lost(fake, 1);
  expect(fake, "remember c1 r2, CONNECTION_LOST r2 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void a_connection_is_opened_to_ask(void **state) {
  (void)state;
  fake *fake = with_commit(1, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  expect(fake, "remember c1 r2, gone c1 LOST, close c1 LOST, open c2");
  fake_opened(fake, 2);
  expect(fake, "opened c2, inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "ok r2");
  fake_free(fake);
}

/* The server is down: it is tried again until the time is over, and each attempt after a pause. */
static void a_failed_attempt_is_no_answer(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.resolve_timeout = 100 * MS;
  fake *fake = with_commit_of(config, 1, KEEL__FATE_ASK, KEEL__NEVER);
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_ignore(fake);
  fake_open_fails(fake, 2);
  expect(fake, "close c2 OPEN_FAILED");
  fake_wait(fake, 10 * MS);
  expect(fake, "open c3");
  fake_open_fails(fake, 3);
  fake_ignore(fake);
  fake_wait(fake, 89 * MS);
  expect(fake, "open c4");
  fake_wait(fake, 1 * MS);
  expect(fake, "CONNECTION_LOST r2 unknown");
  fake_free(fake);
}

/* As ever, but for the longest of them: somebody waits to hear, and his time is limited. */
static void the_pauses_between_attempts_grow_up_to_a_second(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.resolve_timeout = KEEL__NEVER;
  fake *fake = with_commit_of(config, 1, KEEL__FATE_ASK, KEEL__NEVER);
  keel__time pause = 0;
  fake_lost(fake, 1);
  for (uint32_t conn = 2; conn < 20; conn++) {
    fake_open_fails(fake, conn);
    fake_closed(fake, conn);
    pause = fake->pool.reopen_timer.due - fake->now;
    assert_true(pause <= 1000 * MS);
    fake_wait(fake, pause);
  }
  assert_true(pause >= 500 * MS);
  fake_free(fake);
}

static void its_own_deadline_bounds_it(void **state) {
  (void)state;
  fake *fake = with_commit_of(fake_config(), 2, KEEL__FATE_ASK, 50 * MS);
  fake_lost(fake, 1);
  fake_ignore(fake);
  fake_wait(fake, 49 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "CONNECTION_LOST r2 unknown");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "");
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_IDLE), 1);
  fake_free(fake);
}

static void it_comes_before_those_who_wait(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = with_commit_of(config, 1, KEEL__FATE_ASK, KEEL__NEVER);
  fake_query(fake);
  fake_lost(fake, 1);
  fake_ignore(fake);
  fake_opened(fake, 2);
  expect(fake, "opened c2, inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "ok r2, send c2 r3");
  fake_free(fake);
}

#define SHORT (KEEL__SHARE_PATIENCE / 4) /* so that c2 is not shunned as one whose head holds up others */

/* c1 has died under a COMMIT, the server was asked on c2 and will say later; r3 and r4 share c2 when it is to be asked again. */
static fake *under_load(void) {
  keel__pool_config config = fake_config();
  config.max = 1;
  config.pipeline_depth = 3;
  fake *fake = with_commit_of(config, 1, KEEL__FATE_ASK, KEEL__NEVER);
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_opened(fake, 2);
  inquired(fake, 2, KEEL__VERDICT_LATER);
  fake_wait(fake, 10 * MS - SHORT);
  fake_query(fake);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, SHORT);
  expect(fake, "");
  return fake;
}

static void it_comes_before_those_who_would_share(void **state) {
  (void)state;
  fake *fake = under_load();
  fake_query(fake); /* though there is room for it */
  fake_answer(fake, 2, 'I');
  expect(fake, "ok r3");
  fake_answer(fake, 2, 'I');
  expect(fake, "ok r4, inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_LATER);
  expect(fake, "send c2 r5");
  fake_free(fake);
}

/* Who is held back has his own time, and goes on when nobody is in doubt any more. */
static void who_is_held_back_does_not_wait_for_ever(void **state) {
  (void)state;
  fake *fake = under_load();
  keel__request *commit = KEEL__OF(keel__request, registry, keel__list_first(&fake->pool.requests));
  fake_query_with(fake, 0, 0, SHORT);
  fake_query(fake);
  fake_wait(fake, SHORT);
  expect(fake, "QUERY_TIMEOUT r5 not-sent");
  keel__pool_abort(&fake->pool, commit, fake->now);
  expect(fake, "ABORTED r2 unknown, send c2 r6");
  fake_free(fake);
}

static void a_link_that_dies_meanwhile_is_no_answer(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_ignore(fake);
  fake_lost(fake, 2);
  expect(fake, "gone c2 LOST, close c2 LOST");
  fake_wait(fake, 10 * MS);
  expect(fake, "open c3");
  fake_opened(fake, 3);
  expect(fake, "opened c3, inquire c3 r2");
  fake_free(fake);
}

static void a_server_that_says_nothing_costs_the_connection(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.cancel_timeout = 20 * MS;
  fake *fake = with_commit_of(config, 2, KEEL__FATE_ASK, KEEL__NEVER);
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_ignore(fake);
  fake_wait(fake, 20 * MS);
  expect(fake, "gone c2 INQUIRY_SILENT, close c2 INQUIRY_SILENT, open c3");
  fake_free(fake);
}

static void an_abort_ends_the_waiting(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  keel__request *request = KEEL__OF(keel__request, registry, keel__list_last(&fake->pool.requests));
  fake_lost(fake, 1);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, request, fake->now);
  expect(fake, "ABORTED r2 unknown");
  inquired(fake, 2, KEEL__VERDICT_ROLLED_BACK);
  expect(fake, "");
  fake_free(fake);
}

static void a_drain_waits_for_it(void **state) {
  (void)state;
  fake *fake = with_commit(1, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, 1000 * MS, false, fake->now);
  expect(fake, "");
  fake_opened(fake, 2);
  expect(fake, "opened c2, inquire c2 r2");
  inquired(fake, 2, KEEL__VERDICT_COMMITTED);
  expect(fake, "ok r2, gone c2 SHUTDOWN, close c2 SHUTDOWN");
  fake_free(fake);
}

static void the_end_of_a_drain_ends_the_waiting(void **state) {
  (void)state;
  fake *fake = with_commit(1, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, 10 * MS, false, fake->now);
  fake_wait(fake, 10 * MS);
  expect(fake, "CONNECTION_LOST r2 unknown, close c2 SHUTDOWN");
  fake_free(fake);
}

static void an_engine_that_stops_leaves_nothing_behind(void **state) {
  (void)state;
  fake *fake = with_commit(2, KEEL__FATE_ASK);
  fake_lost(fake, 1);
  assert_int_equal(fake->kept, 1);
  keel__pool_destroy(&fake->pool);
  assert_int_equal(fake->kept, 0);
  free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_server_is_asked_and_its_answer_counts),
      cmocka_unit_test(what_was_rolled_back_is_told_so),
      cmocka_unit_test(what_was_lost_is_told_as_it_was),
      cmocka_unit_test(what_the_server_cannot_say_is_unknown),
      cmocka_unit_test(one_that_is_still_in_progress_is_asked_for_again),
      cmocka_unit_test(the_pauses_grow_up_to_a_second),
      cmocka_unit_test(a_lost_begin_left_no_trace),
      cmocka_unit_test(nothing_to_commit_left_no_trace),
      cmocka_unit_test(a_failed_transaction_commits_nothing),
      cmocka_unit_test(without_an_id_nobody_is_asked),
      cmocka_unit_test(turned_off_nobody_is_asked),
      cmocka_unit_test(without_memory_it_is_unknown),
      cmocka_unit_test(a_connection_is_opened_to_ask),
      cmocka_unit_test(a_failed_attempt_is_no_answer),
      cmocka_unit_test(the_pauses_between_attempts_grow_up_to_a_second),
      cmocka_unit_test(its_own_deadline_bounds_it),
      cmocka_unit_test(it_comes_before_those_who_wait),
      cmocka_unit_test(it_comes_before_those_who_would_share),
      cmocka_unit_test(who_is_held_back_does_not_wait_for_ever),
      cmocka_unit_test(a_link_that_dies_meanwhile_is_no_answer),
      cmocka_unit_test(a_server_that_says_nothing_costs_the_connection),
      cmocka_unit_test(an_abort_ends_the_waiting),
      cmocka_unit_test(a_drain_waits_for_it),
      cmocka_unit_test(the_end_of_a_drain_ends_the_waiting),
      cmocka_unit_test(an_engine_that_stops_leaves_nothing_behind),
  };
  return cmocka_run_group_tests_name("doubt", tests, NULL, NULL);
}
