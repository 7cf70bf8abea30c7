/* engine_submit.c: requests on their way in. */
#include <string.h>

#include "core/alloc.h"
#include "engine.h"

#define PARAMS_MAX 65535       /* the protocol counts them in 16 bits */
#define LONG_BYTES 8192        /* of parameters, which take as long to be written as another statement */
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

static bool text_is_sound(const keel_request *request) {
  if (request->statement != NULL) return request->statement->length <= INT32_MAX / 2;
  return request->text != NULL && request->text_length <= INT32_MAX / 2;
}

static bool is_named(const keel_request *request) {
  return request->statement != NULL ? request->statement->name != NULL : request->name != NULL;
}

/* It goes through libpq's pipeline, as what it is sent with has to. */
static bool prelude_is_sound(const keel_request *request) {
  const keel_statement *prelude = request->prelude;
  if (prelude == NULL) return true;
  bool plain = request->flags & KEEL_Q_SIMPLE || (request->statement != NULL && request->statement->copies);
  return request->lease != 0 && !plain && !prelude->copies && !prelude->has_nul;
}

static bool is_sound(const keel_request *request) {
  if (request->kind == KEEL_ACQUIRE) return request->lease == 0 && request->param_count == 0;
  if (request->kind != KEEL_QUERY || !text_is_sound(request)) return false;
  if ((request->flags & KEEL_Q_SIMPLE) && (request->param_count > 0 || is_named(request))) return false;
  return prelude_is_sound(request) && params_are_sound(request);
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

/* To a host: one for each, and more for what is long. */
static uint64_t weight_of(const keel_request *request) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < request->param_count; i++)
    if (request->params[i] != NULL) bytes += (uint64_t)request->param_lengths[i];
  return 1 + bytes / LONG_BYTES;
}

static uint32_t weight_of_all(const keel_request *requests, size_t count) {
  uint64_t weight = 0;
  for (size_t i = 0; i < count && weight < UINT32_MAX; i++) weight += weight_of(&requests[i]);
  return weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
}

keel_code keel_submit(keel_pool *pool, const keel_request *requests, size_t count) {
  keel__query *batch = NULL;
  keel_code code = copy_all(requests, count, &batch);
  if (code != KEEL_OK || batch == NULL) return code;
  keel__mail mail = {.kind = KEEL__MAIL_SUBMIT, .pool = pool, .of = {.queries = batch}};
  mail.light = weight_of_all(requests, count);
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

static bool wants_preparing(const keel_pool *pool, const keel__query *query, uint32_t uses) {
  if (query->core.named || query->core.flags & KEEL_Q_PREPARE) return true;
  return pool->core.config.prepare == KEEL_PREPARE_ALWAYS || uses > 1;
}

/* A name of the caller's stands for one text: another text under it is another statement, which the server will refuse to
 * prepare under that name. */
static keel__interned intern_named(keel_pool *pool, const keel_statement *statement) {
  size_t name = strlen(statement->name) + 1, length = name + statement->length;
  char *key = keel__realloc(NULL, length);
  if (key == NULL) return (keel__interned){0};
  memcpy(key, statement->name, name);
  memcpy(key + name, statement->text, statement->length);
  keel__interned interned = keel__statements_intern(&pool->statements, key, length, true);
  keel__free(key);
  return interned;
}

static keel__interned intern(keel_pool *pool, const keel_statement *statement) {
  if (statement->name != NULL) return intern_named(pool, statement);
  return keel__statements_intern(&pool->statements, statement->text, statement->length, false);
}

/* A text of more than one use keeps its number. */
static keel__interned number_of(keel_pool *pool, keel_statement *statement) {
  uint64_t known = atomic_load_explicit(&statement->number, memory_order_relaxed);
  if (known >> 32 == pool->serial) return (keel__interned){.number = (uint32_t)known, .uses = UINT32_MAX};
  keel__interned interned = intern(pool, statement);
  if (interned.uses > 1)
    atomic_store_explicit(&statement->number, (uint64_t)pool->serial << 32 | interned.number,
                          memory_order_relaxed);
  return interned;
}

static void number_statement(keel_pool *pool, keel__query *query) {
  keel__request *request = &query->core;
  bool named = query->statement->name != NULL;
  bool never = pool->core.config.prepare == KEEL_PREPARE_NEVER && !(request->flags & KEEL_Q_PREPARE);
  if (query->item.plain || query->has_nul || (!named && query->statement->length > PREPARE_TEXT_MAX)) return;
  keel__interned interned = number_of(pool, query->statement);
  request->text = interned.number;
  if (request->flags & KEEL_Q_NO_PREPARE || (never && !named)) return;
  request->named = named && interned.number != 0;
  if (wants_preparing(pool, query, interned.uses)) request->statement = interned.number;
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
      query->item.plain = !query->has_nul && (query->core.flags & KEEL_Q_SIMPLE || query->statement->copies);
      number_statement(pool, query);
    }
    tags_add(&pool->tags, query);
    keel__state_lock(pool->engine);
    keel__pool_submit(&pool->core, &query->core, timeout_of(pool, query), now);
    keel__state_unlock(pool->engine);
  }
}
