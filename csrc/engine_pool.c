/* engine_pool.c: pools, from the application's side and from the engine's. */
#include <string.h>
#include <sys/random.h>

#include "core/alloc.h"
#include "engine.h"

static const keel_pool_options DEFAULTS = {
    .size = sizeof(keel_pool_options),
    .name = "pool",
    .max = 10,
    .idle_timeout_ms = 10000,
    .lifetime_jitter = 0.05,
    .cancel_timeout_ms = 10000,
    .drain_timeout_ms = 10000,
    .prepare = KEEL_PREPARE_AUTO,
    .prepare_cache = 256,
    .pipeline_depth = 64,
    .announce = 1,
    .shed = 1,
    .breaker_failure_threshold = 5,
    .breaker_reset_timeout_ms = 30000,
    .breaker_slow_call_ms = 60000,
    .breaker_window_size = 100,
    .breaker_minimum_calls = 100,
    .breaker_probes = 1,
    .breaker_probe_timeout_ms = 5000,
    .alive_bypass_ms = -1,
    .retry_delay_ms = 1000,
    .retry_max_delay_ms = 30000,
    .resolve_commits = 1,
    .resolve_timeout_ms = 30000,
};

void keel_pool_options_init(keel_pool_options *options) {
  *options = DEFAULTS;
}

/* ---------------------------------------------------------------- opening */

static uint64_t random_u64(void) {
  uint64_t number = 0;
  if (getentropy(&number, sizeof number) != 0) number = uv_hrtime();
  return number;
}

static keel_code bad(keel_reason *reason, const char *option, const char *message) {
  memset(reason, 0, sizeof *reason);
  strncpy(reason->option, option, sizeof reason->option - 1);
  strncpy(reason->message, message, sizeof reason->message - 1);
  return KEEL_CONFIG;
}

/* Whoever was built against an older keel.h has a shorter struct; what it lacks is as by default. */
static keel_code take_options(const keel_pool_options *given, keel_pool_options *options,
                              keel_reason *reason) {
  if (given == NULL || given->size == 0 || given->size > sizeof *options) {
    return bad(reason, "size", "keel_pool_options_init was not called, or by another version of the library");
  }
  *options = DEFAULTS;
  memcpy(options, given, given->size);
  return KEEL_OK;
}

static keel_code set_pem(keel__secret *secret, const char *pem, const char *option, keel_reason *reason) {
  if (pem == NULL) return KEEL_OK;
  const char *begin = strstr(pem, "-----BEGIN ");
  if (begin == NULL || strstr(begin, "-----END ") == NULL) {
    return bad(reason, option,
               "is not a PEM text; accepted is what begins with -----BEGIN and ends with -----END");
  }
  return keel__secret_set(secret, pem);
}

static keel_code set_secrets(keel__target *target, const keel_pool_options *options, keel_reason *reason) {
  keel__secrets *secrets = target->secrets = keel__secrets_new();
  if (secrets == NULL) return KEEL_NO_MEMORY;
  keel_code code = set_pem(&secrets->ca, options->ssl_ca_pem, "ssl_ca_pem", reason);
  keel_code cert = set_pem(&secrets->cert, options->ssl_cert_pem, "ssl_cert_pem", reason);
  keel_code key = set_pem(&secrets->key, options->ssl_key_pem, "ssl_key_pem", reason);
  return code != KEEL_OK ? code : cert != KEEL_OK ? cert : key;
}

static keel_code set_session(keel__target *target, const keel_pool_options *options, keel_reason *reason) {
  keel__params_init(&target->session);
  if (options->session_names == NULL || options->session_values == NULL) return KEEL_OK;
  for (int i = 0; options->session_names[i] != NULL; i++) {
    if (options->session_names[i][0] == 0 || options->session_values[i] == NULL) {
      return bad(reason, "session_names", "each setting needs a name and a value");
    }
    if (target->session.count == KEEL__PARAMS_MAX)
      return bad(reason, "session_names", "at most 64 are accepted");
    keel_code code =
        keel__params_set(&target->session, options->session_names[i], options->session_values[i]);
    if (code != KEEL_OK) return code;
  }
  return KEEL_OK;
}

static void target_destroy(keel__target *target) {
  keel__params_destroy(&target->params);
  keel__params_destroy(&target->session);
  keel__secrets_drop(target->secrets);
}

static keel_code target_init(keel_pool *pool, const keel_pool_options *options, keel_reason *reason) {
  keel__target *target = &pool->target;
  target->io = &pool->engine->io;
  target->pool_id = pool->id;
  target->announce = options->announce != 0;
  target->prefix = random_u64();
  keel_code secrets = set_secrets(target, options, reason);
  keel_code session = set_session(target, options, reason);
  keel_code params = KEEL_OK;
  if (secrets == KEEL_OK && session == KEEL_OK) {
    params = keel__conninfo_read(options, &target->params, reason);
    if (params == KEEL_OK) return KEEL_OK;
  }
  target_destroy(target);
  return secrets != KEEL_OK ? secrets : session != KEEL_OK ? session : params;
}

static keel_code delivery_init(keel__delivery *delivery) {
  keel__hist_init(&delivery->total);
  keel__hist_init(&delivery->delivery);
  return uv_mutex_init(&delivery->lock) == 0 ? KEEL_OK : KEEL_NO_MEMORY;
}

static uint32_t next_serial(void) {
  static atomic_uint last;
  return atomic_fetch_add(&last, 1) + 1;
}

static keel_code core_init(keel_pool *pool, keel__pool_config *config) {
  keel__time from_libpq = keel__conninfo_timeout(&pool->target.params);
  if (config->connect_timeout == KEEL__NEVER) config->connect_timeout = from_libpq;
  pool->serial = next_serial();
  pool->farewell = keel__event_new(KEEL_EV_POOL_CLOSED, 0);
  pool->tombstone = keel__event_new(KEEL_EV_POOL_CLOSED, 0);
  pool->verdict = keel__event_report(KEEL_EV_HEALTH, &(keel__report){0}, NULL);
  if (pool->farewell == NULL || pool->tombstone == NULL || pool->verdict == NULL ||
      delivery_init(&pool->delivery) != KEEL_OK)
    return KEEL_NO_MEMORY;
  keel_code code = keel__pool_init(&pool->core, config, &keel__engine_ops, pool, random_u64());
  if (code == KEEL_OK) {
    keel__statements_init(&pool->statements, KEEL__STATEMENTS_CAPACITY, random_u64());
  } else {
    uv_mutex_destroy(&pool->delivery.lock);
  }
  return code;
}

static keel_code fill(keel_pool *pool, const keel_pool_options *options, keel_reason *reason) {
  keel__pool_config config;
  keel_code code = keel__pool_config_from(options, &config, reason);
  if (code == KEEL_OK) code = target_init(pool, options, reason);
  if (code != KEEL_OK) return code;
  code = core_init(pool, &config);
  if (code != KEEL_OK) target_destroy(&pool->target);
  return code;
}

static keel_code refuse(keel_pool *pool, keel_code code, keel_reason *reason) {
  if (pool != NULL) {
    keel__free(pool->farewell);
    keel__free(pool->tombstone);
    keel__free(pool->verdict);
  }
  keel__free(pool);
  if (code == KEEL_NO_MEMORY) bad(reason, "", keel_code_text(code));
  return code;
}

keel_code keel_pool_open(keel_engine *engine, const keel_pool_options *given, keel_pool **pool,
                         keel_reason *reason) {
  keel_pool_options options;
  keel_reason unread;
  if (reason == NULL) reason = &unread;
  memset(reason, 0, sizeof *reason);
  keel_code code = take_options(given, &options, reason);
  if (code != KEEL_OK) return code;
  keel_pool *made = keel__alloc(sizeof *made);
  if (made == NULL) return refuse(NULL, KEEL_NO_MEMORY, reason);
  made->engine = engine;
  made->id = atomic_fetch_add(&engine->last_pool, 1) + 1;
  code = fill(made, &options, reason);
  if (code != KEEL_OK) return refuse(made, code, reason);
  keel__mail mail = {.kind = KEEL__MAIL_OPEN, .pool = made};
  *pool = made;
  keel__post(engine, &mail);
  return KEEL_OK;
}

/* ---------------------------------------------------------------- other calls of the application */

uint32_t keel_pool_id(const keel_pool *pool) {
  return pool->id;
}

static void post(keel_pool *pool, keel__mail mail) {
  mail.pool = pool;
  keel__post(pool->engine, &mail);
}

void keel_pool_close(keel_pool *pool, int64_t timeout_ms, int force) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_CLOSE, .of.close = {timeout_ms, force}});
}

void keel_pool_free(keel_pool *pool) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_FREE});
}

void keel_pool_hold_new(keel_pool *pool, int on) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_HOLD_NEW, .of.on = on});
}

void keel_pool_breaker(keel_pool *pool, keel_breaker_action action) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_BREAKER, .of.action = action});
}

void keel_pool_check(keel_pool *pool) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_CHECK});
}

void keel_abort(keel_pool *pool, uint64_t tag) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_ABORT, .of.tag = tag});
}

void keel_ack(keel_pool *pool, uint64_t tag, uint64_t bytes) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_ACK, .of.ack = {tag, bytes}});
}

void keel_release(keel_pool *pool, uint64_t lease, int destroy) {
  post(pool, (keel__mail){.kind = KEEL__MAIL_RELEASE, .light = 1, .of.release = {lease, destroy}});
}

static char *copy_text(const char *text) {
  size_t size = text == NULL ? 0 : strlen(text) + 1;
  char *copy = text == NULL ? NULL : keel__realloc(NULL, size);
  return copy == NULL ? NULL : memcpy(copy, text, size);
}

void keel_pool_password(keel_pool *pool, uint32_t connection, const char *password, const char *failure) {
  keel__mail mail = {.kind = KEEL__MAIL_PASSWORD};
  mail.of.password.connection = connection;
  mail.of.password.password = copy_text(password);
  mail.of.password.failure = copy_text(failure);
  post(pool, mail);
}

/* ---------------------------------------------------------------- engine thread */

void keel__mail_drop(const keel__mail *mail) {
  if (mail->kind == KEEL__MAIL_SUBMIT) keel__queries_free(mail->of.queries);
  if (mail->kind == KEEL__MAIL_OPEN) keel__handle_free(mail->pool);
  if (mail->kind != KEEL__MAIL_PASSWORD) return;
  keel__free(mail->of.password.password);
  keel__free(mail->of.password.failure);
}

static void act_open(keel_pool *pool) {
  keel__list_push_back(&pool->engine->pools, &pool->link);
  keel__state_lock(pool->engine);
  keel__pool_start(&pool->core, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_close(keel_pool *pool, int64_t timeout_ms, int force) {
  keel__time timeout = timeout_ms < 0 ? pool->core.config.drain_timeout : (keel__time)timeout_ms * 1000;
  keel__state_lock(pool->engine);
  keel__pool_close(&pool->core, timeout, force != 0, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_abort(keel_pool *pool, uint64_t tag) {
  keel__query *query = keel__tags_find(&pool->tags, tag);
  if (query == NULL) return;
  keel__state_lock(pool->engine);
  keel__pool_abort(&pool->core, &query->core, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_ack(keel_pool *pool, uint64_t tag, uint64_t bytes) {
  keel__query *query = keel__tags_find(&pool->tags, tag);
  if (query == NULL) return;
  query->unacknowledged -= bytes < query->unacknowledged ? bytes : query->unacknowledged;
  if (query->core.conn != NULL) keel__wire_acknowledged(query->core.conn, query);
}

static void act_release(keel_pool *pool, uint64_t lease, int destroy) {
  keel__state_lock(pool->engine);
  keel__pool_release(&pool->core, lease, destroy != 0, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_hold_new(keel_pool *pool, int on) {
  keel__state_lock(pool->engine);
  keel__pool_hold_new(&pool->core, on != 0);
  keel__state_unlock(pool->engine);
}

static void act_breaker(keel_pool *pool, keel_breaker_action action) {
  keel__state_lock(pool->engine);
  keel__pool_breaker(&pool->core, action, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_check(keel_pool *pool) {
  keel__state_lock(pool->engine);
  keel__pool_check(&pool->core, keel__now());
  keel__state_unlock(pool->engine);
}

static void act_password(keel_pool *pool, const keel__mail *mail) {
  keel__list *asking = &pool->core.conns[KEEL__CONN_ASKING];
  for (keel__link *link = keel__list_first(asking); link != NULL; link = keel__list_next(asking, link)) {
    keel__conn *conn = KEEL__OF(keel__conn, link, link);
    if (conn->id != mail->of.password.connection || conn->io == NULL) continue;
    keel__wire_password(conn->io, mail->of.password.password, mail->of.password.failure);
    break;
  }
  keel__mail_drop(mail);
}

/* The taker may still have events of this pool before him, so it is he who frees it, when he comes to its tombstone. */
static void act_free(keel_pool *pool) {
  if (!pool->closed) return;
  keel_event *tombstone = pool->tombstone;
  pool->tombstone = NULL;
  keel__list_remove(&pool->engine->closed_pools, &pool->link);
  keel__outbox_bury(&pool->engine->outbox, tombstone, pool);
}

void keel__handle_act(const keel__mail *mail) {
  keel_pool *pool = mail->pool;
  switch (mail->kind) {
    case KEEL__MAIL_OPEN:
      act_open(pool);
      break;
    case KEEL__MAIL_SUBMIT:
      keel__submit_act(pool, mail->of.queries);
      break;
    case KEEL__MAIL_ABORT:
      act_abort(pool, mail->of.tag);
      break;
    case KEEL__MAIL_ACK:
      act_ack(pool, mail->of.ack.tag, mail->of.ack.bytes);
      break;
    case KEEL__MAIL_RELEASE:
      act_release(pool, mail->of.release.lease, mail->of.release.destroy);
      break;
    case KEEL__MAIL_CLOSE:
      act_close(pool, mail->of.close.timeout_ms, mail->of.close.force);
      break;
    case KEEL__MAIL_HOLD_NEW:
      act_hold_new(pool, mail->of.on);
      break;
    case KEEL__MAIL_PASSWORD:
      act_password(pool, mail);
      break;
    case KEEL__MAIL_BREAKER:
      act_breaker(pool, mail->of.action);
      break;
    case KEEL__MAIL_CHECK:
      act_check(pool);
      break;
    case KEEL__MAIL_FREE:
      act_free(pool);
      break;
    case KEEL__MAIL_STOP:
      break;
  }
}

void keel__handle_farewell(keel_pool *pool) {
  keel_event *event = pool->farewell;
  pool->farewell = NULL;
  keel__event_set_origin(event, pool->id, 0, 0);
  keel__list_remove(&pool->engine->pools, &pool->link);
  keel__list_push_back(&pool->engine->closed_pools, &pool->link);
  keel__outbox_add(&pool->engine->outbox, event);
}

void keel__handle_free(keel_pool *pool) {
  keel__pool_destroy(&pool->core);
  target_destroy(&pool->target);
  keel__statements_free(&pool->statements);
  keel__tags_free(&pool->tags);
  uv_mutex_destroy(&pool->delivery.lock);
  keel__free(pool->farewell);
  keel__free(pool->tombstone);
  keel__free(pool->verdict);
  keel__free(pool);
}
