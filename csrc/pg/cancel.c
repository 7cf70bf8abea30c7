#include "cancel.h"

#include <string.h>
#include <sys/socket.h>

#include "../core/alloc.h"
#include "compat.h"

/* Cancels to one server under way at once; further ones to it wait for a thread. A mute one holds each until the time is up
 * (with an older libpq, for as long as the system waits for it), which is not to hold up those to others. */
#define MOST 16
#define TIMEOUT_MS 10000

/* A thread of its own: libuv's worker threads are few and shared with the whole process, where a mute peer would hold up
 * files and names of others. */
struct keel__cancel {
  uv_async_t ended; /* first: the callbacks get it */
  keel__link turn;  /* in io->cancels_waiting, then in io->cancels while it has a thread */
  uv_thread_t thread;
  bool running; /* it has its thread */
  keel__io *io;
  struct sockaddr_storage server;
  keel__pq_cancel how;
  keel__secrets *secrets; /* their files are read while it connects */
  keel__cancel_done done; /* NULL: orphaned */
  void *data;
};

/* The cancel's own thread. */
static void cancel_blocking(void *data) {
  keel__cancel *cancel = data;
  keel__pq_cancel_send(&cancel->how, TIMEOUT_MS);
  uv_async_send(&cancel->ended);
}

static void let_go(keel__cancel *cancel) {
  keel__pq_cancel_destroy(&cancel->how);
  keel__secrets_drop(cancel->secrets);
  keel__free(cancel);
}

static void on_closed(uv_handle_t *handle) {
  let_go((keel__cancel *)handle);
}

static bool begin(keel__cancel *cancel) {
  if (uv_thread_create(&cancel->thread, cancel_blocking, cancel) != 0) return false;
  cancel->io->in_worker++;
  cancel->running = true;
  keel__list_push_back(&cancel->io->cancels, &cancel->turn);
  return true;
}

static void end(keel__cancel *cancel) {
  if (cancel->done != NULL) cancel->done(cancel->data);
  uv_close((uv_handle_t *)&cancel->ended, on_closed);
}

/* The first one in the list from `link` on that goes to the same server; NULL: none. */
static keel__cancel *to_the_same(const keel__list *list, keel__link *link, const keel__cancel *as) {
  for (; link != NULL; link = keel__list_next(list, link)) {
    keel__cancel *cancel = KEEL__OF(keel__cancel, turn, link);
    if (memcmp(&cancel->server, &as->server, sizeof as->server) == 0) return cancel;
  }
  return NULL;
}

static bool has_room(const keel__cancel *as) {
  const keel__list *list = &as->io->cancels;
  int count = 0;
  const keel__cancel *cancel = to_the_same(list, keel__list_first(list), as);
  for (; cancel != NULL; count++) cancel = to_the_same(list, keel__list_next(list, &cancel->turn), as);
  return count < MOST;
}

static void begin_next(const keel__cancel *as) {
  keel__list *waiting = &as->io->cancels_waiting;
  keel__cancel *next;
  while (has_room(as) && (next = to_the_same(waiting, keel__list_first(waiting), as)) != NULL) {
    keel__list_remove(waiting, &next->turn);
    if (!begin(next)) end(next);
  }
}

static void on_ended(uv_async_t *ended) {
  keel__cancel *cancel = (keel__cancel *)ended;
  keel__io *io = cancel->io;
  /* It has nothing left to do, and must have left uv_async_send() before the handle goes. */
  uv_thread_join(&cancel->thread);
  io->in_worker--;
  keel__list_remove(&io->cancels, &cancel->turn);
  begin_next(cancel);
  end(cancel);
}

static keel__cancel *started(keel__cancel *cancel) {
  keel__io *io = cancel->io;
  if (!has_room(cancel)) {
    keel__list_push_back(&io->cancels_waiting, &cancel->turn);
  } else if (!begin(cancel)) {
    uv_close((uv_handle_t *)&cancel->ended, on_closed);
    return NULL;
  }
  return cancel;
}

/* Where it leads, whatever the pool calls it; of a link that is gone nobody knows, and its cancel goes with others such. */
static void note_server(keel__cancel *cancel, int fd) {
  socklen_t size = sizeof cancel->server;
  if (getpeername(fd, (struct sockaddr *)&cancel->server, &size) != 0)
    memset(&cancel->server, 0, sizeof cancel->server);
}

keel__cancel *keel__cancel_start(const keel__target *target, PGconn *pg, keel__cancel_done done, void *data) {
  keel__io *io = target->io;
  keel__cancel *cancel = keel__alloc(sizeof *cancel);
  if (cancel == NULL) return NULL;
  cancel->secrets = keel__secrets_hold(target->secrets);
  cancel->io = io;
  cancel->done = done;
  cancel->data = data;
  note_server(cancel, PQsocket(pg));
  bool made = keel__pq_cancel_init(&cancel->how, pg);
  if (made && uv_async_init(io->loop, &cancel->ended, on_ended) == 0) return started(cancel);
  let_go(cancel);
  return NULL;
}

void keel__cancel_orphan(keel__cancel *cancel) {
  cancel->done = NULL;
  if (cancel->running) return;
  keel__list_remove(&cancel->io->cancels_waiting, &cancel->turn);
  uv_close((uv_handle_t *)&cancel->ended, on_closed);
}
