#include "alloc.h"

#include <stdlib.h>

static void *zeroed(size_t size) {
  return calloc(1, size);
}

static const keel__allocator libc_allocator = {zeroed, realloc, free};
static const keel__allocator *current = &libc_allocator;

void *keel__alloc(size_t size) {
  return current->zeroed(size);
}

void *keel__realloc(void *memory, size_t size) {
  return current->resize(memory, size);
}

void keel__free(void *memory) {
  current->release(memory);
}

void keel__alloc_use(const keel__allocator *allocator) {
  current = allocator ? allocator : &libc_allocator;
}
