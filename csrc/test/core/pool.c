/* Who gets which connection, and when; counters; deadlines of those who wait. */
#include "fake.h"

static void opens_when_needed(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  expect(fake, "");
  fake_query(fake);
  expect(fake, "open c1");
  keel__conn_progress(fake->conns[1], KEEL__CONN_CONNECTING, fake->now);
  keel__conn_progress(fake->conns[1], KEEL__CONN_RESOLVING, fake->now);
  keel__conn_progress(fake->conns[1], KEEL__CONN_STARTING, fake->now);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_STARTING), 1);
  fake_opened(fake, 1);
  expect(fake, "opened c1, send c1 r1");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1");
  fake_free(fake);
}

static void last_used_first(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 2);
  fake_query(fake);
  fake_query(fake);
  expect(fake, "send c1 r1, send c2 r2");
  fake_answer(fake, 1, 'I');
  fake_answer(fake, 2, 'I');
  fake_query(fake);
  expect(fake, "ok r1, ok r2, send c2 r3");
  fake_free(fake);
}

static void first_come_first_served(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 2);
  for (int i = 0; i < 3; i++) fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  fake_query(fake);
  expect(fake, "send c1 r1, send c2 r2");
  fake_answer(fake, 2, 'I');
  expect(fake, "ok r2, send c2 r3");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, lend c1 r4");
  fake_answer(fake, 2, 'I');
  expect(fake, "ok r3, send c2 r5");
  fake_free(fake);
}

static void never_more_than_max(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  for (int i = 0; i < 5; i++) fake_query(fake);
  expect(fake, "open c1, open c2");
  fake_free(fake);
}

static void min_is_kept(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.min = 2;
  fake *fake = fake_new(config);
  expect(fake, "open c1, open c2");
  fake_opened(fake, 1);
  fake_opened(fake, 2);
  fake_lost(fake, 1);
  expect(fake, "opened c1, opened c2, gone c1 LOST, close c1 LOST, open c3");
  fake_free(fake);
}

static void queue_is_bounded(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = config.max_waiting = 1;
  fake *fake = fake_new(config);
  fake_query(fake); /* a connection is on its way: it does not wait for others */
  fake_query(fake);
  expect(fake, "open c1");
  fake_query(fake);
  expect(fake, "QUEUE_FULL r3 not-sent");
  fake_opened(fake, 1);
  fake_acquire(fake, KEEL__NEVER);
  expect(fake, "opened c1, send c1 r1, QUEUE_FULL r4 not-sent");
  fake_answer(fake, 1, 'I');
  fake_query(fake);
  expect(fake, "ok r1, send c1 r2");
  assert_int_equal(fake->pool.counters.rejected, 1);
  fake_free(fake);
}

static void waiting_has_an_end(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.acquire_timeout = 50 * MS;
  fake *fake = fake_warm(config, 1);
  fake_query_with(fake, 0, 0, 200 * MS);
  fake_query_with(fake, 0, 0, 30 * MS);
  fake_query_with(fake, 0, 0, 100 * MS);
  fake_acquire(fake, 60 * MS);
  fake_ignore(fake);
  assert_true(keel__pool_next(&fake->pool) == fake->now + 30 * MS);
  fake_wait(fake, 30 * MS);
  expect(fake, "QUERY_TIMEOUT r2 not-sent");
  fake_wait(fake, 20 * MS);
  expect(fake, "ACQUIRE_TIMEOUT r3 not-sent");
  fake_wait(fake, 10 * MS);
  expect(fake, "ACQUIRE_TIMEOUT r4 not-sent");
  fake_wait(fake, 140 * MS);
  expect(fake, "QUERY_TIMEOUT r1 unknown, cancel c1");
  assert_int_equal(fake->pool.counters.timed_out, 3);
  fake_free(fake);
}

static void abort_while_waiting(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 2);
  fake_query(fake);
  fake_query(fake);
  keel__request *waiting = fake_query(fake);
  fake_query(fake);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, waiting, fake->now);
  expect(fake, "ABORTED r3 not-sent");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r4");
  assert_int_equal(fake->pool.counters.cancelled, 1);
  fake_free(fake);
}

static void simple_statements_are_alone(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.pipeline_depth = 3;
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_query_with(fake, KEEL_Q_SIMPLE, 0, KEEL__NEVER);
  fake_query(fake);
  expect(fake, "send c1 r1");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, send c1 r2");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r3");
  fake_free(fake);
}

static void an_acquire_is_not_overtaken(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.pipeline_depth = 8;
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  fake_query(fake);
  fake_acquire(fake, KEEL__NEVER);
  fake_query(fake);
  expect(fake, "send c1 r1");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, lend c1 r2");
  keel__pool_release(&fake->pool, fake->leases[2], false, fake->now);
  expect(fake, "send c1 r3");
  fake_free(fake);
}

/* The neighbours of a lone BEGIN ran in its transaction, which nobody will commit. */
static void success_in_a_stray_transaction_is_none(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.pipeline_depth = 4;
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  for (int i = 0; i < 4; i++) fake_query(fake);
  fake_ignore(fake);
  fake_answer(fake, 1, 'T');
  expect(fake, "ok r1");
  fake_query(fake);
  expect(fake, "");
  fake_answer(fake, 1, 'T');
  expect(fake, "MISUSE r2 unknown"); /* one behind it might still commit it */
  fake_answer(fake, 1, 'T');
  expect(fake, "MISUSE r3 unknown");
  fake_answer(fake, 1, 'T');
  expect(fake, "MISUSE r4 rolled-back, reset c1");
  keel__conn_reset(fake->conns[1], true, fake->now);
  expect(fake, "send c1 r5");
  fake_free(fake);
}

static void idle_ones_above_min_are_closed_oldest_first(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 4;
  config.min = 1;
  config.idle_timeout = 100 * MS;
  fake *fake = fake_warm(config, 4);
  fake_wait(fake, 50 * MS);
  fake_query(fake);
  fake_answer(fake, 1, 'I');
  expect(fake, "send c1 r1, ok r1");
  fake_wait(fake, 50 * MS);
  expect(fake,
         "gone c4 IDLE_TIMEOUT, close c4 IDLE_TIMEOUT, gone c3 IDLE_TIMEOUT, close c3 IDLE_TIMEOUT, "
         "gone c2 IDLE_TIMEOUT, close c2 IDLE_TIMEOUT");
  fake_wait(fake, 500 * MS);
  expect(fake, "");
  fake_free(fake);
}

/* One that was kept as the minimum is idle above it once others have come. */
static void the_minimum_is_not_always_the_same(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 2;
  config.min = 1;
  config.idle_timeout = 100 * MS;
  fake *fake = fake_warm(config, 1);
  fake_wait(fake, 150 * MS);
  uint64_t lease = fake_lease(fake);
  fake_query(fake);
  fake_opened(fake, 2);
  keel__pool_release(&fake->pool, lease, false, fake->now);
  fake_ignore(fake);
  fake_wait(fake, 100 * MS);
  expect(fake, "gone c1 IDLE_TIMEOUT, close c1 IDLE_TIMEOUT");
  fake_free(fake);
}

static void old_ones_are_retired(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max_lifetime = 100 * MS;
  config.lifetime_jitter = 0.5;
  fake *fake = fake_warm(config, 2);
  keel__time due[] = {fake->conns[1]->retire_at, fake->conns[2]->retire_at};
  for (int i = 0; i < 2; i++) assert_true(due[i] > fake->now + 50 * MS && due[i] <= fake->now + 100 * MS);
  assert_true(due[0] != due[1]);
  fake_query(fake);
  fake_ignore(fake);
  fake_wait(fake, 100 * MS);
  expect(fake, "gone c2 LIFETIME, close c2 LIFETIME");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r1, gone c1 LIFETIME, close c1 LIFETIME");
  fake_free(fake);
}

/* Its timer may be late: whoever comes first looks himself. */
static void an_old_one_is_not_handed_out(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max_lifetime = 100 * MS;
  fake *fake = fake_warm(config, 1);
  fake->now += 200 * MS;
  fake_query(fake);
  expect(fake, "gone c1 LIFETIME, close c1 LIFETIME, open c2");
  fake_free(fake);
}

static void used_ones_are_retired(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  config.max_uses = 3;
  config.pipeline_depth = 4;
  fake *fake = fake_warm(config, 1);
  for (int i = 0; i < 4; i++) fake_query(fake);
  expect(fake, "send c1 r1, send c1 r2");
  fake_answer(fake, 1, 'I');
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_DRAINING), 1);
  expect(fake, "ok r1");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, gone c1 MAX_USES, close c1 MAX_USES, open c2");
  fake_free(fake);
}

static void latencies_are_recorded(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_wait(fake, 7 * MS);
  fake_opened(fake, 1);
  fake_wait(fake, 3 * MS);
  fake_answer(fake, 1, 'I');
  keel_summary queue, server;
  keel__hist_summary(&fake->pool.latency_queue, &queue);
  keel__hist_summary(&fake->pool.latency_server, &server);
  assert_true(queue.count == 1 && queue.max == 7);
  assert_true(server.count == 1 && server.max == 3);
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_when_needed),
      cmocka_unit_test(last_used_first),
      cmocka_unit_test(first_come_first_served),
      cmocka_unit_test(never_more_than_max),
      cmocka_unit_test(min_is_kept),
      cmocka_unit_test(queue_is_bounded),
      cmocka_unit_test(waiting_has_an_end),
      cmocka_unit_test(abort_while_waiting),
      cmocka_unit_test(simple_statements_are_alone),
      cmocka_unit_test(an_acquire_is_not_overtaken),
      cmocka_unit_test(success_in_a_stray_transaction_is_none),
      cmocka_unit_test(idle_ones_above_min_are_closed_oldest_first),
      cmocka_unit_test(the_minimum_is_not_always_the_same),
      cmocka_unit_test(old_ones_are_retired),
      cmocka_unit_test(an_old_one_is_not_handed_out),
      cmocka_unit_test(used_ones_are_retired),
      cmocka_unit_test(latencies_are_recorded),
  };
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
