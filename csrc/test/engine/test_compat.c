/* test_compat.c: what newer versions of libpq bring, with whichever this is. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

#include "client.h"
#include "pg/compat.h"
#include "proxy.h"

static proxy p;

static int begin(void **state) {
  (void)state;
  proxy_start(&p);
  return 0;
}

static int end(void **state) {
  (void)state;
  proxy_stop(&p);
  return 0;
}

static bool is_newer(void) {
  return PQlibVersion() >= 170000;
}

static PGconn *connected(void) {
  char url[256];
  snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", p.port);
  PGconn *pg = PQconnectdb(url);
  assert_int_equal(PQstatus(pg), CONNECTION_OK);
  return pg;
}

static void a_version_has_what_it_should(void **state) {
  (void)state;
  assert_int_equal(keel__pq_can_close(), is_newer());
  assert_int_equal(keel__pq_can_chunk(), is_newer());
}

static void rows_come_in_chunks(void **state) {
  (void)state;
  PGconn *pg = connected();
  int rows = 0, chunks = 0;
  assert_int_equal(PQsendQuery(pg, "SELECT generate_series(1, 10)"), 1);
  if (keel__pq_can_chunk()) assert_int_equal(keel__pq_chunked(pg, 4), 1);
  for (PGresult *result; (result = PQgetResult(pg)) != NULL; PQclear(result)) {
    rows += PQntuples(result);
    chunks += keel__pq_is_chunk(PQresultStatus(result));
  }
  assert_int_equal(rows, 10);
  assert_int_equal(chunks, is_newer() ? 3 : 0);
  PQfinish(pg);
}

static void send_cancel(PGconn *pg) {
  keel__pq_cancel cancel;
  assert_true(keel__pq_cancel_init(&cancel, pg));
  keel__pq_cancel_send(&cancel, 20000);
  keel__pq_cancel_destroy(&cancel);
}

static bool has_ended(PGconn *pg) {
  struct pollfd watched = {.fd = PQsocket(pg), .events = POLLIN};
  if (poll(&watched, 1, 100) > 0) assert_int_equal(PQconsumeInput(pg), 1);
  return !PQisBusy(pg);
}

static void a_cancel_cancels(void **state) {
  (void)state;
  PGconn *pg = connected();
  int64_t deadline = client_now_ms() + 20000;
  assert_int_equal(PQsendQuery(pg, "SELECT pg_sleep(600)"), 1);
  /* One that comes before the statement has begun hits nothing. */
  do {
    assert_true(client_now_ms() < deadline);
    send_cancel(pg);
  } while (!has_ended(pg));
  PGresult *result = PQgetResult(pg);
  assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014");
  PQclear(result);
  PQfinish(pg);
}

/* Older ones have no time limit: they get an answer. */
static void a_cancel_waits_no_longer_than_it_may(void **state) {
  (void)state;
  keel__pq_cancel cancel;
  PGconn *pg = connected();
  if (is_newer()) atomic_store(&p.mute_from, atomic_load(&p.accepted) + 1);
  if (is_newer()) atomic_store(&p.mute_to, atomic_load(&p.accepted) + 1);
  assert_true(keel__pq_cancel_init(&cancel, pg));
  int64_t before = client_now_ms();
  keel__pq_cancel_send(&cancel, 200);
  int64_t took = client_now_ms() - before;
  assert_true(took < 10000);
  if (is_newer()) assert_true(took >= 200);
  keel__pq_cancel_destroy(&cancel);
  PQfinish(pg);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_version_has_what_it_should, begin, end),
      cmocka_unit_test_setup_teardown(rows_come_in_chunks, begin, end),
      cmocka_unit_test_setup_teardown(a_cancel_cancels, begin, end),
      cmocka_unit_test_setup_teardown(a_cancel_waits_no_longer_than_it_may, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
