/* Closing: every waiter is settled, every connection goes, the pool ends once. */
#include "fake.h"

static void close_within(fake *fake, keel__time timeout) {
  keel__pool_close(&fake->pool, timeout, false, fake->now);
}

static void an_unused_pool_closes_at_once(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  close_within(fake, KEEL__NEVER);
  expect(fake, "pool closed");
  fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  expect(fake, "POOL_CLOSED r1 not-sent, POOL_CLOSED r2 not-sent");
  close_within(fake, 0);
  expect(fake, "");
  fake_free(fake);
}

static void idle_and_unopened_ones_go_at_once(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = config.min = 3;
  fake *fake = fake_new(config);
  fake_opened(fake, 1);
  fake_ignore(fake);
  close_within(fake, KEEL__NEVER);
  expect(fake, "close c3 SHUTDOWN, close c2 SHUTDOWN, gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_closed(fake, 2);
  fake_closed(fake, 1);
  expect(fake, "");
  fake_closed(fake, 3);
  expect(fake, "pool closed");
  fake_free(fake);
}

static void accepted_statements_finish(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  fake_query(fake);
  fake_ignore(fake);
  close_within(fake, KEEL__NEVER);
  expect(fake, "POOL_CLOSED r2 not-sent");
  fake_query(fake);
  expect(fake, "POOL_CLOSED r4 not-sent");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r3");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r3, gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_closed(fake, 1);
  expect(fake, "pool closed");
  assert_int_equal(fake->pool.counters.rejected, 1);
  fake_free(fake);
}

static void connections_are_opened_for_them(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  fake_query(fake);
  close_within(fake, KEEL__NEVER);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent");
  fake_closed(fake, 1);
  expect(fake, "pool closed");
  fake_free(fake);
}

static void holders_may_finish(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  close_within(fake, KEEL__NEVER);
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'T');
  expect(fake, "send c1 r2, ok r2");
  keel__pool_release(&fake->pool, lease, false, fake->now);
  expect(fake, "reset c1");
  keel__conn_reset(fake->conns[1], true, fake->now);
  expect(fake, "gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_free(fake);
}

static void at_the_timeout_all_ends(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 2;
  fake *fake = fake_warm(config, 2);
  uint64_t lease = fake_lease(fake);
  fake_query(fake);
  fake_query_on(fake, lease, 0);
  fake_query_on(fake, lease, 0);
  fake_query(fake);
  close_within(fake, 10 * MS);
  fake_ignore(fake);
  fake_wait(fake, 9 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake,
         "POOL_CLOSED r5 not-sent, POOL_CLOSED r2 unknown, gone c2 SHUTDOWN, cancel c2, close c2 SHUTDOWN, "
         "POOL_CLOSED r3 unknown, POOL_CLOSED r4 not-sent, gone c1 SHUTDOWN, cancel c1, close c1 SHUTDOWN");
  fake_query_on(fake, lease, 0);
  expect(fake, "POOL_CLOSED r6 not-sent");
  keel__pool_release(&fake->pool, lease, false, fake->now);
  fake_closed(fake, 1);
  fake_closed(fake, 2);
  expect(fake, "pool closed");
  fake_free(fake);
}

static void force_is_a_timeout_of_nothing(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_query(fake);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, KEEL__NEVER, true, fake->now);
  expect(fake, "POOL_CLOSED r1 unknown, gone c1 SHUTDOWN, cancel c1, close c1 SHUTDOWN");
  fake_free(fake);
}

static void closing_again_only_shortens(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_query(fake);
  close_within(fake, 20 * MS);
  close_within(fake, 50 * MS);
  assert_true(keel__pool_next(&fake->pool) == fake->now + 20 * MS);
  close_within(fake, KEEL__NEVER);
  assert_true(keel__pool_next(&fake->pool) == fake->now + 20 * MS);
  close_within(fake, 5 * MS);
  assert_true(keel__pool_next(&fake->pool) == fake->now + 5 * MS);
  fake_free(fake);
}

static void what_is_being_cancelled_is_not_cancelled_twice(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  keel__request *request = fake_query(fake);
  keel__pool_abort(&fake->pool, request, fake->now);
  close_within(fake, 10 * MS);
  fake_ignore(fake);
  fake_wait(fake, 10 * MS);
  expect(fake, "gone c1 SHUTDOWN, close c1 SHUTDOWN");
  fake_free(fake);
}

static void min_is_not_kept_while_closing(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.min = 2;
  fake *fake = fake_new(config);
  fake_opened(fake, 1);
  fake_opened(fake, 2);
  fake_query(fake);
  close_within(fake, KEEL__NEVER);
  fake_ignore(fake);
  fake_lost(fake, 2);
  expect(fake, "CONNECTION_LOST r1 unknown, gone c2 LOST, close c2 LOST");
  fake_free(fake);
}

static void one_opened_too_late_is_not_used(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  keel__request *request = fake_query(fake);
  close_within(fake, KEEL__NEVER);
  keel__pool_abort(&fake->pool, request, fake->now);
  expect(fake, "open c1, ABORTED r1 not-sent, close c1 SHUTDOWN");
  fake_opened(fake, 1);
  expect(fake, "");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_unused_pool_closes_at_once),
      cmocka_unit_test(idle_and_unopened_ones_go_at_once),
      cmocka_unit_test(accepted_statements_finish),
      cmocka_unit_test(connections_are_opened_for_them),
      cmocka_unit_test(holders_may_finish),
      cmocka_unit_test(at_the_timeout_all_ends),
      cmocka_unit_test(force_is_a_timeout_of_nothing),
      cmocka_unit_test(closing_again_only_shortens),
      cmocka_unit_test(what_is_being_cancelled_is_not_cancelled_twice),
      cmocka_unit_test(min_is_not_kept_while_closing),
      cmocka_unit_test(one_opened_too_late_is_not_used),
  };
  return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}
