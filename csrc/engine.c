/* engine.c: the engine's thread: it starts, takes turns (engine_turn.c), and ends. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "engine.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/alloc.h"

/* How long keel_engine_stop waits for name servers and cancels before it leaves the thread to them. */
#define GRACE_MS 300

static const keel_engine_options DEFAULTS = {.size = sizeof(keel_engine_options)};

void keel_engine_options_init(keel_engine_options *options) {
  *options = DEFAULTS;
}

/* ---------------------------------------------------------------- locks */

static keel_code init_locks(keel_engine *engine) {
  uv_mutex_t *mutexes[] = {&engine->turns.lock, &engine->state, &engine->exit_lock};
  int made = 0;
  while (made < 3 && uv_mutex_init(mutexes[made]) == 0) made++;
  if (made == 3 && uv_cond_init(&engine->exit_changed) == 0) {
    if (uv_cond_init(&engine->turns.woken) == 0) return KEEL_OK;
    uv_cond_destroy(&engine->exit_changed);
  }
  while (made > 0) uv_mutex_destroy(mutexes[--made]);
  return KEEL_NO_MEMORY;
}

static void destroy_locks(keel_engine *engine) {
  uv_cond_destroy(&engine->turns.woken);
  uv_cond_destroy(&engine->exit_changed);
  uv_mutex_destroy(&engine->exit_lock);
  uv_mutex_destroy(&engine->state);
  uv_mutex_destroy(&engine->turns.lock);
}

/* ---------------------------------------------------------------- the end */

static void destroy_wires(keel_pool *pool) {
  for (int state = 0; state < KEEL__CONN_STATES; state++) {
    keel__list *list = &pool->core.conns[state];
    for (keel__link *link = keel__list_first(list); link != NULL; link = keel__list_next(list, link)) {
      keel__conn *conn = KEEL__OF(keel__conn, link, link);
      if (conn->io != NULL) keel__wire_destroy(conn->io);
      conn->io = NULL;
    }
  }
}

static void free_pools(keel__list *pools) {
  for (keel__link *link; (link = keel__list_first(pools)) != NULL;) {
    keel_pool *pool = KEEL__OF(keel_pool, link, link);
    keel__list_remove(pools, link);
    destroy_wires(pool);
    keel__handle_free(pool);
  }
}

static void on_grace_over(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

static void tear_down(keel_engine *engine) {
  free_pools(&engine->pools);
  free_pools(&engine->closed_pools);
  uv_close((uv_handle_t *)&engine->wake, NULL);
  /* What keeps the loop turning from here on are worker threads in the hands of a name server or a cancel. */
  uv_timer_start(&engine->timer, on_grace_over, GRACE_MS, 0);
  uv_unref((uv_handle_t *)&engine->timer);
}

/* The library must stay mapped for as long as the thread runs in it, whatever is closed around it. */
static void pin_library(void) {
  Dl_info info;
  if (dladdr(&DEFAULTS, &info) == 0 || info.dli_fname == NULL) return;
  (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

static void free_engine(keel_engine *engine) {
  uv_loop_close(&engine->loop);
  keel__rows_destroy(&engine->io.rows);
  keel__mailbox_destroy(&engine->mailbox);
  keel__outbox_destroy(&engine->outbox);
  destroy_locks(engine);
  keel__free(engine);
}

static void let_go(keel_engine *engine) {
  if (atomic_fetch_sub(&engine->holders, 1) == 1) free_engine(engine);
}

static void leave(keel_engine *engine) {
  bool lingers = engine->io.in_worker > 0;
  if (lingers) pin_library();
  uv_close((uv_handle_t *)&engine->timer, NULL);
  uv_mutex_lock(&engine->exit_lock);
  engine->exit_done = true;
  engine->exit_lingers = lingers;
  uv_cond_signal(&engine->exit_changed);
  uv_mutex_unlock(&engine->exit_lock);
  uv_run(&engine->loop, UV_RUN_DEFAULT);
  let_go(engine);
}

void keel_engine_stop(keel_engine *engine) {
  keel__mail mail = {.kind = KEEL__MAIL_STOP};
  keel__post(engine, &mail);
  uv_mutex_lock(&engine->exit_lock);
  while (!engine->exit_done) uv_cond_wait(&engine->exit_changed, &engine->exit_lock);
  bool lingers = engine->exit_lingers;
  uv_mutex_unlock(&engine->exit_lock);
  if (lingers) {
    pthread_detach(engine->thread);
  } else {
    uv_thread_join(&engine->thread);
  }
  let_go(engine);
}

/* ---------------------------------------------------------------- the beginning */

static void on_wake(uv_async_t *wake) {
  (void)wake;
}

static void run(void *data) {
  keel_engine *engine = data;
  uv_mutex_lock(&engine->turns.lock);
  while (keel__turn(engine)) keel__turn_sleep(engine);
  tear_down(engine);
  uv_mutex_unlock(&engine->turns.lock);
  uv_run(&engine->loop, UV_RUN_DEFAULT);
  leave(engine);
}

static void io_emit(void *data, keel_event *event) {
  keel__outbox_add(&((keel_engine *)data)->outbox, event);
}
static void io_lock(void *data) {
  keel__state_lock(data);
}
static void io_unlock(void *data) {
  keel__state_unlock(data);
}

static keel_code init_loop(keel_engine *engine) {
  if (uv_loop_init(&engine->loop) != 0) return KEEL_NO_MEMORY;
  if (uv_async_init(&engine->loop, &engine->wake, on_wake) != 0) {
    uv_loop_close(&engine->loop);
    return KEEL_NO_MEMORY;
  }
  uv_timer_init(&engine->loop, &engine->timer);
  engine->timer.data = engine;
  return KEEL_OK;
}

static void close_loop(keel_engine *engine) {
  uv_close((uv_handle_t *)&engine->wake, NULL);
  uv_close((uv_handle_t *)&engine->timer, NULL);
  uv_run(&engine->loop, UV_RUN_DEFAULT);
  uv_loop_close(&engine->loop);
}

/* Signals are for the application's threads. */
static int start_thread(keel_engine *engine) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int status = uv_thread_create(&engine->thread, run, engine);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

static keel_code init_rest(keel_engine *engine) {
  if (keel__mailbox_init(&engine->mailbox) != KEEL_OK) return KEEL_NO_MEMORY;
  if (keel__outbox_init(&engine->outbox) == KEEL_OK) {
    if (init_loop(engine) == KEEL_OK) {
      if (start_thread(engine) == 0) return KEEL_OK;
      close_loop(engine);
    }
    keel__outbox_destroy(&engine->outbox);
  }
  keel__mailbox_destroy(&engine->mailbox);
  return KEEL_NO_MEMORY;
}

static void init_plain(keel_engine *engine, const keel_engine_options *options) {
  engine->io = (keel__io){
      .loop = &engine->loop,
      .data = engine,
      .emit = io_emit,
      .lock = io_lock,
      .unlock = io_unlock,
      .rows = {.for_javascript = options->utf16_offsets != 0},
  };
  keel__list_init(&engine->io.work);
  keel__list_init(&engine->io.cancels);
  keel__list_init(&engine->io.cancels_waiting);
  keel__list_init(&engine->pools);
  keel__list_init(&engine->closed_pools);
  engine->timer_due = KEEL__NEVER;
  engine->turns.hosted = options->hosted != 0;
  engine->doorbell = options->doorbell;
  engine->doorbell_data = options->doorbell_data;
  atomic_init(&engine->last_pool, 0);
  atomic_init(&engine->holders, 2);
}

keel_code keel_engine_start(const keel_engine_options *given, keel_engine **engine) {
  keel_engine_options options;
  keel_engine_options_init(&options);
  if (given != NULL && (given->size == 0 || given->size > sizeof options)) return KEEL_CONFIG;
  if (given != NULL) memcpy(&options, given, given->size);
  keel_engine *made = keel__alloc(sizeof *made);
  if (made == NULL) return KEEL_NO_MEMORY;
  init_plain(made, &options);
  keel_code code = init_locks(made);
  if (code == KEEL_OK) {
    /* The thread is the last to be started, and the engine is its own from then on. */
    *engine = made;
    code = init_rest(made);
    if (code == KEEL_OK) return KEEL_OK;
    *engine = NULL;
    destroy_locks(made);
  }
  keel__free(made);
  return code;
}
