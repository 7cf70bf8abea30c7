/* Trying again: what may be, when, how often, and what is told in the end. */
#include <string.h>

#include "fake.h"

static keel__pool_config retrying(uint32_t max_retries) {
  keel__pool_config config = fake_config();
  config.max = 1;
  config.max_retries = max_retries;
  config.retry_delay = 10 * MS;
  config.retry_max_delay = 50 * MS;
  return config;
}

static void fail_to_open(fake *fake, uint32_t conn) {
  fake_open_fails(fake, conn);
  fake_closed(fake, conn);
}

static void what_could_not_be_opened_for_is_tried_again(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(2));
  keel__request *query = fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  expect(fake, "open c1");
  fail_to_open(fake, 1);
  expect(fake, "close c1 OPEN_FAILED, retry r1, retry r2");
  assert_int_equal(query->state, KEEL__REQ_RETRY_WAIT);
  assert_int_equal(keel__request_tries(query), 1);
  fake_wait_for(fake, fake->pauses[1] > fake->pauses[2] ? 1 : 2);
  expect(fake, "open c2");
  fake_opened(fake, 2);
  fake_answer(fake, 2, 'I');
  assert_int_equal(fake->pool.counters.retried, 1); /* of queries */
  fake_free(fake);
}

static void after_the_last_try_the_failure_is_told(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(2));
  keel__request *query = fake_query(fake);
  for (uint32_t conn = 1; conn <= 2; conn++) {
    fail_to_open(fake, conn);
    fake_wait_for(fake, 1);
  }
  assert_int_equal(keel__request_tries(query), 2);
  fake_ignore(fake);
  fake_open_fails(fake, 3);
  expect(fake, "close c3 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
  fake_free(fake);
}

static void without_the_option_nothing_is_tried_again(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(0));
  fake_query(fake);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
  fake_free(fake);
}

static void who_asks_once_is_told_at_once(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(5));
  fake_query_with(fake, KEEL_Q_ONCE, 0, KEEL__NEVER);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
  fake_free(fake);
}

static void pauses_grow_up_to_a_limit_and_are_random(void **state) {
  (void)state;
  keel__time most[] = {10 * MS, 20 * MS, 40 * MS, 50 * MS, 50 * MS, 50 * MS}, longest[6] = {0}, shortest[6];
  for (uint32_t n = 0; n < 6; n++) shortest[n] = most[n];
  for (int life = 0; life < 60; life++) {
    fake *fake = fake_new(retrying(6));
    keel__rng_init(&fake->pool.rng, (uint64_t)life);
    fake_query(fake);
    for (uint32_t n = 0; n < 6; n++) {
      fail_to_open(fake, n + 1);
      keel__time pause = fake->pauses[1];
      assert_true(pause <= most[n]);
      if (pause > longest[n]) longest[n] = pause;
      if (pause < shortest[n]) shortest[n] = pause;
      if (pause > 0) fake_wait(fake, pause - 1);
      assert_null(fake->conns[n + 2]);
      fake_wait(fake, 1);
      assert_non_null(fake->conns[n + 2]);
    }
    fake_free(fake);
  }
  for (uint32_t n = 0; n < 6; n++) assert_true(longest[n] > most[n] * 3 / 4 && shortest[n] < most[n] / 4);
}

static void a_pause_of_nothing_is_one(void **state) {
  (void)state;
  keel__pool_config config = retrying(1000);
  config.retry_delay = 0;
  fake *fake = fake_new(config);
  keel__request *query = fake_query(fake);
  query->retries = 999;
  fail_to_open(fake, 1);
  assert_true(fake->pauses[1] == 0);
  fake_wait(fake, 0);
  expect(fake, "open c1, close c1 OPEN_FAILED, retry r1, open c2");
  fake_free(fake);
}

static void a_refusal_for_good_is_told_at_once(void **state) {
  (void)state;
  static const struct {
    const char *sqlstate;
    bool again;
  } refusals[] = {{"28P01", false}, {"28000", false}, {"3D000", false}, {"42501", false}, {"42704", false},
                  {"22023", false}, {"0A000", false}, {"53300", true},  {"57P03", true},  {"57P01", true},
                  {"08006", true},  {"08P01", true},  {"58000", true}};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    fake *fake = fake_new(retrying(1));
    fake_query(fake);
    fake_ignore(fake);
    fake_open_refused(fake, 1, refusals[i].sqlstate);
    expect(fake, refusals[i].again ? "close c1 OPEN_FAILED, retry r1"
                                   : "close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
    fake_free(fake);
  }
}

static void its_deadline_is_the_end_of_it(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(100));
  keel__request *query = fake_query_with(fake, 0, 0, 30 * MS);
  uint32_t conn = 0;
  keel__time end = fake->now + 30 * MS;
  while (fake->conns[++conn] != NULL) {
    fail_to_open(fake, conn);
    if (fake->forgotten > 0) break;
    assert_true(query->timer.due < end);
    fake_wait_for(fake, 1);
  }
  assert_non_null(strstr(fake->log, "CONNECT_FAILED r1 not-sent"));
  assert_true(fake->now < end);
  fake_free(fake);
}

static void the_acquire_timeout_bounds_what_was_never_sent(void **state) {
  (void)state;
  keel__pool_config config = retrying(100);
  config.acquire_timeout = 5 * MS;
  config.retry_delay = config.retry_max_delay = 1000 * MS;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
  fake_free(fake);
}

/* What was sent has waited its turn: only its own deadline counts from then on. */
static void the_acquire_timeout_does_not_bound_what_was_sent(void **state) {
  (void)state;
  keel__pool_config config = retrying(1);
  config.acquire_timeout = 1;
  fake *fake = fake_warm(config, 1);
  fake_read(fake, KEEL__NEVER);
  fake_lost(fake, 1);
  expect(fake, "send c1 r1, retry r1, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void a_read_whose_link_died_is_sent_again(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(1), 1);
  keel__request *read = fake_read(fake, KEEL__NEVER);
  fake_lost(fake, 1);
  expect(fake, "send c1 r1, retry r1, gone c1 LOST, close c1 LOST");
  fake_closed(fake, 1);
  fake_wait_for(fake, 1);
  fake_opened(fake, 2);
  expect(fake, "open c2, opened c2, send c2 r1");
  assert_int_equal(keel__request_tries(read), 2);
  fake_lost(fake, 2);
  expect(fake, "CONNECTION_LOST r1 unknown, gone c2 LOST, close c2 LOST");
  fake_free(fake);
}

static void a_write_whose_link_died_is_not(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(5), 1);
  fake_query(fake);
  fake_lost(fake, 1);
  expect(fake, "send c1 r1, CONNECTION_LOST r1 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void unless_it_may_be_done_twice(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(2), 1);
  fake_query_with(fake, KEEL_Q_IDEMPOTENT, 0, KEEL__NEVER);
  fake_lost(fake, 1);
  expect(fake, "send c1 r1, retry r1, gone c1 LOST, close c1 LOST");
  fake_wait_for(fake, 1);
  fake_closed(fake, 1);
  expect(fake, "open c2");
  fake_opened(fake, 2);
  /* What the first sending did is not known, whatever becomes of the second. */
  fake_error(fake, 2, "23505", 'I');
  expect(fake, "opened c2, send c2 r1, SERVER r1 unknown");
  fake_free(fake);
}

static void what_may_have_happened_stays_unknown_while_it_waits(void **state) {
  (void)state;
  keel__time late[] = {KEEL__NEVER, 1000 * MS};
  for (int expires = 0; expires < 2; expires++) {
    fake *fake = fake_warm(retrying(2), 1);
    keel__request *query = fake_query_with(fake, KEEL_Q_IDEMPOTENT, 0, late[expires]);
    fake_lost(fake, 1);
    fake_closed(fake, 1);
    if (expires) {
      fake_wait_for(fake, 1);
      fake_ignore(fake);
      fake_wait(fake, 1000 * MS);
      expect(fake, "QUERY_TIMEOUT r1 unknown");
    } else {
      fake_ignore(fake);
      keel__pool_abort(&fake->pool, query, fake->now);
      expect(fake, "ABORTED r1 unknown");
    }
    fake_free(fake);
  }
}

static void a_read_leaves_nothing_behind(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(2), 1);
  keel__request *read = fake_read(fake, KEEL__NEVER);
  fake_lost(fake, 1);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, read, fake->now);
  expect(fake, "ABORTED r1 rolled-back");
  fake_free(fake);
}

static void rows_that_were_taken_are_not_given_twice(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(2), 1);
  fake_read(fake, KEEL__NEVER)->delivered = true;
  fake_lost(fake, 1);
  expect(fake, "send c1 r1, CONNECTION_LOST r1 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void what_the_server_rolled_back_is_sent_again(void **state) {
  (void)state;
  static const char *const states[] = {"40001", "40P01"};
  for (int i = 0; i < 2; i++) {
    fake *fake = fake_warm(retrying(1), 1);
    keel__request *query = fake_query(fake);
    fake_error(fake, 1, states[i], 'I');
    expect(fake, "send c1 r1, retry r1");
    fake_wait_for(fake, 1);
    expect(fake, "send c1 r1");
    assert_int_equal(keel__request_tries(query), 2);
    fake_error(fake, 1, states[i], 'I');
    expect(fake, "SERVER r1 rolled-back");
    assert_int_equal(fake->pool.counters.retried, 1);
    fake_free(fake);
  }
}

/* Whatever became of the plan the last time. */
static void a_new_try_may_be_planned_anew_as_well(void **state) {
  (void)state;
  keel__pool_config config = retrying(1);
  config.prepare = KEEL_PREPARE_ALWAYS;
  fake *fake = fake_warm(config, 1);
  fake_query_with(fake, 0, 5, KEEL__NEVER);
  fake_answer(fake, 1, 'I');
  fake_query_with(fake, 0, 5, KEEL__NEVER);
  fake_error(fake, 1, "0A000", 'I');
  fake_error(fake, 1, "40001", 'I');
  expect(fake, "send c1 r1, ok r1, send c1 r2, send c1 r2, retry r2");
  fake_wait_for(fake, 2);
  fake_error(fake, 1, "42P05", 'I');
  expect(fake, "send c1 r2, send c1 r2");
  fake_free(fake);
}

static void what_a_procedure_may_have_committed_is_not(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(5), 1);
  fake_query(fake);
  fake_ignore(fake);
  fake_error_within(fake, 1, "40001", 'I');
  expect(fake, "SERVER r1 rolled-back"); /* the outcome is the I/O side's to say */
  fake_free(fake);
}

static void nor_what_came_behind_a_commit(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(5), 1);
  fake_query(fake);
  fake_ignore(fake);
  keel__failure failure = {.code = KEEL_SERVER, .outcome = KEEL_OUTCOME_UNKNOWN, .sqlstate = "40001"};
  keel__conn_answered(fake->conns[1], &failure, 'I', fake->now);
  expect(fake, "SERVER r1 unknown");
  fake_free(fake);
}

static void other_errors_are_answers(void **state) {
  (void)state;
  static const char *const states[] = {"23505", "42P01", "57014", "55P03", "40002", "25006", "53200"};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    fake *fake = fake_warm(retrying(5), 1);
    fake_read(fake, KEEL__NEVER);
    fake_ignore(fake);
    fake_error(fake, 1, states[i], 'I');
    expect(fake, "SERVER r1 rolled-back");
    fake_free(fake);
  }
}

static void a_holder_repeats_his_own_statements(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(5), 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  fake_error(fake, 1, "40001", 'E');
  expect(fake, "send c1 r2, SERVER r2 rolled-back");
  fake_query_on(fake, lease, 0)->reads = true;
  fake_lost(fake, 1);
  expect(fake, "send c1 r3, CONNECTION_LOST r3 unknown, gone c1 LOST, close c1 LOST");
  keel__pool_release(&fake->pool, lease, false, fake->now);
  fake_free(fake);
}

static void who_is_tried_again_comes_before_who_came_later(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(1), 1);
  fake_query(fake);
  fake_query(fake);
  fake_error(fake, 1, "40001", 'I');
  fake_query(fake);
  expect(fake, "send c1 r1, retry r1, send c1 r2");
  fake_wait_for(fake, 1);
  fake_answer(fake, 1, 'I');
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r1, ok r1, send c1 r3");
  fake_free(fake);
}

/* An attempt that began before it came back is none of its own. */
static void an_attempt_under_way_is_not_its_second(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(1));
  fake_query(fake);
  fail_to_open(fake, 1);
  fake_query(fake);
  expect(fake, "open c1, close c1 OPEN_FAILED, retry r1, open c2");
  fake_wait(fake, fake->pauses[1] + 1);
  fake_open_fails(fake, 2);
  expect(fake, "close c2 OPEN_FAILED, retry r2, open c3");
  fake_free(fake);
}

static void a_drain_waits_for_it(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(1), 1);
  fake_query(fake);
  fake_error(fake, 1, "40001", 'I');
  fake_ignore(fake);
  keel__pool_close(&fake->pool, 1000 * MS, false, fake->now);
  expect(fake, "");
  fake_wait_for(fake, 1);
  fake_answer(fake, 1, 'I');
  expect(fake, "send c1 r1, ok r1, gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_free(fake);
}

static void a_drain_tries_again_what_fails_in_it(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(1), 1);
  fake_query(fake);
  keel__pool_close(&fake->pool, 1000 * MS, false, fake->now);
  fake_error(fake, 1, "40001", 'I');
  expect(fake, "send c1 r1, retry r1");
  fake_free(fake);
}

static void not_beyond_its_end(void **state) {
  (void)state;
  keel__pool_config config = retrying(5);
  config.retry_delay = config.retry_max_delay = 1000000 * MS;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  keel__pool_close(&fake->pool, 1 * MS, false, fake->now);
  fake_ignore(fake);
  fake_error(fake, 1, "40001", 'I');
  expect(fake, "SERVER r1 rolled-back, gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_free(fake);
}

static void the_end_of_a_drain_settles_it(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(5));
  fake_query(fake);
  fail_to_open(fake, 1);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, 0, true, fake->now);
  expect(fake, "POOL_CLOSED r1 not-sent, pool closed");
  fake_free(fake);
}

static void a_closing_pool_lends_nothing(void **state) {
  (void)state;
  fake *fake = fake_new(retrying(5));
  fake_acquire(fake, KEEL__NEVER);
  fail_to_open(fake, 1);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, 1000 * MS, false, fake->now);
  expect(fake, "POOL_CLOSED r1 not-sent, pool closed");
  fake_free(fake);
}

static void who_pauses_counts_as_waiting(void **state) {
  (void)state;
  keel__pool_config config = retrying(1);
  config.max_waiting = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_error(fake, 1, "40001", 'I');
  fake_query(fake);
  fake_ignore(fake);
  fake_query(fake);
  expect(fake, "QUEUE_FULL r3 not-sent");
  fake_free(fake);
}

static void who_cannot_be_told_is_not_tried_again(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(1), 1);
  fake->mute = true;
  fake_query(fake);
  fake_ignore(fake);
  fake_error(fake, 1, "40001", 'I');
  expect(fake, "SERVER r1 rolled-back");
  fake_free(fake);
}

static void who_ran_beside_a_silent_one_is_tried_elsewhere(void **state) {
  (void)state;
  keel__pool_config config = retrying(1);
  config.pipeline_depth = 2;
  config.cancel_timeout = 10 * MS;
  fake *fake = fake_warm(config, 1);
  keel__request *silent = fake_query(fake);
  fake_read(fake, KEEL__NEVER);
  keel__pool_abort(&fake->pool, silent, fake->now);
  expect(fake, "send c1 r1, send c1 r2, ABORTED r1 unknown, cancel c1");
  fake_wait(fake, 10 * MS);
  expect(fake, "retry r2, gone c1 CANCEL_SILENT, close c1 CANCEL_SILENT");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_could_not_be_opened_for_is_tried_again),
      cmocka_unit_test(after_the_last_try_the_failure_is_told),
      cmocka_unit_test(without_the_option_nothing_is_tried_again),
      cmocka_unit_test(who_asks_once_is_told_at_once),
      cmocka_unit_test(pauses_grow_up_to_a_limit_and_are_random),
      cmocka_unit_test(a_pause_of_nothing_is_one),
      cmocka_unit_test(a_refusal_for_good_is_told_at_once),
      cmocka_unit_test(its_deadline_is_the_end_of_it),
      cmocka_unit_test(the_acquire_timeout_bounds_what_was_never_sent),
      cmocka_unit_test(the_acquire_timeout_does_not_bound_what_was_sent),
      cmocka_unit_test(a_read_whose_link_died_is_sent_again),
      cmocka_unit_test(a_write_whose_link_died_is_not),
      cmocka_unit_test(unless_it_may_be_done_twice),
      cmocka_unit_test(what_may_have_happened_stays_unknown_while_it_waits),
      cmocka_unit_test(a_read_leaves_nothing_behind),
      cmocka_unit_test(rows_that_were_taken_are_not_given_twice),
      cmocka_unit_test(what_the_server_rolled_back_is_sent_again),
      cmocka_unit_test(a_new_try_may_be_planned_anew_as_well),
      cmocka_unit_test(what_a_procedure_may_have_committed_is_not),
      cmocka_unit_test(nor_what_came_behind_a_commit),
      cmocka_unit_test(other_errors_are_answers),
      cmocka_unit_test(a_holder_repeats_his_own_statements),
      cmocka_unit_test(who_is_tried_again_comes_before_who_came_later),
      cmocka_unit_test(an_attempt_under_way_is_not_its_second),
      cmocka_unit_test(a_drain_waits_for_it),
      cmocka_unit_test(a_drain_tries_again_what_fails_in_it),
      cmocka_unit_test(not_beyond_its_end),
      cmocka_unit_test(the_end_of_a_drain_settles_it),
      cmocka_unit_test(a_closing_pool_lends_nothing),
      cmocka_unit_test(who_pauses_counts_as_waiting),
      cmocka_unit_test(who_cannot_be_told_is_not_tried_again),
      cmocka_unit_test(who_ran_beside_a_silent_one_is_tried_elsewhere),
  };
  return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
