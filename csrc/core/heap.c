#include "heap.h"

#include <assert.h>

#include "alloc.h"

void keel__heap_init(keel__heap *heap) {
  *heap = (keel__heap){0};
}

void keel__heap_free(keel__heap *heap) {
  keel__free(heap->entries);
  keel__heap_init(heap);
}

keel_code keel__heap_reserve(keel__heap *heap) {
  if (heap->reserved + 1 >= heap->capacity) {
    uint32_t capacity = heap->capacity ? heap->capacity * 2 : 32;
    keel__heap_entry *entries = keel__realloc(heap->entries, capacity * sizeof *entries);
    if (!entries) return KEEL_NO_MEMORY;
    heap->entries = entries;
    heap->capacity = capacity;
  }
  heap->reserved++;
  return KEEL_OK;
}

void keel__heap_unreserve(keel__heap *heap) {
  assert(heap->reserved > heap->count);
  heap->reserved--;
}

static void place(keel__heap *heap, uint32_t slot, keel__heap_entry entry) {
  heap->entries[slot] = entry;
  entry.timer->slot = slot;
}

static void sift_up(keel__heap *heap, uint32_t slot, keel__heap_entry entry) {
  while (slot > 1 && heap->entries[slot / 2].due > entry.due) {
    place(heap, slot, heap->entries[slot / 2]);
    slot /= 2;
  }
  place(heap, slot, entry);
}

static void sift_down(keel__heap *heap, uint32_t slot, keel__heap_entry entry) {
  for (;;) {
    uint32_t child = slot * 2;
    if (child > heap->count) break;
    if (child < heap->count && heap->entries[child + 1].due < heap->entries[child].due) child++;
    if (heap->entries[child].due >= entry.due) break;
    place(heap, slot, heap->entries[child]);
    slot = child;
  }
  place(heap, slot, entry);
}

static void settle_at(keel__heap *heap, uint32_t slot, keel__heap_entry entry) {
  if (slot > 1 && heap->entries[slot / 2].due > entry.due)
    sift_up(heap, slot, entry);
  else
    sift_down(heap, slot, entry);
}

void keel__heap_set(keel__heap *heap, keel__timer *timer, keel__time due) {
  if (due == KEEL__NEVER) {
    keel__heap_remove(heap, timer);
    return;
  }
  uint32_t slot = timer->slot ? timer->slot : ++heap->count;
  assert(heap->count <= heap->reserved);
  timer->due = due;
  settle_at(heap, slot, (keel__heap_entry){due, timer});
}

void keel__heap_remove(keel__heap *heap, keel__timer *timer) {
  uint32_t slot = timer->slot;
  if (slot == 0) return;
  timer->slot = 0;
  keel__heap_entry last = heap->entries[heap->count--];
  if (last.timer != timer) settle_at(heap, slot, last);
}
