/* Opening: failures, timeouts, backoff, hold_new, single. */
#include "fake.h"

static void a_failure_is_told_to_those_who_waited_for_it(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  fake_wait(fake, 1 * MS);
  fake_query(fake);
  expect(fake, "open c1");
  fake_open_fails(fake, 1);
  expect(fake, "close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent, CONNECT_FAILED r2 not-sent, open c2");
  assert_int_equal(fake->pool.counters.connect_failed, 1);
  fake_opened(fake, 2);
  expect(fake, "opened c2, send c2 r3");
  fake_free(fake);
}

/* While other attempts are under way, as many as there are attempts may hope on, first come first. */
static void an_attempt_under_way_is_hope(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  for (int i = 0; i < 3; i++) fake_query(fake);
  expect(fake, "open c1, open c2");
  fake_open_fails(fake, 1);
  expect(fake, "close c1 OPEN_FAILED, CONNECT_FAILED r2 not-sent, CONNECT_FAILED r3 not-sent");
  fake_opened(fake, 2);
  expect(fake, "opened c2, send c2 r1");
  fake_free(fake);
}

static void nobody_fails_while_others_are_connected(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_query(fake);
  fake_query(fake);
  expect(fake, "send c1 r1, open c2");
  fake_open_fails(fake, 2);
  expect(fake, "close c2 OPEN_FAILED");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_free(fake);
}

static void attempts_are_spaced_out(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = config.min = 2;
  fake *fake = fake_warm(config, 0);
  keel__time least = 5 * MS, most = 10 * MS;
  fake_opened(fake, 1);
  fake_ignore(fake);
  for (uint32_t conn = 2; conn < 16; conn++) {
    fake_open_fails(fake, conn);
    fake_closed(fake, conn);
    fake_ignore(fake);
    keel__time delay = keel__pool_next(&fake->pool) - fake->now;
    assert_true(delay >= least && delay <= most);
    fake_wait(fake, delay - 1);
    expect(fake, "");
    fake_wait(fake, 1);
    assert_non_null(fake->conns[conn + 1]);
    most = most * 2 > 5000 * MS ? 5000 * MS : most * 2;
    least = most / 2;
  }
  fake_opened(fake, 16);
  assert_int_equal(fake->pool.open_failures, 0);
  fake_free(fake);
}

static void attempts_side_by_side_count_as_one(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = config.min = 8;
  fake *fake = fake_new(config);
  fake_wait(fake, 1 * MS);
  for (uint32_t conn = 1; conn <= 8; conn++) fake_open_fails(fake, conn);
  assert_int_equal(fake->pool.open_failures, 1);
  assert_int_equal(fake->pool.counters.connect_failed, 8);
  fake_free(fake);
}

/* The last live connection dies while attempts are being spaced out: who waits is not kept waiting. */
static void with_nothing_left_attempts_begin_at_once(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  fake_query(fake);
  fake_query(fake);
  fake_open_fails(fake, 2);
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r1 unknown, gone c1 LOST, close c1 LOST, open c3");
  fake_free(fake);
}

static void opening_has_an_end(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.connect_timeout = 20 * MS;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_ignore(fake);
  keel__conn_progress(fake->conns[1], KEEL__CONN_CONNECTING, fake->now);
  fake_wait(fake, 19 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "close c1 OPEN_FAILED, CONNECT_TIMEOUT r1 not-sent");
  fake_free(fake);
}

static void an_open_one_is_not_timed(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.connect_timeout = 20 * MS;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 100 * MS);
  expect(fake, "");
  fake_free(fake);
}

static void asks_for_a_password(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.ask_password = true;
  fake *fake = fake_new(config);
  fake_query(fake);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_ASKING), 1);
  keel__conn_progress(fake->conns[1], KEEL__CONN_RESOLVING, fake->now);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_RESOLVING), 1);
  fake_free(fake);
}

static void a_new_one_goes_to_its_owner_first(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.hold_new = true;
  config.max_uses = 1;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_ignore(fake);
  fake_opened(fake, 1);
  expect(fake, "opened c1"); /* and no second one is opened for r1 */
  uint64_t lease = fake->leases[MOST - 1];
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'I');
  expect(fake, "send c1 r2, ok r2");
  keel__pool_release(&fake->pool, lease, false, fake->now);
  expect(fake, "send c1 r1"); /* that was no use of it */
  fake_free(fake);
}

static void hold_new_can_be_changed(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  keel__pool_hold_new(&fake->pool, true);
  fake_query(fake);
  fake_opened(fake, 1);
  expect(fake, "open c1, opened c1");
  fake_lost(fake, 1);
  expect(fake, "gone c1 LOST, close c1 LOST, open c2");
  keel__pool_hold_new(&fake->pool, false);
  fake_opened(fake, 2);
  expect(fake, "opened c2, send c2 r1");
  fake_free(fake);
}

static keel__pool_config single(void) {
  keel__pool_config config = fake_config();
  config.max = 1;
  config.single = true;
  return config;
}

static void a_single_pool_does_not_try_again(void **state) {
  (void)state;
  fake *fake = fake_new(single());
  fake_query(fake);
  fake_wait(fake, 1 * MS);
  fake_query(fake);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, CONNECT_FAILED r1 not-sent, CONNECT_FAILED r2 not-sent");
  fake_query(fake);
  expect(fake, "CONNECT_FAILED r3 not-sent");
  fake_free(fake);
}

static void a_single_pool_ends_with_its_connection(void **state) {
  (void)state;
  fake *fake = fake_new(single());
  fake_query(fake);
  fake_opened(fake, 1);
  fake_query(fake);
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r1 unknown, gone c1 LOST, close c1 LOST, CONNECTION_LOST r2 not-sent");
  fake_query(fake);
  expect(fake, "CONNECTION_LOST r3 not-sent");
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_failure_is_told_to_those_who_waited_for_it),
      cmocka_unit_test(an_attempt_under_way_is_hope),
      cmocka_unit_test(nobody_fails_while_others_are_connected),
      cmocka_unit_test(attempts_are_spaced_out),
      cmocka_unit_test(attempts_side_by_side_count_as_one),
      cmocka_unit_test(with_nothing_left_attempts_begin_at_once),
      cmocka_unit_test(opening_has_an_end),
      cmocka_unit_test(an_open_one_is_not_timed),
      cmocka_unit_test(asks_for_a_password),
      cmocka_unit_test(a_new_one_goes_to_its_owner_first),
      cmocka_unit_test(hold_new_can_be_changed),
      cmocka_unit_test(a_single_pool_does_not_try_again),
      cmocka_unit_test(a_single_pool_ends_with_its_connection),
  };
  return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
