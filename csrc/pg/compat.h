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

#endif
