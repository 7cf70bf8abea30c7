/*
 * heap.h: timers, an indexed binary heap. Room is reserved when an object that has a timer comes into being, so that setting
 * a timer cannot fail later, in the middle of a decision.
 */
#ifndef KEEL_CORE_HEAP_H
#define KEEL_CORE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "../keel.h"

typedef uint64_t keel__time; /* microseconds on the caller's monotonic clock */
#define KEEL__NEVER UINT64_MAX

static inline keel__time keel__time_after(keel__time now, keel__time delay) {
  return delay >= KEEL__NEVER - now ? KEEL__NEVER : now + delay;
}

static inline keel__time keel__time_sooner(keel__time a, keel__time b) {
  return a < b ? a : b;
}

typedef struct keel__timer {
  keel__time due;
  uint32_t slot; /* place in the heap, from 1; 0: not set */
  uint32_t kind; /* the owner's: which object it is a member of */
} keel__timer;

typedef struct keel__heap_entry {
  keel__time due;
  keel__timer *timer;
} keel__heap_entry;

typedef struct keel__heap {
  keel__heap_entry *entries; /* entries[0] is not used: the children of i are 2i and 2i + 1 */
  uint32_t count, capacity, reserved;
} keel__heap;

void keel__heap_init(keel__heap *heap);
void keel__heap_free(keel__heap *heap);

/* Room for one timer more; keel__heap_unreserve gives it back. KEEL_NO_MEMORY leaves the heap as it was. */
KEEL_MUST_CHECK keel_code keel__heap_reserve(keel__heap *heap);
void keel__heap_unreserve(keel__heap *heap);

/* Sets or moves a timer; KEEL__NEVER takes it out. */
void keel__heap_set(keel__heap *heap, keel__timer *timer, keel__time due);
void keel__heap_remove(keel__heap *heap, keel__timer *timer); /* no effect when it is not set */

static inline bool keel__timer_is_set(const keel__timer *timer) {
  return timer->slot != 0;
}

static inline keel__timer *keel__heap_first(const keel__heap *heap) {
  return heap->count > 0 ? heap->entries[1].timer : NULL;
}

#endif
