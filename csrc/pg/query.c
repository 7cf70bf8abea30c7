#include "query.h"

#include <string.h>
#include <strings.h>

#include "../core/alloc.h"

/* The final event is KEEL_EV_DONE, or a KEEL_EV_ERROR or KEEL_EV_LEASED without texts when there is no memory for better. */
#define FINAL_BODY ((KEEL__E_BODY + 2 - KEEL__B_BODY) * sizeof(int32_t))

static size_t text_bytes(const keel_request *request) {
  size_t bytes = request->text_length + 1;
  if (request->name != NULL) bytes += strlen(request->name) + 1;
  for (uint32_t i = 0; i < request->param_count; i++) {
    if (request->params[i] != NULL) bytes += (size_t)request->param_lengths[i] + 1;
  }
  return bytes;
}

static void look_for_nul(keel__query *query, const char *text, size_t length) {
  query->has_nul = query->has_nul || memchr(text, 0, length) != NULL;
}

static char *put(char *at, const char *text, size_t length) {
  if (length > 0) memcpy(at, text, length);
  at[length] = 0;
  return at + length + 1;
}

static void copy_texts(keel__query *query, const keel_request *request, char *at) {
  query->text = at;
  query->text_length = request->text_length;
  char *after = put(at, request->text, request->text_length);
  look_for_nul(query, at, request->text_length);
  if (request->name != NULL) {
    query->name = after;
    after = put(after, request->name, strlen(request->name));
  }
  for (uint32_t i = 0; i < request->param_count; i++) {
    query->formats[i] = request->param_formats != NULL && request->param_formats[i] != 0;
    if (request->params[i] == NULL) continue;
    size_t length = (size_t)request->param_lengths[i];
    at = after;
    query->params[i] = at;
    query->lengths[i] = (int)length;
    after = put(at, request->params[i], length);
    if (!query->formats[i]) look_for_nul(query, at, length);
  }
}

/* In doubt it may: the word anywhere in the text will do, be it in a comment or a name. */
static bool cannot_commit(const keel__query *query) {
  static const char *const words[] = {"commit", "end", "prepare"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasestr(query->text, words[i]) != NULL) return false;
  return true;
}

keel__query *keel__query_new(const keel_request *request) {
  size_t count = request->param_count;
  size_t arrays = count * (sizeof(char *) + 2 * sizeof(int));
  keel__query *query = keel__realloc(NULL, sizeof *query + arrays + text_bytes(request));
  keel_event *final = keel__event_new(KEEL_EV_DONE, FINAL_BODY);
  if (query == NULL || final == NULL) {
    keel__free(query);
    keel__free(final);
    return NULL;
  }
  memset(query, 0, sizeof *query + arrays);
  query->core.kind = request->kind;
  query->core.flags = request->flags;
  query->core.tag = request->tag;
  query->core.lease = request->lease;
  query->final = final;
  query->large = (request->flags & KEEL_Q_ALONE) != 0;
  query->timeout_ms = request->timeout_ms;
  query->param_count = request->param_count;
  query->params = (const char **)(query + 1);
  query->lengths = (int *)(query->params + count);
  query->formats = query->lengths + count;
  copy_texts(query, request, (char *)(query->formats + count));
  query->core.cannot_commit = request->lease != 0 && cannot_commit(query);
  return query;
}

bool keel__query_may_commit_within(const keel__query *query) {
  const char *text = query->text + strspn(query->text, " \t\r\n\f\v");
  bool commented = *text == '-' || *text == '/';
  if (strncasecmp(text, "CALL", 4) == 0) return true;
  if (strncasecmp(text, "DO", 2) != 0 && !commented) return false;
  /* Every language spells it so (COMMIT, spi_commit, plpy.commit), and no block can commit by a text that it puts together. */
  return strcasestr(text, "commit") != NULL || strcasestr(text, "call") != NULL;
}

void keel__query_free(keel__query *query) {
  keel__free(query->final);
  keel__free(query);
}
