#include "../../core/statements.h"

#include <stdio.h>
#include <string.h>

#include "fake.h"

static keel__interned intern(keel__statements *statements, const char *text) {
  return keel__statements_intern(statements, text, strlen(text), false);
}

static void counts_uses(void **state) {
  (void)state;
  keel__statements statements;
  keel__statements_init(&statements, 10, 1);
  keel__interned first = intern(&statements, "SELECT 1");
  keel__interned other = intern(&statements, "SELECT 2");
  keel__interned again = intern(&statements, "SELECT 1");
  assert_int_equal(first.uses, 1);
  assert_int_equal(again.uses, 2);
  assert_int_equal(again.number, first.number);
  assert_int_not_equal(other.number, first.number);
  assert_int_not_equal(first.number, 0);
  keel__statements_free(&statements);
}

static void tells_like_texts_apart(void **state) {
  (void)state;
  keel__statements statements;
  keel__statements_init(&statements, 10, 1);
  uint32_t a = keel__statements_intern(&statements, "a\0b", 3, false).number;
  uint32_t b = keel__statements_intern(&statements, "a\0c", 3, false).number;
  uint32_t c = keel__statements_intern(&statements, "a", 1, false).number;
  uint32_t d = keel__statements_intern(&statements, "", 0, false).number;
  assert_true(a != b && a != c && b != c && d != c);
  keel__statements_free(&statements);
}

static void named_are_a_world_of_their_own(void **state) {
  (void)state;
  keel__statements statements;
  char text[32];
  keel__statements_init(&statements, 4, 1);
  uint32_t plain = intern(&statements, "SELECT 1").number;
  uint32_t named = keel__statements_intern(&statements, "SELECT 1", 8, true).number;
  assert_int_not_equal(plain, named);
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "SELECT %d", 100 + i);
    intern(&statements, text);
    keel__statements_intern(&statements, text, strlen(text), true);
  }
  assert_int_equal(statements.entries.count, 4);
  keel__interned again = keel__statements_intern(&statements, "SELECT 1", 8, true);
  assert_int_equal(again.number, named);
  assert_int_equal(again.uses, 2);
  keel__statements_free(&statements);
}

static void forgets_what_was_used_longest_ago(void **state) {
  (void)state;
  keel__statements statements;
  keel__statements_init(&statements, 2, 1);
  uint32_t a = intern(&statements, "a").number;
  uint32_t b = intern(&statements, "b").number;
  intern(&statements, "a");
  uint32_t c = intern(&statements, "c").number;
  assert_int_equal(intern(&statements, "a").number, a);
  keel__interned back = intern(&statements, "b");
  assert_true(back.number > c && back.number != b);
  assert_int_equal(back.uses, 1);
  keel__statements_free(&statements);
}

static void holds_many(void **state) {
  (void)state;
  keel__statements statements;
  uint32_t numbers[1000];
  char text[64];
  keel__statements_init(&statements, KEEL__STATEMENTS_CAPACITY, 3);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 1000; i++) {
      snprintf(text, sizeof text, "SELECT * FROM somewhere WHERE id = %d", i);
      uint32_t number = intern(&statements, text).number;
      if (round == 0) numbers[i] = number;
      assert_int_equal(number, numbers[i]);
    }
  }
  keel__statements_free(&statements);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_uses),
      cmocka_unit_test(tells_like_texts_apart),
      cmocka_unit_test(named_are_a_world_of_their_own),
      cmocka_unit_test(forgets_what_was_used_longest_ago),
      cmocka_unit_test(holds_many),
  };
  return cmocka_run_group_tests_name("statements", tests, NULL, NULL);
}
