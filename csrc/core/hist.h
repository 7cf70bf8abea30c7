/*
 * hist.h: a log-linear histogram of microseconds. The idea is Gil Tene's HdrHistogram: the power of two of a value chooses a
 * group, its next bits a bucket in the group, so that every bucket is narrower than 1/128 of its values. A quantile is
 * reported as the middle of its bucket: off by 0.4 % at most. The memory is fixed, recording is a few instructions.
 */
#ifndef KEEL_CORE_HIST_H
#define KEEL_CORE_HIST_H

#include <stdint.h>

#include "../keel.h"

#define KEEL__HIST_BITS 7 /* buckets per power of two: 128 */
#define KEEL__HIST_TOP 42 /* values from 2^42 us (51 days) on are counted as the largest */
#define KEEL__HIST_BUCKETS ((KEEL__HIST_TOP - KEEL__HIST_BITS + 1) << KEEL__HIST_BITS)

typedef struct keel__hist {
  uint64_t count, sum, min, max;
  uint64_t buckets[KEEL__HIST_BUCKETS];
} keel__hist;

void keel__hist_init(keel__hist *hist);
void keel__hist_record(keel__hist *hist, uint64_t microseconds);
/* All zero when nothing was recorded. */
void keel__hist_summary(const keel__hist *hist, keel_summary *summary);

#endif
