/* Each allocation is made to fail in turn: nothing is lost, nothing is left, and what can go on goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "../../core/alloc.h"
#include "../../core/statements.h"
#include "fake.h"

static unsigned until_failure, failures;
static long alive;

static bool fails(void) {
  if (until_failure == 0 || --until_failure > 0) return false;
  failures++;
  return true;
}

static void *zeroed(size_t size) {
  void *block = fails() ? NULL : calloc(1, size);
  alive += block != NULL;
  return block;
}

static void *resize(void *old, size_t size) {
  void *block = fails() ? NULL : realloc(old, size);
  alive += block && !old;
  return block;
}

static void release(void *block) {
  alive -= block != NULL;
  free(block);
}

static const keel__allocator failing = {zeroed, resize, release};

/* A pool's whole life, with more of everything than fits into the first allocation. Returns whether it could begin. */
static bool live(void) {
  static const keel__ops none;
  keel__pool_config config = fake_config();
  keel__pool pool;
  config.max = 20;
  if (keel__pool_init(&pool, &config, &none, NULL, 1) != KEEL_OK) return false;
  keel__pool_destroy(&pool);
  fake *fake = fake_warm(config, 0);
  for (uint32_t i = 1; i <= 20; i++) fake_acquire(fake, 1000 * MS);
  for (uint32_t id = 1; id <= 20; id++)
    if (fake->conns[id]) fake_opened(fake, id);
  for (uint32_t i = 1; i <= 20; i++)
    if (fake->leases[i]) fake_query_on(fake, fake->leases[i], i);
  for (uint32_t id = 1; id <= 20; id++)
    if (fake->conns[id] && fake->conns[id]->in_flight.count > 0) fake_answer(fake, id, 'I');
  fake_free(fake);
  return true;
}

static void a_pool_survives(void **state) {
  (void)state;
  keel__alloc_use(&failing);
  unsigned tried = 0;
  do {
    until_failure = ++tried;
    /* The second pool of live() is to begin, so the failure must not come in its first allocation. */
    if (tried == 2) continue;
    failures = 0;
    live();
    assert_int_equal(alive, 0);
  } while (failures > 0 || tried == 2);
  until_failure = 0;
  keel__alloc_use(NULL);
  assert_true(tried > 60);
}

static void statements_survive(void **state) {
  (void)state;
  keel__alloc_use(&failing);
  unsigned tried = 0;
  do {
    keel__statements statements;
    until_failure = ++tried;
    failures = 0;
    keel__statements_init(&statements, 100, 1);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < 80; i++)
      missing += keel__statements_intern(&statements, (char *)&i, sizeof i, false).number == 0;
    assert_int_equal(missing, failures);
    keel__statements_free(&statements);
    assert_int_equal(alive, 0);
  } while (failures > 0);
  until_failure = 0;
  keel__alloc_use(NULL);
  assert_true(tried > 80);
}

static void a_refused_request_is_told(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  keel__alloc_use(&failing);
  fake_query(fake);
  /* Timers for so many requests at once have to be made room for, sooner or later. */
  do {
    fake_ignore(fake);
    until_failure = 1;
    fake_query(fake);
  } while (until_failure > 0);
  char told[64];
  snprintf(told, sizeof told, "NO_MEMORY r%u not-sent", (unsigned)fake->tags);
  expect(fake, told);
  fake_free(fake);
  keel__alloc_use(NULL);
}

static void a_connection_that_finds_no_memory_is_a_failed_one(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  keel__alloc_use(&failing);
  until_failure = 1;
  fake_query(fake);
  until_failure = 0;
  expect(fake, "NO_MEMORY r1 not-sent");
  assert_int_equal(fake->pool.counters.connect_failed, 1);
  fake_query(fake);
  expect(fake, "open c1");
  fake_free(fake);
  keel__alloc_use(NULL);
}

/* The engine stops: what is left is forgotten and freed. */
static void a_pool_can_be_dropped(void **state) {
  (void)state;
  alive = 0;
  keel__alloc_use(&failing);
  fake *fake = fake_warm(fake_config(), 2);
  uint64_t lease = fake_lease(fake);
  for (uint32_t i = 1; i < 9; i++) fake_query_on(fake, i % 2 ? lease : 0, i);
  fake_ignore(fake);
  keel__pool_destroy(&fake->pool);
  expect(fake, "");
  assert_int_equal(fake->forgotten, fake->tags);
  assert_int_equal(alive, 0);
  keel__alloc_use(NULL);
  free(fake);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pool_survives),
      cmocka_unit_test(statements_survive),
      cmocka_unit_test(a_refused_request_is_told),
      cmocka_unit_test(a_connection_that_finds_no_memory_is_a_failed_one),
      cmocka_unit_test(a_pool_can_be_dropped),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
