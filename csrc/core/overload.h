/*
 * overload.h: what is refused when more comes than can be served.
 *
 * A queue that takes everything makes everybody late: each gets his connection just before his time is over, and what the
 * server then does for him is thrown away. So who would have to wait longer than he may is refused when he comes, and who has
 * waited so long that what is left will not do gets no connection. Both are told NOT_SENT. Nobody is refused while there is
 * room for another connection, when nobody waits before him, without a time limit of his own, or before the pool has seen how
 * fast its queue moves.
 */
#ifndef KEEL_CORE_OVERLOAD_H
#define KEEL_CORE_OVERLOAD_H

#include <stdint.h>

#include "heap.h"

/* Of so many that were taken from a standing queue the pace is told; it is forgotten by half at twice the number. */
#define KEEL__OVERLOAD_MEMORY 64u
#define KEEL__OVERLOAD_LEAST 32u /* no pace is told of fewer */
/* While the queue is long and stays so, a newcomer is to have this part of his time to spare: a half. */
#define KEEL__OVERLOAD_SPARE 2u

/* How fast the queue moves while it stands: a ratio of sums, so that it makes no difference whether those taken come one by one
 * or in bursts. */
typedef struct keel__overload {
  uint32_t taken;
  keel__time busy; /* us in which they were */
  keel__time last; /* when the last one was */
} keel__overload;

#endif
