#include "lru.h"

#include "alloc.h"
#include "rng.h"

#define FIRST_BUCKETS 16u

void keel__lru_init(keel__lru *lru, uint32_t capacity) {
  *lru = (keel__lru){.capacity = capacity};
  keel__list_init(&lru->entries);
  keel__list_init(&lru->pinned);
}

static keel__list *list_of(keel__lru *lru, const keel__lru_entry *entry) {
  return entry->pinned ? &lru->pinned : &lru->entries;
}

static void free_all(keel__list *list) {
  for (keel__link *link; (link = keel__list_first(list)) != NULL;) {
    keel__list_remove(list, link);
    keel__free(KEEL__OF(keel__lru_entry, link, link));
  }
}

void keel__lru_clear(keel__lru *lru) {
  free_all(&lru->entries);
  free_all(&lru->pinned);
  keel__free(lru->buckets);
  keel__lru_init(lru, lru->capacity);
}

static keel__lru_entry **bucket_of(keel__lru_entry **buckets, uint32_t count, uint32_t key) {
  return &buckets[keel__mix64(key) & (count - 1)];
}

keel__lru_entry *keel__lru_find(const keel__lru *lru, uint32_t key) {
  if (lru->bucket_count == 0) return NULL;
  keel__lru_entry *entry = *bucket_of(lru->buckets, lru->bucket_count, key);
  while (entry && entry->key != key) entry = entry->chain;
  return entry;
}

void keel__lru_touch(keel__lru *lru, keel__lru_entry *entry) {
  keel__list_remove(list_of(lru, entry), &entry->link);
  keel__list_push_front(list_of(lru, entry), &entry->link);
}

static void chain(keel__lru_entry **buckets, uint32_t count, keel__lru_entry *entry) {
  keel__lru_entry **bucket = bucket_of(buckets, count, entry->key);
  entry->chain = *bucket;
  *bucket = entry;
}

static void chain_all(keel__lru_entry **buckets, uint32_t count, const keel__list *list) {
  for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link))
    chain(buckets, count, KEEL__OF(keel__lru_entry, link, link));
}

static bool grow(keel__lru *lru) {
  uint32_t count = lru->bucket_count ? lru->bucket_count * 2 : FIRST_BUCKETS;
  keel__lru_entry **buckets = keel__alloc(count * sizeof(keel__lru_entry *));
  if (!buckets) return false;
  chain_all(buckets, count, &lru->entries);
  chain_all(buckets, count, &lru->pinned);
  keel__free(lru->buckets);
  lru->buckets = buckets;
  lru->bucket_count = count;
  return true;
}

keel__lru_entry *keel__lru_add(keel__lru *lru, uint32_t key, bool pinned) {
  if (lru->entries.count + lru->pinned.count >= lru->bucket_count && !grow(lru)) return NULL;
  keel__lru_entry *entry = keel__alloc(sizeof *entry);
  if (!entry) return NULL;
  entry->key = key;
  entry->pinned = pinned;
  chain(lru->buckets, lru->bucket_count, entry);
  keel__list_push_front(list_of(lru, entry), &entry->link);
  return entry;
}

void keel__lru_remove(keel__lru *lru, keel__lru_entry *entry) {
  keel__lru_entry **at = bucket_of(lru->buckets, lru->bucket_count, entry->key);
  while (*at != entry) at = &(*at)->chain;
  *at = entry->chain;
  keel__list_remove(list_of(lru, entry), &entry->link);
  keel__free(entry);
}
