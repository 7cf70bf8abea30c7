#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

static keel_pool_options good(void) {
  return (keel_pool_options){.size = sizeof(keel_pool_options),
                             .max = 10,
                             .pipeline_depth = 1,
                             .prepare_cache = 256,
                             .lifetime_jitter = 0.05};
}

static void takes_what_is_right(void **state) {
  (void)state;
  keel_pool_options options = good();
  keel__pool_config config;
  keel_reason reason;
  options.min = 3;
  options.idle_timeout_ms = 10;
  options.ask_password = 7;
  options.prepare = KEEL_PREPARE_NEVER;
  assert_int_equal(keel__pool_config_from(&options, &config, &reason), KEEL_OK);
  assert_int_equal(config.min, 3);
  assert_int_equal(config.max, 10);
  assert_true(config.idle_timeout == 10 * MS);
  assert_true(config.acquire_timeout == KEEL__NEVER && config.drain_timeout == KEEL__NEVER);
  assert_true(config.ask_password && !config.hold_new && !config.single);
  assert_int_equal(config.prepare, KEEL_PREPARE_NEVER);
}

static void a_single_pool_keeps_its_connection(void **state) {
  (void)state;
  keel_pool_options options = good();
  keel__pool_config config;
  options.single = 1;
  options.max_uses = 5;
  options.max_lifetime_ms = options.idle_timeout_ms = 100;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_int_equal(config.max, 1);
  assert_int_equal(config.max_uses, 0);
  assert_true(config.max_lifetime == KEEL__NEVER && config.idle_timeout == KEEL__NEVER);
}

static void assert_refused(const keel_pool_options *options, const char *option, const char *message) {
  keel__pool_config config;
  keel_reason reason;
  assert_int_equal(keel__pool_config_from(options, &config, &reason), KEEL_CONFIG);
  assert_string_equal(reason.option, option);
  assert_string_equal(reason.message, message);
  assert_int_equal(keel__pool_config_from(options, &config, NULL), KEEL_CONFIG);
}

static void names_what_is_wrong(void **state) {
  (void)state;
  keel_pool_options options = good();
  options.max = 0;
  assert_refused(&options, "max", "max is 0; a whole number from 1 to 65535 is accepted");
  options = good();
  options.min = 11;
  assert_refused(&options, "min", "min is 11; a whole number from 0 to 10 is accepted");
  options.single = 1;
  assert_refused(&options, "min", "min is 11; a whole number from 0 to 1 is accepted");
  options = good();
  options.pipeline_depth = 0;
  assert_refused(&options, "pipeline_depth",
                 "pipeline_depth is 0; a whole number from 1 to 1024 is accepted");
  options = good();
  options.prepare = (keel_prepare)3;
  assert_refused(&options, "prepare", "prepare is 3; a whole number from 0 to 2 is accepted");
  options = good();
  options.max_retries = 1001;
  assert_refused(&options, "max_retries", "max_retries is 1001; a whole number from 0 to 1000 is accepted");
}

static void a_pause_may_be_none(void **state) {
  (void)state;
  keel_pool_options options = good();
  keel__pool_config config;
  options.max_retries = 3;
  options.retry_max_delay_ms = 20;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_int_equal(config.max_retries, 3);
  assert_true(config.retry_delay == 0 && config.retry_max_delay == 20 * MS);
  options.single = 1;
  options.max = 1;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_int_equal(config.max_retries, 0);
}

static void names_a_wrong_jitter(void **state) {
  (void)state;
  static const double wrong[] = {-0.1, 1.1, NAN};
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    keel_pool_options options = good();
    options.lifetime_jitter = wrong[i];
    assert_refused(&options, "lifetime_jitter",
                   "lifetime_jitter is out of range; a number from 0 to 1 is accepted");
  }
}

static void names_a_wrong_time(void **state) {
  (void)state;
  static const struct {
    size_t place;
    const char *name;
  } times[] = {
#define TIME(name) {offsetof(keel_pool_options, name), #name}
      TIME(acquire_timeout_ms), TIME(connect_timeout_ms),       TIME(idle_timeout_ms),
      TIME(max_lifetime_ms),    TIME(query_timeout_ms),         TIME(cancel_timeout_ms),
      TIME(drain_timeout_ms),   TIME(health_check_interval_ms), TIME(retry_delay_ms),
      TIME(retry_max_delay_ms),
#undef TIME
  };
  for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
    keel_pool_options options = good();
    char message[512];
    int64_t wrong[] = {-1, INT64_MIN, INT64_C(1000000000001)};
    const char *texts[] = {"-1", "-9223372036854775808", "1000000000001"};
    for (unsigned j = 0; j < 3; j++) {
      memcpy((char *)&options + times[i].place, &wrong[j], sizeof wrong[j]);
      snprintf(message, sizeof message, "%s is %s; a whole number from 0 to 1000000000000 is accepted",
               times[i].name, texts[j]);
      assert_refused(&options, times[i].name, message);
    }
  }
}

static keel_pool_options guarded(void) {
  keel_pool_options options = good();
  options.breaker = 1;
  options.breaker_failure_threshold = 5;
  options.breaker_reset_timeout_ms = 30000;
  options.breaker_slow_call_ms = 60000;
  options.breaker_window_size = options.breaker_minimum_calls = 100;
  options.breaker_probes = 1;
  return options;
}

static void takes_a_breaker(void **state) {
  (void)state;
  keel_pool_options options = guarded();
  keel__pool_config config;
  options.breaker_failure_rate = 12.5;
  options.breaker_window_size = 20;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_true(config.breaker.on && !config.breaker.by_time);
  assert_int_equal(config.breaker.threshold, 5);
  assert_true(config.breaker.reset_timeout == 30000 * MS && config.breaker.slow_call == 60000 * MS);
  assert_true(config.breaker.failure_rate == 12.5 && config.breaker.slow_rate == 0);
  assert_int_equal(config.breaker.minimum_calls, 20); /* no more than the window holds */
  assert_true(config.breaker.probe_timeout == 5000 * MS);
  options.breaker_by_time = 1;
  options.breaker_probe_timeout_ms = 7;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_int_equal(config.breaker.minimum_calls, 100);
  assert_true(config.breaker.by_time && config.breaker.probe_timeout == 7 * MS);
  options.single = 1;
  options.breaker_probes = 0;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
  assert_false(config.breaker.on);
}

static void names_what_is_wrong_with_a_breaker(void **state) {
  (void)state;
  keel_pool_options options = guarded();
  options.breaker_failure_threshold = 0;
  assert_refused(&options, "breaker_failure_threshold",
                 "breaker_failure_threshold is 0; a whole number from 1 to 2147483647 is accepted");
  options = guarded();
  options.breaker_window_size = 100001;
  assert_refused(&options, "breaker_window_size",
                 "breaker_window_size is 100001; a whole number from 1 to 100000 is accepted");
  options = guarded();
  options.breaker_reset_timeout_ms = 0;
  assert_refused(&options, "breaker_reset_timeout_ms",
                 "breaker_reset_timeout_ms is 0; a whole number from 1 to 1000000000000 is accepted");
  options = guarded();
  options.breaker_failure_rate = 100.5;
  assert_refused(&options, "breaker_failure_rate",
                 "breaker_failure_rate is out of range; a number from 0 to 100 is accepted");
  options = guarded();
  options.breaker_slow_rate = NAN;
  assert_refused(&options, "breaker_slow_rate",
                 "breaker_slow_rate is out of range; a number from 0 to 100 is accepted");
  options.breaker = 0;
  keel__pool_config config;
  assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
}

static void takes_any_time_without_a_check(void **state) {
  (void)state;
  static const struct {
    int64_t given;
    keel__time taken;
  } times[] = {{-1, KEEL__NEVER}, {0, 0}, {500, 500 * MS}};
  keel__pool_config config;
  for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
    keel_pool_options options = good();
    options.alive_bypass_ms = times[i].given;
    assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
    assert_true(config.alive_bypass == times[i].taken);
    options.single = 1;
    assert_int_equal(keel__pool_config_from(&options, &config, NULL), KEEL_OK);
    assert_true(config.alive_bypass == KEEL__NEVER && config.health_interval == KEEL__NEVER);
  }
  keel_pool_options options = good();
  options.alive_bypass_ms = -2;
  assert_refused(&options, "alive_bypass_ms",
                 "alive_bypass_ms is -2; a whole number from -1 to 1000000000000 is accepted");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_what_is_right),
      cmocka_unit_test(a_single_pool_keeps_its_connection),
      cmocka_unit_test(names_what_is_wrong),
      cmocka_unit_test(names_a_wrong_jitter),
      cmocka_unit_test(names_a_wrong_time),
      cmocka_unit_test(takes_a_breaker),
      cmocka_unit_test(names_what_is_wrong_with_a_breaker),
      cmocka_unit_test(takes_any_time_without_a_check),
      cmocka_unit_test(a_pause_may_be_none),
  };
  return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
