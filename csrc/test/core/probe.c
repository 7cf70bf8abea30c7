/* What the breaker means to a pool: what counts, who is refused, and how it finds out that the node is back. */
#include "fake.h"

#define THRESHOLD 3

static keel__pool_config guarded(void) {
  return fake_guarded(THRESHOLD, 30000 * MS);
}

static keel_breaker_state state_of(const fake *fake) {
  return fake->pool.breaker.state;
}

/* A pool without connections whose breaker has just opened: attempts c1 ... c3 were refused. */
static fake *opened(keel__pool_config config) {
  fake *fake = fake_new(config);
  for (uint32_t conn = 1; conn <= THRESHOLD; conn++) {
    fake_query(fake);
    fake_open_fails(fake, conn);
    fake_closed(fake, conn);
  }
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  fake_ignore(fake);
  return fake;
}

static void wait_for_probe(fake *fake) {
  assert_true(keel__timer_is_set(&fake->pool.breaker_timer));
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_HALF_OPEN);
}

static void opens_and_refuses(void **state) {
  (void)state;
  fake *fake = fake_new(guarded());
  for (uint32_t conn = 1; conn < THRESHOLD; conn++) {
    fake_query(fake);
    fake_open_fails(fake, conn);
  }
  fake_query(fake);
  fake_ignore(fake);
  fake_open_fails(fake, THRESHOLD);
  expect(fake, "close c3 OPEN_FAILED, breaker CLOSED OPEN (3 failures in a row), CONNECT_FAILED r3 not-sent");
  fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  expect(fake, "BREAKER_OPEN r4 not-sent, BREAKER_OPEN r5 not-sent");
  assert_int_equal(fake->refusal.cause, KEEL_CONNECT_FAILED);
  assert_ptr_equal(fake->refusal.detail, &fake->kept);
  assert_int_equal(fake->kept, 1);
  assert_int_equal(fake->refusal.retry_after_ms, (fake->pool.breaker_timer.due - fake->now + 999) / MS);
  assert_int_equal(fake->pool.breaker.rejected, 2);
  assert_int_equal(fake->pool.counters.rejected, 1); /* the query of the two */
  fake_free(fake);
}

/* Who waits when it opens is refused; attempts under way are for nobody any more, and their failures count no further. */
static void who_waits_is_refused(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.max = 5;
  fake *fake = fake_new(config);
  for (int i = 0; i < 5; i++) fake_query(fake);
  for (uint32_t conn = 1; conn < THRESHOLD; conn++) fake_open_fails(fake, conn);
  fake_query(fake);
  fake_ignore(fake);
  fake_open_fails(fake, 3);
  expect(fake,
         "close c3 OPEN_FAILED, breaker CLOSED OPEN (3 failures in a row), "
         "close c6 BREAKER, close c5 BREAKER, close c4 BREAKER, "
         "CONNECT_FAILED r6 not-sent, BREAKER_OPEN r1 not-sent, BREAKER_OPEN r2 not-sent, BREAKER_OPEN r3 "
         "not-sent");
  fake_free(fake);
}

static void a_probe_closes_it(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  keel__time due = fake->pool.breaker_timer.due;
  assert_true(due >= fake->now + 50 * MS && due <= fake->now + 100 * MS);
  fake_wait(fake, due - fake->now - 1);
  expect(fake, "");
  fake_wait(fake, 1);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c4");
  fake_query(fake);
  assert_int_equal(fake->refusal.retry_after_ms, 50); /* the probe's own time limit */
  fake_ignore(fake);
  fake_opened(fake, 4);
  expect(fake, "opened c4, breaker HALF_OPEN CLOSED (the probe succeeded)");
  fake_query(fake);
  expect(fake, "send c4 r5");
  assert_int_equal(fake->kept, 0);
  fake_free(fake);
}

static void a_failed_probe_is_followed_by_another(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  wait_for_probe(fake);
  fake_ignore(fake);
  fake_open_fails(fake, 4);
  expect(fake, "close c4 OPEN_FAILED, breaker HALF_OPEN OPEN (the probe failed)");
  fake_closed(fake, 4);
  keel__time pause = fake->pool.breaker_timer.due - fake->now;
  assert_true(pause >= 100 * MS && pause <= 200 * MS);
  wait_for_probe(fake);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c5");
  assert_int_equal(fake->pool.breaker.opened, 1);
  assert_int_equal(fake->pool.breaker.failed_probes, 1);
  fake_free(fake);
}

static void a_probe_that_hangs_has_an_end(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.connect_timeout = 30 * MS;
  fake *fake = opened(config);
  wait_for_probe(fake);
  fake_ignore(fake);
  fake_wait(fake, 29 * MS);
  expect(fake, "");
  fake_wait(fake, 1 * MS);
  expect(fake, "close c4 OPEN_FAILED, breaker HALF_OPEN OPEN (the probe failed)");
  fake_query(fake);
  assert_int_equal(fake->refusal.cause, KEEL_CONNECT_TIMEOUT);
  fake_free(fake);
}

/* The server says why it cannot be used: so it is there, and each caller can be told the same. */
static void a_server_that_refuses_lives(void **state) {
  (void)state;
  static const char *const lives[] = {"53300", "28P01", "3D000", "42501"};
  for (unsigned i = 0; i < sizeof lives / sizeof *lives; i++) {
    fake *fake = fake_new(guarded());
    for (uint32_t conn = 1; conn < 8; conn++) {
      fake_query(fake);
      fake_open_refused(fake, conn, lives[i]);
    }
    assert_int_equal(state_of(fake), KEEL_BREAKER_IS_CLOSED);
    assert_int_equal(fake->pool.breaker.failures, 0);
    fake_free(fake);
    fake = opened(guarded());
    wait_for_probe(fake);
    fake_ignore(fake);
    fake_open_refused(fake, 4, lives[i]);
    expect(fake, "close c4 OPEN_FAILED, breaker HALF_OPEN CLOSED (the probe succeeded)");
    fake_free(fake);
  }
}

static void a_server_that_is_not_ready_does_not(void **state) {
  (void)state;
  static const char *const counts[] = {"57P03", "57P01", "08006", "08P01"};
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
    fake *fake = fake_new(guarded());
    for (uint32_t conn = 1; conn <= THRESHOLD; conn++) {
      assert_int_equal(state_of(fake), KEEL_BREAKER_IS_CLOSED);
      fake_query(fake);
      fake_open_refused(fake, conn, counts[i]);
    }
    assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
    fake_free(fake);
  }
}

static void a_password_that_does_not_come_is_not_the_nodes_fault(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.ask_password = true;
  fake *fake = fake_new(config);
  for (uint32_t conn = 1; conn < 8; conn++) {
    fake_query(fake);
    fake_open_fails(fake, conn);
  }
  assert_int_equal(fake->pool.breaker.failures, 0);
  fake_free(fake);
}

static void links_that_die_under_a_statement_count(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.max = THRESHOLD;
  fake *fake = fake_warm(config, THRESHOLD);
  for (int i = 0; i < THRESHOLD; i++) fake_query(fake);
  fake_lost(fake, 1);
  fake_lost(fake, 2);
  assert_int_equal(fake->pool.breaker.failures, 2);
  fake_ignore(fake);
  fake_lost(fake, 3);
  expect(
      fake,
      "breaker CLOSED OPEN (3 failures in a row), CONNECTION_LOST r3 unknown, gone c3 LOST, close c3 LOST");
  fake_query(fake);
  assert_int_equal(fake->refusal.cause, KEEL_CONNECTION_LOST);
  fake_free(fake);
}

static void an_idle_one_that_dies_does_not_count(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.max = 5;
  fake *fake = fake_warm(config, 5);
  fake_lease(fake); /* c1, with nothing in flight */
  for (uint32_t conn = 1; conn <= 5; conn++) fake_lost(fake, conn);
  assert_int_equal(fake->pool.breaker.failures, 0);
  fake_free(fake);
}

static void a_silent_server_counts(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.cancel_timeout = 10 * MS;
  fake *fake = fake_warm(config, 2);
  fake_query_with(fake, 0, 0, 5 * MS);
  fake_wait(fake, 5 * MS);
  assert_int_equal(fake->pool.breaker.failures, 0); /* the deadline alone says nothing */
  fake_wait(fake, 10 * MS);
  assert_int_equal(fake->pool.breaker.failures, 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  keel__conn *conn = fake->conns[2];
  keel__conn_answered(conn, NULL, 'T', fake->now);
  assert_int_equal(fake->pool.breaker.failures, 0); /* an answer */
  keel__pool_release(&fake->pool, lease, false, fake->now);
  fake_ignore(fake);
  fake_wait(fake, 10 * MS);
  expect(fake, "gone c2 RESET_FAILED, close c2 RESET_FAILED");
  assert_int_equal(fake->pool.breaker.failures, 1);
  fake_free(fake);
}

static void errors_of_statements_are_answers(void **state) {
  (void)state;
  fake *fake = fake_warm(guarded(), 1);
  fake_query(fake);
  fake_query(fake);
  fake_open_fails(fake, 2);
  assert_int_equal(fake->pool.breaker.failures, 1);
  fake_error(fake, 1, "23505", 'I');
  assert_int_equal(fake->pool.breaker.failures, 0);
  fake_free(fake);
}

static void leases_go_on(void **state) {
  (void)state;
  fake *fake = fake_warm(guarded(), 2);
  uint64_t lease = fake_lease(fake); /* c1 */
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  expect(fake, "breaker CLOSED OPEN (forced open)");
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'I');
  expect(fake, "send c1 r2, ok r2");
  fake_query(fake); /* though c2 is idle */
  expect(fake, "BREAKER_OPEN r3 not-sent");
  assert_int_equal(fake->refusal.cause, KEEL_OK);
  assert_int_equal(fake->refusal.retry_after_ms, 0);
  fake_free(fake);
}

static void forced_open_there_are_no_probes(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  wait_for_probe(fake);
  fake_ignore(fake);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  expect(fake, "breaker HALF_OPEN OPEN (forced open), close c4 BREAKER");
  fake_wait(fake, 100000 * MS);
  expect(fake, "");
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_CLOSE, fake->now);
  expect(fake, "breaker OPEN CLOSED (closed by hand)");
  fake_query(fake);
  expect(fake, "open c5");
  fake_free(fake);
}

static void closed_by_hand_a_probe_is_an_attempt_like_any_other(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  wait_for_probe(fake);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_CLOSE, fake->now);
  assert_null(fake->pool.probe);
  fake_query(fake);
  fake_ignore(fake);
  fake_opened(fake, 4);
  expect(fake, "opened c4, send c4 r4");
  fake_free(fake);
}

/* Idle connections are kept, but for one that stands in the probe's way. */
static void an_idle_one_makes_room_for_the_probe(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.breaker.threshold = 1;
  config.max = 3;
  config.cancel_timeout = 10 * MS;
  fake *fake = fake_warm(config, 3);
  fake_query_with(fake, 0, 0, 5 * MS);
  fake_wait(fake, 5 * MS);
  fake_wait(fake, 10 * MS);
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  fake_ignore(fake);
  fake->pool.config.max = 2; /* as if the third place had been taken meanwhile */
  wait_for_probe(fake);
  expect(fake, "gone c3 BREAKER, close c3 BREAKER, breaker OPEN HALF_OPEN (a probe begins), open c4");
  fake_free(fake);
}

static void without_room_the_probe_waits(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.breaker.threshold = 1;
  config.breaker.slow_rate = 100;
  config.breaker.slow_call = 1 * MS;
  config.breaker.window_size = config.breaker.minimum_calls = 4;
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  uint64_t lease = fake_lease(fake);
  for (int i = 0; i < 4; i++) {
    fake_query_on(fake, lease, 0);
    fake_wait(fake, 2 * MS);
    fake_answer(fake, 1, 'I');
  }
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  fake_wait(fake, 100 * MS);
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  keel__pool_release(&fake->pool, lease, false, fake->now);
  fake_ignore(fake);
  wait_for_probe(fake);
  expect(fake, "gone c1 BREAKER, close c1 BREAKER, breaker OPEN HALF_OPEN (a probe begins), open c2");
  fake_free(fake);
}

static void several_probes_follow_each_other(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.breaker.probes = 3;
  fake *fake = opened(config); /* max 2 */
  wait_for_probe(fake);
  fake_ignore(fake);
  fake_opened(fake, 4);
  expect(fake, "opened c4, open c5");
  fake_opened(fake, 5);
  expect(fake, "opened c5, gone c4 BREAKER, close c4 BREAKER, open c6");
  fake_query(fake);
  expect(fake, "BREAKER_OPEN r4 not-sent");
  fake_opened(fake, 6);
  expect(fake, "opened c6, breaker HALF_OPEN CLOSED (the probes succeeded)");
  fake_free(fake);
}

static void the_minimum_waits_for_the_probe(void **state) {
  (void)state;
  keel__pool_config config = guarded();
  config.min = config.max = 3;
  fake *fake = fake_new(config);
  for (uint32_t conn = 1; conn <= 3; conn++) fake_open_fails(fake, conn);
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  for (uint32_t conn = 1; conn <= 3; conn++) fake_closed(fake, conn);
  fake_ignore(fake);
  wait_for_probe(fake);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c4");
  fake_opened(fake, 4);
  expect(fake, "opened c4, breaker HALF_OPEN CLOSED (the probe succeeded), open c5, open c6");
  fake_free(fake);
}

static void a_closing_pool_makes_no_probes(void **state) {
  (void)state;
  fake *fake = fake_warm(guarded(), 1);
  fake_lease(fake);
  for (uint32_t conn = 2; conn <= 1 + THRESHOLD; conn++) {
    fake_query(fake);
    while (!fake->conns[conn]) fake_wait(fake, keel__pool_next(&fake->pool) - fake->now);
    fake_open_fails(fake, conn);
    fake_closed(fake, conn);
  }
  assert_int_equal(state_of(fake), KEEL_BREAKER_IS_OPEN);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  fake_ignore(fake);
  fake_wait(fake, 1000 * MS);
  expect(fake, "");
  fake_query(fake);
  expect(fake, "POOL_CLOSED r5 not-sent");
  fake_free(fake);
}

static void a_pool_closes_under_its_probe(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  wait_for_probe(fake);
  fake_ignore(fake);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  expect(fake, "close c4 SHUTDOWN");
  fake_closed(fake, 4);
  expect(fake, "pool closed");
  fake_free(fake);
}

static void a_single_pool_has_none(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.single = true;
  fake *fake = fake_new(config);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  fake_query(fake);
  expect(fake, "open c1");
  fake_free(fake);
}

/* Ten thousand in a row: nothing is queued, set or looked for. */
static void refusing_takes_no_timer(void **state) {
  (void)state;
  fake *fake = opened(guarded());
  uint32_t reserved = fake->pool.timers.reserved;
  for (uint32_t i = 0; i < MOST - 10; i++) fake_query(fake);
  assert_int_equal(fake->pool.timers.reserved, reserved);
  assert_int_equal(fake->pool.queue.count, 0);
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_and_refuses),
      cmocka_unit_test(who_waits_is_refused),
      cmocka_unit_test(a_probe_closes_it),
      cmocka_unit_test(a_failed_probe_is_followed_by_another),
      cmocka_unit_test(a_probe_that_hangs_has_an_end),
      cmocka_unit_test(a_server_that_refuses_lives),
      cmocka_unit_test(a_server_that_is_not_ready_does_not),
      cmocka_unit_test(a_password_that_does_not_come_is_not_the_nodes_fault),
      cmocka_unit_test(links_that_die_under_a_statement_count),
      cmocka_unit_test(an_idle_one_that_dies_does_not_count),
      cmocka_unit_test(a_silent_server_counts),
      cmocka_unit_test(errors_of_statements_are_answers),
      cmocka_unit_test(leases_go_on),
      cmocka_unit_test(forced_open_there_are_no_probes),
      cmocka_unit_test(closed_by_hand_a_probe_is_an_attempt_like_any_other),
      cmocka_unit_test(an_idle_one_makes_room_for_the_probe),
      cmocka_unit_test(without_room_the_probe_waits),
      cmocka_unit_test(several_probes_follow_each_other),
      cmocka_unit_test(the_minimum_waits_for_the_probe),
      cmocka_unit_test(a_closing_pool_makes_no_probes),
      cmocka_unit_test(a_pool_closes_under_its_probe),
      cmocka_unit_test(a_single_pool_has_none),
      cmocka_unit_test(refusing_takes_no_timer),
  };
  return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
