/* Which lone statements share a connection, and what becomes of one that holds the others up. */
#include "fake.h"

#define OTHER_TEXT 2u

static fake *shared(uint32_t depth, uint32_t conns) {
  keel__pool_config config = fake_config();
  config.pipeline_depth = depth;
  config.max = conns;
  return fake_warm(config, conns);
}

static void takes(fake *fake, uint32_t text, keel__time time) {
  keel__estimates_record(&fake->pool.estimates, text, time);
}

static void no_more_than_the_depth(void **state) {
  (void)state;
  fake *fake = shared(3, 1);
  for (int i = 0; i < 4; i++) fake_query(fake);
  expect(fake, "send c1 r1, send c1 r2, send c1 r3");
  fake_error(fake, 1, "23505", 'I');
  expect(fake, "SERVER r1 rolled-back, send c1 r4");
  for (int i = 0; i < 3; i++) fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, ok r3, ok r4");
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_IDLE), 1);
  fake_free(fake);
}

static void an_unknown_one_has_its_own(void **state) {
  (void)state;
  fake *fake = shared(8, 2);
  fake_query(fake);
  fake_query_of(fake, OTHER_TEXT);
  fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r1, send c2 r2");
  fake_answer(fake, 2, 'I'); /* now it is known to be quick */
  expect(fake, "ok r2, send c1 r3");
  fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r4");
  fake_free(fake);
}

static void nobody_waits_behind_an_unknown_one(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  fake_query_of(fake, OTHER_TEXT);
  fake_query(fake);
  expect(fake, "send c1 r1");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_free(fake);
}

static void a_slow_one_has_its_own(void **state) {
  (void)state;
  fake *fake = shared(8, 2);
  takes(fake, OTHER_TEXT, KEEL__SHARE_QUICK + 1);
  fake_query(fake);
  fake_query_of(fake, OTHER_TEXT);
  fake_query_of(fake, OTHER_TEXT);
  fake_query(fake);
  expect(fake, "send c1 r1, send c2 r2");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r3");
  fake_free(fake);
}

static void it_is_forgiven_in_time(void **state) {
  (void)state;
  uint32_t cost = 0;
  fake *fake = shared(8, 1);
  takes(fake, OTHER_TEXT, 100 * MS);
  for (int i = 0; i < 40; i++) takes(fake, OTHER_TEXT, 10);
  assert_true(keel__estimates_find(&fake->pool.estimates, OTHER_TEXT, &cost));
  assert_in_range(cost, 10, KEEL__SHARE_QUICK);
  fake_free(fake);
}

/* First a little behind one that runs, then what is idle, then behind whoever has least to do. */
static void packs_a_little_and_spreads_the_rest(void **state) {
  (void)state;
  fake *fake = shared(8, 2);
  takes(fake, OTHER_TEXT, KEEL__SHARE_PACK - 10);
  for (int i = 0; i < 5; i++) fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r1, send c1 r2, send c2 r3, send c2 r4, send c2 r5");
  fake_free(fake);
}

/* Where the server has processors for no more backends, waking another gains nothing. */
static void wakes_no_more_than_can_work(void **state) {
  (void)state;
  fake *fake = shared(8, 3);
  keel__pool_set_processors(&fake->pool, 2);
  takes(fake, OTHER_TEXT, KEEL__SHARE_PACK + 10);
  for (int i = 0; i < 5; i++) fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r1, send c2 r2, send c2 r3, send c1 r4, send c2 r5");
  fake_free(fake);
}

static void a_full_connection_gets_no_more(void **state) {
  (void)state;
  fake *fake = shared(64, 1);
  takes(fake, OTHER_TEXT, KEEL__SHARE_BACKLOG - 10);
  for (int i = 0; i < 3; i++) fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r1, send c1 r2");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r3");
  fake_free(fake);
}

static void what_must_be_alone_is(void **state) {
  (void)state;
  fake *fake = shared(8, 2);
  fake_query_with(fake, KEEL_Q_ALONE, 0, KEEL__NEVER);
  fake_query(fake);
  fake_query_with(fake, KEEL_Q_SIMPLE, 0, KEEL__NEVER);
  fake_query(fake);
  expect(fake, "send c1 r1, send c2 r2");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r3, send c2 r4");
  fake_free(fake);
}

static void nothing_is_shared_behind_a_pooler(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  keel__pool_behind_pooler(&fake->pool);
  fake_query(fake);
  fake_query(fake);
  expect(fake, "send c1 r1");
  fake_free(fake);
}

/* The way there and back is nobody's fault: over a long line quick statements are still quick. */
static void a_long_way_is_not_held_against_them(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  keel__conn_round_trip(fake->conns[1], 31 * MS);
  fake_query_of(fake, OTHER_TEXT);
  fake_wait(fake, 30 * MS);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_query_of(fake, OTHER_TEXT);
  fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r2, send c1 r3");
  fake_free(fake);
}

static void a_first_slow_one_is_not_taken_for_the_way(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  fake_query_of(fake, OTHER_TEXT);
  fake_wait(fake, 30 * MS);
  fake_answer(fake, 1, 'I');
  fake_query_of(fake, OTHER_TEXT);
  fake_query_of(fake, OTHER_TEXT);
  expect(fake, "send c1 r1, ok r1, send c1 r2");
  fake_free(fake);
}

/* ---- a head that takes longer than was thought */

static void an_overdue_one_gets_no_more(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  fake_query(fake);
  fake_query(fake);
  fake_wait(fake, KEEL__SHARE_PATIENCE + 10);
  fake_query(fake);
  expect(fake, "send c1 r1, send c1 r2");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r3");
  fake_free(fake);
}

static fake *stuck(void) {
  fake *fake = shared(8, 2);
  fake_query(fake);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, KEEL__SHARE_STUCK);
  return fake;
}

static void one_that_holds_up_others_makes_room(void **state) {
  (void)state;
  fake *fake = stuck();
  expect(fake, "cancel c1");
  keel__conn_cancel_delivered(fake->conns[1], fake->now);
  fake_error(fake, 1, "57014", 'I');
  expect(fake, "send c2 r1"); /* again, and by itself */
  fake_query(fake);           /* the text is a slow one for now */
  expect(fake, "");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r3");
  assert_int_equal(fake->pool.counters.retried, 1);
  fake_answer(fake, 2, 'I');
  expect(fake, "ok r1");
  fake_free(fake);
}

static void it_has_its_own_from_then_on(void **state) {
  (void)state;
  fake *fake = stuck();
  fake_query_of(fake, OTHER_TEXT);
  keel__conn_cancel_delivered(fake->conns[1], fake->now);
  expect(fake, "cancel c1, send c2 r3");
  fake_error(fake, 1, "57014", 'I');
  for (int i = 0; i < 60; i++) takes(fake, QUICK_TEXT, 0);
  fake_query_of(fake, OTHER_TEXT);
  expect(fake, ""); /* its text is known to be quick again, and there is room behind r2 */
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r1");
  fake_free(fake);
}

static void it_may_end_before_the_cancel_comes(void **state) {
  (void)state;
  fake *fake = stuck();
  fake_answer(fake, 1, 'I');
  expect(fake, "cancel c1, ok r1");
  fake_error(fake, 1, "57014", 'I'); /* the cancel has hit the next one, which is to suffer nothing by it */
  expect(fake, "send c2 r2");
  fake_free(fake);
}

static void its_own_failure_is_its_own(void **state) {
  (void)state;
  fake *fake = stuck();
  fake_error(fake, 1, "40P01", 'I');
  expect(fake, "cancel c1, SERVER r1 rolled-back");
  fake_free(fake);
}

static void it_can_still_be_given_up(void **state) {
  (void)state;
  fake *fake = shared(8, 2);
  keel__request *head = fake_query(fake);
  fake_query(fake);
  fake_wait(fake, KEEL__SHARE_STUCK);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, head, fake->now);
  expect(fake, "ABORTED r1 unknown");
  fake_error(fake, 1, "57014", 'I');
  keel__conn_cancel_delivered(fake->conns[1], fake->now);
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2");
  fake_free(fake);
}

/* Its cancel, which goes out when its turn has come, might hit what is behind it. */
static void nothing_goes_behind_one_that_was_given_up(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  fake_query(fake);
  keel__pool_abort(&fake->pool, fake_query(fake), fake->now);
  fake_query(fake);
  expect(fake, "send c1 r1, send c1 r2, ABORTED r2 unknown");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, cancel c1");
  fake_error(fake, 1, "57014", 'I');
  keel__conn_cancel_delivered(fake->conns[1], fake->now);
  expect(fake, "send c1 r3");
  fake_free(fake);
}

static void one_that_holds_up_nobody_is_left_alone(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  fake_query(fake);
  fake_wait(fake, 3 * (keel__time)KEEL__SHARE_STUCK);
  expect(fake, "send c1 r1");
  fake_free(fake);
}

/* The clock begins anew with each head. */
static void those_behind_have_their_own_time(void **state) {
  (void)state;
  fake *fake = shared(8, 1);
  for (int i = 0; i < 3; i++) fake_query(fake);
  fake_wait(fake, KEEL__SHARE_STUCK - 10);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_wait(fake, KEEL__SHARE_STUCK - 10);
  expect(fake, "");
  fake_wait(fake, 10);
  expect(fake, "cancel c1");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_more_than_the_depth),
      cmocka_unit_test(an_unknown_one_has_its_own),
      cmocka_unit_test(nobody_waits_behind_an_unknown_one),
      cmocka_unit_test(a_slow_one_has_its_own),
      cmocka_unit_test(it_is_forgiven_in_time),
      cmocka_unit_test(packs_a_little_and_spreads_the_rest),
      cmocka_unit_test(wakes_no_more_than_can_work),
      cmocka_unit_test(a_full_connection_gets_no_more),
      cmocka_unit_test(what_must_be_alone_is),
      cmocka_unit_test(nothing_is_shared_behind_a_pooler),
      cmocka_unit_test(a_long_way_is_not_held_against_them),
      cmocka_unit_test(a_first_slow_one_is_not_taken_for_the_way),
      cmocka_unit_test(an_overdue_one_gets_no_more),
      cmocka_unit_test(one_that_holds_up_others_makes_room),
      cmocka_unit_test(it_has_its_own_from_then_on),
      cmocka_unit_test(it_may_end_before_the_cancel_comes),
      cmocka_unit_test(its_own_failure_is_its_own),
      cmocka_unit_test(it_can_still_be_given_up),
      cmocka_unit_test(nothing_goes_behind_one_that_was_given_up),
      cmocka_unit_test(one_that_holds_up_nobody_is_left_alone),
      cmocka_unit_test(those_behind_have_their_own_time),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
