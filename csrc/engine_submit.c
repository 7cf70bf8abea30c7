/* engine_submit.c: requests on their way in. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "engine.h"

#define PARAMS_MAX 65535       /* the protocol counts them in 16 bits */
#define PREPARE_TEXT_MAX 65536 /* a longer text is a bulk insert, made for one use */

/* ---------------------------------------------------------------- submitting thread */

static bool params_are_sound(const keel_request *request) {
  if (request->param_count == 0) return true;
  if (request->param_count > PARAMS_MAX || request->params == NULL || request->param_lengths == NULL)
    return false;
  for (uint32_t i = 0; i < request->param_count; i++) {
    if (request->params[i] != NULL && request->param_lengths[i] < 0) return false;
  }
  return true;
}

static bool is_sound(const keel_request *request) {
  if (request->kind == KEEL_ACQUIRE) return request->lease == 0 && request->param_count == 0;
  if (request->kind != KEEL_QUERY || request->text == NULL || request->text_length > INT32_MAX / 2)
    return false;
  if ((request->flags & KEEL_Q_SIMPLE) && (request->param_count > 0 || request->name != NULL)) return false;
  return params_are_sound(request);
}

void keel__queries_free(keel__query *batch) {
  while (batch != NULL) {
    keel__query *next = batch->next_in_batch;
    keel__query_free(batch);
    batch = next;
  }
}

static keel_code copy_all(const keel_request *requests, size_t count, keel__query **batch) {
  keel__query **last = batch;
  for (size_t i = 0; i < count; i++) {
    *last = is_sound(&requests[i]) ? keel__query_new(&requests[i]) : NULL;
    if (*last == NULL) {
      keel__queries_free(*batch);
      return is_sound(&requests[i]) ? KEEL_NO_MEMORY : KEEL_MISUSE;
    }
    last = &(*last)->next_in_batch;
  }
  return KEEL_OK;
}

keel_code keel_submit(keel_pool *pool, const keel_request *requests, size_t count) {
  keel__query *batch = NULL;
  keel_code code = copy_all(requests, count, &batch);
  if (code != KEEL_OK || batch == NULL) return code;
  keel__mail mail = {.kind = KEEL__MAIL_SUBMIT, .pool = pool, .of = {.queries = batch}};
  keel__post(pool->engine, &mail);
  return KEEL_OK;
}

/* ---------------------------------------------------------------- tags; engine thread */

static keel__query **bucket_of(const keel__tags *tags, uint64_t tag) {
  return &tags->buckets[keel__mix64(tag) & (tags->capacity - 1)];
}

static void grow(keel__tags *tags) {
  keel__tags larger = {.capacity = tags->capacity == 0 ? 64 : tags->capacity * 2, .count = tags->count};
  larger.buckets = keel__alloc(larger.capacity * sizeof *larger.buckets);
  /* A crowded table is only slower; without any, requests cannot be aborted. */
  if (larger.buckets == NULL) return;
  for (uint32_t i = 0; i < tags->capacity; i++) {
    for (keel__query *query = tags->buckets[i]; query != NULL;) {
      keel__query *next = query->next_in_bucket, **bucket = bucket_of(&larger, query->core.tag);
      query->next_in_bucket = *bucket;
      *bucket = query;
      query = next;
    }
  }
  keel__free(tags->buckets);
  *tags = larger;
}

static void tags_add(keel__tags *tags, keel__query *query) {
  if (tags->count >= tags->capacity) grow(tags);
  if (tags->capacity == 0) return;
  keel__query **bucket = bucket_of(tags, query->core.tag);
  query->next_in_bucket = *bucket;
  *bucket = query;
  tags->count++;
}

keel__query *keel__tags_find(const keel__tags *tags, uint64_t tag) {
  if (tags->capacity == 0) return NULL;
  keel__query *query = *bucket_of(tags, tag);
  while (query != NULL && query->core.tag != tag) query = query->next_in_bucket;
  return query;
}

void keel__tags_remove(keel__tags *tags, keel__query *query) {
  if (tags->capacity == 0) return;
  keel__query **at = bucket_of(tags, query->core.tag);
  while (*at != NULL && *at != query) at = &(*at)->next_in_bucket;
  if (*at == NULL) return;
  *at = query->next_in_bucket;
  tags->count--;
}

void keel__tags_free(keel__tags *tags) {
  keel__free(tags->buckets);
}

/* ---------------------------------------------------------------- engine thread */

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

/* COPY, which a pipeline cannot carry: its data would be taken out of the requests behind it. */
static bool is_copy(const char *text) {
  const char *word = first_word(text);
  return strncasecmp(word, "copy", 4) == 0 && !isalnum((unsigned char)word[4]) && word[4] != '_' &&
         word[4] != '$';
}

static bool wants_preparing(const keel_pool *pool, const keel__query *query, uint32_t uses) {
  if (query->core.named || query->core.flags & KEEL_Q_PREPARE) return true;
  return pool->core.config.prepare == KEEL_PREPARE_ALWAYS || uses > 1;
}

/* A name of the caller's stands for one text: another text under it is another statement, which the server will refuse to
 * prepare under that name. */
static keel__interned intern_named(keel_pool *pool, const keel__query *query) {
  size_t name = strlen(query->name) + 1, length = name + query->text_length;
  char *key = keel__realloc(NULL, length);
  if (key == NULL) return (keel__interned){0};
  memcpy(key, query->name, name);
  memcpy(key + name, query->text, query->text_length);
  keel__interned interned = keel__statements_intern(&pool->statements, key, length, true);
  keel__free(key);
  return interned;
}

static void number_statement(keel_pool *pool, keel__query *query) {
  bool never = pool->core.config.prepare == KEEL_PREPARE_NEVER && !(query->core.flags & KEEL_Q_PREPARE);
  if (query->item.plain || query->has_nul || query->core.flags & KEEL_Q_NO_PREPARE) return;
  query->core.named = query->name != NULL && query->name[0] != 0;
  if (!query->core.named && (never || query->text_length > PREPARE_TEXT_MAX)) return;
  keel__interned interned =
      query->core.named ? intern_named(pool, query)
                        : keel__statements_intern(&pool->statements, query->text, query->text_length, false);
  if (wants_preparing(pool, query, interned.uses)) query->core.statement = interned.number;
  if (interned.number == 0) query->core.named = false;
}

static keel__time timeout_of(const keel_pool *pool, const keel__query *query) {
  const keel__pool_config *config = &pool->core.config;
  if (query->timeout_ms == 0) return KEEL__NEVER;
  if (query->timeout_ms > 0) return (keel__time)query->timeout_ms * 1000;
  return query->core.kind == KEEL_QUERY ? config->query_timeout : config->acquire_timeout;
}

void keel__submit_act(keel_pool *pool, keel__query *batch) {
  keel__time now = keel__now();
  while (batch != NULL) {
    keel__query *query = batch;
    batch = query->next_in_batch;
    if (query->core.kind == KEEL_QUERY) {
      query->item.plain = !query->has_nul && (query->core.flags & KEEL_Q_SIMPLE || is_copy(query->text));
      number_statement(pool, query);
    }
    tags_add(&pool->tags, query);
    keel__state_lock(pool->engine);
    keel__pool_submit(&pool->core, &query->core, timeout_of(pool, query), now);
    keel__state_unlock(pool->engine);
  }
}
