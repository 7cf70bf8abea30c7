/* What is prepared where, and what the server's errors say of that. */
#include "fake.h"

static fake *warm(keel_prepare mode, uint32_t cache) {
  keel__pool_config config = fake_config();
  config.max = 1;
  config.prepare = mode;
  config.prepare_cache = cache;
  return fake_warm(config, 1);
}

static void assert_plan(const fake *fake, uint32_t tag, uint32_t statement, bool parse, uint32_t evict) {
  keel__plan plan = fake->plans[tag];
  assert_int_equal(plan.statement, statement);
  assert_int_equal(plan.parse, parse);
  assert_int_equal(plan.evict, evict);
}

static void run(fake *fake, uint32_t statement) {
  fake_query_with(fake, 0, statement, KEEL__NEVER);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
}

static void prepared_once_then_by_name(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 0);
  run(fake, 5);
  run(fake, 5);
  assert_plan(fake, 1, 0, false, 0);
  assert_plan(fake, 2, 5, true, 0);
  assert_plan(fake, 3, 5, false, 0);
  fake_free(fake);
}

static void some_are_never_prepared(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_ALWAYS, 10);
  fake_query_with(fake, KEEL_Q_SIMPLE, 5, KEEL__NEVER);
  fake_answer(fake, 1, 'I');
  fake_query_with(fake, KEEL_Q_NO_PREPARE, 5, KEEL__NEVER);
  fake_answer(fake, 1, 'I');
  assert_plan(fake, 1, 0, false, 0);
  assert_plan(fake, 2, 0, false, 0);
  fake_free(fake);
}

static void the_least_recently_used_makes_room(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 2);
  run(fake, 1);
  run(fake, 2);
  run(fake, 1);
  run(fake, 3);
  run(fake, 1);
  run(fake, 2);
  assert_plan(fake, 4, 3, true, 2);
  assert_plan(fake, 5, 1, false, 0);
  assert_plan(fake, 6, 2, true, 3);
  fake_free(fake);
}

static void what_runs_is_not_evicted(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.prepare_cache = 1;
  config.pipeline_depth = 4;
  fake *fake = fake_warm(config, 1);
  run(fake, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_query_with(fake, 0, 2, KEEL__NEVER);
  assert_plan(fake, 2, 1, false, 0);
  assert_plan(fake, 3, 0, false, 0);
  fake_free(fake);
}

/* Until the first preparation is confirmed nobody builds on it: it may fail. */
static void an_unconfirmed_one_is_not_relied_on(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.pipeline_depth = 4;
  fake *fake = fake_warm(config, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_answer(fake, 1, 'I');
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  assert_plan(fake, 1, 1, true, 0);
  assert_plan(fake, 2, 0, false, 0);
  assert_plan(fake, 3, 1, false, 0);
  fake_free(fake);
}

static void named_ones_stay(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_NEVER, 1);
  for (uint32_t statement = 1; statement <= 3; statement++) {
    fake_named(fake, statement);
    fake_answer(fake, 1, 'I');
    assert_plan(fake, statement, statement, true, 0);
  }
  run(fake, 4);
  run(fake, 5);
  fake_named(fake, 1);
  assert_plan(fake, 5, 5, true, 4);
  assert_plan(fake, 6, 1, false, 0);
  fake_free(fake);
}

static void no_room_at_all(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 0);
  run(fake, 1);
  assert_plan(fake, 1, 0, false, 0);
  fake_named(fake, 2);
  assert_plan(fake, 2, 2, true, 0);
  fake_free(fake);
}

static void what_failed_to_parse_is_not_remembered(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "42601", 'I');
  expect(fake, "send c1 r1, SERVER r1 rolled-back");
  run(fake, 1);
  assert_plan(fake, 2, 1, true, 0);
  fake_free(fake);
}

static void what_parsed_and_failed_is_remembered(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  keel__failure failure = {.code = KEEL_SERVER, .sqlstate = "22012", .prepared = true};
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  keel__conn_answered(fake->conns[1], &failure, 'I', fake->now);
  run(fake, 1);
  assert_plan(fake, 2, 1, false, 0);
  fake_free(fake);
}

static void a_stale_plan_is_prepared_anew_once(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "0A000", 'I');
  expect(fake, "send c1 r2, send c1 r2");
  assert_plan(fake, 2, 1, true, 1);
  fake_error(fake, 1, "0A000", 'I');
  expect(fake, "SERVER r2 rolled-back");
  assert_int_equal(fake->pool.counters.retried, 1);
  assert_false(fake->pool.prepare_off);
  fake_free(fake);
}

static void other_types_are_prepared_anew_once(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "22003", 'I');
  expect(fake, "send c1 r2, send c1 r2");
  assert_plan(fake, 2, 1, true, 1);
  fake_error(fake, 1, "22003", 'I');
  expect(fake, "SERVER r2 rolled-back");
  fake_free(fake);
}

static void an_alter_makes_all_plans_anew(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  run(fake, 2);
  keel__conn_plans_stale(fake->conns[1]);
  run(fake, 1);
  run(fake, 2);
  run(fake, 2);
  assert_plan(fake, 3, 1, true, 1);
  assert_plan(fake, 4, 2, true, 2);
  assert_plan(fake, 5, 2, false, 0);
  fake_free(fake);
}

/* A procedure may have committed before something within it failed: once is all it may run. */
static void what_fails_within_is_not_our_plan(void **state) {
  (void)state;
  static const char *const codes[] = {"0A000", "26000"};
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  for (uint32_t i = 0; i < 2; i++) {
    fake_query_with(fake, 0, 1, KEEL__NEVER);
    fake_error_within(fake, 1, codes[i], 'I');
    expect(fake, i == 0 ? "send c1 r2, SERVER r2 rolled-back" : "send c1 r3, SERVER r3 rolled-back");
  }
  assert_false(fake->pool.prepare_off);
  assert_int_equal(fake->pool.counters.retried, 0);
  fake_free(fake);
}

static void a_missing_one_hints_at_a_pooler(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "26000", 'I');
  expect(fake, "send c1 r2, send c1 r2");
  assert_plan(fake, 2, 0, false, 0);
  assert_true(fake->pool.prepare_off);
  fake_answer(fake, 1, 'I');
  run(fake, 1);
  assert_plan(fake, 3, 0, false, 0);
  fake_free(fake);
}

static void a_missing_one_is_prepared_anew_when_told_always(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_ALWAYS, 10);
  run(fake, 1);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "26000", 'I');
  assert_plan(fake, 2, 1, true, 0);
  assert_false(fake->pool.prepare_off);
  fake_free(fake);
}

static void one_too_many_is_replaced_when_told_always(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_ALWAYS, 10);
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_error(fake, 1, "42P05", 'I');
  expect(fake, "send c1 r1, send c1 r1");
  assert_plan(fake, 1, 1, true, 1);
  fake_error(fake, 1, "42P05", 'I');
  expect(fake, "SERVER r1 rolled-back");
  fake_free(fake);
}

/* The session has another statement of that name: the caller's own business. */
static void a_foreign_name_is_left_alone(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  fake_named(fake, 1);
  fake_error(fake, 1, "42P05", 'I');
  expect(fake, "send c1 r1, send c1 r1");
  assert_plan(fake, 1, 0, false, 0);
  assert_false(fake->pool.prepare_off);
  fake_free(fake);
}

static void not_in_a_transaction(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'T');
  fake_query_on(fake, lease, 1);
  fake_ignore(fake);
  fake_error(fake, 1, "0A000", 'E');
  expect(fake, "SERVER r4 rolled-back");
  fake_query_on(fake, lease, 1); /* in a failed transaction nothing can be prepared or closed */
  assert_plan(fake, 5, 0, false, 0);
  fake_error(fake, 1, "25P02", 'E');
  fake_query_on(fake, lease, 2);
  assert_plan(fake, 6, 0, false, 0);
  fake_error(fake, 1, "25P02", 'E');
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'I');
  fake_query_on(fake, lease, 1);
  assert_plan(fake, 8, 1, true, 1);
  fake_free(fake);
}

static void outside_one_a_holder_is_helped_too(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  run(fake, 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 1);
  fake_query_on(fake, lease, 0);
  fake_ignore(fake);
  fake_error(fake, 1, "0A000", 'I');
  expect(fake, "send c1 r3");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r3, send c1 r4");
  fake_free(fake);
}

static void discard_drops_what_came_before(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.pipeline_depth = 4;
  fake *fake = fake_warm(config, 1);
  run(fake, 1);
  fake_named(fake, 4);
  fake_answer(fake, 1, 'I');
  fake_query_with(fake, 0, 2, KEEL__NEVER); /* DISCARD ALL, prepared like any other */
  fake_query_with(fake, 0, 1, KEEL__NEVER);
  fake_query_with(fake, 0, 3, KEEL__NEVER);
  keel__conn_forget_prepared(fake->conns[1]);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_error(fake, 1, "26000", 'I'); /* r4 went out before that was known: nobody's fault */
  assert_false(fake->pool.prepare_off);
  expect(fake, "send c1 r4");
  assert_plan(fake, 4, 1, true, 0);
  fake_answer(fake, 1, 'I');
  fake_answer(fake, 1, 'I');
  run(fake, 2);
  run(fake, 3);
  assert_plan(fake, 6, 2, true, 0);
  assert_plan(fake, 7, 3, false, 0);
  fake_named(fake, 4);
  assert_plan(fake, 8, 4, true, 0);
  fake_free(fake);
}

static void it_can_be_turned_off(void **state) {
  (void)state;
  fake *fake = warm(KEEL_PREPARE_AUTO, 10);
  keel__pool_behind_pooler(&fake->pool);
  run(fake, 1);
  assert_plan(fake, 1, 0, false, 0);
  fake_named(fake, 2);
  assert_plan(fake, 2, 2, true, 0);
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prepared_once_then_by_name),
      cmocka_unit_test(some_are_never_prepared),
      cmocka_unit_test(the_least_recently_used_makes_room),
      cmocka_unit_test(what_runs_is_not_evicted),
      cmocka_unit_test(an_unconfirmed_one_is_not_relied_on),
      cmocka_unit_test(named_ones_stay),
      cmocka_unit_test(no_room_at_all),
      cmocka_unit_test(what_failed_to_parse_is_not_remembered),
      cmocka_unit_test(what_parsed_and_failed_is_remembered),
      cmocka_unit_test(a_stale_plan_is_prepared_anew_once),
      cmocka_unit_test(other_types_are_prepared_anew_once),
      cmocka_unit_test(an_alter_makes_all_plans_anew),
      cmocka_unit_test(what_fails_within_is_not_our_plan),
      cmocka_unit_test(a_missing_one_hints_at_a_pooler),
      cmocka_unit_test(a_missing_one_is_prepared_anew_when_told_always),
      cmocka_unit_test(one_too_many_is_replaced_when_told_always),
      cmocka_unit_test(a_foreign_name_is_left_alone),
      cmocka_unit_test(not_in_a_transaction),
      cmocka_unit_test(outside_one_a_holder_is_helped_too),
      cmocka_unit_test(discard_drops_what_came_before),
      cmocka_unit_test(it_can_be_turned_off),
  };
  return cmocka_run_group_tests_name("prepare", tests, NULL, NULL);
}
