/* alloc.h: the one allocator of the library, so that a test can make each allocation fail in turn. */
#ifndef KEEL_CORE_ALLOC_H
#define KEEL_CORE_ALLOC_H

#include <stddef.h>

/* All of these may be called from any thread. */
void *keel__alloc(size_t size); /* zeroed; NULL when there is no memory */
void *keel__realloc(void *memory, size_t size);
void keel__free(void *memory);

typedef struct keel__allocator {
  void *(*zeroed)(size_t size);
  void *(*resize)(void *memory, size_t size);
  void (*release)(void *memory);
} keel__allocator;

/* For tests, while nothing else runs. NULL: the C library's again. */
void keel__alloc_use(const keel__allocator *allocator);

#endif
