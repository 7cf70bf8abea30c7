#include "wire.h"

#include <stdlib.h>

#include "../core/alloc.h"

/* How long the end of a connection waits for its cancel to be delivered: no longer if the server is mute. */
#define LAST_CANCEL_MS 1000

void keel__wire_set_stage(keel__wire *wire, keel__stage stage) {
  wire->stage = stage;
}

void keel__wire_want(keel__wire *wire, unsigned wants) {
  wire->wants |= wants;
  if (!keel__link_listed(&wire->work)) keel__list_push_back(&wire->target->io->work, &wire->work);
}

void keel__wire_emit(keel__wire *wire, keel_event *event, uint64_t tag) {
  if (event == NULL) return;
  keel__io *io = wire->target->io;
  keel__event_set_tag(event, tag);
  keel__event_set_origin(event, wire->target->pool_id, wire->conn->id, wire->conn->lease);
  io->emit(io->data, event);
}

/* ---------------------------------------------------------------- watching the socket */

static void on_closed(uv_handle_t *handle) {
  keel__free(handle);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
  keel__wire *wire = poll->data;
  /* A socket's error, upon which libuv stops watching. libpq finds it when it reads, but perhaps not at once: there may be
   * data before it. */
  if (status < 0) {
    events = UV_READABLE | UV_WRITABLE;
    wire->events = 0;
  }
  if (wire->stage == KEEL__STAGE_CONNECTING || wire->stage == KEEL__STAGE_STARTING) {
    keel__connect_step(wire);
    return;
  }
  if (events & UV_READABLE) keel__exchange_read(wire);
  if (events & UV_WRITABLE && wire->stage != KEEL__STAGE_DEAD) keel__wire_want(wire, KEEL__WANT_WRITE);
}

void keel__wire_unwatch(keel__wire *wire) {
  if (wire->poll == NULL) return;
  uv_poll_stop(wire->poll);
  uv_close((uv_handle_t *)wire->poll, on_closed);
  wire->poll = NULL;
  wire->events = 0;
}

/* 0, or why not. */
static int new_poll(keel__wire *wire) {
  uv_poll_t *poll = keel__alloc(sizeof *poll);
  if (poll == NULL) return UV_ENOMEM;
  int status = uv_poll_init_socket(wire->target->io->loop, poll, PQsocket(wire->pg));
  if (status != 0) {
    keel__free(poll);
    return status;
  }
  poll->data = wire;
  wire->poll = poll;
  wire->fd = PQsocket(wire->pg);
  return 0;
}

void keel__wire_watch(keel__wire *wire, int events) {
  if (wire->poll != NULL && wire->events == events && wire->fd == PQsocket(wire->pg)) return;
  if (wire->poll != NULL && wire->fd != PQsocket(wire->pg)) keel__wire_unwatch(wire);
  int status = wire->poll == NULL ? new_poll(wire) : 0;
  if (status == 0) status = uv_poll_start(wire->poll, events, on_socket);
  wire->events = events;
  if (status == 0) return;
  keel__detail detail;
  keel__detail_clear(&detail);
  keel__detail_add(&detail, 'M', uv_strerror(status));
  keel__detail_add(&detail, 'e', uv_err_name(status));
  keel__connect_failed(wire, &detail);
}

/* ---------------------------------------------------------------- operations */

void keel__wire_open(keel__target *target, keel__conn *conn) {
  keel__wire *wire = keel__alloc(sizeof *wire);
  conn->io = wire;
  if (wire == NULL) {
    target->starved = true;
    return;
  }
  wire->conn = conn;
  wire->target = target;
  wire->tail = &wire->head;
  wire->address = -1;
  wire->reset.is_reset = true;
  wire->check.is_reset = wire->check.is_check = true;
  wire->ask.is_ask = wire->ask.asks = true;
  wire->inquiry.is_inquiry = true;
  keel__wire_want(wire, KEEL__WANT_OPEN);
}

static void resume(keel__conn *conn, const keel__query *query) {
  keel__wire *wire = conn->io;
  if (wire != NULL && wire->paused && wire->head == &query->item) keel__wire_want(wire, KEEL__WANT_READ);
}

void keel__wire_acknowledged(keel__conn *conn, const keel__query *query) {
  if (query->unacknowledged < KEEL_WINDOW / 2) resume(conn, query);
}

void keel__wire_settled(keel__conn *conn, const keel__query *query) {
  resume(conn, query);
}

static void weigh(keel__wire *wire, int more) {
  wire->heavy += more;
  wire->target->io->heavy += more;
}

static void push(keel__wire *wire, keel__item *item) {
  item->next = NULL;
  item->sent = false;
  *wire->tail = item;
  wire->tail = &item->next;
  if (wire->unsent == NULL) wire->unsent = item;
  if (item->heavy) weigh(wire, 1);
  keel__wire_want(wire, KEEL__WANT_WRITE);
}

void keel__wire_pop(keel__wire *wire) {
  keel__item *item = wire->head;
  if (item->heavy) weigh(wire, -1);
  item->heavy = false;
  wire->head = item->next;
  if (wire->head == NULL) wire->tail = &wire->head;
}

void keel__wire_grows(keel__wire *wire) {
  if (wire->head->heavy) return;
  wire->head->heavy = true;
  weigh(wire, 1);
}

void keel__wire_send(keel__conn *conn, keel__request *request) {
  keel__wire *wire = conn->io;
  keel__query *query = (keel__query *)request;
  query->row_count = query->row_bytes = 0;
  query->item.asks = query->item.waits = false;
  query->item.heavy = !atomic_load_explicit(&query->statement->small, memory_order_relaxed);
  if (wire->xid.able && request->lease != 0 && keel__xid_watch(wire, query)) {
    query->item.waits = true;
    push(wire, &wire->ask);
  }
  push(wire, &query->item);
}

void keel__wire_reset(keel__conn *conn) {
  keel__wire *wire = conn->io;
  push(wire, &wire->reset);
}

void keel__wire_check(keel__conn *conn) {
  keel__wire *wire = conn->io;
  push(wire, &wire->check);
}

bool keel__wire_remember(const keel__conn *conn, keel__query *query) {
  query->memory = keel__xid_remember(conn->io);
  return query->memory != NULL;
}

/* A copy: the request may be given up before the question is written. */
void keel__wire_inquire(keel__conn *conn, const keel__query *query) {
  keel__wire *wire = conn->io;
  wire->inquired = *query->memory;
  wire->verdict = KEEL__VERDICT_UNKNOWN;
  push(wire, &wire->inquiry);
}

void keel__wire_cancel(keel__conn *conn) {
  keel__wire_want(conn->io, KEEL__WANT_CANCEL);
}

void keel__wire_close(keel__conn *conn) {
  keel__wire *wire = conn->io;
  /* Without memory for the wire there is nothing to close: keel__target_run reports it. */
  if (wire == NULL) return;
  /* The core forgets these requests now. */
  wire->head = wire->unsent = NULL;
  wire->tail = &wire->head;
  weigh(wire, -wire->heavy);
  keel__wire_set_stage(wire, KEEL__STAGE_DEAD);
  keel__wire_want(wire, KEEL__WANT_CLOSE);
}

void keel__wire_cancels_last(keel__conn *conn) {
  keel__wire *wire = conn->io;
  if (wire != NULL) wire->cancels_last = true;
}

/* ---------------------------------------------------------------- doing what is wanted */

static void do_close(keel__wire *wire);

static void on_cancelled(void *data) {
  keel__wire *wire = data;
  wire->cancel = NULL;
  if (wire->last_wait != NULL) {
    do_close(wire);
    return;
  }
  keel__wire_lock(wire);
  keel__conn_cancel_delivered(wire->conn, keel__now());
  keel__wire_unlock(wire);
}

static void do_cancel(keel__wire *wire) {
  wire->cancel = keel__cancel_start(wire->target, wire->pg, on_cancelled, wire);
  if (wire->cancel == NULL) on_cancelled(wire);
}

static void do_close(keel__wire *wire) {
  keel__conn *conn = wire->conn;
  keel__io *io = wire->target->io;
  keel__wire_destroy(wire);
  conn->io = NULL;
  io->lock(io->data);
  keel__conn_closed(conn, keel__now());
  io->unlock(io->data);
}

static void on_last_wait_over(uv_timer_t *timer) {
  do_close(timer->data);
}

/* Whoever ends a pool may exit right after it. Its statements are not to run on because their cancels were not sent. */
static bool waits_for_cancel(keel__wire *wire) {
  if (wire->cancel == NULL || !wire->cancels_last) return false;
  uv_loop_t *loop = wire->target->io->loop;
  wire->last_wait = keel__alloc(sizeof *wire->last_wait);
  if (wire->last_wait == NULL) return false;
  keel__wire_unwatch(wire);
  uv_timer_init(loop, wire->last_wait);
  wire->last_wait->data = wire;
  uv_update_time(loop);
  uv_timer_start(wire->last_wait, on_last_wait_over, LAST_CANCEL_MS, 0);
  return true;
}

static void end_last_wait(keel__wire *wire) {
  if (wire->last_wait == NULL) return;
  uv_close((uv_handle_t *)wire->last_wait, on_closed);
  wire->last_wait = NULL;
}

void keel__wire_destroy(keel__wire *wire) {
  if (keel__link_listed(&wire->work)) keel__list_remove(&wire->target->io->work, &wire->work);
  if (wire->lookup != NULL) keel__lookup_orphan(wire->lookup);
  if (wire->cancel != NULL) keel__cancel_orphan(wire->cancel);
  /* Before libpq closes the socket, or the loop would watch a number that the next socket may get. */
  keel__wire_unwatch(wire);
  keel__connect_end_share(wire);
  end_last_wait(wire);
  PQclear(wire->error);
  PQclear(wire->rows);
  PQfinish(wire->pg);
  keel__addresses_destroy(&wire->addresses);
  keel__free(wire->announcement);
  keel__free(wire->last_words);
  keel__free(wire->parameters);
  keel__free(wire->password);
  keel__free(wire);
}

static void do_one(keel__wire *wire) {
  unsigned wants = wire->wants;
  wire->wants = 0;
  if (wants & KEEL__WANT_CLOSE) {
    /* The pool's end may cancel and close at once: the statement is not to run on without us. */
    if (wants & KEEL__WANT_CANCEL) do_cancel(wire);
    if (!waits_for_cancel(wire)) do_close(wire);
    return;
  }
  if (wants & KEEL__WANT_OPEN) keel__connect_begin(wire);
  if (wants & KEEL__WANT_CANCEL) do_cancel(wire);
  if (wants & KEEL__WANT_READ && wire->stage == KEEL__STAGE_OPEN) keel__exchange_resume(wire);
  if (wants & KEEL__WANT_WRITE && wire->stage == KEEL__STAGE_OPEN) keel__exchange_write(wire);
}

void keel__io_run(keel__io *io) {
  for (keel__link *link; (link = keel__list_first(&io->work)) != NULL;) {
    keel__list_remove(&io->work, link);
    do_one(KEEL__OF(keel__wire, work, link));
  }
}

void keel__io_write(keel__io *io) {
  keel__link *next = NULL;
  for (keel__link *link = keel__list_first(&io->work); link != NULL; link = next) {
    keel__wire *wire = KEEL__OF(keel__wire, work, link);
    next = keel__list_next(&io->work, link);
    if (wire->wants != KEEL__WANT_WRITE) continue;
    keel__list_remove(&io->work, link);
    do_one(wire);
  }
}

static keel__conn *first_without_wire(keel__pool *pool, keel__conn_state state) {
  keel__list *list = &pool->conns[state];
  for (keel__link *link = keel__list_first(list); link != NULL; link = keel__list_next(list, link)) {
    keel__conn *conn = KEEL__OF(keel__conn, link, link);
    if (conn->io == NULL) return conn;
  }
  return NULL;
}

void keel__target_run(keel__target *target, keel__pool *pool) {
  if (!target->starved) return;
  keel__conn *conn = NULL;
  keel__failure failure = keel__failure_with(KEEL_NO_MEMORY, KEEL_NOT_SENT, NULL);
  target->io->lock(target->io->data);
  while ((conn = first_without_wire(pool, KEEL__CONN_ASKING)) != NULL ||
         (conn = first_without_wire(pool, KEEL__CONN_RESOLVING)) != NULL) {
    keel__conn_open_failed(conn, &failure, keel__now());
  }
  while ((conn = first_without_wire(pool, KEEL__CONN_CLOSING)) != NULL) keel__conn_closed(conn, keel__now());
  target->starved = false;
  target->io->unlock(target->io->data);
}

keel__peer keel__wire_peer(const keel__wire *wire) {
  const char *host = PQhost(wire->pg), *port = PQport(wire->pg);
  return (keel__peer){
      .backend = PQbackendPID(wire->pg),
      .version = PQserverVersion(wire->pg),
      .port = port == NULL ? 0 : (int)strtol(port, NULL, 10),
      .encrypted = PQsslInUse(wire->pg),
      .host = host == NULL ? "" : host,
  };
}

/* ---------------------------------------------------------------- announcing */

keel_event *keel__wire_announcement(const keel__wire *wire) {
  char parameters[KEEL__PARAMETERS_SIZE];
  keel__peer peer = keel__wire_peer(wire);
  size_t bytes = keel__parameters_list(wire->pg, parameters, sizeof parameters);
  keel_event *event = keel__event_new(KEEL_EV_OPENED, keel__peer_bytes(&peer, bytes));
  if (event != NULL) keel__event_put_peer(event, &peer, parameters, bytes);
  return event;
}

keel_event *keel__wire_take_announcement(keel__wire *wire) {
  keel_event *event = wire->announcement;
  wire->announcement = NULL;
  return event;
}
