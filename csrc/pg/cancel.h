/*
 * cancel.h: asking the server to cancel, off the engine thread: it opens a connection of its own and blocks.
 */
#ifndef KEEL_PG_CANCEL_H
#define KEEL_PG_CANCEL_H

#include <libpq-fe.h>

#include "io.h"

typedef struct keel__cancel keel__cancel;
typedef void (*keel__cancel_done)(void *data);

/* Begins, or waits for its turn. NULL: it could not, and the callback will not come. */
KEEL_MUST_CHECK keel__cancel *keel__cancel_start(const keel__target *target, PGconn *pg,
                                                 keel__cancel_done done, void *data);
/* The callback will not come. A cancel on its way goes on, one that waits for its thread is given up; it frees itself. */
void keel__cancel_orphan(keel__cancel *cancel);

#endif
