/*
 * classify.h: what a text does, as far as the text alone tells.
 *
 * What it cannot tell: a view, an operator, a cast, a policy or a trigger of the application's may call a function that changes
 * something; reading through one still counts as reading.
 */
#ifndef KEEL_PG_CLASSIFY_H
#define KEEL_PG_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct keel__nature {
  uint32_t statements; /* those that are empty do not count */
  bool copies;         /* it begins with COPY, which a pipeline cannot carry */
  bool shares; /* it begins with SELECT, INSERT, UPDATE ...: it changes nothing of the session it runs in */
  bool may_commit; /* inside a transaction it may be what commits it; true when in doubt */
  bool may_end;    /* ... or what ends it in any way; another may begin in the same text */
  /* CALL, or a DO whose block commits or calls: may commit on the way to an error; true when in doubt */
  bool may_commit_part;
  bool commits; /* it is one plain COMMIT or END */
  bool reads;   /* to run it a second time does no harm, and it locks no rows; false when in doubt */
  bool writes;  /* it may take a transaction id; true when in doubt */
} keel__nature;

/* One pass. `text` is NUL-terminated at text[length]. */
keel__nature keel__classify(const char *text, size_t length);

#endif
