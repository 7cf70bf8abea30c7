/*
 * statements.h: a pool's numbers for statement texts. A text that is seen often enough is worth preparing; a connection
 * remembers what it has prepared by number. Bounded: the text used longest ago is forgotten, its number never comes again.
 */
#ifndef KEEL_CORE_STATEMENTS_H
#define KEEL_CORE_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "list.h"

#define KEEL__STATEMENTS_CAPACITY 10000u

typedef struct keel__statements {
  keel__list entries; /* last used first */
  keel__list named;   /* never forgotten */
  struct keel__statement **buckets;
  uint32_t bucket_count; /* a power of two; 0 until the first */
  uint32_t capacity;     /* of entries; at least 1 */
  uint32_t last_number;
  uint64_t seed;
} keel__statements;

typedef struct keel__interned {
  uint32_t number; /* from 1; 0: no memory, treat it as one that is not prepared */
  uint32_t uses;   /* this one included */
} keel__interned;

/* `seed` keeps an outsider from choosing texts that fall into one bucket. */
void keel__statements_init(keel__statements *statements, uint32_t capacity, uint64_t seed);
void keel__statements_free(keel__statements *statements);

/* The number of a text. `named`: the key is whatever makes the caller's statement what it is (its name and its text); such
 * entries are a world of their own and never forgotten, because the server holds the name. The text is copied. */
keel__interned keel__statements_intern(keel__statements *statements, const char *text, size_t length,
                                       bool named);

#endif
