#include "text.h"

#include <string.h>

#include "../core/alloc.h"
#include "classify.h"

keel_statement *keel_statement_new(const char *text, size_t length, const char *name) {
  size_t name_bytes = name == NULL ? 0 : strlen(name) + 1;
  keel_statement *statement = keel__realloc(NULL, sizeof *statement + length + 1 + name_bytes);
  if (statement == NULL) return NULL;
  atomic_init(&statement->holds, 1);
  atomic_init(&statement->number, 0);
  atomic_init(&statement->small, false);
  atomic_init(&statement->large, false);
  statement->length = length;
  if (length > 0) memcpy(statement->text, text, length);
  statement->text[length] = 0;
  statement->name = name_bytes <= 1 ? NULL : memcpy(statement->text + length + 1, name, name_bytes);
  statement->has_nul = memchr(statement->text, 0, length) != NULL;
  keel__nature nature = keel__classify(statement->text, length);
  statement->copies = nature.copies;
  statement->shares = nature.shares && !statement->has_nul;
  statement->may_commit = nature.may_commit;
  statement->may_end = nature.may_end;
  statement->may_commit_part = nature.may_commit_part;
  statement->commits = nature.commits;
  statement->reads = nature.reads;
  statement->writes = nature.writes;
  return statement;
}

void keel_statement_free(keel_statement *statement) {
  if (statement == NULL || atomic_fetch_sub_explicit(&statement->holds, 1, memory_order_acq_rel) > 1) return;
  keel__free(statement);
}
