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
  event->words[8] = (unsigned char)request->conn->status;
  event->words[9] = (int32_t)request->attempts;
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

/* The core's own failures have no words yet. */
static void describe(const keel_pool *pool, keel_code code, keel__detail *detail, char *message,
                     size_t size) {
  const keel__pool *core = &pool->core;
  keel__detail_clear(detail);
  if (code == KEEL_ACQUIRE_TIMEOUT || code == KEEL_QUEUE_FULL) {
    /* Whoever waited in vain is among those that wait; whom the full queue did not take is not. */
    uint32_t waiting = core->queue.count - (code == KEEL_QUEUE_FULL);
    snprintf(message, size, "%s (total=%u, idle=%u, waiting=%u)", keel_code_text(code), core->conn_total,
             keel__pool_count(core, KEEL__CONN_IDLE), waiting);
    keel__detail_add(detail, 'M', message);
  } else {
    keel__detail_add(detail, 'M', keel_code_text(code));
  }
}

static keel_event *failed(keel_pool *pool, keel__query *query, const keel__failure *failure) {
  const keel__request *request = &query->core;
  keel__detail own;
  char message[160];
  const keel__detail *detail = failure->detail;
  if (detail == NULL) {
    describe(pool, failure->code, &own, message, sizeof message);
    detail = &own;
  }
  keel__report report = {
      .code = failure->code,
      .outcome = failure->outcome,
      .attempts = request->attempts,
      .status = 'I',
  };
  if (request->conn != NULL) report.status = request->conn->status;
  keel_event *event = keel__event_report(KEEL_EV_ERROR, &report, detail);
  if (event != NULL) {
    keel__free(query->final);
    return event;
  }
  keel__event_reset(query->final, KEEL_EV_ERROR, keel__report_bytes(NULL));
  keel__event_put_report(query->final, &report, NULL);
  return query->final;
}

static void op_settle(void *io, keel__request *request, const keel__failure *failure) {
  keel_pool *pool = io;
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

static void op_pool_closed(void *io, keel__pool *core) {
  (void)core;
  ((keel_pool *)io)->closed = true;
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
};
