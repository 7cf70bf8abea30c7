/* Cancels, resets, answers, lost links. */
#include "fake.h"

static void delivered(fake *fake, uint32_t conn) {
  keel__conn_cancel_delivered(fake->conns[conn], fake->now);
}

/* One connection, r1 running on it and given up, its cancel under way. */
static fake *cancelling(keel__pool_config config) {
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  keel__request *request = fake_query(fake);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, request, fake->now);
  expect(fake, "ABORTED r1 unknown, cancel c1");
  return fake;
}

static void a_cancel_must_arrive_before_reuse(void **state) {
  (void)state;
  fake *fake = cancelling(fake_config());
  fake_query(fake);
  fake_error(fake, 1, "57014", 'I');
  expect(fake, "");
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_RESETTING), 1);
  delivered(fake, 1);
  expect(fake, "send c1 r2");
  fake_free(fake);
}

static void its_target_must_end_before_reuse(void **state) {
  (void)state;
  fake *fake = cancelling(fake_config());
  fake_query(fake);
  delivered(fake, 1);
  expect(fake, "");
  fake_answer(fake, 1, 'I'); /* it came too late: the statement had succeeded */
  expect(fake, "send c1 r2");
  fake_free(fake);
}

static void a_silent_server_costs_the_connection(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.cancel_timeout = 10 * MS;
  fake *fake = cancelling(config);
  delivered(fake, 1);
  fake_query(fake);
  fake_wait(fake, 9 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "gone c1 CANCEL_SILENT, close c1 CANCEL_SILENT, open c2");
  fake_free(fake);
}

static void an_undelivered_cancel_costs_the_connection(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.cancel_timeout = 10 * MS;
  fake *fake = cancelling(config);
  fake_error(fake, 1, "57014", 'I');
  fake_wait(fake, 10 * MS);
  expect(fake, "gone c1 CANCEL_SILENT, close c1 CANCEL_SILENT");
  fake_free(fake);
}

static void the_clock_of_a_cancel_stops(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.cancel_timeout = 10 * MS;
  fake *fake = cancelling(config);
  delivered(fake, 1);
  fake_answer(fake, 1, 'I');
  fake_wait(fake, 100 * MS);
  expect(fake, "");
  assert_true(keel__pool_next(&fake->pool) == KEEL__NEVER);
  fake_free(fake);
}

static fake *three_in_flight(keel__request **requests) {
  keel__pool_config config = fake_config();
  config.max = 1;
  config.pipeline_depth = 3;
  fake *fake = fake_warm(config, 1);
  for (int i = 0; i < 3; i++) requests[i] = fake_query(fake);
  fake_ignore(fake);
  return fake;
}

static void cancels_only_what_runs(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  keel__pool_abort(&fake->pool, requests[1], fake->now);
  expect(fake, "ABORTED r2 unknown");
  fake_query(fake);
  expect(fake, "");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, cancel c1");
  fake_error(fake, 1, "57014", 'I');
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r3");
  delivered(fake, 1);
  expect(fake, "send c1 r4");
  fake_free(fake);
}

static void a_neighbour_hit_by_a_cancel_is_sent_again(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  fake_query(fake);
  keel__pool_abort(&fake->pool, requests[0], fake->now);
  expect(fake, "ABORTED r1 unknown, cancel c1");
  fake_answer(fake, 1, 'I');
  fake_error(fake, 1, "57014", 'I');
  expect(fake, "");
  delivered(fake, 1);
  expect(fake, "send c1 r2, send c1 r4");
  assert_int_equal(fake->pool.counters.retried, 1);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r3");
  fake_error(fake, 1, "57014", 'I'); /* nobody's cancel this time: the server's own limit */
  expect(fake, "SERVER r2 rolled-back");
  fake_free(fake);
}

/* What ended it came from within, where it may have committed before. */
static void a_neighbour_that_may_have_committed_is_not_sent_again(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  keel__pool_abort(&fake->pool, requests[0], fake->now);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_error_within(fake, 1, "57014", 'I');
  expect(fake, "SERVER r2 rolled-back");
  fake_free(fake);
}

static void a_neighbour_may_fail_otherwise(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  keel__pool_abort(&fake->pool, requests[0], fake->now);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
  fake_error(fake, 1, "23505", 'I');
  expect(fake, "SERVER r2 rolled-back");
  fake_free(fake);
}

static void each_given_up_one_is_cancelled_in_turn(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  keel__pool_abort(&fake->pool, requests[0], fake->now);
  keel__pool_abort(&fake->pool, requests[1], fake->now);
  expect(fake, "ABORTED r1 unknown, cancel c1, ABORTED r2 unknown");
  fake_error(fake, 1, "57014", 'I');
  expect(fake, "");
  delivered(fake, 1);
  expect(fake, "cancel c1");
  delivered(fake, 1);
  fake_error(fake, 1, "57014", 'I');
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r3");
  fake_free(fake);
}

static void an_open_transaction_is_rolled_back(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_query(fake);
  fake_ignore(fake);
  fake_answer(fake, 1, 'E');
  expect(fake, "ok r1, reset c1");
  keel__conn_reset(fake->conns[1], true, fake->now);
  expect(fake, "send c1 r2");
  assert_int_equal(fake->pool.counters.resets, 1);
  fake_free(fake);
}

static void what_cannot_be_reset_is_closed(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_query(fake);
  fake_answer(fake, 1, 'T');
  fake_ignore(fake);
  keel__conn_reset(fake->conns[1], false, fake->now);
  expect(fake, "gone c1 RESET_FAILED, close c1 RESET_FAILED");
  fake_free(fake);
}

static void a_reset_has_an_end(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.cancel_timeout = 10 * MS;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_answer(fake, 1, 'T');
  fake_ignore(fake);
  fake_wait(fake, 10 * MS);
  expect(fake, "gone c1 RESET_FAILED, close c1 RESET_FAILED");
  fake_free(fake);
}

static void a_lost_link_is_told_to_those_who_were_sent(void **state) {
  (void)state;
  keel__request *requests[3];
  fake *fake = three_in_flight(requests);
  fake_query(fake);
  keel__pool_abort(&fake->pool, requests[2], fake->now);
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake,
         "CONNECTION_LOST r1 unknown, CONNECTION_LOST r2 unknown, gone c1 LOST, close c1 LOST, open c2");
  fake_opened(fake, 2);
  expect(fake, "opened c2, send c2 r4");
  fake_free(fake);
}

static void an_idle_link_may_die(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_lost(fake, 1);
  expect(fake, "gone c1 LOST, close c1 LOST");
  fake_closed(fake, 1);
  fake_query(fake);
  expect(fake, "open c2");
  fake_free(fake);
}

/* Whatever the I/O side still reports of a connection that it was told to close changes nothing. */
static void late_reports_are_ignored(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = cancelling(config);
  fake_lost(fake, 1);
  expect(fake, "gone c1 LOST, close c1 LOST");
  keel__conn_progress(fake->conns[1], KEEL__CONN_STARTING, fake->now);
  fake_opened(fake, 1);
  fake_open_fails(fake, 1);
  fake_answer(fake, 1, 'I');
  fake_lost(fake, 1);
  delivered(fake, 1);
  keel__conn_reset(fake->conns[1], true, fake->now);
  expect(fake, "");
  assert_int_equal(fake->pool.counters.connect_failed, 0);
  fake_free(fake);
}

static void outcome_of_the_io_side_is_believed(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  keel__failure failure = {.code = KEEL_SERVER, .outcome = KEEL_OUTCOME_UNKNOWN, .sqlstate = "22012"};
  fake_query_with(fake, KEEL_Q_SIMPLE, 0, KEEL__NEVER);
  fake_ignore(fake);
  keel__conn_answered(fake->conns[1], &failure, 'I', fake->now);
  expect(fake, "SERVER r1 unknown");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cancel_must_arrive_before_reuse),
      cmocka_unit_test(its_target_must_end_before_reuse),
      cmocka_unit_test(a_silent_server_costs_the_connection),
      cmocka_unit_test(an_undelivered_cancel_costs_the_connection),
      cmocka_unit_test(the_clock_of_a_cancel_stops),
      cmocka_unit_test(cancels_only_what_runs),
      cmocka_unit_test(a_neighbour_hit_by_a_cancel_is_sent_again),
      cmocka_unit_test(a_neighbour_that_may_have_committed_is_not_sent_again),
      cmocka_unit_test(a_neighbour_may_fail_otherwise),
      cmocka_unit_test(each_given_up_one_is_cancelled_in_turn),
      cmocka_unit_test(an_open_transaction_is_rolled_back),
      cmocka_unit_test(what_cannot_be_reset_is_closed),
      cmocka_unit_test(a_reset_has_an_end),
      cmocka_unit_test(a_lost_link_is_told_to_those_who_were_sent),
      cmocka_unit_test(an_idle_link_may_die),
      cmocka_unit_test(late_reports_are_ignored),
      cmocka_unit_test(outcome_of_the_io_side_is_believed),
  };
  return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
