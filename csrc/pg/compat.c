#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "compat.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

/* PGRES_TUPLES_CHUNK */
#define TUPLES_CHUNK 12

/* All of them came with libpq 17. */
static struct {
  int (*send_pipeline_sync)(PGconn *);
  int (*send_close_prepared)(PGconn *, const char *);
  int (*set_chunked_rows_mode)(PGconn *, int);
  struct pg_cancel_conn *(*cancel_create)(PGconn *);
  int (*cancel_start)(struct pg_cancel_conn *);
  PostgresPollingStatusType (*cancel_poll)(struct pg_cancel_conn *);
  int (*cancel_socket)(const struct pg_cancel_conn *);
  void (*cancel_finish)(struct pg_cancel_conn *);
} newer;

#ifdef KEEL_LIBPQ_STATIC

/* A libpq linked in is hidden from dlsym(), which would find a stranger's; but what it has is known now. */
static void look_up_all(void) {
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
  newer.send_pipeline_sync = PQsendPipelineSync;
#endif
#ifdef LIBPQ_HAS_CLOSE_PREPARED
  newer.send_close_prepared = PQsendClosePrepared;
#endif
#ifdef LIBPQ_HAS_CHUNK_MODE
  newer.set_chunked_rows_mode = PQsetChunkedRowsMode;
#endif
#ifdef LIBPQ_HAS_ASYNC_CANCEL
  newer.cancel_create = PQcancelCreate;
  newer.cancel_start = PQcancelStart;
  newer.cancel_poll = PQcancelPoll;
  newer.cancel_socket = PQcancelSocket;
  newer.cancel_finish = PQcancelFinish;
#endif
}

#else

/* ISO C has no cast from an object's address to a function's; POSIX promises that the bytes are the same. */
static void look_up(const char *name, void *function) {
  void *found = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &found, sizeof found);
}

static void look_up_all(void) {
  /* The process may hold a second, newer libpq, which must not get this one's connections. */
  if (PQlibVersion() < 170000) return;
  look_up("PQsendPipelineSync", &newer.send_pipeline_sync);
  look_up("PQsendClosePrepared", &newer.send_close_prepared);
  look_up("PQsetChunkedRowsMode", &newer.set_chunked_rows_mode);
  look_up("PQcancelCreate", &newer.cancel_create);
  look_up("PQcancelStart", &newer.cancel_start);
  look_up("PQcancelPoll", &newer.cancel_poll);
  look_up("PQcancelSocket", &newer.cancel_socket);
  look_up("PQcancelFinish", &newer.cancel_finish);
}

#endif

static void ready(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, look_up_all);
}

int keel__pq_sync(PGconn *pg) {
  ready();
  return newer.send_pipeline_sync != NULL ? newer.send_pipeline_sync(pg) : PQpipelineSync(pg);
}

bool keel__pq_can_close(void) {
  ready();
  return newer.send_close_prepared != NULL;
}

int keel__pq_close(PGconn *pg, const char *name) {
  ready();
  return newer.send_close_prepared(pg, name);
}

bool keel__pq_can_chunk(void) {
  ready();
  return newer.set_chunked_rows_mode != NULL;
}

int keel__pq_chunked(PGconn *pg, int rows) {
  ready();
  return newer.set_chunked_rows_mode(pg, rows);
}

bool keel__pq_is_chunk(ExecStatusType status) {
  return (int)status == TUPLES_CHUNK;
}

/* ---------------------------------------------------------------- cancel */

bool keel__pq_cancel_init(keel__pq_cancel *cancel, PGconn *pg) {
  ready();
  cancel->plain = NULL;
  cancel->full = NULL;
  if (newer.cancel_create != NULL) {
    cancel->full = newer.cancel_create(pg);
  } else {
    cancel->plain = PQgetCancel(pg);
  }
  return cancel->full != NULL || cancel->plain != NULL;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: the time is up, or the system refuses. */
static bool wait_for(int fd, short events, int64_t deadline) {
  struct pollfd watched = {.fd = fd, .events = events};
  int found = 0;
  do {
    int64_t left = deadline - now_ms();
    if (left <= 0) return false;
    found = poll(&watched, 1, (int)left);
  } while (found < 0 && errno == EINTR);
  return found > 0;
}

static void send_full(struct pg_cancel_conn *cancel, int64_t deadline) {
  if (newer.cancel_start(cancel) != 1) return;
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    /* It tries one address after another: each has a socket of its own. */
    short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for(newer.cancel_socket(cancel), events, deadline)) return;
    next = newer.cancel_poll(cancel);
  }
}

void keel__pq_cancel_send(keel__pq_cancel *cancel, int timeout_ms) {
  char message[256];
  if (cancel->full != NULL) {
    send_full(cancel->full, now_ms() + timeout_ms);
  } else {
    (void)PQcancel(cancel->plain, message, sizeof message);
  }
}

void keel__pq_cancel_destroy(keel__pq_cancel *cancel) {
  if (cancel->full != NULL) newer.cancel_finish(cancel->full);
  PQfreeCancel(cancel->plain);
}
