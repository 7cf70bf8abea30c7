#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "compat.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* PGRES_TUPLES_CHUNK */
#define TUPLES_CHUNK 12

/* All of them came with libpq 17. */
static struct {
  int (*send_pipeline_sync)(PGconn *);
  int (*send_close_prepared)(PGconn *, const char *);
  int (*set_chunked_rows_mode)(PGconn *, int);
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
