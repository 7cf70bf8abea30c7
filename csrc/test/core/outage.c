/* Where the breaker, health checks, retries and COMMITs in doubt meet. */
#include "fake.h"

#include <stdlib.h>

static keel__pool_config guarded(uint32_t threshold) {
  return fake_guarded(threshold, 1000 * MS);
}

static void the_breaker_is_news_for_health(void **state) {
  (void)state;
  keel__pool_config config = guarded(1);
  config.health_interval = 60000 * MS;
  fake *fake = fake_new(config);
  fake_query(fake);
  fake_open_fails(fake, 1);
  fake_ignore(fake);
  fake_wait(fake, 0);
  expect(fake, "unwell BREAKER_OPEN");
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  fake_open_fails(fake, 2);
  fake_wait(fake, 0);
  /* From one probe to the next nothing is new. */
  expect(fake,
         "breaker OPEN HALF_OPEN (a probe begins), open c2, close c2 OPEN_FAILED, "
         "breaker HALF_OPEN OPEN (the probe failed)");
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  fake_ignore(fake);
  fake_opened(fake, 3);
  fake_wait(fake, 0);
  expect(fake, "opened c3, breaker HALF_OPEN CLOSED (the probe succeeded), check c3");
  fake_checked(fake, 3);
  expect(fake, "well 0 ms");
  fake_free(fake);
}

static void an_open_breaker_answers_who_asks_for_health(void **state) {
  (void)state;
  fake *fake = fake_warm(guarded(1), 1);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  fake_ignore(fake);
  keel__pool_check(&fake->pool, fake->now);
  expect(fake, "unwell BREAKER_OPEN");
  fake_free(fake);
}

static void health_opens_nothing_while_it_is_open(void **state) {
  (void)state;
  keel__pool_config config = guarded(1);
  config.health_interval = 10 * MS;
  fake *fake = fake_new(config);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  fake_ignore(fake);
  fake_wait(fake, 12 * MS);
  expect(fake, "unwell BREAKER_OPEN");
  fake_free(fake);
}

static void a_check_that_is_answered_ends_a_row_of_failures(void **state) {
  (void)state;
  keel__pool_config config = guarded(3);
  config.alive_bypass = 50 * MS;
  fake *fake = fake_warm(config, 2);
  fake_query(fake);
  fake_lost(fake, 1);
  assert_int_equal(fake->pool.breaker.failures, 1);
  fake_wait(fake, 51 * MS);
  fake_query(fake);
  fake_checked(fake, 2);
  assert_int_equal(fake->pool.breaker.failures, 0);
  fake_free(fake);
}

/* It opens when so many of the last `calls` took longer than a millisecond. */
static keel__pool_config impatient(uint32_t calls, double slow_rate) {
  keel__pool_config config = guarded(5);
  config.breaker.slow_rate = slow_rate;
  config.breaker.slow_call = 1 * MS;
  config.breaker.window_size = config.breaker.minimum_calls = calls;
  return config;
}

static void a_check_whose_answer_opens_it_finds_the_node_unwell(void **state) {
  (void)state;
  fake *fake = fake_warm(impatient(1, 100), 1);
  keel__pool_check(&fake->pool, fake->now);
  fake_wait(fake, 2 * MS);
  fake_checked(fake, 1);
  expect(fake, "check c1, breaker CLOSED OPEN (1 of 1 calls were slow), unwell BREAKER_OPEN");
  fake_free(fake);
}

static void so_does_an_attempt_that_opens_it(void **state) {
  (void)state;
  fake *fake = fake_new(impatient(1, 100));
  keel__pool_check(&fake->pool, fake->now);
  fake_wait(fake, 2 * MS);
  fake_opened(fake, 1);
  expect(fake, "open c1, opened c1, breaker CLOSED OPEN (1 of 1 calls were slow), unwell BREAKER_OPEN");
  fake_free(fake);
}

/* Though others are answered. */
static void and_one_that_fails_and_opens_it(void **state) {
  (void)state;
  fake *fake = fake_warm(guarded(1), 1);
  fake_query(fake);
  keel__pool_check(&fake->pool, fake->now);
  fake_answer(fake, 1, 'I');
  fake_ignore(fake);
  fake_open_fails(fake, 2);
  expect(fake, "close c2 OPEN_FAILED, breaker CLOSED OPEN (1 failure), unwell CONNECT_FAILED");
  fake_free(fake);
}

static void assert_no_cause(fake *fake) {
  fake_query(fake);
  assert_int_equal(fake->refusal.code, KEEL_BREAKER_OPEN);
  assert_int_equal(fake->refusal.cause, KEEL_OK);
  assert_null(fake->refusal.detail);
  assert_int_equal(fake->kept, 0);
}

static void slow_calls_are_blamed_on_no_failure(void **state) {
  (void)state;
  fake *fake = fake_warm(impatient(1, 100), 2);
  fake_query(fake);
  fake_lost(fake, 1);
  assert_int_equal(fake->kept, 1);
  fake_query(fake);
  fake_wait(fake, 2 * MS);
  fake_ignore(fake);
  fake_answer(fake, 2, 'I');
  expect(fake, "breaker CLOSED OPEN (1 of 1 calls were slow), ok r2");
  assert_no_cause(fake);
  fake_free(fake);
}

/* Not even on the one that made their share the first to be told. */
static void nor_on_one_that_came_last(void **state) {
  (void)state;
  fake *fake = fake_warm(impatient(4, 25), 2); /* after two attempts that were quick */
  fake_query(fake);
  fake_wait(fake, 2 * MS);
  fake_answer(fake, 1, 'I');
  fake_query(fake);
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake,
         "breaker CLOSED OPEN (1 of 4 calls were slow), CONNECTION_LOST r2 unknown, gone c1 LOST, "
         "close c1 LOST");
  assert_no_cause(fake);
  fake_free(fake);
}

/* ---- what opens it is not tried again */

static keel__pool_config retrying(void) {
  keel__pool_config config = guarded(1);
  config.max_retries = 3;
  config.retry_delay = config.retry_max_delay = 10 * MS;
  return config;
}

static void nobody_waits_for_an_attempt_after_the_last(void **state) {
  (void)state;
  fake *fake = fake_new(retrying());
  fake_query(fake);
  fake_open_fails(fake, 1);
  expect(fake, "open c1, close c1 OPEN_FAILED, breaker CLOSED OPEN (1 failure), CONNECT_FAILED r1 not-sent");
  fake_free(fake);
}

static void nor_when_a_link_has_died(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(), 1);
  fake_read(fake, KEEL__NEVER);
  fake_lost(fake, 1);
  expect(
      fake,
      "send c1 r1, breaker CLOSED OPEN (1 failure), CONNECTION_LOST r1 unknown, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void nor_beside_a_silent_one(void **state) {
  (void)state;
  keel__pool_config config = retrying();
  config.pipeline_depth = 2;
  config.cancel_timeout = 10 * MS;
  fake *fake = fake_warm(config, 1);
  keel__request *silent = fake_query(fake);
  fake_read(fake, KEEL__NEVER);
  keel__pool_abort(&fake->pool, silent, fake->now);
  fake_ignore(fake);
  fake_wait(fake, 10 * MS);
  expect(fake,
         "breaker CLOSED OPEN (1 failure), CONNECTION_LOST r2 unknown, gone c1 CANCEL_SILENT, "
         "close c1 CANCEL_SILENT");
  fake_free(fake);
}

static void nothing_pauses_for_an_open_breaker(void **state) {
  (void)state;
  fake *fake = fake_warm(retrying(), 1);
  fake_read(fake, KEEL__NEVER);
  keel__pool_breaker(&fake->pool, KEEL_BREAKER_FORCE_OPEN, fake->now);
  fake_ignore(fake);
  fake_error(fake, 1, "40001", 'I');
  expect(fake, "SERVER r1 rolled-back");
  fake_free(fake);
}

/* ---- COMMITs in doubt */

/* On c1, which is lent. */
static void commit(fake *fake, uint64_t lease) {
  keel__request *request = calloc(1, sizeof *request);
  assert_non_null(request);
  *request = (keel__request){.kind = KEEL_QUERY, .tag = ++fake->tags, .lease = lease, .commits = true};
  fake->conns[1]->status = 'T';
  fake->conns[1]->fate = KEEL__FATE_ASK;
  keel__pool_submit(&fake->pool, request, KEEL__NEVER, fake->now);
}

/* c1 has died under a COMMIT, r2, and c2 is asked. */
static fake *in_doubt(keel__pool_config config) {
  config.resolve_timeout = KEEL__NEVER;
  config.cancel_timeout = 100 * MS;
  fake *fake = fake_warm(config, 2);
  commit(fake, fake_lease(fake));
  fake_lost(fake, 1);
  fake_closed(fake, 1);
  fake_ignore(fake);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_INQUIRING), 1);
  return fake;
}

static void a_server_that_is_silent_when_asked_counts(void **state) {
  (void)state;
  fake *fake = in_doubt(guarded(5));
  assert_int_equal(fake->pool.breaker.failures, 1); /* the link under the COMMIT */
  fake_wait(fake, 100 * MS);
  expect(fake, "gone c2 INQUIRY_SILENT, close c2 INQUIRY_SILENT, open c3");
  assert_int_equal(fake->pool.breaker.failures, 2);
  fake_free(fake);
}

static void so_does_a_link_that_dies_when_it_is_asked(void **state) {
  (void)state;
  fake *fake = in_doubt(guarded(5));
  fake_lost(fake, 2);
  assert_int_equal(fake->pool.breaker.failures, 2);
  fake_free(fake);
}

static void its_answer_is_a_success(void **state) {
  (void)state;
  fake *fake = in_doubt(guarded(5));
  keel__conn_inquired(fake->conns[2], KEEL__VERDICT_COMMITTED, fake->now);
  expect(fake, "ok r2");
  assert_int_equal(fake->pool.breaker.failures, 0);
  fake_free(fake);
}

static void the_probe_asks_for_it_when_the_node_is_back(void **state) {
  (void)state;
  fake *fake = in_doubt(guarded(2));
  fake_lost(fake, 2);
  fake_closed(fake, 2);
  fake_ignore(fake);
  fake_wait(fake, 5 * MS);
  expect(fake, ""); /* nothing is opened for it but the probe */
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c3");
  fake_opened(fake, 3);
  expect(fake, "opened c3, breaker HALF_OPEN CLOSED (the probe succeeded), inquire c3 r2");
  keel__conn_inquired(fake->conns[3], KEEL__VERDICT_ROLLED_BACK, fake->now);
  expect(fake, "CONNECTION_LOST r2 rolled-back");
  fake_free(fake);
}

static void a_closing_pool_makes_probes_for_it(void **state) {
  (void)state;
  fake *fake = in_doubt(guarded(2));
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  fake_lost(fake, 2);
  fake_closed(fake, 2);
  fake_ignore(fake);
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c3");
  fake_open_fails(fake, 3);
  fake_closed(fake, 3);
  fake_ignore(fake);
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  fake_opened(fake, 4);
  keel__conn_inquired(fake->conns[4], KEEL__VERDICT_COMMITTED, fake->now);
  expect(fake,
         "breaker OPEN HALF_OPEN (a probe begins), open c4, "
         "opened c4, breaker HALF_OPEN CLOSED (the probe succeeded), inquire c4 r2, "
         "ok r2, gone c4 SHUTDOWN, close c4 SHUTDOWN");
  fake_free(fake);
}

/* The breaker is open and the pool closing, so that there are no probes; then the link dies under a COMMIT. */
static void a_closing_pool_makes_them_again_when_there_is_need(void **state) {
  (void)state;
  keel__pool_config config = guarded(1);
  fake *fake = fake_warm(config, 2);
  uint64_t lease = fake_lease(fake);
  fake_query(fake);
  fake_lost(fake, 2);
  fake_closed(fake, 2);
  keel__pool_close(&fake->pool, KEEL__NEVER, false, fake->now);
  fake_ignore(fake);
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  expect(fake, "");
  assert_false(keel__timer_is_set(&fake->pool.breaker_timer));
  commit(fake, lease);
  fake_lost(fake, 1);
  fake_ignore(fake);
  fake_wait(fake, fake->pool.breaker_timer.due - fake->now);
  expect(fake, "breaker OPEN HALF_OPEN (a probe begins), open c3");
  fake_free(fake);
}

static void a_stale_connection_is_asked_unchecked(void **state) {
  (void)state;
  keel__pool_config config = guarded(5);
  config.alive_bypass = 0;
  fake *fake = in_doubt(config);
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_CHECKING), 0);
  fake_free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_breaker_is_news_for_health),
      cmocka_unit_test(an_open_breaker_answers_who_asks_for_health),
      cmocka_unit_test(health_opens_nothing_while_it_is_open),
      cmocka_unit_test(a_check_that_is_answered_ends_a_row_of_failures),
      cmocka_unit_test(a_check_whose_answer_opens_it_finds_the_node_unwell),
      cmocka_unit_test(so_does_an_attempt_that_opens_it),
      cmocka_unit_test(and_one_that_fails_and_opens_it),
      cmocka_unit_test(slow_calls_are_blamed_on_no_failure),
      cmocka_unit_test(nor_on_one_that_came_last),
      cmocka_unit_test(nobody_waits_for_an_attempt_after_the_last),
      cmocka_unit_test(nor_when_a_link_has_died),
      cmocka_unit_test(nor_beside_a_silent_one),
      cmocka_unit_test(nothing_pauses_for_an_open_breaker),
      cmocka_unit_test(a_server_that_is_silent_when_asked_counts),
      cmocka_unit_test(so_does_a_link_that_dies_when_it_is_asked),
      cmocka_unit_test(its_answer_is_a_success),
      cmocka_unit_test(the_probe_asks_for_it_when_the_node_is_back),
      cmocka_unit_test(a_closing_pool_makes_probes_for_it),
      cmocka_unit_test(a_closing_pool_makes_them_again_when_there_is_need),
      cmocka_unit_test(a_stale_connection_is_asked_unchecked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
