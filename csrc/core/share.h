/*
 * share.h: which lone statements may share a connection, and how long each is expected to keep it.
 *
 * Statements that share one go down it together, each with a Sync of its own, and are answered in order: a quick one is
 * cheaper behind other quick ones than on a connection of its own, whose backend has to be woken first; behind a slow one
 * it would wait. So the pool keeps an estimate for each text, lets only those share that are known to be quick, and takes
 * a head that holds the others up out of their way.
 */
#ifndef KEEL_CORE_SHARE_H
#define KEEL_CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"

/* All in microseconds. */

/* A statement that is expected to take longer has a connection of its own. */
#define KEEL__SHARE_QUICK 2000u
/* Behind no more work than this a statement is put even while other connections are idle: waking a backend that sleeps
 * costs about as much. */
#define KEEL__SHARE_PACK 100u
/* Behind no more work than this when none is idle; else it waits for whichever connection is free first. */
#define KEEL__SHARE_BACKLOG 2000u
/* A head that runs so much longer than was expected of all that is in flight gets nothing more behind it ... */
#define KEEL__SHARE_PATIENCE 1000u
/* ... and one that has held up others for so long (blocked by a lock, perhaps by one whose holder waits for just what stands
 * behind it) is cancelled and, once the server has confirmed that it left no trace, sent again alone. */
#define KEEL__SHARE_STUCK 100000u

/* What is known of a text. Kept by its number, in a table of fixed size: where two numbers clash the later one takes the place,
 * and the other is unknown again, which costs it a connection of its own once. */
typedef struct keel__estimate {
  uint32_t text;
  float cost;      /* moving average */
  float deviation; /* of how far single ones are from it */
} keel__estimate;

typedef struct keel__estimates {
  keel__estimate
      *places; /* NULL until the first is recorded; without memory nothing is ever known to be quick */
} keel__estimates;

void keel__estimates_free(keel__estimates *estimates);
/* What a statement of this text has taken, the way there and back left out. */
void keel__estimates_record(keel__estimates *estimates, uint32_t text, keel__time took);
/* True and the expected time when it is known. */
bool keel__estimates_find(const keel__estimates *estimates, uint32_t text, uint32_t *cost);
/* The same with a margin: what will do for nearly all of them. */
bool keel__estimates_need(const keel__estimates *estimates, uint32_t text, keel__time *need);

#endif
