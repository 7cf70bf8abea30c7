/*
 * io.h: what the I/O side needs of the engine that it serves, and the objects it shares among its files.
 */
#ifndef KEEL_PG_IO_H
#define KEEL_PG_IO_H

#include <uv.h>

#include "../core/core.h"
#include "conninfo.h"
#include "event.h"
#include "rows.h"
#include "secret.h"

/* One for each engine; engine thread only. */
typedef struct keel__io {
  uv_loop_t *loop;
  void *data;
  void (*emit)(void *data, keel_event *event); /* takes the event; NULL is let pass: no memory */
  /* Around every call into the core: another thread may be reading the pool's figures. */
  void (*lock)(void *data);
  void (*unlock)(void *data);
  keel__list work; /* connections for which an op has left something to do */
  keel__rows rows;
  int heavy; /* statements on their way whose answers may be more than a host should read; see engine_turn.c */
  int in_worker;              /* lookups and cancels that another thread has not given back */
  keel__list cancels;         /* of these, the cancels */
  keel__list cancels_waiting; /* for a thread */
} keel__io;

/* Where and how the connections of one pool are opened. Written while the pool is opened, read by the engine thread. */
typedef struct keel__target {
  keel__io *io;
  uint32_t pool_id;
  bool announce;
  bool cannot_resolve; /* the server refuses to say what keel__xid_opened needs */
  bool starved;        /* a connection had to be given up for want of memory; see keel__target_run */
  uint64_t
      prefix; /* in the names of prepared statements, so that two processes behind one pooler never share one */
  keel__params params;
  keel__params session; /* settings to apply */
  keel__secrets *secrets;
} keel__target;

static inline keel__time keel__now(void) {
  return uv_hrtime() / 1000;
}

#endif
