/* Connections lent to one holder. */
#include <string.h>

#include "../../core/alloc.h"
#include "../../core/internal.h"
#include "fake.h"

static void release(fake *fake, uint64_t lease, bool destroy) {
  keel__pool_release(&fake->pool, lease, destroy, fake->now);
}

static void statements_go_one_after_the_other(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.pipeline_depth = 8;
  fake *fake = fake_warm(config, 1);
  uint64_t lease = fake_lease(fake);
  for (int i = 0; i < 3; i++) fake_query_on(fake, lease, 0);
  expect(fake, "send c1 r2");
  fake_answer(fake, 1, 'T');
  expect(fake, "ok r2, send c1 r3");
  fake_error(fake, 1, "23505", 'E');
  expect(fake, "SERVER r3 rolled-back, send c1 r4");
  fake_free(fake);
}

static void a_release_waits_for_what_was_submitted(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  fake_query_on(fake, lease, 0);
  release(fake, lease, false);
  expect(fake, "send c1 r2");
  fake_query_on(fake, lease, 0);
  expect(fake, "MISUSE r4 not-sent");
  fake_answer(fake, 1, 'I');
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r3, ok r3");
  assert_int_equal(keel__pool_count(&fake->pool, KEEL__CONN_IDLE), 1);
  fake_free(fake);
}

static void a_transaction_left_open_is_rolled_back(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  fake_answer(fake, 1, 'T');
  fake_query(fake);
  fake_ignore(fake);
  release(fake, lease, false);
  expect(fake, "reset c1");
  keel__conn_reset(fake->conns[1], true, fake->now);
  expect(fake, "send c1 r3");
  fake_free(fake);
}

static void destroy_closes(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  release(fake, lease, true);
  expect(fake, "send c1 r2, CONNECTION_LOST r2 unknown, gone c1 DESTROYED, cancel c1, close c1 DESTROYED");
  fake_free(fake);
}

static void a_second_release_does_nothing(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 1;
  fake *fake = fake_warm(config, 1);
  uint64_t lease = fake_lease(fake);
  release(fake, lease, false);
  uint64_t next = fake_lease(fake);
  assert_int_not_equal(lease, next);
  release(fake, lease, true);
  release(fake, 0, true);
  release(fake, 12345, true);
  fake_query_on(fake, next, 0);
  expect(fake, "send c1 r3");
  fake_free(fake);
}

static void a_dead_lease_says_so(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  fake_query_on(fake, lease, 0);
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 unknown, CONNECTION_LOST r3 not-sent, gone c1 LOST, close c1 LOST");
  fake_closed(fake, 1);
  fake_query_on(fake, lease, 0);
  expect(fake, "CONNECTION_LOST r4 not-sent");
  release(fake, lease, false);
  fake_query_on(fake, lease, 0);
  expect(fake, "MISUSE r5 not-sent");
  fake_free(fake);
}

static void misuse_is_told(void **state) {
  (void)state;
  fake *fake = fake_new(fake_config());
  fake_query_on(fake, 77, 0);
  expect(fake, "MISUSE r1 not-sent");
  keel__pool_close(&fake->pool, 0, false, fake->now);
  expect(fake, "pool closed");
  fake_query_on(fake, 77, 0);
  expect(fake, "POOL_CLOSED r2 not-sent");
  fake_free(fake);
}

static void one_that_waits_behind_its_like_can_be_aborted(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  fake_query_on(fake, lease, 0);
  keel__request *second = fake_query_on(fake, lease, 0);
  fake_query_on(fake, lease, 0);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, second, fake->now);
  expect(fake, "ABORTED r3 not-sent");
  fake_answer(fake, 1, 'I');
  expect(fake, "ok r2, send c1 r4");
  fake_free(fake);
}

static void the_next_waits_for_a_cancel(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  keel__request *first = fake_query_on(fake, lease, 0);
  fake_query_on(fake, lease, 0);
  fake_ignore(fake);
  keel__pool_abort(&fake->pool, first, fake->now);
  expect(fake, "ABORTED r2 unknown, cancel c1");
  fake_error(fake, 1, "57014", 'I');
  expect(fake, "");
  keel__conn_cancel_delivered(fake->conns[1], fake->now);
  expect(fake, "send c1 r3");
  fake_free(fake);
}

/* More leases at once than the table began with, ended in another order than begun. */
/* Who destroys a connection whose server is silent gets its place back now, not when the cancel has been given up. */
static void what_was_given_up_does_not_hold_up_a_destroy(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  keel__request *request = fake_query_on(fake, lease, 0);
  keel__pool_abort(&fake->pool, request, fake->now);
  fake_ignore(fake);
  release(fake, lease, true);
  expect(fake, "gone c1 DESTROYED, close c1 DESTROYED");
  fake_free(fake);
}

/* It went out with the BEGIN of a transaction that it cannot have committed. */
static void what_began_a_transaction_and_was_lost_left_no_trace(void **state) {
  (void)state;
  fake *fake = fake_warm(fake_config(), 1);
  uint64_t lease = fake_lease(fake);
  keel__request *request = fake_query_on(fake, lease, 0);
  request->begins = request->cannot_commit = true;
  fake_ignore(fake);
  fake_lost(fake, 1);
  expect(fake, "CONNECTION_LOST r2 rolled-back, gone c1 LOST, close c1 LOST");
  fake_free(fake);
}

static void many_leases(void **state) {
  (void)state;
  keel__pool_config config = fake_config();
  config.max = 40;
  fake *fake = fake_new(config);
  for (int i = 0; i < 40; i++) fake_acquire(fake, KEEL__NEVER);
  for (uint32_t conn = 1; conn <= 40; conn++) fake_opened(fake, conn);
  fake_ignore(fake);
  for (uint32_t tag = 1; tag <= 40; tag += 3) release(fake, fake->leases[tag], false);
  for (uint32_t tag = 2; tag <= 40; tag += 3) release(fake, fake->leases[tag], false);
  for (uint32_t tag = 3; tag <= 40; tag += 3) {
    fake_query_on(fake, fake->leases[tag], 0);
    assert_int_equal(fake->conns[tag]->in_flight.count, 1);
  }
  for (uint32_t tag = 1; tag <= 40; tag += 3) {
    fake_ignore(fake);
    fake_query_on(fake, fake->leases[tag], 0);
    assert_non_null(strstr(fake->log, "MISUSE"));
    if (fake->tags > MOST - 3) break;
  }
  fake_free(fake);
}

/* Ids far apart share a place: whoever ends, the others must still be found. */
static void the_table_survives_old_leases(void **state) {
  (void)state;
  keel__leases leases = {0};
  uint64_t held[7] = {0};
  assert_null(keel__lease_find(&leases, 1));
  for (uint64_t round = 0; round < 500; round++) {
    uint64_t *turn = &held[(round * round + round / 3) % 7];
    assert_int_equal(keel__leases_reserve(&leases, 1), KEEL_OK);
    if (*turn) keel__lease_end(&leases, keel__lease_find(&leases, *turn));
    for (unsigned i = 0; i < 7; i++)
      if (held[i] && &held[i] != turn) assert_non_null(keel__lease_find(&leases, held[i]));
    if (*turn) assert_null(keel__lease_find(&leases, *turn));
    *turn = keel__lease_begin(&leases, NULL);
    assert_int_equal(*turn, round + 1);
  }
  assert_int_equal(leases.capacity, 16);
  keel__free(leases.places);
}

/* 17 would be at home where 1 is and stands behind 2, which is at home: the gap that 1 leaves is 17's. */
static void a_gap_is_closed_past_one_at_home(void **state) {
  (void)state;
  keel__leases leases = {0};
  assert_int_equal(keel__leases_reserve(&leases, 3), KEEL_OK);
  keel__lease_begin(&leases, NULL);
  keel__lease_begin(&leases, NULL);
  for (uint64_t id = 3; id < 17; id++) {
    assert_int_equal(keel__lease_begin(&leases, NULL), id);
    keel__lease_end(&leases, keel__lease_find(&leases, id));
  }
  assert_int_equal(keel__lease_begin(&leases, NULL), 17);
  keel__lease_end(&leases, keel__lease_find(&leases, 1));
  assert_non_null(keel__lease_find(&leases, 17));
  assert_non_null(keel__lease_find(&leases, 2));
  assert_int_equal(leases.count, 2);
  keel__free(leases.places);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statements_go_one_after_the_other),
      cmocka_unit_test(a_release_waits_for_what_was_submitted),
      cmocka_unit_test(a_transaction_left_open_is_rolled_back),
      cmocka_unit_test(destroy_closes),
      cmocka_unit_test(a_second_release_does_nothing),
      cmocka_unit_test(a_dead_lease_says_so),
      cmocka_unit_test(misuse_is_told),
      cmocka_unit_test(one_that_waits_behind_its_like_can_be_aborted),
      cmocka_unit_test(the_next_waits_for_a_cancel),
      cmocka_unit_test(what_was_given_up_does_not_hold_up_a_destroy),
      cmocka_unit_test(what_began_a_transaction_and_was_lost_left_no_trace),
      cmocka_unit_test(many_leases),
      cmocka_unit_test(the_table_survives_old_leases),
      cmocka_unit_test(a_gap_is_closed_past_one_at_home),
  };
  return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
