/*
 * rng.h: random numbers for jitter and for the simulator. SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014): one word of state, so that one seed reproduces a run. Not for secrets.
 */
#ifndef KEEL_CORE_RNG_H
#define KEEL_CORE_RNG_H

#include <stdint.h>

typedef struct keel__rng {
  uint64_t state;
} keel__rng;

static inline void keel__rng_init(keel__rng *rng, uint64_t seed) {
  rng->state = seed;
}

static inline uint64_t keel__mix64(uint64_t value) {
  value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
  return value ^ (value >> 31);
}

static inline uint64_t keel__rng_next(keel__rng *rng) {
  rng->state += UINT64_C(0x9e3779b97f4a7c15);
  return keel__mix64(rng->state);
}

/* [0, 1) */
static inline double keel__rng_real(keel__rng *rng) {
  return (double)(keel__rng_next(rng) >> 11) * (1.0 / 9007199254740992.0);
}

/* [0, limit); limit > 0. The bias of the modulus is far below what any use here could see. */
static inline uint64_t keel__rng_below(keel__rng *rng, uint64_t limit) {
  return keel__rng_next(rng) % limit;
}

#endif
