#include "cancel.h"

#include "../core/alloc.h"
#include "compat.h"

/* Cancels of one engine under way at once; further ones wait for a thread. A mute peer holds one until the time is up (with an
 * older libpq, for as long as the system waits for it). */
#define MOST 16
#define TIMEOUT_MS 10000

/* A thread of its own: libuv's worker threads are few and shared with the whole process, where a mute peer would hold up
 * files and names of others. */
struct keel__cancel {
  uv_async_t ended; /* first: the callbacks get it */
  keel__link turn;  /* in io->cancels_waiting, until it has a thread */
  uv_thread_t thread;
  keel__io *io;
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
  cancel->io->cancels++;
  return true;
}

static void end(keel__cancel *cancel) {
  if (cancel->done != NULL) cancel->done(cancel->data);
  uv_close((uv_handle_t *)&cancel->ended, on_closed);
}

static void begin_next(keel__io *io) {
  keel__link *link;
  while (io->cancels < MOST && (link = keel__list_first(&io->cancels_waiting)) != NULL) {
    keel__cancel *cancel = KEEL__OF(keel__cancel, turn, link);
    keel__list_remove(&io->cancels_waiting, link);
    if (!begin(cancel)) end(cancel);
  }
}

static void on_ended(uv_async_t *ended) {
  keel__cancel *cancel = (keel__cancel *)ended;
  keel__io *io = cancel->io;
  /* It has nothing left to do, and must have left uv_async_send() before the handle goes. */
  uv_thread_join(&cancel->thread);
  io->in_worker--;
  io->cancels--;
  end(cancel);
  begin_next(io);
}

static keel__cancel *started(keel__cancel *cancel) {
  keel__io *io = cancel->io;
  if (io->cancels >= MOST) {
    keel__list_push_back(&io->cancels_waiting, &cancel->turn);
  } else if (!begin(cancel)) {
    uv_close((uv_handle_t *)&cancel->ended, on_closed);
    return NULL;
  }
  return cancel;
}

keel__cancel *keel__cancel_start(const keel__target *target, PGconn *pg, keel__cancel_done done, void *data) {
  keel__io *io = target->io;
  keel__cancel *cancel = keel__alloc(sizeof *cancel);
  if (cancel == NULL) return NULL;
  cancel->secrets = keel__secrets_hold(target->secrets);
  cancel->io = io;
  cancel->done = done;
  cancel->data = data;
  bool made = keel__pq_cancel_init(&cancel->how, pg);
  if (made && uv_async_init(io->loop, &cancel->ended, on_ended) == 0) return started(cancel);
  let_go(cancel);
  return NULL;
}

void keel__cancel_orphan(keel__cancel *cancel) {
  cancel->done = NULL;
  if (!keel__link_listed(&cancel->turn)) return;
  keel__list_remove(&cancel->io->cancels_waiting, &cancel->turn);
  uv_close((uv_handle_t *)&cancel->ended, on_closed);
}
