/*
 * engine_turn.c: a turn of the engine, and who takes it.
 *
 * One turn: sockets, timers and worker threads report to the core, which leaves wishes behind; before the engine sleeps the
 * mailbox is read, the wishes are done, the events are handed over and the timer is set.
 *
 * Whoever holds `turns.lock` is the engine. That is its own thread, unless that sleeps. To wake a thread and to be woken by it
 * takes longer than to send a statement and read its answer, so where few of them share the way (decision 22) the
 * host takes the turns and watches the sockets. The thread then watches the host: when he misses what there is to do it is the
 * engine again.
 */
#include <poll.h>

#include "engine.h"

/* Requests under way, up to which the host takes turns; with more, what it costs to wake threads is shared by enough of them. */
#define FEW 20
/* How soon the thread looks whether the host has missed something, at first; twice as long after each look at which there was
 * nothing to be missed, and after so many looks it watches the sockets itself, which costs nothing while they are silent. */
#define GUARD_NS 1000000
#define LOOKS 4

/* ---------------------------------------------------------------- what is in a turn */

static void run_pools(keel_engine *engine) {
  keel__time now = keel__now();
  for (keel__link *link = keel__list_first(&engine->pools), *next; link != NULL; link = next) {
    keel_pool *pool = KEEL__OF(keel_pool, link, link);
    next = keel__list_next(&engine->pools, link);
    if (keel__pool_next(&pool->core) <= now) {
      keel__state_lock(engine);
      keel__pool_tick(&pool->core, now);
      keel__state_unlock(engine);
    }
    keel__target_run(&pool->target, &pool->core);
  }
}

static void say_farewell(keel_engine *engine) {
  for (keel__link *link = keel__list_first(&engine->pools), *next; link != NULL; link = next) {
    keel_pool *pool = KEEL__OF(keel_pool, link, link);
    next = keel__list_next(&engine->pools, link);
    if (pool->closed) keel__handle_farewell(pool);
  }
}

static void on_timer(uv_timer_t *timer) {
  ((keel_engine *)timer->data)->timer_due = KEEL__NEVER;
}

static void set_timer(keel_engine *engine) {
  keel__time due = KEEL__NEVER;
  for (keel__link *link = keel__list_first(&engine->pools); link != NULL;
       link = keel__list_next(&engine->pools, link)) {
    keel__time next = keel__pool_next(&KEEL__OF(keel_pool, link, link)->core);
    if (next < due) due = next;
  }
  /* A timer that rings too early costs a turn; moving it for every query would cost more. */
  if (due >= engine->timer_due) return;
  keel__time now = keel__now();
  engine->timer_due = due;
  uv_update_time(&engine->loop);
  uv_timer_start(&engine->timer, on_timer, due > now ? (due - now + 999) / 1000 : 0, 0);
}

/* True: the taker is to be told. */
static bool hand_over(keel_engine *engine) {
  say_farewell(engine);
  bool tell = keel__outbox_publish(&engine->outbox);
  set_timer(engine);
  return tell;
}

static bool has_work(const keel_engine *engine) {
  return keel__list_first(&engine->io.work) != NULL;
}

/* ---------------------------------------------------------------- the thread */

bool keel__turn(keel_engine *engine) {
  uv_run(&engine->loop, UV_RUN_NOWAIT);
  do {
    keel__io_run(&engine->io);
    run_pools(engine);
  } while (!engine->stopping && (has_work(engine) || keel__mailbox_read(engine)));
  if (engine->stopping) return false;
  if (hand_over(engine) && engine->doorbell != NULL) engine->doorbell(engine->doorbell_data);
  return true;
}

/* Not in uv_run(): nobody else may touch a loop while it waits. */
static bool wait_for_sockets(keel_engine *engine, int timeout_ms) {
  struct pollfd loop = {.fd = uv_backend_fd(&engine->loop), .events = POLLIN};
  return poll(&loop, 1, timeout_ms) > 0;
}

/* In the loop's own time. */
static uint64_t loop_due(const keel_engine *engine, int timeout_ms) {
  return timeout_ms < 0 ? UINT64_MAX : uv_now(&engine->loop) + (uint64_t)timeout_ms;
}

static bool has_something(keel_engine *engine) {
  uv_update_time(&engine->loop);
  return uv_backend_timeout(&engine->loop) == 0 || wait_for_sockets(engine, 0) ||
         keel__mailbox_weight(&engine->mailbox) > 0;
}

static uint64_t until_next_look(keel_engine *engine) {
  uint64_t look = (uint64_t)GUARD_NS << engine->turns.missed;
  uv_update_time(&engine->loop);
  int timeout_ms = uv_backend_timeout(&engine->loop);
  uint64_t due = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000;
  return due < look ? due : look;
}

/* False: the host has missed something, or nothing has come for so long that it is cheaper to watch the sockets. */
static bool host_attends(keel_engine *engine) {
  keel__turns *turns = &engine->turns;
  uint64_t seen = turns->of_host;
  uv_cond_timedwait(&turns->woken, &turns->lock, until_next_look(engine));
  if (turns->of_host != seen) {
    turns->missed = 0;
    return turns->attended;
  }
  return turns->attended && ++turns->missed < LOOKS && !has_something(engine);
}

static void sleep_on_sockets(keel_engine *engine, int timeout_ms) {
  keel__turns *turns = &engine->turns;
  turns->polls_until = loop_due(engine, timeout_ms);
  uv_mutex_unlock(&turns->lock);
  (void)wait_for_sockets(engine, timeout_ms);
  uv_mutex_lock(&turns->lock);
  turns->polls_until = 0;
}

static void set_attended(keel_engine *engine, bool attended) {
  atomic_store(&engine->turns.attended, attended);
  engine->turns.missed = 0;
}

void keel__turn_sleep(keel_engine *engine) {
  uv_update_time(&engine->loop);
  int timeout_ms = uv_backend_timeout(&engine->loop);
  if (timeout_ms != 0) sleep_on_sockets(engine, timeout_ms);
  /* Perhaps what it was woken for was the host's, who has come meanwhile. */
  while (engine->turns.attended && host_attends(engine)) continue;
  set_attended(engine, false);
  keel__mailbox_awake(&engine->mailbox);
}

void keel__turn_wake(keel_engine *engine) {
  uv_async_send(&engine->wake);
  /* It may be about to wait, and not hear this: then it looks up in a millisecond. */
  if (engine->turns.hosted) uv_cond_signal(&engine->turns.woken);
}

/* ---------------------------------------------------------------- the host */

/* New connections (names, certificates, handshakes) and large results would keep the host from his own work. */
static bool is_demanding(const keel__pool *pool) {
  for (int state = KEEL__CONN_ASKING; state <= KEEL__CONN_STARTING; state++)
    if (pool->conns[state].count > 0) return true;
  return false;
}

static bool is_for_host(keel_engine *engine) {
  uint64_t count = keel__mailbox_weight(&engine->mailbox);
  if (engine->stopping || engine->io.heavy > 0) return false;
  for (keel__link *link = keel__list_first(&engine->pools); link != NULL;
       link = keel__list_next(&engine->pools, link)) {
    const keel__pool *pool = &KEEL__OF(keel_pool, link, link)->core;
    if (is_demanding(pool)) return false;
    count += pool->requests.count;
  }
  return count <= FEW;
}

/* The sockets first, also when it is for what was submitted: nothing is to be sent down a link that has ended already. */
static unsigned take_turn(keel_engine *engine) {
  uv_run(&engine->loop, UV_RUN_NOWAIT);
  do {
    keel__io_write(&engine->io);
    run_pools(engine);
  } while (!engine->stopping && keel__mailbox_read(engine));
  return !engine->stopping && hand_over(engine) ? KEEL_TURN_EVENTS : 0;
}

/* What is left is for the thread. */
static bool is_done(keel_engine *engine) {
  return !has_work(engine) && is_for_host(engine) && uv_backend_timeout(&engine->loop) != 0;
}

static unsigned turn_of_host(keel_engine *engine, bool busy) {
  keel__turns *turns = &engine->turns;
  unsigned flags = 0;
  bool fits = !busy && is_for_host(engine);
  turns->of_host++;
  if (fits) flags = take_turn(engine);
  fits = fits && is_done(engine);
  set_attended(engine, fits);
  /* Perhaps it watches the sockets still, and for longer than it may now. */
  if (!fits || loop_due(engine, uv_backend_timeout(&engine->loop)) < turns->polls_until)
    keel__turn_wake(engine);
  return flags | (fits ? KEEL_TURN_WATCH : 0);
}

/* It is the thread's, and its turns are. */
static unsigned leave_to_thread(keel_engine *engine, bool readable) {
  if (!readable) keel__mailbox_knock(engine);
  return 0;
}

/* The thread holds the lock, perhaps to look for a moment at what the host does. */
static unsigned come_back(keel_engine *engine, bool readable) {
  if (!atomic_load(&engine->turns.attended)) return leave_to_thread(engine, readable);
  if (!readable) uv_async_send(&engine->wake);
  return KEEL_TURN_WATCH;
}

unsigned keel_engine_turn(keel_engine *engine, unsigned flags) {
  keel__turns *turns = &engine->turns;
  bool readable = (flags & KEEL_HOST_READABLE) != 0, busy = (flags & KEEL_HOST_BUSY) != 0;
  if (!turns->hosted) return 0;
  if ((readable || busy) && !atomic_load(&turns->attended)) return leave_to_thread(engine, readable);
  if (uv_mutex_trylock(&turns->lock) != 0) return come_back(engine, readable);
  unsigned answer = turn_of_host(engine, busy);
  uv_mutex_unlock(&turns->lock);
  return answer;
}

int keel_engine_fd(const keel_engine *engine) {
  return uv_backend_fd(&engine->loop);
}
