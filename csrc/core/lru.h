/*
 * lru.h: which prepared statements a connection has, least recently used last. A hash table over a list; memory grows with
 * what is in it. `capacity` bounds the entries that are not pinned.
 */
#ifndef KEEL_CORE_LRU_H
#define KEEL_CORE_LRU_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

typedef struct keel__lru_entry {
  keel__link link;               /* in keel__lru.entries, or .pinned */
  struct keel__lru_entry *chain; /* next in its bucket */
  uint32_t key;
  bool pinned;    /* named by the caller: never evicted */
  bool confirmed; /* the server has said that it has it */
  bool stale;     /* the server has it, but it must be prepared anew */
} keel__lru_entry;

typedef struct keel__lru {
  keel__list entries; /* last used first */
  keel__list pinned;
  keel__lru_entry **buckets;
  uint32_t bucket_count; /* 0 or a power of two */
  uint32_t capacity;
} keel__lru;

void keel__lru_init(keel__lru *lru, uint32_t capacity);
void keel__lru_clear(keel__lru *lru); /* frees all memory too; it may be used again */

keel__lru_entry *keel__lru_find(const keel__lru *lru, uint32_t key);       /* NULL: not there */
void keel__lru_touch(keel__lru *lru, keel__lru_entry *entry);              /* it is the last used now */
keel__lru_entry *keel__lru_add(keel__lru *lru, uint32_t key, bool pinned); /* NULL: no memory */
void keel__lru_remove(keel__lru *lru, keel__lru_entry *entry);

static inline bool keel__lru_is_full(const keel__lru *lru) {
  return lru->entries.count >= lru->capacity;
}

#endif
