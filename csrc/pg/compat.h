/*
 * compat.h: calls that newer versions of libpq have and that are used where they are there.
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

#endif
