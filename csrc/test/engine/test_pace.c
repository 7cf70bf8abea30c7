/* test_pace.c: takers that are slower than the server, and rows that are handed over as they arrive. */
#include <stdio.h>

#include "client.h"

#define STREAM (KEEL_Q_ALONE | KEEL_Q_PACED)
#define MANY "SELECT i, repeat('x', 100) FROM generate_series(1, 100000) i"
/* For how long nothing may come to be taken for a pause. */
#define QUIET_MS 150

static client c;

static void open_pool(uint32_t max, uint32_t depth) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = max;
  options.pipeline_depth = depth;
  client_start(&c);
  client_open(&c, &options);
}

static int begin(void **state) {
  (void)state;
  open_pool(1, 1);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

/* Takes events until the engine has nothing more to give; the request is not over. */
static void take_until_paused(uint64_t tag) {
  while (keel_wait(c.engine, QUIET_MS) == 1) client_take(&c, 0);
  assert_int_equal(client_answer(&c, tag)->finals, 0);
}

static void assert_paused(uint64_t tag) {
  const answer *a = client_answer(&c, tag);
  int64_t deadline = client_now_ms() + 10000;
  while (a->blocks_bytes < KEEL_WINDOW && client_now_ms() < deadline) client_take(&c, 1000);
  take_until_paused(tag);
  assert_in_range(a->blocks_bytes, KEEL_WINDOW, KEEL_WINDOW + 65536);
}

/* Acknowledges each block as it is taken. */
static const answer *take_all(uint64_t tag, uint64_t acknowledged) {
  const answer *a = client_answer(&c, tag);
  int64_t deadline = client_now_ms() + 30000;
  while (a->finals == 0 && client_now_ms() < deadline) {
    keel_ack(c.pool, tag, a->blocks_bytes - acknowledged);
    acknowledged = a->blocks_bytes;
    client_take(&c, 1000);
  }
  assert_int_equal(a->finals, 1);
  return a;
}

static void pauses(uint32_t flags) {
  uint64_t tag = client_send(&c, 0, flags, MANY, 0);
  assert_paused(tag);
  const answer *a = take_all(tag, 0);
  assert_int_equal(a->code, KEEL_OK);
  assert_int_equal(a->rows, 100000);
  assert_int_equal(a->result_sets, 1);
  assert_string_equal(a->tags, "SELECT 100000;");
}

static void a_whole_result_pauses(void **state) {
  (void)state;
  pauses(KEEL_Q_PACED);
  pauses(KEEL_Q_PACED | KEEL_Q_SIMPLE);
}

static void a_stream_pauses(void **state) {
  (void)state;
  pauses(STREAM);
  pauses(STREAM | KEEL_Q_SIMPLE);
}

static void half_of_the_window_is_not_enough(void **state) {
  (void)state;
  uint64_t tag = client_send(&c, 0, STREAM, MANY, 0);
  assert_paused(tag);
  uint64_t taken = client_answer(&c, tag)->blocks_bytes, some = KEEL_WINDOW / 4;
  keel_ack(c.pool, tag, some);
  take_until_paused(tag);
  assert_int_equal(client_answer(&c, tag)->blocks_bytes, taken);
  keel_ack(c.pool, tag, taken - some - KEEL_WINDOW / 2 + 1);
  take_until_paused(tag);
  assert_true(client_answer(&c, tag)->blocks_bytes > taken);
  take_all(tag, taken - KEEL_WINDOW / 2 + 1);
}

/* Whoever does not ask for it is not waited for. */
static void without_the_flag_nothing_pauses(void **state) {
  (void)state;
  const answer *a = client_wait(&c, client_send(&c, 0, 0, MANY, 0));
  assert_true(a->blocks_bytes > (uint64_t)KEEL_WINDOW * 4);
  a = client_wait(&c, client_send(&c, 0, KEEL_Q_ALONE, MANY, 0));
  assert_int_equal(a->rows, 100000);
}

/* While the wire is paused the server stops as well, at a full socket. */
static void the_server_waits(void **state) {
  (void)state;
  const char *waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'";
  client other = {0};
  client_simple(&other, 1);
  uint64_t tag = client_send(&c, 0, STREAM, "SELECT repeat('x', 1000) FROM generate_series(1, 200000)", 0);
  assert_paused(tag);
  int64_t deadline = client_now_ms() + 10000;
  while (strcmp(client_query(&other, waits)->cells, "1\n") != 0) assert_true(client_now_ms() < deadline);
  assert_int_equal(take_all(tag, 0)->rows, 200000);
  client_end(&other);
}

static void is_free_again(const answer *pid) {
  assert_query(&c, "SELECT pg_backend_pid()", pid->cells);
}

static void a_timeout_while_paused(void **state) {
  (void)state;
  static const uint32_t flags[] = {STREAM, KEEL_Q_PACED};
  const answer *pid = client_query(&c, "SELECT pg_backend_pid()");
  for (int i = 0; i < 2; i++) {
    keel_request request = {.kind = KEEL_QUERY, .flags = flags[i], .timeout_ms = 500, .text = MANY};
    request.text_length = strlen(MANY);
    uint64_t tag = client_submit(&c, &request);
    assert_int_equal(client_wait(&c, tag)->code, KEEL_QUERY_TIMEOUT);
    is_free_again(pid);
  }
}

static void an_abort_while_paused(void **state) {
  (void)state;
  const char *text = "SELECT generate_series(1, 100000000), repeat('x', 1000)";
  const answer *pid = client_query(&c, "SELECT pg_backend_pid()");
  uint64_t tag = client_send(&c, 0, STREAM, text, 0);
  assert_paused(tag);
  int64_t started = client_now_ms();
  keel_abort(c.pool, tag);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_ABORTED);
  is_free_again(pid);
  assert_true(client_now_ms() - started < 5000);
  /* Too late: it means nobody. */
  keel_ack(c.pool, tag, 1000);
}

static void a_paused_lease_is_destroyed(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  uint64_t tag = client_send(&c, lease, STREAM, MANY, 0);
  assert_paused(tag);
  keel_release(c.pool, lease, 1);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_CONNECTION_LOST);
  assert_query(&c, "SELECT 1", "1\n");
}

static void what_waits_behind_a_paused_one(void **state) {
  (void)state;
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  uint64_t tag = client_send(&c, lease, STREAM, MANY, 0);
  assert_paused(tag);
  uint64_t behind = client_send(&c, lease, 0, "SELECT 'behind'", 0);
  take_until_paused(behind);
  assert_int_equal(take_all(tag, 0)->rows, 100000);
  assert_string_equal(client_wait(&c, behind)->cells, "behind\n");
  keel_release(c.pool, lease, 0);
}

static void the_pool_closes_while_paused(void **state) {
  (void)state;
  uint64_t tag = client_send(&c, 0, STREAM, MANY, 0);
  assert_paused(tag);
  keel_pool_close(c.pool, 200, 0);
  client_until(&c, &c.pool_closed, 1);
  assert_int_equal(client_answer(&c, tag)->code, KEEL_POOL_CLOSED);
  keel_pool_free(c.pool);
  c.pool = NULL;
}

static void the_engine_stops_while_paused(void **state) {
  (void)state;
  assert_paused(client_send(&c, 0, STREAM, MANY, 0));
  c.pool = NULL;
}

static void the_link_dies_while_paused(void **state) {
  (void)state;
  static const uint32_t flags[] = {STREAM, KEEL_Q_PACED};
  char kill[64];
  client other = {0};
  client_simple(&other, 1);
  for (int i = 0; i < 2; i++) {
    snprintf(kill, sizeof kill, "SELECT pg_terminate_backend(%s)",
             client_cell(client_query(&c, "SELECT pg_backend_pid()")));
    uint64_t tag =
        client_send(&c, 0, flags[i], "SELECT repeat('x', 1000) FROM generate_series(1, 100000)", 0);
    assert_paused(tag);
    assert_query(&other, kill, "t\n");
    const answer *a = take_all(tag, 0);
    /* The whole result was here before the server was killed. */
    assert_int_equal(a->code, flags[i] == STREAM ? KEEL_CONNECTION_LOST : KEEL_OK);
    assert_query(&c, "SELECT 1", "1\n");
  }
  client_end(&other);
}

static void rows_as_they_arrive(void **state) {
  (void)state;
  /* The server has a buffer of its own, of 8 KB. */
  const char *text =
      "SELECT i, repeat('y', 9000), pg_sleep(CASE i WHEN 9 THEN 30 ELSE 0 END)::text"
      " FROM generate_series(1, 9) i";
  uint64_t tag = client_send(&c, 0, STREAM, text, 0);
  const answer *a = client_answer(&c, tag);
  int64_t deadline = client_now_ms() + 10000;
  while (a->rows < 4 && client_now_ms() < deadline) client_take(&c, 1000);
  assert_true(a->rows >= 4);
  assert_int_equal(a->finals, 0);
  keel_abort(c.pool, tag);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_ABORTED);
}

static void same_as_a_whole_result(void **state) {
  (void)state;
  static const char *const texts[] = {
      "SELECT 1",
      "SELECT",
      "SELECT FROM generate_series(1, 100)",
      "SELECT 1 WHERE false",
      "SELECT i, NULL, '', repeat('\xc3\xa9', i) FROM generate_series(1, 300) i",
      "SELECT repeat('z', i * 1000) FROM generate_series(1, 40) i",
      "VALUES (1, 'a'), (2, NULL)",
      "CREATE TEMP TABLE t (a int)",
      "INSERT INTO t SELECT generate_series(1, 200) RETURNING a",
      "UPDATE t SET a = a + 1",
      "DROP TABLE t",
      "",
      "SELECT nonsense",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    for (uint32_t simple = 0; simple <= KEEL_Q_SIMPLE; simple++) {
      if (i >= 7 && i <= 10 && simple != 0) continue;
      const answer *a = client_wait(&c, client_send(&c, 0, STREAM | simple, texts[i], 0));
      /* What changes the table is run once. */
      if (i >= 7 && i <= 10) {
        assert_int_equal(a->code, KEEL_OK);
        if (i == 8) assert_int_equal(a->rows, 200);
        continue;
      }
      const answer *b = client_wait(&c, client_send(&c, 0, simple, texts[i], 0));
      assert_string_equal(a->cells, b->cells);
      assert_string_equal(a->tags, b->tags);
      assert_string_equal(a->sqlstate, b->sqlstate);
      assert_int_equal(a->rows, b->rows);
      assert_int_equal(a->result_sets, b->result_sets);
    }
  }
}

static void several_statements(void **state) {
  (void)state;
  const char *text = "SELECT 1 FROM generate_series(1, 100); SELECT 'b' WHERE false; SELECT 'c'";
  const answer *a = client_wait(&c, client_send(&c, 0, STREAM | KEEL_Q_SIMPLE, text, 0));
  assert_int_equal(a->rows, 101);
  assert_int_equal(a->result_sets, 3);
  assert_string_equal(a->tags, "SELECT 100;SELECT 0;SELECT 1;");
}

static void an_error_in_the_middle(void **state) {
  (void)state;
  static const uint32_t flags[] = {STREAM, STREAM | KEEL_Q_SIMPLE};
  for (int i = 0; i < 2; i++) {
    const answer *a = client_wait(
        &c, client_send(&c, 0, flags[i], "SELECT 1/(x - 5000) FROM generate_series(1, 10000) x", 0));
    assert_string_equal(a->sqlstate, "22012");
    assert_int_equal(a->rows, 4999);
    assert_string_equal(a->tags, "");
    assert_query(&c, "SELECT 1", "1\n");
  }
}

static void all_rows_or_none(void **state) {
  (void)state;
  const char *text = "SELECT 1/(x - 5000) FROM generate_series(1, 10000) x";
  const answer *a = client_wait(&c, client_send(&c, 0, STREAM | KEEL_Q_WHOLE, text, 0));
  assert_string_equal(a->sqlstate, "22012");
  assert_int_equal(a->rows, 0);
  assert_int_equal(a->result_sets, 0);
}

/* An error that an unprepared statement might not have: it is tried again, unless its rows are gone. */
static void no_second_time_for_rows_that_were_taken(void **state) {
  (void)state;
  const char *text = "SELECT (x * $1::int)::smallint FROM generate_series(1, 40000) x";
  for (int i = 0; i < 3; i++) {
    const answer *a = client_wait(&c, client_send(&c, 0, STREAM, text, 1, "1"));
    assert_string_equal(a->sqlstate, "22003");
    assert_int_equal(a->result_sets, 1);
    assert_int_equal(a->rows, 32767);
    assert_int_equal(a->attempts, 1);
  }
}

/* libpq takes each request's row mode when the one before it has ended. */
static void in_a_pipeline(void **state) {
  (void)state;
  uint64_t tags[150];
  char text[80], number[16];
  open_pool(1, 8);
  for (int i = 0; i < 150; i++) {
    uint32_t flags = i % 3 == 0 ? STREAM : i % 3 == 1 ? KEEL_Q_PACED : STREAM | KEEL_Q_PREPARE;
    snprintf(text, sizeof text, "SELECT %d, x / (x - $1::int) FROM generate_series(1, 60) x", i % 20);
    snprintf(number, sizeof number, "%d", i % 5 == 4 ? 50 : 100);
    tags[i] = client_send(&c, 0, flags, text, 1, number);
  }
  for (int i = 0; i < 150; i++) {
    const answer *a = client_wait(&c, tags[i]);
    assert_string_equal(a->sqlstate, i % 5 == 4 ? "22012" : "");
    if (i % 5 != 4) assert_int_equal(a->rows, 60);
    snprintf(number, sizeof number, "%d|0\n", i % 20);
    if (i % 5 != 4) assert_memory_equal(a->cells, number, strlen(number));
  }
  client_end(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_whole_result_pauses),
      TEST(a_stream_pauses),
      TEST(half_of_the_window_is_not_enough),
      TEST(without_the_flag_nothing_pauses),
      TEST(the_server_waits),
      TEST(a_timeout_while_paused),
      TEST(an_abort_while_paused),
      TEST(a_paused_lease_is_destroyed),
      TEST(what_waits_behind_a_paused_one),
      TEST(the_pool_closes_while_paused),
      TEST(the_engine_stops_while_paused),
      TEST(the_link_dies_while_paused),
      TEST(rows_as_they_arrive),
      TEST(same_as_a_whole_result),
      TEST(several_statements),
      TEST(an_error_in_the_middle),
      TEST(all_rows_or_none),
      TEST(no_second_time_for_rows_that_were_taken),
      cmocka_unit_test(in_a_pipeline),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
