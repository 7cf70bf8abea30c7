#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(fake *fake, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(fake *fake, const char *format, ...) {
  size_t used = strlen(fake->log);
  va_list args;
  va_start(args, format);
  if (used > 0 && used + 3 < sizeof fake->log) used += (size_t)sprintf(fake->log + used, ", ");
  vsnprintf(fake->log + used, sizeof fake->log - used, format, args);
  va_end(args);
}

static const char *code_name(keel_code code) {
  static const char *const names[] = {
#define NAME(name, number, text) #name,
      KEEL_ERROR_MAP(NAME)
#undef NAME
  };
  return names[code];
}

static const char *reason_name(keel__close_reason reason) {
  static const char *const names[] = {
#define NAME(name) #name,
      KEEL__CLOSE_MAP(NAME)
#undef NAME
  };
  return names[reason];
}

static void op_open(void *io, keel__conn *conn) {
  fake *fake = io;
  fake->conns[conn->id] = conn;
  note(fake, "open c%u", conn->id);
}

static void op_send(void *io, keel__conn *conn, keel__request *request) {
  fake *fake = io;
  fake->plans[request->tag] = request->plan;
  note(fake, "send c%u r%u", conn->id, (unsigned)request->tag);
}

static void op_reset(void *io, keel__conn *conn) {
  note(io, "reset c%u", conn->id);
}

static void op_cancel(void *io, keel__conn *conn) {
  note(io, "cancel c%u", conn->id);
}

static void op_close(void *io, keel__conn *conn, keel__close_reason reason) {
  note(io, "close c%u %s", conn->id, reason_name(reason));
}

static void op_settle(void *io, keel__request *request, const keel__failure *failure) {
  static const char *const outcomes[] = {"none", "not-sent", "rolled-back", "unknown"};
  fake *fake = io;
  unsigned tag = (unsigned)request->tag;
  if (failure) fake->refusal = *failure;
  if (failure) {
    note(fake, "%s r%u %s", code_name(failure->code), tag, outcomes[failure->outcome]);
  } else if (request->kind == KEEL_ACQUIRE) {
    fake->leases[tag] = request->conn->lease;
    note(fake, "lend c%u r%u", request->conn->id, tag);
  } else {
    note(fake, "ok r%u", tag);
  }
}

static void op_forget(void *io, keel__request *request) {
  fake *fake = io;
  fake->forgotten++;
  free(request);
}

static void op_opened(void *io, keel__conn *conn) {
  fake *fake = io;
  if (conn->setup_lease) fake->leases[MOST - conn->id] = conn->lease;
  note(fake, "opened c%u", conn->id);
}

static void op_gone(void *io, keel__conn *conn, keel__close_reason reason, const keel__failure *failure) {
  (void)failure;
  note(io, "gone c%u %s", conn->id, reason_name(reason));
}

static void op_pool_closed(void *io, keel__pool *pool) {
  (void)pool;
  note(io, "pool closed");
}

static void *op_keep(void *io, const void *detail) {
  fake *fake = io;
  if (!detail) return NULL;
  fake->kept++;
  return &fake->kept;
}

static void op_drop(void *io, void *kept) {
  fake *fake = io;
  assert_ptr_equal(kept, &fake->kept);
  fake->kept--;
}

static void op_breaker(void *io, keel_breaker_state from, keel_breaker_state to, const char *reason) {
  static const char *const names[] = {"CLOSED", "OPEN", "HALF_OPEN"};
  note(io, "breaker %s %s (%s)", names[from], names[to], reason);
}

static void op_check(void *io, keel__conn *conn) {
  note(io, "check c%u", conn->id);
}

static void op_healthy(void *io, keel__pool *pool, keel__time latency, const keel__failure *failure) {
  (void)pool;
  if (failure)
    note(io, "unwell %s", code_name(failure->code));
  else if (latency == KEEL__NEVER)
    note(io, "well");
  else
    note(io, "well %u ms", (unsigned)(latency / MS));
}

static bool op_retry(void *io, keel__request *request, keel__time delay, const keel__failure *why) {
  fake *fake = io;
  (void)why;
  if (fake->mute) return false;
  fake->pauses[request->tag] = delay;
  note(fake, "retry r%u", (unsigned)request->tag);
  return true;
}

static bool op_remember(void *io, keel__conn *conn, keel__request *request) {
  note(io, "remember c%u r%u", conn->id, (unsigned)request->tag);
  return !((fake *)io)->forgets;
}

static void op_inquire(void *io, keel__conn *conn, const keel__request *request) {
  note(io, "inquire c%u r%u", conn->id, (unsigned)request->tag);
}

static const keel__ops ops = {op_open,
                              op_send,
                              op_reset,
                              op_cancel,
                              op_close,
                              op_settle,
                              op_forget,
                              op_opened,
                              op_gone,
                              op_pool_closed,
                              op_keep,
                              op_drop,
                              op_breaker,
                              .check = op_check,
                              .healthy = op_healthy,
                              .retry = op_retry,
                              .remember = op_remember,
                              .inquire = op_inquire};

keel__pool_config fake_config(void) {
  return (keel__pool_config){
      .max = 2,
      .pipeline_depth = 1,
      .prepare_cache = 256,
      .acquire_timeout = KEEL__NEVER,
      .connect_timeout = KEEL__NEVER,
      .idle_timeout = KEEL__NEVER,
      .max_lifetime = KEEL__NEVER,
      .query_timeout = KEEL__NEVER,
      .cancel_timeout = KEEL__NEVER,
      .drain_timeout = KEEL__NEVER,
      .health_interval = KEEL__NEVER,
      .alive_bypass = KEEL__NEVER,
      .resolve_timeout = 30000 * MS,
      .resolve_commits = true,
  };
}

keel__pool_config fake_guarded(uint32_t threshold, keel__time reset_timeout) {
  keel__pool_config config = fake_config();
  config.breaker = (keel__breaker_config){.on = true,
                                          .threshold = threshold,
                                          .reset_timeout = reset_timeout,
                                          .slow_call = 60000 * MS,
                                          .probes = 1,
                                          .probe_timeout = 50 * MS};
  return config;
}

fake *fake_new(keel__pool_config config) {
  fake *fake = calloc(1, sizeof *fake);
  assert_non_null(fake);
  fake->now = 1000 * MS;
  assert_int_equal(keel__pool_init(&fake->pool, &config, &ops, fake, 1), KEEL_OK);
  keel__estimates_record(&fake->pool.estimates, QUICK_TEXT, 0);
  keel__pool_start(&fake->pool, fake->now);
  return fake;
}

void fake_free(fake *fake) {
  keel__pool_close(&fake->pool, 0, true, fake->now);
  for (uint32_t id = 1; id < MOST; id++)
    if (fake->conns[id]) fake_closed(fake, id);
  assert_int_equal(fake->pool.state, KEEL__POOL_CLOSED);
  assert_int_equal(fake->forgotten, fake->tags);
  /* But for what opened the breaker, which is told of until the pool is gone. */
  assert_int_equal(fake->kept, fake->pool.breaker_cause.detail != NULL);
  assert_true(keel__pool_next(&fake->pool) == KEEL__NEVER);
  keel__pool_destroy(&fake->pool);
  assert_int_equal(fake->kept, 0);
  free(fake);
}

void fake_expect(fake *fake, const char *text, const char *file, int line) {
  if (strcmp(fake->log, text) != 0) {
    print_error("expected: %s\n     got: %s\n", text, fake->log);
    _fail(file, line);
  }
  fake_ignore(fake);
}

void fake_ignore(fake *fake) {
  fake->log[0] = 0;
}

static keel__request *new_request(fake *fake, keel_request_kind kind) {
  keel__request *request = calloc(1, sizeof *request);
  assert_non_null(request);
  request->kind = kind;
  request->tag = ++fake->tags;
  request->text = QUICK_TEXT;
  request->shares = true;
  return request;
}

static keel__request *submit(fake *fake, keel__request *request, keel__time timeout) {
  keel__pool_submit(&fake->pool, request, timeout, fake->now);
  return request;
}

keel__request *fake_query(fake *fake) {
  return fake_query_with(fake, 0, 0, KEEL__NEVER);
}

keel__request *fake_query_with(fake *fake, uint32_t flags, uint32_t statement, keel__time timeout) {
  keel__request *request = new_request(fake, KEEL_QUERY);
  request->flags = flags;
  request->statement = statement;
  return submit(fake, request, timeout);
}

keel__request *fake_query_of(fake *fake, uint32_t text) {
  keel__request *request = new_request(fake, KEEL_QUERY);
  request->text = text;
  return submit(fake, request, KEEL__NEVER);
}

keel__request *fake_query_on(fake *fake, uint64_t lease, uint32_t statement) {
  keel__request *request = new_request(fake, KEEL_QUERY);
  request->lease = lease;
  request->statement = statement;
  return submit(fake, request, KEEL__NEVER);
}

keel__request *fake_named(fake *fake, uint32_t statement) {
  keel__request *request = new_request(fake, KEEL_QUERY);
  request->statement = statement;
  request->named = true;
  return submit(fake, request, KEEL__NEVER);
}

keel__request *fake_acquire(fake *fake, keel__time timeout) {
  return submit(fake, new_request(fake, KEEL_ACQUIRE), timeout);
}

keel__request *fake_read(fake *fake, keel__time timeout) {
  keel__request *request = new_request(fake, KEEL_QUERY);
  request->reads = true;
  return submit(fake, request, timeout);
}

void fake_opened(fake *fake, uint32_t conn) {
  keel__conn_opened(fake->conns[conn], fake->now);
}

void fake_open_fails(fake *fake, uint32_t conn) {
  fake_open_refused(fake, conn, "");
}

void fake_open_refused(fake *fake, uint32_t conn, const char *sqlstate) {
  keel__failure failure = {.code = KEEL_CONNECT_FAILED, .detail = fake};
  memcpy(failure.sqlstate, sqlstate, strlen(sqlstate) + 1);
  keel__conn_open_failed(fake->conns[conn], &failure, fake->now);
}

void fake_answer(fake *fake, uint32_t conn, char status) {
  keel__conn_answered(fake->conns[conn], NULL, status, fake->now);
}

static void answer_error(fake *fake, uint32_t conn, const char *sqlstate, char status, bool nested) {
  keel__failure failure = {.code = KEEL_SERVER, .nested = nested};
  memcpy(failure.sqlstate, sqlstate, 6);
  keel__conn_answered(fake->conns[conn], &failure, status, fake->now);
}

void fake_error(fake *fake, uint32_t conn, const char *sqlstate, char status) {
  answer_error(fake, conn, sqlstate, status, false);
}

void fake_error_within(fake *fake, uint32_t conn, const char *sqlstate, char status) {
  answer_error(fake, conn, sqlstate, status, true);
}

void fake_checked(fake *fake, uint32_t conn) {
  keel__conn_checked(fake->conns[conn], NULL, fake->now);
}

void fake_check_fails(fake *fake, uint32_t conn) {
  keel__failure failure = {.code = KEEL_SERVER, .detail = fake};
  keel__conn_checked(fake->conns[conn], &failure, fake->now);
}

void fake_lost(fake *fake, uint32_t conn) {
  keel__failure failure = {.code = KEEL_CONNECTION_LOST, .detail = fake};
  keel__conn_lost(fake->conns[conn], &failure, fake->now);
}

void fake_closed(fake *fake, uint32_t conn) {
  keel__conn *closed = fake->conns[conn];
  fake->conns[conn] = NULL;
  keel__conn_closed(closed, fake->now);
}

fake *fake_warm(keel__pool_config config, uint32_t count) {
  fake *fake = fake_new(config);
  for (uint32_t i = 0; i < count; i++) fake_acquire(fake, KEEL__NEVER);
  for (uint32_t id = 1; id <= count; id++) fake_opened(fake, id);
  for (uint32_t tag = count; tag > 0; tag--)
    keel__pool_release(&fake->pool, fake->leases[tag], false, fake->now);
  fake->tags = fake->forgotten = 0;
  fake_ignore(fake);
  return fake;
}

void fake_wait(fake *fake, keel__time delay) {
  fake->now += delay;
  keel__pool_tick(&fake->pool, fake->now);
}

void fake_wait_for(fake *fake, uint64_t tag) {
  fake_wait(fake, fake->pauses[tag]);
}

uint64_t fake_lease(fake *fake) {
  uint64_t tag = fake_acquire(fake, KEEL__NEVER) ? fake->tags : 0;
  assert_true(fake->leases[tag] != 0);
  fake_ignore(fake);
  return fake->leases[tag];
}
