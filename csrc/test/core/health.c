/* Checks before use, and the node's health. */
#include "fake.h"

#define INTERVAL (1000 * MS)

static keel__pool_config checking(void) {
  keel__pool_config config = fake_config();
  config.alive_bypass = 50 * MS;
  return config;
}

static keel__pool_config watching(void) {
  keel__pool_config config = fake_config();
  config.health_interval = INTERVAL;
  return config;
}

/* Goes on to the next background check. */
static void until_check(fake *fake) {
  assert_true(fake->pool.health.timer.slot != 0);
  fake->now = fake->pool.health.timer.due;
  keel__pool_tick(&fake->pool, fake->now);
}

/* ---- before use */

static void a_fresh_one_is_handed_out_unchecked(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 1);
  fake_wait(fake, 50 * MS);
  fake_query(fake);
  expect(fake, "send c1 r1");
  fake_free(fake);
}

static void a_stale_one_is_checked_first(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 1);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  expect(fake, "check c1");
  fake_wait(fake, 3 * MS);
  fake_checked(fake, 1);
  expect(fake, "send c1 r1");
  fake_free(fake);
}

static void so_is_one_that_is_lent(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 1);
  fake_wait(fake, 51 * MS);
  fake_acquire(fake, KEEL__NEVER);
  expect(fake, "check c1");
  fake_checked(fake, 1);
  expect(fake, "lend c1 r1");
  fake_free(fake);
}

static void nothing_idle_is_too_fresh_for_no_bypass(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.alive_bypass = 0;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 1 * MS);
  fake_query(fake);
  expect(fake, "check c1");
  fake_checked(fake, 1);
  expect(fake, "send c1 r1");
  fake_free(fake);
}

static void a_fresh_one_is_preferred(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 2);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_checked(fake, 1);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_query(fake);
  expect(fake, "send c1 r2");
  fake_query(fake);
  expect(fake, "check c2");
  fake_free(fake);
}

/* With room for another connection none is opened: what is checked will do. */
static void each_waiter_has_one_checked(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.max = 4;
  fake *fake = fake_warm(config, 2);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_query(fake);
  expect(fake, "check c1, check c2");
  fake_query(fake);
  expect(fake, "open c3");
  fake_checked(fake, 2);
  expect(fake, "send c2 r1");
  fake_free(fake);
}

static void a_check_that_fails_costs_the_connection(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 2);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_ignore(fake);
  fake_check_fails(fake, 1);
  expect(fake, "gone c1 CHECK_FAILED, close c1 CHECK_FAILED, check c2");
  fake_lost(fake, 2);
  expect(fake, "gone c2 LOST, close c2 LOST, open c3");
  fake_opened(fake, 3);
  expect(fake, "opened c3, send c3 r1");
  fake_free(fake);
}

static void a_silent_one_is_given_up(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.connect_timeout = 100 * MS;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, 99 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "gone c1 CHECK_FAILED, close c1 CHECK_FAILED, open c2");
  fake_free(fake);
}

static void without_a_limit_to_connect_it_is_five_seconds(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, 4999 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "gone c1 CHECK_FAILED, close c1 CHECK_FAILED, open c2");
  fake_free(fake);
}

static void a_slow_check_is_not_relied_upon(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.max = 3;
  fake *fake = fake_warm(config, 2);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  expect(fake, "check c1");
  fake_wait(fake, 500 * MS);
  expect(fake, "check c2");
  fake_wait(fake, 500 * MS);
  expect(fake, "open c3");
  fake_checked(fake, 2);
  expect(fake, "send c2 r1");
  fake_query(fake);
  expect(fake, ""); /* c3 is on its way */
  fake_checked(fake, 1);
  expect(fake, "send c1 r2");
  assert_int_equal(fake->pool.slow_checks, 0);
  fake_free(fake);
}

/* The time that the check takes is the caller's. */
static void its_deadline_goes_on(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 1);
  fake_wait(fake, 51 * MS);
  fake_query_with(fake, 0, 0, 20 * MS);
  fake_ignore(fake);
  fake_wait(fake, 20 * MS);
  expect(fake, "QUERY_TIMEOUT r1 not-sent");
  fake_checked(fake, 1);
  expect(fake, "");
  fake_query(fake);
  expect(fake, "send c1 r2");
  fake_free(fake);
}

/* The check is not a use: the connection is closed when it would have been without. */
static void its_idle_time_goes_on(void **state) {
  (void)state;
  keel__pool_config config = checking();
  config.idle_timeout = 100 * MS;
  fake *fake = fake_warm(config, 2);
  fake_wait(fake, 60 * MS);
  keel__request *request = fake_query(fake);
  keel__pool_abort(&fake->pool, request, fake->now);
  expect(fake, "check c1, ABORTED r1 not-sent");
  fake_wait(fake, 10 * MS);
  fake_checked(fake, 1);
  fake_wait(fake, 29 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "gone c1 IDLE_TIMEOUT, close c1 IDLE_TIMEOUT, gone c2 IDLE_TIMEOUT, close c2 IDLE_TIMEOUT");
  fake_free(fake);
}

static void a_closing_pool_does_not_wait_for_it(void **state) {
  (void)state;
  fake *fake = fake_warm(checking(), 1);
  fake_wait(fake, 51 * MS);
  keel__request *request = fake_query(fake);
  keel__pool_abort(&fake->pool, request, fake->now);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  expect(fake, "gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_closed(fake, 1);
  expect(fake, "pool closed");
  fake_free(fake);
}

/* ---- in the background */

static void the_longest_idle_one_is_asked(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 2);
  until_check(fake);
  expect(fake, "check c2");
  fake_wait(fake, 3 * MS);
  fake_checked(fake, 2);
  expect(fake, "well 3 ms");
  fake_query(fake);
  expect(fake, "send c1 r1"); /* the order of use is as before */
  until_check(fake);
  expect(fake, "check c2");
  fake_free(fake);
}

static void the_interval_is_jittered(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 2);
  keel__time least = KEEL__NEVER, most = 0;
  for (int i = 0; i < 200; i++) {
    keel__time before = fake->now;
    until_check(fake);
    keel__time waited = fake->now - before;
    if (waited < least) least = waited;
    if (waited > most) most = waited;
    fake_checked(fake, 2);
  }
  assert_in_range(least, INTERVAL * 9 / 10, INTERVAL * 92 / 100);
  assert_in_range(most, INTERVAL * 108 / 100, INTERVAL * 11 / 10);
  fake_free(fake);
}

static void with_nothing_idle_a_new_one_tells(void **state) {
  (void)state;
  fake *fake = fake_new(watching());
  until_check(fake);
  expect(fake, "open c1");
  fake_wait(fake, 7 * MS);
  fake_opened(fake, 1);
  expect(fake, "opened c1, well 7 ms");
  fake_free(fake);
}

static void or_its_failure(void **state) {
  (void)state;
  fake *fake = fake_new(watching());
  until_check(fake);
  fake_ignore(fake);
  fake_open_fails(fake, 1);
  expect(fake, "close c1 OPEN_FAILED, unwell CONNECT_FAILED");
  fake_free(fake);
}

/* The password was not there: nobody has asked the server. */
static void but_not_for_want_of_something_of_ours(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.ask_password = true;
  fake *fake = fake_new(config);
  until_check(fake);
  fake_ignore(fake);
  fake_open_fails(fake, 1);
  expect(fake, "close c1 OPEN_FAILED");
  fake_free(fake);
}

static void the_last_free_one_is_left_to_users(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake->now = fake->pool.health.timer.due - 1 * MS;
  fake_query(fake);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  until_check(fake);
  expect(fake, "well");
  until_check(fake);
  if (fake->pool.health.conn == NULL) until_check(fake);
  /* Nobody has wanted it for a whole interval. */
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_CHECKING), 1);
  fake_free(fake);
}

static void answers_to_others_are_proof(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_query(fake);
  fake_wait(fake, 100 * MS);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  until_check(fake);
  expect(fake, "well");
  until_check(fake);
  until_check(fake);
  expect(fake, "unwell ACQUIRE_TIMEOUT, unwell ACQUIRE_TIMEOUT");
  fake_free(fake);
}

static void lent_to_those_who_ask_for_nothing_it_is_not_known(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_lease(fake);
  fake_wait(fake, 3 * INTERVAL);
  fake_ignore(fake);
  until_check(fake);
  expect(fake, "");
  fake_free(fake);
}

/* One connection's death is not the node's. */
static void a_dead_connection_is_no_verdict(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 2);
  until_check(fake);
  fake_ignore(fake);
  fake_lost(fake, 2);
  expect(fake, "gone c2 LOST, close c2 LOST");
  fake_wait(fake, 0);
  expect(fake, "open c3");
  fake_wait(fake, 4 * MS);
  fake_opened(fake, 3);
  expect(fake, "opened c3, well 4 ms");
  fake_free(fake);
}

static void two_deaths_are(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.connect_timeout = 200 * MS;
  fake *fake = fake_warm(config, 2);
  until_check(fake);
  fake_ignore(fake);
  fake_wait(fake, 200 * MS);
  expect(fake, "gone c2 CHECK_FAILED, close c2 CHECK_FAILED, open c3");
  fake_wait(fake, 200 * MS);
  expect(fake, "close c3 OPEN_FAILED, unwell CONNECT_TIMEOUT");
  fake_free(fake);
}

static void a_user_gets_the_connection_that_passed(void **state) {
  (void)state;
  keel__pool_config config = watching();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 0);
  until_check(fake);
  if (fake->pool.health.conn == NULL) until_check(fake);
  fake_ignore(fake);
  fake_query(fake);
  expect(fake, "");
  fake_checked(fake, 1);
  expect(fake, "well 0 ms, send c1 r1");
  fake_free(fake);
}

static void with_answers_to_others_nothing_is_opened(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 1);
  fake_query(fake);
  fake->now = fake->pool.health.timer.due - 1 * MS;
  fake_answer(fake, 1, 'I');
  fake_query(fake);
  fake_ignore(fake);
  until_check(fake);
  expect(fake, "well");
  fake_free(fake);
}

static void a_refused_attempt_beside_answers_is_no_verdict(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 1);
  fake_query(fake);
  fake_wait(fake, 0);
  fake->now += 3 * INTERVAL;
  fake_ignore(fake);
  until_check(fake);
  expect(fake, "open c2");
  fake_answer(fake, 1, 'I');
  fake_open_fails(fake, 2);
  expect(fake, "ok r1, close c2 OPEN_FAILED, well");
  fake_free(fake);
}

static void after_a_refusal_it_is_not_rushed(void **state) {
  (void)state;
  fake *fake = fake_new(watching());
  fake->now = fake->pool.health.timer.due - 1;
  fake_query(fake);
  fake_open_fails(fake, 1);
  fake_ignore(fake);
  keel__time reopen = fake->pool.reopen_timer.due;
  until_check(fake);
  expect(fake, "");
  assert_true(fake->pool.health.timer.due == reopen);
  until_check(fake);
  expect(fake, "open c2");
  fake_free(fake);
}

/* ---- by hand */

static void ask(fake *fake) {
  keel__pool_check(&fake->pool, fake->now);
}

static void may_be_asked_for(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  ask(fake);
  ask(fake);
  expect(fake, "check c1");
  fake_checked(fake, 1);
  expect(fake, "well 0 ms");
  assert_true(keel__pool_next(&fake->pool) == KEEL__NEVER);
  fake_free(fake);
}

static void with_all_in_use_it_is_the_next_answer(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, 100 * MS);
  ask(fake);
  fake_wait(fake, 50 * MS);
  expect(fake, "");
  fake_wait(fake, 10 * MS);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_wait(fake, 40 * MS);
  expect(fake, "well");
  fake_free(fake);
}

static void or_there_is_none(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.connect_timeout = 200 * MS;
  fake *fake = fake_warm(config, 1);
  fake_lease(fake);
  fake_wait(fake, 1 * MS);
  ask(fake);
  for (int i = 0; i < 3; i++) fake_wait(fake, 50 * MS);
  expect(fake, "");
  fake_wait(fake, 51 * MS);
  expect(fake, "unwell ACQUIRE_TIMEOUT");
  fake_free(fake);
}

static void the_end_of_the_pool_answers(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 1);
  fake_lease(fake);
  ask(fake);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  expect(fake, "unwell POOL_CLOSED, close c2 SHUTDOWN");
  ask(fake);
  expect(fake, "unwell POOL_CLOSED");
  assert_true(fake->pool.health.timer.slot == 0);
  fake_free(fake);
}

static void nothing_follows_the_end(void **state) {
  (void)state;
  fake *fake = fake_warm(watching(), 1);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  fake_closed(fake, 1);
  assert_true(fake->pool.state == KEEL__POOL_CLOSED);
  fake_ignore(fake);
  ask(fake);
  expect(fake, "");
  fake_free(fake);
}

static void a_single_one_that_fails_is_lost(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.single = true;
  fake *fake = fake_warm(config, 1);
  ask(fake);
  fake_query(fake);
  fake_ignore(fake);
  fake_check_fails(fake, 1);
  expect(fake, "gone c1 CHECK_FAILED, close c1 CHECK_FAILED, CONNECTION_LOST r1 not-sent");
  for (int i = 0; i < 120; i++) fake_wait(fake, 50 * MS);
  expect(fake, "unwell ACQUIRE_TIMEOUT");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fresh_one_is_handed_out_unchecked),
      cmocka_unit_test(a_stale_one_is_checked_first),
      cmocka_unit_test(so_is_one_that_is_lent),
      cmocka_unit_test(nothing_idle_is_too_fresh_for_no_bypass),
      cmocka_unit_test(a_fresh_one_is_preferred),
      cmocka_unit_test(each_waiter_has_one_checked),
      cmocka_unit_test(a_check_that_fails_costs_the_connection),
      cmocka_unit_test(a_silent_one_is_given_up),
      cmocka_unit_test(without_a_limit_to_connect_it_is_five_seconds),
      cmocka_unit_test(a_slow_check_is_not_relied_upon),
      cmocka_unit_test(its_deadline_goes_on),
      cmocka_unit_test(its_idle_time_goes_on),
      cmocka_unit_test(a_closing_pool_does_not_wait_for_it),
      cmocka_unit_test(the_longest_idle_one_is_asked),
      cmocka_unit_test(the_interval_is_jittered),
      cmocka_unit_test(with_nothing_idle_a_new_one_tells),
      cmocka_unit_test(or_its_failure),
      cmocka_unit_test(but_not_for_want_of_something_of_ours),
      cmocka_unit_test(the_last_free_one_is_left_to_users),
      cmocka_unit_test(answers_to_others_are_proof),
      cmocka_unit_test(lent_to_those_who_ask_for_nothing_it_is_not_known),
      cmocka_unit_test(a_dead_connection_is_no_verdict),
      cmocka_unit_test(two_deaths_are),
      cmocka_unit_test(a_user_gets_the_connection_that_passed),
      cmocka_unit_test(with_answers_to_others_nothing_is_opened),
      cmocka_unit_test(a_refused_attempt_beside_answers_is_no_verdict),
      cmocka_unit_test(after_a_refusal_it_is_not_rushed),
      cmocka_unit_test(may_be_asked_for),
      cmocka_unit_test(with_all_in_use_it_is_the_next_answer),
      cmocka_unit_test(or_there_is_none),
      cmocka_unit_test(the_end_of_the_pool_answers),
      cmocka_unit_test(nothing_follows_the_end),
      cmocka_unit_test(a_single_one_that_fails_is_lost),
  };
  return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
