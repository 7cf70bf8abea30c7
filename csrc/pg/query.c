#include "query.h"

#include <string.h>

#include "../core/alloc.h"

/* The final event is KEEL_EV_DONE, or a KEEL_EV_ERROR or KEEL_EV_LEASED without texts when there is no memory for better. */
#define FINAL_BODY ((KEEL__E_BODY + 2 - KEEL__B_BODY) * sizeof(int32_t))

static size_t param_bytes(const keel_request *request) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < request->param_count; i++) {
    if (request->params[i] != NULL) bytes += (size_t)request->param_lengths[i] + 1;
  }
  return bytes;
}

static void copy_params(keel__query *query, const keel_request *request, char *at) {
  for (uint32_t i = 0; i < request->param_count; i++) {
    query->formats[i] = request->param_formats != NULL && request->param_formats[i] != 0;
    if (request->params[i] == NULL) continue;
    size_t length = (size_t)request->param_lengths[i];
    query->params[i] = at;
    query->lengths[i] = (int)length;
    if (length > 0) memcpy(at, request->params[i], length);
    at[length] = 0;
    if (!query->formats[i]) query->has_nul = query->has_nul || memchr(at, 0, length) != NULL;
    at += length + 1;
  }
}

/* False: no memory. */
static bool hold_texts(keel__query *query, const keel_request *request) {
  if (request->kind != KEEL_QUERY) return true;
  query->statement = request->statement != NULL
                         ? keel__statement_hold(request->statement)
                         : keel_statement_new(request->text, request->text_length, request->name);
  query->prelude = request->prelude != NULL ? keel__statement_hold(request->prelude) : NULL;
  if (query->statement == NULL) return false;
  query->has_nul = query->statement->has_nul;
  query->core.shares = query->statement->shares;
  query->core.reads = query->statement->reads;
  query->core.begins = query->prelude != NULL;
  query->core.cannot_commit = request->lease != 0 && !query->statement->may_commit;
  query->core.quiet = !query->statement->reads && !query->statement->writes && query->core.cannot_commit;
  query->core.commits = request->lease != 0 && query->statement->commits;
  return true;
}

keel__query *keel__query_new(const keel_request *request) {
  size_t count = request->param_count;
  size_t arrays = count * (sizeof(char *) + 2 * sizeof(int));
  keel__query *query = keel__realloc(NULL, sizeof *query + arrays + param_bytes(request));
  if (query == NULL) return NULL;
  memset(query, 0, sizeof *query + arrays);
  query->final = keel__event_new(KEEL_EV_DONE, FINAL_BODY);
  if (query->final == NULL || !hold_texts(query, request)) {
    keel__query_free(query);
    return NULL;
  }
  query->core.kind = request->kind;
  query->core.flags = request->flags;
  query->core.tag = request->tag;
  query->core.lease = request->lease;
  query->timeout_ms = request->timeout_ms;
  query->param_count = request->param_count;
  query->params = (const char **)(query + 1);
  query->lengths = (int *)(query->params + count);
  query->formats = query->lengths + count;
  copy_params(query, request, (char *)(query->formats + count));
  return query;
}

void keel__query_free(keel__query *query) {
  keel_statement_free(query->statement);
  keel_statement_free(query->prelude);
  keel__free(query->final);
  keel__free(query->memory);
  keel__free(query);
}
