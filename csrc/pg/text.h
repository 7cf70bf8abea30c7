/*
 * text.h: a statement's text and what can be told from it alone. Made once and held by whoever needs it; nothing of it changes
 * but the atomics.
 */
#ifndef KEEL_PG_TEXT_H
#define KEEL_PG_TEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../keel.h"

struct keel_statement {
  atomic_uint holds;
  /* The number that a pool's table has for it, once it is settled that it is worth preparing: the pool's serial in the upper
   * half, the number in the lower. Saves looking the text up again; another pool's is overwritten. */
  _Atomic uint64_t number;
  atomic_bool small; /* its last result was read in a moment */
  atomic_bool large; /* its last result was large: the next is laid out as it arrives */
  const char *name;  /* chosen by the caller; NULL: none */
  size_t length;
  bool has_nul;
  /* What it does; see classify.h. */
  bool copies, shares, may_commit, may_end, may_commit_part, commits, reads, writes;
  char text[]; /* NUL-terminated, then the name */
};

static inline keel_statement *keel__statement_hold(keel_statement *statement) {
  atomic_fetch_add_explicit(&statement->holds, 1, memory_order_relaxed);
  return statement;
}

#endif
