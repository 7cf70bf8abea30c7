/* test_host.c: an engine whose host takes turns, and a host who does not come when he is needed. */
#include <poll.h>

#include "client.h"

#define ROUNDS 200
#define SMALL "SELECT 1"

static client c;

static int begin(void **state) {
  (void)state;
  setenv("KEEL_TEST_HOSTED", "1", 1);
  client_simple(&c, 1);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

/* Until it is known how much the text answers, and everything that a first use brings has been done. */
static void get_known(const char *text) {
  for (int i = 0; i < 3; i++) assert_int_equal(client_query(&c, text)->code, KEEL_OK);
}

/* Asks, and has the turn that sends it. True: the host is to watch. */
static bool asks(const char *text, uint64_t *tag) {
  *tag = client_send(&c, 0, 0, text, 0);
  return c.watches;
}

/* The host watches the sockets alone, for as long as he is told to. True: he was until there were events, by his own turn. */
static bool host_reads_to_the_end(uint64_t tag) {
  int64_t give_up = client_now_ms() + 10000;
  while (c.watches && client_now_ms() < give_up) {
    struct pollfd sockets = {.fd = keel_engine_fd(c.engine), .events = POLLIN};
    if (poll(&sockets, 1, 100) > 0 && client_turn(&c, true) & KEEL_TURN_EVENTS) break;
  }
  bool watches = c.watches;
  client_until_ended(&c, tag);
  return watches;
}

static bool is_answered_by_host(const char *text) {
  uint64_t tag = 0;
  bool to_the_end = asks(text, &tag) && host_reads_to_the_end(tag);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_OK);
  return to_the_end;
}

static void small_answers_come_by_the_host(void **state) {
  (void)state;
  get_known(SMALL);
  int by_host = 0;
  for (int i = 0; i < ROUNDS; i++) by_host += is_answered_by_host(SMALL);
  /* Now and then the thread has a look, or the host is not given a processor for a millisecond. */
  assert_in_range(by_host, ROUNDS / 4, ROUNDS);
}

static void what_is_not_known_or_large_is_the_threads(void **state) {
  (void)state;
  uint64_t tag = 0;
  const char *large = "SELECT repeat('x', 100) FROM generate_series(1, 1000)";
  get_known(SMALL);
  for (int i = 0; i < 3; i++) {
    assert_false(asks(large, &tag));
    assert_int_equal(client_wait(&c, tag)->rows, 1000);
  }
}

/* Known to be small, and this time it is not: the host reads its beginning, and no more. */
static void what_grows_is_the_threads(void **state) {
  (void)state;
  const char *text = "SELECT repeat('x', 100) FROM generate_series(1, $1::int)";
  for (int i = 0; i < 10; i++) {
    for (int j = 0; j < 2; j++)
      assert_int_equal(client_wait(&c, client_send(&c, 0, 0, text, 1, "1"))->rows, 1);
    uint64_t tag = client_send(&c, 0, 0, text, 1, "100000");
    assert_true(!c.watches || !host_reads_to_the_end(tag));
    assert_int_equal(client_wait(&c, tag)->rows, 100000);
  }
}

static void many_at_once_are_the_threads(void **state) {
  (void)state;
  keel_request requests[64];
  get_known(SMALL);
  memset(requests, 0, sizeof requests);
  for (int i = 0; i < 64; i++) {
    requests[i] =
        (keel_request){.kind = KEEL_QUERY, .timeout_ms = -1, .text = SMALL, .text_length = strlen(SMALL)};
    requests[i].tag = ++c.last_tag;
    (void)client_answer(&c, requests[i].tag);
  }
  assert_int_equal(keel_submit(c.pool, requests, 64), KEEL_OK);
  assert_int_equal(client_turn(&c, false), 0);
  for (int i = 0; i < 64; i++) assert_string_equal(client_wait(&c, requests[i].tag)->cells, "1\n");
}

/* Takes no turn: as one whose own work keeps him from it. */
static const answer *without_host(uint64_t tag) {
  int64_t give_up = client_now_ms() + 10000;
  c.hosted = false;
  while (client_answer(&c, tag)->finals == 0 && client_now_ms() < give_up) client_take(&c, 100);
  c.hosted = true;
  assert_int_equal(client_answer(&c, tag)->finals, 1);
  return client_answer(&c, tag);
}

static void the_thread_steps_in_for_a_host_who_does_not_come(void **state) {
  (void)state;
  uint64_t tag = 0;
  get_known(SMALL);
  for (int i = 0; i < 20; i++) {
    (void)asks(SMALL, &tag);
    assert_string_equal(without_host(tag)->cells, "1\n");
  }
}

static void deadlines_and_cancels_need_no_host(void **state) {
  (void)state;
  const char *text = "SELECT pg_sleep($1::float8)";
  for (int i = 0; i < 3; i++) {
    uint64_t quick = client_send(&c, 0, 0, text, 1, "0");
    assert_int_equal(client_wait(&c, quick)->code, KEEL_OK);
  }
  keel_request request = {.kind = KEEL_QUERY, .timeout_ms = 100, .text = text, .text_length = strlen(text)};
  request.param_count = 1;
  request.params = (const char *[]){"600"};
  request.param_lengths = (int32_t[]){3};
  uint64_t tag = client_submit(&c, &request);
  int64_t asked = client_now_ms();
  assert_int_equal(without_host(tag)->code, KEEL_QUERY_TIMEOUT);
  assert_in_range(client_now_ms() - asked, 50, 5000);
  /* The only connection is free again: the cancel was sent. */
  uint64_t next = client_send(&c, 0, 0, SMALL, 0);
  assert_string_equal(without_host(next)->cells, "1\n");
}

/* The host is in keel_engine_stop() and takes no turn any more. */
static void an_engine_that_is_attended_can_be_stopped(void **state) {
  (void)state;
  client other;
  client_start(&other);
  keel_pool_options options;
  keel_pool_options_init(&options);
  client_open(&other, &options);
  for (int i = 0; i < 3; i++) assert_int_equal(client_query(&other, SMALL)->code, KEEL_OK);
  client_send(&other, 0, 0, SMALL, 0);
  int64_t start = client_now_ms();
  other.pool = NULL;
  client_end(&other);
  assert_in_range(client_now_ms() - start, 0, 1000);
}

static void without_a_host_there_is_nothing_to_take(void **state) {
  (void)state;
  keel_engine *engine = NULL;
  assert_int_equal(keel_engine_start(NULL, &engine), KEEL_OK);
  assert_int_equal(keel_engine_turn(engine, 0), 0);
  assert_int_equal(keel_engine_turn(engine, KEEL_HOST_READABLE), 0);
  keel_engine_stop(engine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(small_answers_come_by_the_host, begin, end),
      cmocka_unit_test_setup_teardown(what_is_not_known_or_large_is_the_threads, begin, end),
      cmocka_unit_test_setup_teardown(what_grows_is_the_threads, begin, end),
      cmocka_unit_test_setup_teardown(many_at_once_are_the_threads, begin, end),
      cmocka_unit_test_setup_teardown(the_thread_steps_in_for_a_host_who_does_not_come, begin, end),
      cmocka_unit_test_setup_teardown(deadlines_and_cancels_need_no_host, begin, end),
      cmocka_unit_test_setup_teardown(an_engine_that_is_attended_can_be_stopped, begin, end),
      cmocka_unit_test(without_a_host_there_is_nothing_to_take),
  };
  return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
