/* More comes than can be served: who is refused, who is not. */
#include "fake.h"

#define TOOK (10 * MS)

static keel__pool_config shedding(uint32_t max) {
  keel__pool_config config = fake_config();
  config.max = max;
  config.shed = true;
  return config;
}

/* One after the other, each taking 10 ms: in the end one is in flight, nobody waits, and `count` have waited. */
static void keep_pace(fake *fake, int count) {
  fake_query(fake);
  for (int i = 0; i < count; i++) {
    fake_query(fake);
    fake_wait(fake, TOOK);
    fake_answer(fake, 1, 'I');
  }
  fake_ignore(fake);
}

static fake *paced(int count) {
  fake *fake = fake_warm(shedding(1), 1);
  keep_pace(fake, count);
  return fake;
}

static void refuses_whom_the_queue_is_too_slow_for(void **state) {
  (void)state;
  fake *fake = paced(40);
  for (int i = 0; i < 4; i++) fake_query(fake); /* r42 to r45 */
  fake_query_with(fake, 0, 0, 45 * MS);
  expect(fake, "QUEUE_FULL r46 not-sent");
  /* 50 ms to wait, 10 ms of work. */
  fake_query_with(fake, 0, 0, 55 * MS);
  expect(fake, "QUEUE_FULL r47 not-sent");
  fake_query_with(fake, 0, 0, 65 * MS);
  expect(fake, "");
  fake_acquire(fake, 55 * MS);
  expect(fake, "QUEUE_FULL r49 not-sent");
  fake_acquire(fake, 65 * MS);
  expect(fake, "");
  assert_int_equal(fake->pool.counters.rejected, 2);
  fake_free(fake);
}

static void time_to_wait_counts_as_well(void **state) {
  (void)state;
  keel__pool_config config = shedding(1);
  config.acquire_timeout = 25 * MS;
  fake *fake = fake_warm(config, 1);
  keep_pace(fake, 40);
  fake_query(fake);
  fake_query(fake);
  expect(fake, "");
  fake_query(fake);
  expect(fake, "QUEUE_FULL r44 not-sent");
  fake_free(fake);
}

static void without_a_limit_of_his_own_nobody_is_refused(void **state) {
  (void)state;
  fake *fake = paced(40);
  for (int i = 0; i < 15; i++) fake_query(fake);
  expect(fake, "");
  fake_free(fake);
}

static void the_first_in_line_is_never_refused(void **state) {
  (void)state;
  fake *fake = paced(40);
  fake_query_with(fake, 0, 0, 1 * MS);
  expect(fake, "");
  fake_free(fake);
}

static void no_pace_is_told_of_a_few(void **state) {
  (void)state;
  fake *fake = paced(31);
  for (int i = 0; i < 5; i++) fake_query_with(fake, 0, 0, 1 * MS);
  expect(fake, "");
  fake_free(fake);
}

static void nobody_is_refused_while_there_is_room(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(2), 2);
  fake_query_of(fake, 2); /* r1 keeps c1 */
  fake_query(fake);
  for (int i = 0; i < 40; i++) {
    fake_query(fake);
    fake_wait(fake, TOOK);
    fake_answer(fake, 2, 'I');
  }
  for (int i = 0; i < 3; i++) fake_query(fake);
  fake_ignore(fake);
  fake_query_with(fake, 0, 0, 15 * MS);
  expect(fake, "QUEUE_FULL r46 not-sent");
  fake_lost(fake, 1);
  fake_ignore(fake);
  fake_query_with(fake, 0, 0, 15 * MS);
  expect(fake, "");
  fake_free(fake);
}

static void it_can_be_turned_off(void **state) {
  (void)state;
  keel__pool_config config = shedding(1);
  config.shed = false;
  fake *fake = fake_warm(config, 1);
  keep_pace(fake, 40);
  for (int i = 0; i < 5; i++) fake_query_with(fake, 0, 0, 1 * MS);
  expect(fake, "");
  fake_free(fake);
}

/* ---- at the head of the queue */

/* c1 runs r1; r2 has 100 ms and is known to need 10; `behind` wait after it. `waited` later c1 is free. */
static fake *waiting(int behind, keel__time waited) {
  fake *fake = fake_warm(shedding(1), 1);
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, TOOK);
  fake_query_of(fake, 2);
  fake_query_with(fake, 0, 0, 100 * MS);
  for (int i = 0; i < behind; i++) fake_query(fake);
  fake_wait(fake, waited);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
  return fake;
}

static void what_cannot_be_done_in_time_is_not_sent(void **state) {
  (void)state;
  fake *fake = waiting(1, 95 * MS);
  expect(fake, "ok r1, QUERY_TIMEOUT r2 not-sent, send c1 r3");
  assert_int_equal(fake->pool.counters.timed_out, 1);
  fake_free(fake);
}

static void what_can_is_sent(void **state) {
  (void)state;
  fake *fake = waiting(1, 85 * MS);
  expect(fake, "ok r1, send c1 r2");
  fake_free(fake);
}

static void when_nobody_else_waits_it_is_sent(void **state) {
  (void)state;
  fake *fake = waiting(0, 95 * MS);
  expect(fake, "ok r1, send c1 r2");
  fake_free(fake);
}

static void with_most_of_its_time_left_it_is_sent_whatever_is_expected(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(1), 1);
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, 1000 * MS);
  fake_query_of(fake, 2);
  for (int i = 0; i < 2; i++) fake_query_with(fake, 0, 0, 100 * MS);
  fake_wait(fake, 45 * MS);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_wait(fake, 10 * MS);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r3");
  fake_free(fake);
}

static void of_an_unknown_text_nothing_is_expected(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(1), 1);
  fake_query_of(fake, 2);
  keel__request *unknown = fake_query_with(fake, 0, 0, 100 * MS);
  unknown->text = 3;
  fake_query(fake);
  fake_wait(fake, 99 * MS);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_free(fake);
}

/* One that was cut short at its deadline must not look quick. */
static void what_was_cut_short_is_not_taken_for_its_time(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(1), 1);
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, 100 * MS);
  for (int i = 0; i < 10; i++) {
    fake_query_with(fake, 0, 0, 20 * MS);
    fake_wait(fake, 20 * MS);
    keel__conn_cancel_delivered(fake->conns[1], fake->now);
    fake_error(fake, 1, "57014", 'I');
  }
  uint32_t cost = 0;
  assert_true(keel__estimates_find(&fake->pool.estimates, QUICK_TEXT, &cost));
  assert_true(cost >= 99 * MS);
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_whom_the_queue_is_too_slow_for),
      cmocka_unit_test(time_to_wait_counts_as_well),
      cmocka_unit_test(without_a_limit_of_his_own_nobody_is_refused),
      cmocka_unit_test(the_first_in_line_is_never_refused),
      cmocka_unit_test(no_pace_is_told_of_a_few),
      cmocka_unit_test(nobody_is_refused_while_there_is_room),
      cmocka_unit_test(it_can_be_turned_off),
      cmocka_unit_test(what_cannot_be_done_in_time_is_not_sent),
      cmocka_unit_test(what_can_is_sent),
      cmocka_unit_test(when_nobody_else_waits_it_is_sent),
      cmocka_unit_test(with_most_of_its_time_left_it_is_sent_whatever_is_expected),
      cmocka_unit_test(of_an_unknown_text_nothing_is_expected),
      cmocka_unit_test(what_was_cut_short_is_not_taken_for_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
