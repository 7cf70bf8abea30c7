#include "statements.h"

#include <string.h>

#include "alloc.h"
#include "rng.h"

#define FIRST_BUCKETS 64u

typedef struct keel__statement {
  keel__link link;
  struct keel__statement *chain;
  uint64_t hash;
  uint32_t number, uses;
  bool named;
  size_t length;
  char text[];
} keel__statement;

void keel__statements_init(keel__statements *statements, uint32_t capacity, uint64_t seed) {
  *statements = (keel__statements){.capacity = capacity ? capacity : 1, .seed = seed};
  keel__list_init(&statements->entries);
  keel__list_init(&statements->named);
}

static void free_all(keel__list *list) {
  for (keel__link *link; (link = keel__list_first(list)) != NULL;) {
    keel__list_remove(list, link);
    keel__free(KEEL__OF(keel__statement, link, link));
  }
}

void keel__statements_free(keel__statements *statements) {
  free_all(&statements->entries);
  free_all(&statements->named);
  keel__free(statements->buckets);
  keel__statements_init(statements, statements->capacity, statements->seed);
}

static uint64_t hash_of(const keel__statements *statements, const char *text, size_t length, bool named) {
  uint64_t hash = statements->seed ^ (length * 2 + named);
  for (; length >= 8; text += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, text, 8);
    hash = keel__mix64(hash ^ word);
  }
  uint64_t rest = 0;
  memcpy(&rest, text, length);
  return keel__mix64(hash ^ rest);
}

static keel__statement **bucket_of(const keel__statements *statements, uint64_t hash) {
  return &statements->buckets[hash & (statements->bucket_count - 1)];
}

static keel__statement *find(const keel__statements *statements, uint64_t hash, const char *text,
                             size_t length, bool named) {
  if (statements->bucket_count == 0) return NULL;
  keel__statement *at = *bucket_of(statements, hash);
  for (; at; at = at->chain)
    if (at->hash == hash && at->named == named && at->length == length && memcmp(at->text, text, length) == 0)
      break;
  return at;
}

static void chain(keel__statements *statements, keel__statement *statement) {
  keel__statement **bucket = bucket_of(statements, statement->hash);
  statement->chain = *bucket;
  *bucket = statement;
}

static void chain_all(keel__statements *statements, const keel__list *list) {
  for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link))
    chain(statements, KEEL__OF(keel__statement, link, link));
}

static bool grow(keel__statements *statements) {
  uint32_t count = statements->bucket_count ? statements->bucket_count * 2 : FIRST_BUCKETS;
  keel__statement **buckets = keel__alloc(count * sizeof(keel__statement *));
  if (!buckets) return false;
  keel__free(statements->buckets);
  statements->buckets = buckets;
  statements->bucket_count = count;
  chain_all(statements, &statements->entries);
  chain_all(statements, &statements->named);
  return true;
}

static void drop_oldest(keel__statements *statements) {
  keel__statement *statement = KEEL__OF(keel__statement, link, keel__list_last(&statements->entries));
  keel__statement **at = bucket_of(statements, statement->hash);
  while (*at != statement) at = &(*at)->chain;
  *at = statement->chain;
  keel__list_remove(&statements->entries, &statement->link);
  keel__free(statement);
}

static keel__list *list_of(keel__statements *statements, bool named) {
  return named ? &statements->named : &statements->entries;
}

static keel__statement *add(keel__statements *statements, uint64_t hash, const char *text, size_t length,
                            bool named) {
  if (statements->entries.count + statements->named.count >= statements->bucket_count && !grow(statements))
    return NULL;
  keel__statement *statement = keel__alloc(sizeof *statement + length);
  if (!statement) return NULL;
  if (!named && statements->entries.count >= statements->capacity) drop_oldest(statements);
  statement->hash = hash;
  statement->number = ++statements->last_number;
  statement->named = named;
  statement->length = length;
  memcpy(statement->text, text, length);
  chain(statements, statement);
  keel__list_push_front(list_of(statements, named), &statement->link);
  return statement;
}

keel__interned keel__statements_intern(keel__statements *statements, const char *text, size_t length,
                                       bool named) {
  uint64_t hash = hash_of(statements, text, length, named);
  keel__statement *statement = find(statements, hash, text, length, named);
  if (statement) {
    keel__list_remove(list_of(statements, named), &statement->link);
    keel__list_push_front(list_of(statements, named), &statement->link);
  } else {
    statement = add(statements, hash, text, length, named);
    if (!statement) return (keel__interned){0};
  }
  if (statement->uses < UINT32_MAX) statement->uses++;
  return (keel__interned){.number = statement->number, .uses = statement->uses};
}
