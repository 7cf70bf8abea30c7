#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "compat.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int (*send_pipeline_sync)(PGconn *);
static int (*send_close_prepared)(PGconn *, const char *);

/* ISO C has no cast from an object's address to a function's; POSIX promises that the bytes are the same. */
static void look_up(const char *name, void *function) {
  void *found = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &found, sizeof found);
}

static void look_up_all(void) {
  look_up("PQsendPipelineSync", &send_pipeline_sync);
  look_up("PQsendClosePrepared", &send_close_prepared);
}

int keel__pq_sync(PGconn *pg) {
  pthread_once(&once, look_up_all);
  return send_pipeline_sync != NULL ? send_pipeline_sync(pg) : PQpipelineSync(pg);
}

bool keel__pq_can_close(void) {
  pthread_once(&once, look_up_all);
  return send_close_prepared != NULL;
}

int keel__pq_close(PGconn *pg, const char *name) {
  return send_close_prepared(pg, name);
}
