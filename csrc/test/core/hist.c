#include "../../core/hist.h"

#include <stdlib.h>

#include "fake.h"

static keel__hist hist;

static keel_summary summary(void) {
  keel_summary result;
  keel__hist_summary(&hist, &result);
  return result;
}

static void empty_is_all_zero(void **state) {
  (void)state;
  keel__hist_init(&hist);
  keel_summary result = summary();
  assert_true(result.count == 0 && result.min == 0 && result.max == 0 && result.mean == 0);
  assert_true(result.p50 == 0 && result.p90 == 0 && result.p99 == 0 && result.p999 == 0);
}

static void small_values_are_exact(void **state) {
  (void)state;
  keel__hist_init(&hist);
  for (uint64_t value = 1; value <= 100; value++) keel__hist_record(&hist, value);
  keel_summary result = summary();
  assert_true(result.count == 100);
  assert_true(result.min == 0.001 && result.max == 0.1);
  assert_true(result.p50 == 0.05 && result.p90 == 0.09 && result.p99 == 0.099 && result.p999 == 0.1);
  assert_true(result.mean > 0.0504999 && result.mean < 0.0505001);
}

static int compare(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return left < right ? -1 : left > right;
}

static void assert_near(double got, uint64_t microseconds) {
  double wanted = (double)microseconds / 1000;
  assert_true(got >= wanted * 0.99 && got <= wanted * 1.01);
}

/* Values from a microsecond to an hour, against the same quantiles of the sorted values. */
static void quantiles_are_within_one_percent(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  uint64_t *values = malloc(COUNT * sizeof *values);
  keel__rng rng;
  assert_non_null(values);
  keel__rng_init(&rng, 42);
  keel__hist_init(&hist);
  for (unsigned i = 0; i < COUNT; i++) {
    values[i] = 1 + keel__rng_below(&rng, UINT64_C(1) << (1 + keel__rng_below(&rng, 31)));
    keel__hist_record(&hist, values[i]);
  }
  qsort(values, COUNT, sizeof *values, compare);
  keel_summary result = summary();
  assert_near(result.p50, values[COUNT / 2 - 1]);
  assert_near(result.p90, values[COUNT * 9 / 10 - 1]);
  assert_near(result.p99, values[COUNT * 99 / 100 - 1]);
  assert_near(result.p999, values[COUNT * 999 / 1000 - 1]);
  assert_true(result.max == (double)values[COUNT - 1] / 1000);
  free(values);
}

static void every_single_value_is_near_itself(void **state) {
  (void)state;
  for (uint64_t value = 1; value < UINT64_C(1) << 41; value += value / 50 + 1) {
    keel__hist_init(&hist);
    keel__hist_record(&hist, value);
    keel__hist_record(&hist, value * 2); /* else the clamp to the largest would hide a wrong bucket */
    assert_near(summary().p50, value);
  }
}

static void out_of_range_is_counted(void **state) {
  (void)state;
  keel__hist_init(&hist);
  keel__hist_record(&hist, 0);
  keel__hist_record(&hist, UINT64_MAX / 2);
  keel_summary result = summary();
  assert_true(result.count == 2 && result.min == 0);
  assert_true(result.p99 <= result.max && result.p99 > 4e9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty_is_all_zero),
      cmocka_unit_test(small_values_are_exact),
      cmocka_unit_test(quantiles_are_within_one_percent),
      cmocka_unit_test(every_single_value_is_near_itself),
      cmocka_unit_test(out_of_range_is_counted),
  };
  return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
