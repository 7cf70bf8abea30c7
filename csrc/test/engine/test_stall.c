/* test_stall.c: name servers and networks that keep silent, and links that are cut. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "proxy.h"

#define STALLED_NAME "stalled.invalid"
#define STALL_SECONDS 4

static client c;
static proxy p;

/* Stands before the C library's for everybody in this process: a name server that takes its time. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *req, struct addrinfo **pai) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  void *found = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &found, sizeof real);
  if (name == NULL || strcmp(name, STALLED_NAME) != 0) return real(name, service, req, pai);
  sleep(STALL_SECONDS);
  return EAI_AGAIN;
}

static int begin(void **state) {
  (void)state;
  proxy_start(&p);
  client_start(&c);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  proxy_stop(&p);
  return 0;
}

static void open_proxied(uint32_t max, int64_t cancel_timeout_ms) {
  char url[256];
  keel_pool_options options;
  keel_pool_options_init(&options);
  snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", p.port);
  options.conninfo = url;
  options.max = max;
  options.cancel_timeout_ms = cancel_timeout_ms;
  client_open(&c, &options);
}

static uint64_t timed(const char *text, int64_t timeout_ms) {
  keel_request request = {
      .kind = KEEL_QUERY, .timeout_ms = timeout_ms, .text = text, .text_length = strlen(text)};
  return client_submit(&c, &request);
}

static void open_stalled(int64_t connect_timeout_ms) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = "host=" STALLED_NAME " user=postgres";
  options.connect_timeout_ms = connect_timeout_ms;
  client_open(&c, &options);
}

static void a_stalled_name_server_and_a_timeout(void **state) {
  (void)state;
  open_stalled(200);
  int64_t started = client_now_ms();
  assert_int_equal(client_query(&c, "SELECT 1")->code, KEEL_CONNECT_TIMEOUT);
  assert_true(client_now_ms() - started < 2000);
}

static void a_stalled_name_server_and_close(void **state) {
  (void)state;
  open_stalled(0);
  uint64_t tag = timed("SELECT 1", 0);
  int64_t started = client_now_ms();
  keel_pool_close(c.pool, 100, 0);
  client_until(&c, &c.pool_closed, 1);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_POOL_CLOSED);
  assert_true(client_now_ms() - started < 2000);
  keel_pool_free(c.pool);
  c.pool = NULL;
}

static void a_stalled_name_server_and_stop(void **state) {
  (void)state;
  open_stalled(0);
  timed("SELECT 1", 0);
  keel_pool_stats stats = {.size = sizeof stats};
  keel_pool_stats_read(c.pool, &stats);
  int64_t started = client_now_ms();
  c.pool = NULL;
  client_end(&c);
  assert_true(client_now_ms() - started < 1000);
  client_start(&c);
}

/* The statement is settled in time although the cancel gets no answer; the connection is not used again. */
static void a_stalled_cancel(void **state) {
  (void)state;
  open_proxied(1, 500);
  client_query(&c, "SELECT 1");
  atomic_store(&p.mute_to, 2);
  atomic_store(&p.mute_from, 2);
  int64_t started = client_now_ms();
  assert_int_equal(client_wait(&c, timed("SELECT pg_sleep(30)", 200))->code, KEEL_QUERY_TIMEOUT);
  assert_true(client_now_ms() - started < 2000);
  assert_int_equal(c.closed, 0);
  assert_query(&c, "SELECT 2", "2\n");
  assert_int_equal(c.closed, 1);
  assert_int_equal(atomic_load(&p.accepted), 3);
}

static void a_stalled_cancel_and_stop(void **state) {
  (void)state;
  open_proxied(1, 60000);
  client_query(&c, "SELECT 1");
  atomic_store(&p.mute_to, 2);
  atomic_store(&p.mute_from, 2);
  assert_int_equal(client_wait(&c, timed("SELECT pg_sleep(30)", 200))->code, KEEL_QUERY_TIMEOUT);
  int64_t started = client_now_ms();
  c.pool = NULL;
  client_end(&c);
  assert_true(client_now_ms() - started < 1000);
  client_start(&c);
}

/* Nothing can be delivered, and it is not waited for. */
static void a_stalled_cancel_and_close(void **state) {
  (void)state;
  open_proxied(1, 60000);
  client_query(&c, "SELECT 1");
  atomic_store(&p.mute_to, 2);
  atomic_store(&p.mute_from, 2);
  uint64_t tag = timed("SELECT pg_sleep(30)", 0);
  int64_t started = client_now_ms();
  keel_pool_close(c.pool, 100, 0);
  client_until(&c, &c.pool_closed, 1);
  assert_true(client_now_ms() - started < 3000);
  assert_int_equal(client_wait(&c, tag)->code, KEEL_POOL_CLOSED);
  keel_pool_free(c.pool);
  c.pool = NULL;
}

#define MANY 17 /* one more than there are threads for */

static void cancel_many_in_vain(void) {
  uint64_t tags[MANY];
  for (int i = 0; i < MANY; i++) tags[i] = timed("SELECT pg_sleep(30)", 0);
  client_until(&c, &c.opened, MANY);
  atomic_store(&p.mute_to, 1000);
  atomic_store(&p.mute_from, MANY + 1);
  for (int i = 0; i < MANY; i++) keel_abort(c.pool, tags[i]);
  for (int i = 0; i < MANY; i++) assert_int_equal(client_wait(&c, tags[i])->code, KEEL_ABORTED);
}

static void a_mute_server_holds_up_no_cancel_to_another(void **state) {
  (void)state;
  open_proxied(MANY, 60000);
  cancel_many_in_vain();
  /* Freed with the engine. */
  c.pool = NULL;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = 1;
  client_open(&c, &options);
  assert_int_equal(client_wait(&c, timed("SELECT pg_sleep(30)", 200))->code, KEEL_QUERY_TIMEOUT);
  int64_t started = client_now_ms();
  assert_query(&c, "SELECT 1", "1\n");
  assert_true(client_now_ms() - started < 5000);
  assert_int_equal(c.closed, 0);
}

/* Cut at every stage: while connecting, before the first byte of the answer, within it. */
static void cut_anywhere(void **state) {
  (void)state;
  open_proxied(1, 1000);
  int fine = 0;
  for (long bytes = 1; bytes < 3000; bytes += 37) {
    atomic_store(&p.cut_after, bytes);
    const answer *a = client_query(&c, "SELECT i, repeat('x', 20) FROM generate_series(1, 40) i");
    if (a->code == KEEL_OK) {
      fine++;
      assert_int_equal(a->rows, 40);
    } else if (a->code == KEEL_CONNECTION_LOST) {
      assert_int_equal(a->outcome, KEEL_OUTCOME_UNKNOWN);
    } else {
      assert_int_equal(a->code, KEEL_CONNECT_FAILED);
      assert_int_equal(a->outcome, KEEL_NOT_SENT);
    }
  }
  atomic_store(&p.cut_after, 0);
  assert_true(fine > 0);
  assert_query(&c, "SELECT 3", "3\n");
}

#define with_proxy(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_proxy(a_stalled_name_server_and_a_timeout),
      with_proxy(a_stalled_name_server_and_close),
      with_proxy(a_stalled_name_server_and_stop),
      with_proxy(a_stalled_cancel),
      with_proxy(a_stalled_cancel_and_stop),
      with_proxy(a_stalled_cancel_and_close),
      with_proxy(a_mute_server_holds_up_no_cancel_to_another),
      with_proxy(cut_anywhere),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  /* What the stopped engines left running must end well too. */
  sleep(STALL_SECONDS + 1);
  return failed;
}
