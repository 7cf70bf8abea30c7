#include "../../core/lru.h"

#include "fake.h"

static uint32_t oldest(const keel__lru *lru) {
  return KEEL__OF(keel__lru_entry, link, keel__list_last(&lru->entries))->key;
}

static void finds_what_was_added(void **state) {
  (void)state;
  keel__lru lru;
  keel__lru_init(&lru, 1000);
  assert_null(keel__lru_find(&lru, 1));
  for (uint32_t key = 1; key <= 500; key++) assert_non_null(keel__lru_add(&lru, key, key % 10 == 0));
  for (uint32_t key = 1; key <= 500; key++) assert_int_equal(keel__lru_find(&lru, key)->key, key);
  for (uint32_t key = 1; key <= 500; key += 2) keel__lru_remove(&lru, keel__lru_find(&lru, key));
  for (uint32_t key = 1; key <= 500; key++) assert_int_equal(keel__lru_find(&lru, key) != NULL, key % 2 == 0);
  assert_null(keel__lru_find(&lru, 501));
  keel__lru_clear(&lru);
  assert_null(keel__lru_find(&lru, 2));
  assert_non_null(keel__lru_add(&lru, 2, false));
  keel__lru_clear(&lru);
}

static void touched_is_youngest(void **state) {
  (void)state;
  keel__lru lru;
  keel__lru_init(&lru, 3);
  for (uint32_t key = 1; key <= 3; key++) keel__lru_add(&lru, key, false);
  assert_int_equal(oldest(&lru), 1);
  keel__lru_touch(&lru, keel__lru_find(&lru, 1));
  assert_int_equal(oldest(&lru), 2);
  keel__lru_clear(&lru);
}

static void pinned_take_no_room(void **state) {
  (void)state;
  keel__lru lru;
  keel__lru_init(&lru, 2);
  keel__lru_add(&lru, 1, true);
  keel__lru_add(&lru, 2, true);
  keel__lru_add(&lru, 3, false);
  assert_false(keel__lru_is_full(&lru));
  keel__lru_touch(&lru, keel__lru_find(&lru, 1));
  keel__lru_add(&lru, 4, false);
  assert_true(keel__lru_is_full(&lru));
  keel__lru_remove(&lru, keel__lru_find(&lru, 2));
  assert_true(keel__lru_is_full(&lru));
  keel__lru_clear(&lru);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_was_added),
      cmocka_unit_test(touched_is_youngest),
      cmocka_unit_test(pinned_take_no_room),
  };
  return cmocka_run_group_tests_name("lru", tests, NULL, NULL);
}
