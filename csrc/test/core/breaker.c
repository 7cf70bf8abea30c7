/* The breaker itself: when it opens, by which formula, and when it closes. */
#include "fake.h"

#include "../../core/breaker.h"

#define SECOND (1000 * MS)

static keel__breaker_config in_a_row(uint32_t threshold) {
  return (keel__breaker_config){.on = true,
                                .threshold = threshold,
                                .reset_timeout = 30 * SECOND,
                                .slow_call = 100 * MS,
                                .probes = 1,
                                .probe_timeout = 5 * SECOND};
}

static keel__breaker_config with_rates(double failure_rate, double slow_rate, uint32_t size, uint32_t least) {
  keel__breaker_config config = in_a_row(1000);
  config.failure_rate = failure_rate;
  config.slow_rate = slow_rate;
  config.window_size = size;
  config.minimum_calls = least;
  return config;
}

static keel__breaker make(keel__breaker_config config) {
  keel__breaker breaker;
  assert_int_equal(keel__breaker_init(&breaker, &config), KEEL_OK);
  return breaker;
}

static bool fails(keel__breaker *breaker) {
  return keel__breaker_call(breaker, false, 0, 7 * SECOND);
}

static bool succeeds(keel__breaker *breaker) {
  return keel__breaker_call(breaker, true, 0, 7 * SECOND);
}

static bool is_slow(keel__breaker *breaker) {
  return keel__breaker_call(breaker, true, 100 * MS + 1, 7 * SECOND);
}

static void opens_after_failures_in_a_row(void **state) {
  (void)state;
  keel__breaker breaker = make(in_a_row(3));
  assert_true(breaker.last_failure == KEEL__NEVER);
  assert_false(fails(&breaker) || fails(&breaker) || succeeds(&breaker));
  assert_int_equal(breaker.failures, 0);
  assert_false(fails(&breaker) || fails(&breaker));
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_CLOSED);
  assert_true(fails(&breaker));
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_OPEN);
  assert_string_equal(breaker.reason, "3 failures in a row");
  assert_int_equal(breaker.opened, 1);
  assert_true(breaker.last_failure == 7 * SECOND);
}

static void an_open_one_is_not_closed_by_answers(void **state) {
  (void)state;
  keel__breaker breaker = make(in_a_row(1));
  assert_true(fails(&breaker));
  assert_string_equal(breaker.reason, "1 failure");
  assert_false(succeeds(&breaker) || fails(&breaker));
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_OPEN);
  assert_int_equal(breaker.failures, 2);
  assert_int_equal(breaker.opened, 1);
}

static void one_that_is_off_counts_nothing(void **state) {
  (void)state;
  keel__breaker breaker = make((keel__breaker_config){.on = false});
  for (int i = 0; i < 100; i++) assert_false(fails(&breaker));
  assert_int_equal(breaker.failures, 0);
  assert_true(breaker.last_failure == KEEL__NEVER);
}

static void a_probe_closes_it(void **state) {
  (void)state;
  keel__breaker breaker = make(in_a_row(1));
  fails(&breaker);
  keel__breaker_probe(&breaker);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_HALF_OPEN);
  assert_false(succeeds(&breaker) || fails(&breaker));
  keel__breaker_probed(&breaker, true);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_CLOSED);
  assert_string_equal(breaker.reason, "the probe succeeded");
  assert_int_equal(breaker.failures, 0);
}

static void a_failed_probe_opens_it_again(void **state) {
  (void)state;
  keel__breaker breaker = make(in_a_row(1));
  fails(&breaker);
  keel__breaker_probe(&breaker);
  keel__breaker_probed(&breaker, false);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_OPEN);
  assert_string_equal(breaker.reason, "the probe failed");
  assert_int_equal(breaker.opened, 1); /* it is the same outage */
}

static void several_probes_must_succeed_one_after_the_other(void **state) {
  (void)state;
  keel__breaker_config config = in_a_row(1);
  config.probes = 3;
  keel__breaker breaker = make(config);
  fails(&breaker);
  keel__breaker_probe(&breaker);
  keel__breaker_probed(&breaker, true);
  keel__breaker_probed(&breaker, true);
  keel__breaker_probed(&breaker, false);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_OPEN);
  keel__breaker_probe(&breaker);
  for (int i = 0; i < 2; i++) {
    keel__breaker_probed(&breaker, true);
    assert_int_equal(breaker.state, KEEL_BREAKER_IS_HALF_OPEN);
  }
  keel__breaker_probed(&breaker, true);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_CLOSED);
}

/* The longest pause after so many failed probes, in ms. */
static void assert_pauses(keel__breaker *breaker, uint64_t longest_ms) {
  keel__rng rng;
  keel__time longest = longest_ms * MS, seen_least = KEEL__NEVER, seen_most = 0;
  keel__rng_init(&rng, longest_ms);
  for (int i = 0; i < 10000; i++) {
    keel__time pause = keel__breaker_pause(breaker, &rng);
    if (pause < seen_least) seen_least = pause;
    if (pause > seen_most) seen_most = pause;
  }
  assert_true(seen_least >= longest / 2 && seen_most <= longest);
  /* It is spread over all of that. */
  assert_true(seen_least < longest / 2 + longest / 100 && seen_most > longest - longest / 100);
}

static void probes_are_spaced_out(void **state) {
  (void)state;
  static const uint64_t usual[] = {100, 200, 400, 800, 1000, 1000};
  keel__breaker breaker = make(in_a_row(1));
  fails(&breaker);
  for (unsigned i = 0; i < sizeof usual / sizeof *usual; i++) {
    assert_pauses(&breaker, usual[i]);
    keel__breaker_probe(&breaker);
    keel__breaker_probed(&breaker, false);
  }
  keel__breaker_close(&breaker);
  fails(&breaker);
  assert_pauses(&breaker, 100);
}

static void the_reset_timeout_bounds_the_pause(void **state) {
  (void)state;
  static const uint64_t limits[] = {10, 150, 600};
  static const uint64_t first[] = {10, 100, 100};
  for (int i = 0; i < 3; i++) {
    keel__breaker_config config = in_a_row(1);
    config.reset_timeout = limits[i] * MS;
    keel__breaker breaker = make(config);
    fails(&breaker);
    assert_pauses(&breaker, first[i]);
    for (int failed = 0; failed < 5; failed++) {
      keel__breaker_probe(&breaker);
      keel__breaker_probed(&breaker, false);
    }
    assert_pauses(&breaker, limits[i]);
  }
}

/* ---- by hand */

static void forced_open_it_stays_open(void **state) {
  (void)state;
  keel__breaker breaker = make(in_a_row(5));
  keel__breaker_force_open(&breaker);
  assert_true(breaker.forced);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_OPEN);
  assert_string_equal(breaker.reason, "forced open");
  keel__breaker_close(&breaker);
  assert_false(breaker.forced);
  assert_int_equal(breaker.state, KEEL_BREAKER_IS_CLOSED);
  assert_string_equal(breaker.reason, "closed by hand");
}

static void closing_by_hand_forgets(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(50, 0, 4, 2));
  breaker.config.threshold = 3;
  assert_false(fails(&breaker));
  keel__breaker_close(&breaker);
  assert_int_equal(breaker.failures, 0);
  assert_false(succeeds(&breaker) || succeeds(&breaker) || fails(&breaker));
  assert_true(fails(&breaker));
  assert_string_equal(breaker.reason, "2 of 4 calls failed");
  keel__breaker_free(&breaker);
}

/* ---- the last calls */

static void opens_at_the_failure_rate(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(30, 0, 10, 10));
  for (int i = 0; i < 7; i++) assert_false(succeeds(&breaker));
  assert_false(fails(&breaker) || fails(&breaker)); /* too few calls */
  assert_true(fails(&breaker));                     /* 3 of 10: at the threshold */
  assert_string_equal(breaker.reason, "3 of 10 calls failed");
  keel__breaker_free(&breaker);
}

static void below_the_rate_it_stays_closed(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(30.5, 0, 10, 10));
  for (int round = 0; round < 20; round++)
    for (int i = 0; i < 10; i++) assert_false(i < 3 ? fails(&breaker) : succeeds(&breaker));
  keel__breaker_free(&breaker);
}

static void a_success_can_tip_it(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(50, 0, 10, 4));
  assert_false(fails(&breaker) || fails(&breaker) || succeeds(&breaker));
  assert_true(succeeds(&breaker)); /* the fourth call: rates count from now on */
  keel__breaker_free(&breaker);
}

static void calls_leave_the_window(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(50, 0, 4, 4));
  assert_false(fails(&breaker) || succeeds(&breaker) || succeeds(&breaker) || succeeds(&breaker));
  assert_false(succeeds(&breaker)); /* the failure is the fifth last */
  assert_false(fails(&breaker));
  assert_int_equal(breaker.window.sum.failed, 1);
  assert_true(fails(&breaker));
  assert_int_equal(breaker.window.sum.calls, 4);
  keel__breaker_free(&breaker);
}

static void opens_at_the_rate_of_slow_calls(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(0, 100, 3, 3));
  assert_false(is_slow(&breaker) || is_slow(&breaker));
  assert_false(keel__breaker_call(&breaker, true, 100 * MS, 0)); /* just as long as it may take */
  assert_false(is_slow(&breaker) || is_slow(&breaker));
  assert_true(is_slow(&breaker));
  assert_string_equal(breaker.reason, "3 of 3 calls were slow");
  keel__breaker_free(&breaker);
}

static void the_failures_in_a_row_count_beside_the_rates(void **state) {
  (void)state;
  keel__breaker_config config = with_rates(50, 0, 100, 100);
  config.threshold = 2;
  keel__breaker breaker = make(config);
  assert_false(fails(&breaker));
  assert_true(fails(&breaker));
  assert_string_equal(breaker.reason, "2 failures in a row");
  keel__breaker_free(&breaker);
}

static void closing_clears_the_window(void **state) {
  (void)state;
  keel__breaker breaker = make(with_rates(50, 0, 4, 2));
  assert_false(fails(&breaker));
  assert_true(fails(&breaker));
  keel__breaker_probe(&breaker);
  keel__breaker_probed(&breaker, true);
  assert_int_equal(breaker.window.sum.calls, 0);
  assert_false(fails(&breaker));
  keel__breaker_free(&breaker);
}

/* ---- the last seconds */

static bool at(keel__breaker *breaker, bool ok, uint64_t ms) {
  return keel__breaker_call(breaker, ok, 0, ms * MS);
}

static void seconds_leave_the_window(void **state) {
  (void)state;
  keel__breaker_config config = with_rates(70, 0, 3, 3);
  config.by_time = true;
  keel__breaker breaker = make(config);
  assert_false(at(&breaker, false, 10900) || at(&breaker, false, 10950));
  assert_false(at(&breaker, true, 11100) || at(&breaker, true, 11200) || at(&breaker, true, 11300));
  assert_int_equal(breaker.window.sum.calls, 5);
  assert_false(at(&breaker, true, 12999));
  assert_int_equal(breaker.window.sum.calls, 6);
  /* Second 10 is out: those of 11, 12 and 13 are left. */
  assert_false(at(&breaker, false, 13000));
  assert_int_equal(breaker.window.sum.calls, 5);
  assert_int_equal(breaker.window.sum.failed, 1);
  /* All of it is out, also when the ring has turned many times. */
  assert_false(at(&breaker, false, 999000));
  assert_int_equal(breaker.window.sum.calls, 1);
  assert_false(at(&breaker, false, 999500));
  assert_true(at(&breaker, false, 1001000));
  assert_string_equal(breaker.reason, "3 of 3 calls failed");
  keel__breaker_free(&breaker);
}

static void by_time_there_may_be_more_calls_than_seconds(void **state) {
  (void)state;
  keel__breaker_config config = with_rates(20, 0, 2, 50);
  config.by_time = true;
  keel__breaker breaker = make(config);
  for (int i = 0; i < 40; i++) assert_false(at(&breaker, true, 5000));
  for (int i = 0; i < 9; i++) assert_false(at(&breaker, false, 6000));
  assert_true(at(&breaker, false, 6001)); /* 10 of 50 */
  keel__breaker_free(&breaker);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_after_failures_in_a_row),
      cmocka_unit_test(an_open_one_is_not_closed_by_answers),
      cmocka_unit_test(one_that_is_off_counts_nothing),
      cmocka_unit_test(a_probe_closes_it),
      cmocka_unit_test(a_failed_probe_opens_it_again),
      cmocka_unit_test(several_probes_must_succeed_one_after_the_other),
      cmocka_unit_test(probes_are_spaced_out),
      cmocka_unit_test(the_reset_timeout_bounds_the_pause),
      cmocka_unit_test(forced_open_it_stays_open),
      cmocka_unit_test(closing_by_hand_forgets),
      cmocka_unit_test(opens_at_the_failure_rate),
      cmocka_unit_test(below_the_rate_it_stays_closed),
      cmocka_unit_test(a_success_can_tip_it),
      cmocka_unit_test(calls_leave_the_window),
      cmocka_unit_test(opens_at_the_rate_of_slow_calls),
      cmocka_unit_test(the_failures_in_a_row_count_beside_the_rates),
      cmocka_unit_test(closing_clears_the_window),
      cmocka_unit_test(seconds_leave_the_window),
      cmocka_unit_test(by_time_there_may_be_more_calls_than_seconds),
  };
  return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
