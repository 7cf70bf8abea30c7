#include "text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../core/alloc.h"

/* Past white space, comments and what may stand before a statement. */
static const char *first_word(const char *text) {
  for (;;) {
    if (isspace((unsigned char)*text) || *text == ';' || *text == '(') {
      text++;
    } else if (text[0] == '-' && text[1] == '-') {
      text += strcspn(text, "\n");
    } else if (text[0] == '/' && text[1] == '*') {
      int depth = 0;
      do {
        bool opens = text[0] == '/' && text[1] == '*', closes = text[0] == '*' && text[1] == '/';
        depth += opens - closes;
        text += opens || closes ? 2 : 1;
      } while (depth > 0 && *text != 0);
    } else {
      return text;
    }
  }
}

static bool is_word(const char *text, const char *word) {
  size_t length = strlen(word);
  unsigned char after = (unsigned char)text[0] == 0 ? 0 : (unsigned char)text[length];
  return strncasecmp(text, word, length) == 0 && !isalnum(after) && after != '_' && after != '$';
}

static bool is_one_of(const char *text, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (is_word(text, words[i])) return true;
  return false;
}

static bool shares(const char *word) {
  static const char *const words[] = {"select", "insert", "update", "delete",
                                      "with",   "values", "merge",  "table"};
  return is_one_of(word, words, sizeof words / sizeof *words);
}

/* In doubt it may: the word anywhere in the text will do, be it in a comment or a name. */
static bool may_commit(const char *text) {
  static const char *const words[] = {"commit", "end", "prepare"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasestr(text, words[i]) != NULL) return true;
  return false;
}

static bool may_commit_part(const char *text) {
  text += strspn(text, " \t\r\n\f\v");
  bool commented = *text == '-' || *text == '/';
  if (strncasecmp(text, "CALL", 4) == 0) return true;
  if (strncasecmp(text, "DO", 2) != 0 && !commented) return false;
  /* Every language spells it so (COMMIT, spi_commit, plpy.commit), and no block can commit by a text that it puts together. */
  return strcasestr(text, "commit") != NULL || strcasestr(text, "call") != NULL;
}

keel_statement *keel_statement_new(const char *text, size_t length, const char *name) {
  size_t name_bytes = name == NULL ? 0 : strlen(name) + 1;
  keel_statement *statement = keel__realloc(NULL, sizeof *statement + length + 1 + name_bytes);
  if (statement == NULL) return NULL;
  atomic_init(&statement->holds, 1);
  atomic_init(&statement->number, 0);
  atomic_init(&statement->large, false);
  statement->length = length;
  if (length > 0) memcpy(statement->text, text, length);
  statement->text[length] = 0;
  statement->name = name_bytes <= 1 ? NULL : memcpy(statement->text + length + 1, name, name_bytes);
  const char *word = first_word(statement->text);
  statement->has_nul = memchr(statement->text, 0, length) != NULL;
  statement->copies = is_word(word, "copy");
  statement->shares = !statement->has_nul && shares(word);
  statement->may_commit = may_commit(statement->text);
  statement->may_commit_part = may_commit_part(statement->text);
  return statement;
}

void keel_statement_free(keel_statement *statement) {
  if (statement == NULL || atomic_fetch_sub_explicit(&statement->holds, 1, memory_order_acq_rel) > 1) return;
  keel__free(statement);
}
