#include "hist.h"

#include <string.h>

#define HALF (UINT64_C(1) << KEEL__HIST_BITS)

void keel__hist_init(keel__hist *hist) {
  memset(hist, 0, sizeof *hist);
  hist->min = UINT64_MAX;
}

static unsigned highest_bit(uint64_t value) {
  return 63u - (unsigned)__builtin_clzll(value);
}

/* Values below 2^(BITS + 1) have a bucket each; above, the BITS bits after the highest choose. */
static uint32_t bucket_of(uint64_t value) {
  if (value < 2 * HALF) return (uint32_t)value;
  if (value >> KEEL__HIST_TOP) return KEEL__HIST_BUCKETS - 1;
  unsigned shift = highest_bit(value) - KEEL__HIST_BITS;
  return (uint32_t)((shift << KEEL__HIST_BITS) + (value >> shift));
}

static double middle_of(uint32_t bucket) {
  if (bucket < 2 * HALF) return bucket;
  unsigned shift = (bucket >> KEEL__HIST_BITS) - 1;
  uint64_t first = (uint64_t)(bucket - (shift << KEEL__HIST_BITS)) << shift;
  return (double)first + (double)((UINT64_C(1) << shift) - 1) / 2;
}

void keel__hist_record(keel__hist *hist, uint64_t microseconds) {
  hist->count++;
  hist->sum += microseconds;
  if (microseconds < hist->min) hist->min = microseconds;
  if (microseconds > hist->max) hist->max = microseconds;
  hist->buckets[bucket_of(microseconds)]++;
}

static double clamp(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

void keel__hist_summary(const keel__hist *hist, keel_summary *summary) {
  static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
  *summary = (keel_summary){0};
  if (hist->count == 0) return;
  double *const out[] = {&summary->p50, &summary->p90, &summary->p99, &summary->p999};
  double low = (double)hist->min, high = (double)hist->max;
  uint64_t seen = 0;
  unsigned next = 0;
  /* The rank of a quantile is a share of the count, rounded up. */
  for (uint32_t bucket = 0; bucket < KEEL__HIST_BUCKETS && next < 4; bucket++) {
    seen += hist->buckets[bucket];
    for (; next < 4 && (double)seen >= quantiles[next] * (double)hist->count; next++)
      *out[next] = clamp(middle_of(bucket), low, high) / 1000;
  }
  summary->count = (double)hist->count;
  summary->min = low / 1000;
  summary->max = high / 1000;
  summary->mean = (double)hist->sum / (double)hist->count / 1000;
}
