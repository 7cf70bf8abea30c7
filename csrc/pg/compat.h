/*
 * compat.h: calls that newer versions of libpq have and that are used where they are there. Any thread.
 */
#ifndef KEEL_PG_COMPAT_H
#define KEEL_PG_COMPAT_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Ends a request of the pipeline with a Sync; with libpq 17 and later that does not cost a system call of its own. */
int keel__pq_sync(PGconn *pg);
/* Closes a prepared statement; false: this libpq cannot (before 17). */
bool keel__pq_can_close(void);
int keel__pq_close(PGconn *pg, const char *name);
/* Results of at most so many rows, instead of one of all rows or of one; asked for as PQsetSingleRowMode() is. False: this
 * libpq cannot (before 17). */
bool keel__pq_can_chunk(void);
int keel__pq_chunked(PGconn *pg, int rows);
/* Is this the status of such a part of a result? Older headers have no name for it. */
bool keel__pq_is_chunk(ExecStatusType status);

/* Asking the server to cancel. With libpq 17 and later the request goes as the connection itself does: encrypted, checked
 * against its certificates, and for no longer than a time limit. Before that it goes in the open and waits as long as the
 * system does. */
typedef struct keel__pq_cancel {
  PGcancel *plain;
  struct pg_cancel_conn *full; /* libpq 17's PGcancelConn */
} keel__pq_cancel;

/* A copy of what is needed, so that the connection may go. False: no memory. */
bool keel__pq_cancel_init(keel__pq_cancel *cancel, PGconn *pg);
/* Blocks. Whether it worked shows in what the statement does. */
void keel__pq_cancel_send(keel__pq_cancel *cancel, int timeout_ms);
void keel__pq_cancel_destroy(keel__pq_cancel *cancel);

#endif
