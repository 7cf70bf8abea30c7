/*
 * engine.h: the engine's own objects, for engine*.c.
 *
 * Who touches what: the engine owns everything (its thread, or a host who takes a turn in its place: engine_turn.c), but for
 * the mailbox and the outbox (each has its lock), and the figures of a pool, which other threads read while they hold
 * `state`. The engine takes `state` around each call into the core, so that neither libpq nor the laying out of rows ever
 * keeps a reader waiting.
 */
#ifndef KEEL_ENGINE_H
#define KEEL_ENGINE_H

#include <stdatomic.h>
#include <uv.h>

#include "core/core.h"
#include "core/statements.h"
#include "keel.h"
#include "pg/io.h"
#include "pg/query.h"
#include "pg/wire.h"

/* ---------------------------------------------------------------- mailbox: from other threads to the engine */

typedef enum keel__mail_kind {
  KEEL__MAIL_OPEN,
  KEEL__MAIL_SUBMIT,
  KEEL__MAIL_ABORT,
  KEEL__MAIL_ACK,
  KEEL__MAIL_RELEASE,
  KEEL__MAIL_CLOSE,
  KEEL__MAIL_HOLD_NEW,
  KEEL__MAIL_PASSWORD,
  KEEL__MAIL_CHECK,
  KEEL__MAIL_FREE,
  KEEL__MAIL_STOP,
  KEEL__MAIL_BREAKER,
} keel__mail_kind;

typedef struct keel__mail {
  keel__mail_kind kind;
  uint32_t light; /* how many statements it may cause to be sent; 0: it is not for a host to act upon */
  keel_pool *pool;
  union {
    keel__query *queries; /* SUBMIT: a batch */
    uint64_t tag;
    struct {
      uint64_t tag, bytes;
    } ack;
    struct {
      uint64_t lease;
      int destroy;
    } release;
    struct {
      int64_t timeout_ms;
      int force;
    } close;
    int on;
    keel_breaker_action action;
    struct {
      uint32_t connection;
      char *password, *failure; /* owned */
    } password;
  } of;
} keel__mail;

typedef struct keel__letters {
  keel__mail *items;
  size_t count, capacity;
} keel__letters;

typedef struct keel__mailbox {
  uv_mutex_t lock;
  uv_cond_t emptied;
  keel__letters incoming; /* guarded by lock */
  uint64_t posted, read;  /* guarded by lock: letters ever posted, and ever acted upon */
  uint64_t weight;        /* guarded by lock: the sum of `light`; UINT32_MAX and more: not for a host */
  bool asleep;            /* guarded by lock: the engine waits for its sockets and has to be woken */
  keel__letters reading;  /* the engine's */
} keel__mailbox;

/* ---------------------------------------------------------------- outbox: from the engine to the taker */

typedef struct keel__events {
  keel_event *first, **last;
} keel__events;

typedef struct keel__outbox {
  uv_mutex_t lock;
  uv_cond_t filled;
  keel__events waiting; /* guarded by lock */
  bool hungry;          /* guarded by lock: the taker has found it empty since the last ring */
  keel__events fresh;   /* the engine's: of this turn of its loop */
  keel__events taken;   /* the taker's */
} keel__outbox;

/* ---------------------------------------------------------------- pool and engine */

/* What the taker of events measures. */
typedef struct keel__delivery {
  uv_mutex_t lock;
  keel__hist total, delivery;
} keel__delivery;

/* Requests by tag. */
typedef struct keel__tags {
  keel__query **buckets;
  uint32_t count, capacity;
} keel__tags;

struct keel_pool {
  keel__pool core;
  keel__target target;
  keel_engine *engine;
  keel__link link; /* in the engine's pools */
  uint32_t id;
  uint32_t serial; /* unique in the process, from 1: what a keel_statement's number belongs to */
  keel__statements statements;
  keel__tags tags;
  keel__delivery delivery;
  keel_event *farewell;  /* KEEL_EV_POOL_CLOSED, made beforehand */
  keel_event *tombstone; /* the same for what follows keel_pool_free; see engine_outbox.c */
  keel_event *verdict;   /* KEEL_EV_HEALTH, made beforehand: somebody may wait for it. NULL: it was needed */
  bool closed;           /* the core has said so; the farewell goes out with this turn */
  bool unwell;           /* by the last health check; guarded by the engine's `state`, as is the next */
  double checked_at;     /* when that was, in ms since 1970; 0: none yet */
};

/* Who is the engine just now: see engine_turn.c. */
typedef struct keel__turns {
  uv_mutex_t lock;      /* held by whoever is just now; it guards the next, too */
  bool hosted;          /* for good */
  atomic_bool attended; /* the host watches the sockets, and the thread watches the host */
  uv_cond_t woken;      /* the thread, while it watches the host */
  uint64_t of_host;     /* turns that the host has taken */
  unsigned missed;      /* looks in a row at a host that had taken none */
  uint64_t polls_until; /* while the thread watches the sockets: until when, in the loop's time; else 0 */
} keel__turns;

struct keel_engine {
  uv_loop_t loop;
  uv_thread_t thread;
  uv_async_t wake;
  uv_timer_t timer;
  keel__time timer_due; /* what `timer` is set for; KEEL__NEVER: nothing */
  keel__io io;
  keel__mailbox mailbox;
  keel__outbox outbox;
  keel__turns turns;
  uv_mutex_t state;
  keel__list pools, closed_pools;
  bool stopping;
  keel_doorbell doorbell;
  void *doorbell_data;
  atomic_uint last_pool;
  /* keel_engine_stop and the engine thread part through these; see engine.c */
  uv_mutex_t exit_lock;
  uv_cond_t exit_changed;
  bool exit_done, exit_lingers; /* guarded by exit_lock */
  atomic_int holders;
};

/* ---- engine_mailbox.c */
KEEL_MUST_CHECK keel_code keel__mailbox_init(keel__mailbox *mailbox);
void keel__mailbox_destroy(keel__mailbox *mailbox);
/* Any thread. What the letter holds is the engine's from here on. Cannot fail: with no memory for a larger box it waits
 * until the engine has read what is in it. */
void keel__post(keel_engine *engine, const keel__mail *mail);
/* Waits until all that this thread has posted was acted upon, 20 ms at most. Any thread. */
void keel__mailbox_await(keel_engine *engine);
/* Any thread: the weight of what waits. */
uint64_t keel__mailbox_weight(keel__mailbox *mailbox);
/* Any thread: wakes the engine if it sleeps. */
void keel__mailbox_knock(keel_engine *engine);
/* Engine: acts upon what has come. False: there was nothing, and from now on whoever posts wakes the engine. */
bool keel__mailbox_read(keel_engine *engine);
/* Engine: it is awake; nobody needs to wake it before it has found the mailbox empty again. */
void keel__mailbox_awake(keel__mailbox *mailbox);

/* ---- engine_turn.c */
/* Engine, and it stays it until it sleeps. False: it is to stop. */
bool keel__turn(keel_engine *engine);
/* Engine: until there is something to do. Others may be the engine meanwhile. */
void keel__turn_sleep(keel_engine *engine);
/* Any thread: there is something to do. */
void keel__turn_wake(keel_engine *engine);

/* ---- engine_outbox.c */
KEEL_MUST_CHECK keel_code keel__outbox_init(keel__outbox *outbox);
void keel__outbox_destroy(keel__outbox *outbox);
void keel__outbox_add(keel__outbox *outbox, keel_event *event);
/* Puts a mark behind a pool's last event, at which the taker frees the pool. */
void keel__outbox_bury(keel__outbox *outbox, keel_event *tombstone, keel_pool *pool);
/* Engine: hands over what this turn has brought; true: ring. */
bool keel__outbox_publish(keel__outbox *outbox);

/* ---- engine_pool.c */
void keel__handle_act(const keel__mail *mail);
/* Frees what a letter holds that is not acted upon. */
void keel__mail_drop(const keel__mail *mail);
/* Engine: the last event of a pool. */
void keel__handle_farewell(keel_pool *pool);
/* Frees the pool's memory. Any thread, once the engine has let go of it. */
void keel__handle_free(keel_pool *pool);

/* ---- engine_submit.c */
void keel__submit_act(keel_pool *pool, keel__query *batch);
void keel__queries_free(keel__query *batch);
keel__query *keel__tags_find(const keel__tags *tags, uint64_t tag);
void keel__tags_remove(keel__tags *tags, keel__query *query);
void keel__tags_free(keel__tags *tags);

/* ---- engine_settle.c */
extern const keel__ops keel__engine_ops;

static inline void keel__state_lock(keel_engine *engine) {
  uv_mutex_lock(&engine->state);
}
static inline void keel__state_unlock(keel_engine *engine) {
  uv_mutex_unlock(&engine->state);
}

#endif
