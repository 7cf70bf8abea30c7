/* engine_settle.c: the core's operations: to the wire, or to the taker as events. Engine thread, `state` held. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "engine.h"

static void add(keel_pool *pool, keel_event *event) {
  keel__outbox_add(&pool->engine->outbox, event);
}

/* ---------------------------------------------------------------- to the wire */

static void op_open(void *io, keel__conn *conn) {
  keel__wire_open(&((keel_pool *)io)->target, conn);
}

static void op_send(void *io, keel__conn *conn, keel__request *request) {
  (void)io;
  keel__wire_send(conn, request);
}

static void op_reset(void *io, keel__conn *conn) {
  (void)io;
  keel__wire_reset(conn);
}

static void op_cancel(void *io, keel__conn *conn) {
  (void)io;
  keel__wire_cancel(conn);
}

static void op_check(void *io, keel__conn *conn) {
  (void)io;
  keel__wire_check(conn);
}

static bool op_remember(void *io, keel__conn *conn, keel__request *request) {
  (void)io;
  return keel__wire_remember(conn, (keel__query *)request);
}

static void op_inquire(void *io, keel__conn *conn, const keel__request *request) {
  (void)io;
  keel__wire_inquire(conn, (const keel__query *)request);
}

static void op_close(void *io, keel__conn *conn, keel__close_reason reason) {
  (void)io;
  if (reason == KEEL__CLOSE_SHUTDOWN || reason == KEEL__CLOSE_DESTROYED) keel__wire_cancels_last(conn);
  keel__wire_close(conn);
}

/* ---------------------------------------------------------------- final events */

static double milliseconds(keel__time from, keel__time to) {
  return to > from ? (double)(to - from) / 1000 : 0;
}

static keel_event *done(keel__query *query) {
  const keel__request *request = &query->core;
  keel_event *event = query->final;
  keel__event_reset(event, KEEL_EV_DONE, keel__body_bytes(14));
  event->words[8] = request->conn == NULL ? 'I' : (unsigned char)request->conn->status;
  event->words[9] = (int32_t)keel__request_tries(request);
  keel__event_put_f64(event, 10, milliseconds(request->submitted, request->sent));
  keel__event_put_f64(event, 12, milliseconds(request->sent, request->answered));
  return event;
}

static keel_event *leased(keel__query *query) {
  keel__peer peer = keel__wire_peer(query->core.conn->io);
  keel_event *event = keel__event_new(KEEL_EV_LEASED, keel__peer_bytes(&peer, 0));
  if (event != NULL) {
    keel__free(query->final);
  } else {
    /* The lease is granted whether or not its holder can be told to which host it leads. */
    peer.host = "";
    event = query->final;
    keel__event_reset(event, KEEL_EV_LEASED, keel__peer_bytes(&peer, 0));
  }
  keel__event_put_peer(event, &peer, NULL, 0);
  return event;
}

static const char *why(const keel__pool *core, keel_code code) {
  bool slow = code == KEEL_BREAKER_OPEN && core->breaker.slow;
  return slow ? "refused at once: too many calls were slow" : keel_code_text(code);
}

/* The core's own failures have no words yet. */
static void describe(const keel_pool *pool, const keel__request *request, keel_code code, char *message,
                     size_t size) {
  const keel__pool *core = &pool->core;
  size_t used = (size_t)snprintf(message, size, "%s", why(core, code));
  /* Why it was refused before its time was over. */
  if (request->expected > 0)
    used +=
        (size_t)snprintf(message + used, size - used, ": about %.1f ms %s", (double)request->expected / 1000,
                         code == KEEL_QUEUE_FULL ? "to wait" : "needed");
  if (code != KEEL_ACQUIRE_TIMEOUT && code != KEEL_QUEUE_FULL) return;
  /* Whoever waited in vain is among those that wait; whom the full queue did not take is not. */
  uint32_t waiting = core->queue.count + core->retrying.count - (code == KEEL_QUEUE_FULL);
  snprintf(message + used, size - used, " (total=%u, idle=%u, waiting=%u)", core->conn_total,
           keel__pool_count(core, KEEL__CONN_IDLE), waiting);
}

/* What a failure's event says; `own` has room for the words of the core's. */
typedef struct words {
  keel__detail detail;
  char message[160];
} words;

static const keel__detail *words_of(const keel_pool *pool, const keel__request *request,
                                    const keel__failure *failure, words *own) {
  if (failure->detail != NULL) return failure->detail;
  keel_code code = failure->cause != KEEL_OK ? failure->cause : failure->code;
  describe(pool, request, code, own->message, sizeof own->message);
  keel__detail_clear(&own->detail);
  keel__detail_add(&own->detail, 'M', own->message);
  return &own->detail;
}

static keel_event *failed(keel_pool *pool, keel__query *query, const keel__failure *failure) {
  const keel__request *request = &query->core;
  words own;
  keel__report report = {
      .code = failure->code,
      .outcome = failure->outcome,
      .attempts = keel__request_tries(request),
      .status = 'I',
      .cause = failure->cause,
      .retry_after_ms = failure->retry_after_ms,
  };
  if (request->conn != NULL) report.status = request->conn->status;
  keel_event *event = keel__event_report(KEEL_EV_ERROR, &report, words_of(pool, request, failure, &own));
  if (event != NULL) {
    keel__free(query->final);
    return event;
  }
  keel__event_reset(query->final, KEEL_EV_ERROR, keel__report_bytes(NULL));
  keel__event_put_report(query->final, &report, NULL);
  return query->final;
}

/* The server's own answer is lost: this is what it was. */
static void complete_commit(keel_pool *pool, const keel__request *request) {
  keel_event *event = keel__event_complete("COMMIT");
  if (event == NULL) return;
  keel__event_set_tag(event, request->tag);
  keel__event_set_origin(event, pool->id, 0, request->lease);
  add(pool, event);
}

static void op_settle(void *io, keel__request *request, const keel__failure *failure) {
  keel_pool *pool = io;
  if (failure == NULL && request->state == KEEL__REQ_IN_DOUBT) complete_commit(pool, request);
  keel__query *query = (keel__query *)request;
  keel__conn *conn = request->conn;
  bool lease = request->kind == KEEL_ACQUIRE;
  keel_event *event = failure != NULL ? failed(pool, query, failure) : lease ? leased(query) : done(query);
  query->final = NULL;
  keel__event_set_tag(event, request->tag);
  keel__event_set_origin(event, pool->id, conn == NULL ? 0 : conn->id,
                         lease && conn != NULL ? conn->lease : request->lease);
  /* Latency is that of queries: how long a client waited for a connection is in the queue's figures. */
  event->pool = lease ? NULL : pool;
  event->submitted = request->submitted;
  event->answered = keel__now();
  keel__tags_remove(&pool->tags, query);
  add(pool, event);
  if (conn != NULL) keel__wire_settled(conn, query);
}

/* Told to the taker of the request's events in their order, so that he knows which of them count. */
static bool op_retry(void *io, keel__request *request, keel__time delay, const keel__failure *why) {
  keel_pool *pool = io;
  const keel__conn *conn = request->conn;
  words own;
  keel__report report = {
      .code = why->code, .outcome = why->outcome, .attempts = keel__request_tries(request) + 1};
  keel_event *event = keel__event_report(KEEL_EV_RETRY, &report, words_of(pool, request, why, &own));
  if (event == NULL) return false;
  event->words[KEEL__E_STATUS] = (int32_t)((delay + 999) / 1000);
  keel__event_set_tag(event, request->tag);
  keel__event_set_origin(event, pool->id, conn == NULL ? 0 : conn->id, 0);
  add(pool, event);
  return true;
}

static void op_forget(void *io, keel__request *request) {
  (void)io;
  keel__query_free((keel__query *)request);
}

/* ---------------------------------------------------------------- news of connections */

static void op_opened(void *io, keel__conn *conn) {
  keel_pool *pool = io;
  keel_event *event = keel__wire_take_announcement(conn->io);
  /* A connection that is lent to its owner is announced always: it is his to give back. */
  if (!pool->target.announce && conn->lease == 0) {
    keel__free(event);
    return;
  }
  keel__event_set_origin(event, pool->id, conn->id, conn->lease);
  add(pool, event);
}

static void op_gone(void *io, keel__conn *conn, keel__close_reason reason, const keel__failure *failure) {
  keel_pool *pool = io;
  (void)reason;
  if (!pool->target.announce) return;
  keel__report report = {.code = failure == NULL ? KEEL_OK : failure->code, .status = conn->status};
  const keel__detail *detail = failure == NULL ? NULL : failure->detail;
  keel_event *event = keel__event_report(KEEL_EV_CLOSED, &report, detail);
  if (event == NULL) event = keel__event_report(KEEL_EV_CLOSED, &report, NULL);
  if (event == NULL) return;
  keel__event_set_origin(event, pool->id, conn->id, conn->lease);
  add(pool, event);
}

/* ---------------------------------------------------------------- news of the node */

/* What the core alone knows has no words yet. */
static const keel__detail *describe_health(const keel__failure *failure, keel__detail *space) {
  if (failure == NULL || failure->detail != NULL) return failure == NULL ? NULL : failure->detail;
  keel__detail_clear(space);
  keel__detail_add(space, 'M',
                   failure->code == KEEL_ACQUIRE_TIMEOUT ? "no connection was free, and none got an answer"
                                                         : keel_code_text(failure->code));
  return space;
}

static keel_event *health_event(keel_pool *pool, const keel__report *report, const keel__detail *detail) {
  keel_event *event = keel__event_report(KEEL_EV_HEALTH, report, detail);
  if (event == NULL && pool->verdict != NULL) {
    event = pool->verdict;
    pool->verdict = NULL;
    keel__event_put_report(event, report, NULL);
  }
  if (pool->verdict == NULL) pool->verdict = keel__event_report(KEEL_EV_HEALTH, report, NULL);
  return event;
}

static double now_since_1970(void) {
  uv_timeval64_t time = {0, 0};
  uv_gettimeofday(&time);
  return (double)time.tv_sec * 1000 + (double)time.tv_usec / 1000;
}

static void op_healthy(void *io, keel__pool *core, keel__time latency, const keel__failure *failure) {
  (void)core;
  keel_pool *pool = io;
  keel__detail space;
  keel__report report = {.code = failure == NULL ? KEEL_OK : failure->code};
  if (failure != NULL) report.outcome = failure->outcome;
  report.attempts = latency > INT32_MAX ? UINT32_MAX : (uint32_t)latency;
  pool->unwell = failure != NULL;
  pool->checked_at = now_since_1970();
  keel_event *event = health_event(pool, &report, describe_health(failure, &space));
  if (event == NULL) return;
  keel__event_set_origin(event, pool->id, 0, 0);
  add(pool, event);
}

static void op_pool_closed(void *io, keel__pool *core) {
  (void)core;
  ((keel_pool *)io)->closed = true;
}

/* ---------------------------------------------------------------- what outlives a call */

static void *op_keep(void *io, const void *detail) {
  (void)io;
  return detail == NULL ? NULL : keel__detail_copy(detail);
}

static void op_drop(void *io, void *kept) {
  (void)io;
  keel__free(kept);
}

static void op_breaker(void *io, keel_breaker_state from, keel_breaker_state to, const char *reason) {
  keel_pool *pool = io;
  keel_event *event = keel__event_breaker(from, to, reason);
  if (event == NULL) return;
  keel__event_set_origin(event, pool->id, 0, 0);
  add(pool, event);
}

const keel__ops keel__engine_ops = {
    .open = op_open,
    .send = op_send,
    .reset = op_reset,
    .cancel = op_cancel,
    .close = op_close,
    .settle = op_settle,
    .forget = op_forget,
    .opened = op_opened,
    .gone = op_gone,
    .pool_closed = op_pool_closed,
    .keep = op_keep,
    .drop = op_drop,
    .breaker = op_breaker,
    .check = op_check,
    .healthy = op_healthy,
    .retry = op_retry,
    .remember = op_remember,
    .inquire = op_inquire,
};
