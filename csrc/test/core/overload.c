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

static fake *paced_of(keel__pool_config config, int count) {
  fake *fake = fake_warm(config, 1);
  keep_pace(fake, count);
  return fake;
}

static fake *paced(int count) {
  return paced_of(shedding(1), count);
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
  keel__pool_hold_new(&fake->pool, true);
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_ignore(fake);
  fake_query_with(fake, 0, 0, 15 * MS); /* c3 is being opened */
  expect(fake, "");
  fake_opened(fake, 3);
  fake_query_with(fake, 0, 0, 15 * MS); /* with its owner, who gives it back when he has made it ready */
  expect(fake, "opened c3");
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

/* When the first of it has waited for as long as half of a newcomer's time, the newcomer is to have the other half to spare. */
static void a_queue_that_stands_keeps_time_back(void **state) {
  (void)state;
  fake *fake = paced(40);
  fake_query(fake);
  fake_wait(fake, 14 * MS);
  fake_acquire(fake, 30 * MS); /* 20 ms to wait */
  expect(fake, "");
  fake_free(fake);
  fake = paced(40);
  fake_query(fake);
  fake_wait(fake, 16 * MS);
  fake_acquire(fake, 30 * MS);
  expect(fake, "QUEUE_FULL r43 not-sent");
  fake_free(fake);
}

/* He has had his turn: how long he is here says nothing of the queue. */
static void but_not_for_one_that_is_tried_again(void **state) {
  (void)state;
  keel__pool_config config = shedding(1);
  config.max_retries = 1;
  fake *fake = paced_of(config, 40);
  fake_query(fake);
  fake_wait(fake, 16 * MS);
  fake_error(fake, 1, "40001", 'I'); /* r41 */
  fake_wait(fake, 0);
  expect(fake, "retry r41, send c1 r42");
  fake_acquire(fake, 30 * MS);
  expect(fake, "");
  fake_free(fake);
}

static void what_is_slow_is_not_shut_out_by_that(void **state) {
  (void)state;
  fake *fake = paced(40);
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, 100 * MS);
  fake_query(fake);
  fake_query_with(fake, 0, 0, 60 * MS); /* 20 ms to wait, and half of the time for the work at most */
  expect(fake, "");
  fake_query_with(fake, 0, 0, 55 * MS); /* 30 ms */
  expect(fake, "QUEUE_FULL r44 not-sent");
  fake_free(fake);
}

static void who_waits_for_an_opening_tells_no_pace(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(2), 1);
  fake_query(fake);
  fake_query(fake); /* and c2 is being opened */
  fake_wait(fake, TOOK);
  fake_answer(fake, 1, 'I');
  expect(fake, "send c1 r1, open c2, ok r1, send c1 r2");
  assert_int_equal(fake->pool.overload.taken, 0);
  fake_query(fake);
  fake_open_fails(fake, 2); /* now there is room, and a pause before it is tried again */
  fake_closed(fake, 2);
  fake_wait(fake, 1 * MS);
  fake_answer(fake, 1, 'I');
  expect(fake, "close c2 OPEN_FAILED, ok r2, send c1 r3");
  assert_int_equal(fake->pool.overload.taken, 0);
  fake_free(fake);
}

static void the_pace_is_forgotten_by_half(void **state) {
  (void)state;
  fake *fake = paced(1);
  keel__overload *overload = &fake->pool.overload;
  overload->taken = 2 * KEEL__OVERLOAD_MEMORY - 1;
  overload->busy = overload->taken * TOOK;
  fake_query(fake);
  fake_wait(fake, TOOK);
  fake_answer(fake, 1, 'I');
  assert_int_equal(overload->taken, KEEL__OVERLOAD_MEMORY);
  assert_int_equal(overload->busy, KEEL__OVERLOAD_MEMORY * TOOK);
  fake_free(fake);
}

/* ---- at the head of the queue */

/* c1 runs r1; r2 has 100 ms and is known to need 10; `behind` wait after it. `waited` later c1 is free. */
static void wait_behind(fake *fake, int behind, keel__time waited) {
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, TOOK);
  fake_query_of(fake, 2);
  fake_query_with(fake, 0, 0, 100 * MS);
  for (int i = 0; i < behind; i++) fake_query(fake);
  fake_wait(fake, waited);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
}

static fake *waiting(int behind, keel__time waited) {
  fake *fake = fake_warm(shedding(1), 1);
  wait_behind(fake, behind, waited);
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

static void the_way_there_and_back_counts(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(1), 1);
  keel__conn_round_trip(fake->conns[1], 10 * MS);
  wait_behind(fake, 1, 85 * MS);
  expect(fake, "ok r1, QUERY_TIMEOUT r2 not-sent, send c1 r3");
  fake_free(fake);
}

/* One sample only: it may take longer by as much as that. */
static void what_is_hardly_known_has_a_margin(void **state) {
  (void)state;
  fake *fake = fake_warm(shedding(1), 1);
  fake_query_of(fake, 2);
  keel__estimates_record(&fake->pool.estimates, 3, TOOK);
  fake_query_with(fake, 0, 0, 100 * MS)->text = 3;
  fake_query(fake);
  fake_wait(fake, 85 * MS);
  fake_ignore(fake);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, QUERY_TIMEOUT r2 not-sent, send c1 r3");
  fake_free(fake);
}

/* r2, before it on the connection that they share, takes a millisecond, and so does r3 itself. */
static void what_is_in_flight_counts(void **state) {
  (void)state;
  keel__pool_config config = shedding(1);
  config.pipeline_depth = 2;
  fake *fake = fake_warm(config, 1);
  for (int i = 0; i < 100; i++) keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, 1 * MS);
  keel__estimates_record(&fake->pool.estimates, 2, 1 * MS);
  fake_query_of(fake, 2);
  fake_query(fake);
  fake_query_with(fake, 0, 0, 10 * MS);
  fake_query(fake);
  expect(fake, "send c1 r1, send c1 r2");
  fake_wait(fake, 8 * MS + MS / 2);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, QUERY_TIMEOUT r3 not-sent, send c1 r4");
  fake_free(fake);
}

/* Their numbers have the same place in the table. */
static void texts_that_clash_are_not_taken_for_each_other(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  keel__estimates *estimates = &fake->pool.estimates;
  uint32_t one = 5, other = one + 4096, cost = 0;
  keel__estimates_record(estimates, one, 10 * MS);
  assert_false(keel__estimates_find(estimates, other, &cost));
  keel__estimates_record(estimates, other, 1 * MS);
  assert_false(keel__estimates_find(estimates, one, &cost));
  assert_true(keel__estimates_find(estimates, other, &cost));
  assert_int_equal(cost, 1 * MS);
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
      cmocka_unit_test(a_queue_that_stands_keeps_time_back),
      cmocka_unit_test(but_not_for_one_that_is_tried_again),
      cmocka_unit_test(what_is_slow_is_not_shut_out_by_that),
      cmocka_unit_test(who_waits_for_an_opening_tells_no_pace),
      cmocka_unit_test(the_pace_is_forgotten_by_half),
      cmocka_unit_test(what_cannot_be_done_in_time_is_not_sent),
      cmocka_unit_test(what_can_is_sent),
      cmocka_unit_test(the_way_there_and_back_counts),
      cmocka_unit_test(what_is_hardly_known_has_a_margin),
      cmocka_unit_test(what_is_in_flight_counts),
      cmocka_unit_test(texts_that_clash_are_not_taken_for_each_other),
      cmocka_unit_test(when_nobody_else_waits_it_is_sent),
      cmocka_unit_test(with_most_of_its_time_left_it_is_sent_whatever_is_expected),
      cmocka_unit_test(of_an_unknown_text_nothing_is_expected),
      cmocka_unit_test(what_was_cut_short_is_not_taken_for_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
