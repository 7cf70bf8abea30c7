#include "../../core/heap.h"

#include "fake.h"

#define COUNT 500u

static void comes_out_in_order(void **state) {
  (void)state;
  keel__heap heap;
  keel__timer timers[COUNT] = {{0}};
  keel__rng rng;
  keel__heap_init(&heap);
  keel__rng_init(&rng, 7);
  for (unsigned i = 0; i < COUNT; i++) {
    assert_int_equal(keel__heap_reserve(&heap), KEEL_OK);
    keel__heap_set(&heap, &timers[i], keel__rng_below(&rng, 1000));
  }
  for (unsigned i = 0; i < COUNT; i += 3) keel__heap_set(&heap, &timers[i], keel__rng_below(&rng, 1000));
  for (unsigned i = 0; i < COUNT; i += 7) keel__heap_remove(&heap, &timers[i]);
  keel__time last = 0;
  unsigned left = 0;
  for (keel__timer *timer; (timer = keel__heap_first(&heap)) != NULL; left++) {
    assert_true(timer->due >= last);
    assert_int_not_equal((timer - timers) % 7, 0);
    last = timer->due;
    keel__heap_remove(&heap, timer);
    assert_false(keel__timer_is_set(timer));
  }
  assert_int_equal(left, COUNT - (COUNT + 6) / 7);
  keel__heap_free(&heap);
}

static void never_is_not_in_it(void **state) {
  (void)state;
  keel__heap heap;
  keel__timer timer = {0};
  keel__heap_init(&heap);
  assert_int_equal(keel__heap_reserve(&heap), KEEL_OK);
  keel__heap_set(&heap, &timer, KEEL__NEVER);
  assert_null(keel__heap_first(&heap));
  keel__heap_set(&heap, &timer, 5);
  assert_ptr_equal(keel__heap_first(&heap), &timer);
  keel__heap_set(&heap, &timer, KEEL__NEVER);
  assert_null(keel__heap_first(&heap));
  keel__heap_remove(&heap, &timer);
  keel__heap_unreserve(&heap);
  assert_int_equal(heap.reserved, 0);
  keel__heap_free(&heap);
}

static void time_does_not_wrap(void **state) {
  (void)state;
  assert_true(keel__time_after(5, 7) == 12);
  assert_true(keel__time_after(5, KEEL__NEVER) == KEEL__NEVER);
  assert_true(keel__time_after(KEEL__NEVER - 3, 7) == KEEL__NEVER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_out_in_order),
      cmocka_unit_test(never_is_not_in_it),
      cmocka_unit_test(time_does_not_wrap),
  };
  return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
