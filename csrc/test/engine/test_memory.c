/* test_memory.c: each allocation of the library fails in turn. Whatever was accepted still ends exactly once. */
#include <stdatomic.h>
#include <stdio.h>

#include "client.h"
#include "core/alloc.h"

static atomic_long left;     /* allocations until one fails; negative: none does */
static atomic_long failures; /* how many have failed */
static atomic_int in_a_row;  /* how many fail, once it begins */

static bool fails(void) {
  long before = atomic_fetch_sub(&left, 1);
  if (before > 0 || before <= -atomic_load(&in_a_row)) return false;
  atomic_fetch_add(&failures, 1);
  return true;
}

static void *zeroed(size_t size) {
  return fails() ? NULL : calloc(1, size);
}
static void *resize(void *memory, size_t size) {
  return fails() ? NULL : realloc(memory, size);
}

static const keel__allocator FAILING = {zeroed, resize, free};

static int begin(void **state) {
  (void)state;
  atomic_store(&left, -1000000);
  keel__alloc_use(&FAILING);
  return 0;
}

static int end(void **state) {
  (void)state;
  keel__alloc_use(NULL);
  return 0;
}

/* One life of an engine: open, query in every way, lend, close. Gives up where it is told to. */
static void live(void) {
  static const char *const texts[] = {"SELECT i, 'text' FROM generate_series(1, 100) i", "SELECT 1/0",
                                      "COPY"};
  uint64_t tags[9];
  int submitted = 0;
  client c;
  keel_pool_options options;
  memset(&c, 0, sizeof c);
  keel_pool_options_init(&options);
  options.conninfo = client_url("");
  options.max = 2;
  options.pipeline_depth = 2;
  options.prepare = KEEL_PREPARE_ALWAYS;
  if (keel_engine_start(NULL, &c.engine) != KEEL_OK) return;
  if (keel_pool_open(c.engine, &options, &c.pool, NULL) != KEEL_OK) {
    client_end(&c);
    return;
  }
  for (uint64_t i = 0; i < 9; i++) {
    keel_request request = {.tag = i + 1, .kind = i == 4 ? KEEL_ACQUIRE : KEEL_QUERY, .timeout_ms = 20000};
    request.text = texts[i % 3];
    request.text_length = strlen(request.text);
    request.flags = i == 5 ? KEEL_Q_SIMPLE : 0;
    keel_code code = keel_submit(c.pool, &request, 1);
    if (code == KEEL_OK) tags[submitted++] = request.tag;
  }
  for (int i = 0; i < submitted; i++) {
    const answer *a = client_wait(&c, tags[i]);
    if (a->lease != 0) keel_release(c.pool, a->lease, 0);
    if (a->code == KEEL_OK && a->kind == KEEL_EV_DONE) assert_int_equal(a->rows, 100);
  }
  client_end(&c);
}

static void fail_in_turn(int row) {
  atomic_store(&in_a_row, row);
  for (long n = 0;; n++) {
    atomic_store(&failures, 0);
    atomic_store(&left, n);
    live();
    if (atomic_load(&failures) == 0) {
      assert_true(n > 100);
      return;
    }
  }
}

static void one_at_a_time(void **state) {
  (void)state;
  fail_in_turn(1);
}

static void ten_in_a_row(void **state) {
  (void)state;
  fail_in_turn(10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(one_at_a_time, begin, end),
      cmocka_unit_test_setup_teardown(ten_in_a_row, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
