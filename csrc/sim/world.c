/* world.c: time, chance, and the life of one pool after the other. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/alloc.h"

#define MS UINT64_C(1000)
#define LONGEST_END 50000u /* steps that a pool may take to close */

static const keel__ops ops = {
    .open = sim_server_open,
    .send = sim_server_send,
    .reset = sim_server_reset,
    .cancel = sim_server_cancel,
    .close = sim_server_close,
    .settle = sim_caller_settle,
    .forget = sim_caller_forget,
    .opened = sim_caller_opened,
    .gone = sim_caller_gone,
    .pool_closed = sim_caller_pool_closed,
    .keep = sim_keep,
    .drop = sim_drop,
    .breaker = sim_breaker_changed,
    .check = sim_server_check,
    .healthy = sim_caller_healthy,
    .retry = sim_caller_retry,
    .remember = sim_server_remember,
    .inquire = sim_server_inquire,
};

void sim_fail(const sim_world *world, const char *invariant, ...) {
  va_list args;
  fflush(stdout);
  fprintf(stderr, "seed %" PRIu64 ", step %" PRIu64 ": ", world->seed, world->step);
  va_start(args, invariant);
  vfprintf(stderr, invariant, args);
  va_end(args);
  fprintf(stderr, "\n  again: keel-sim --seed %" PRIu64 " --seeds 1 --steps %" PRIu64 " --trace\n",
          world->seed, world->steps);
  exit(1);
}

void sim_trace(const sim_world *world, const char *format, ...) {
  if (!world->trace) return;
  va_list args;
  printf("%6" PRIu64 " %10.3f ms  ", world->step, (double)world->now / 1000);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

/* ---- chance */

uint64_t sim_below(sim_world *world, uint64_t limit) {
  return keel__rng_below(&world->rng, limit);
}

bool sim_chance(sim_world *world, unsigned percent) {
  return sim_below(world, 100) < percent;
}

keel__time sim_delay(sim_world *world, keel__time usual) {
  unsigned luck = (unsigned)sim_below(world, 100);
  if (luck < 10) return 0;
  if (luck < 90) return sim_below(world, usual * 2);
  return sim_below(world, usual * 40);
}

static keel__time time_or_never(sim_world *world, unsigned never_percent, keel__time most) {
  return sim_chance(world, never_percent) ? KEEL__NEVER : 1 + sim_below(world, most);
}

/* ---- allocations: counted, and in some pools' lives they fail */

static struct {
  keel__rng rng;
  unsigned fail_percent;
  long alive;
} memory;

static bool memory_fails(void) {
  return memory.fail_percent && keel__rng_below(&memory.rng, 100) < memory.fail_percent;
}

static void *memory_zeroed(size_t size) {
  void *block = memory_fails() ? NULL : calloc(1, size);
  memory.alive += block != NULL;
  return block;
}

static void *memory_resize(void *old, size_t size) {
  void *block = memory_fails() ? NULL : realloc(old, size);
  memory.alive += block && !old;
  return block;
}

static void memory_release(void *block) {
  memory.alive -= block != NULL;
  free(block);
}

/* ---- events */

void sim_at(sim_world *world, keel__time at, sim_event_kind kind, sim_conn *conn) {
  if (world->event_count == SIM_MOST_EVENTS) sim_fail(world, "the simulator has too many events");
  world->events[world->event_count++] = (sim_event){at, world->event_order++, kind, conn, 0};
}

void sim_forget_events(sim_world *world, const sim_conn *conn, unsigned kinds) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < world->event_count; i++) {
    const sim_event *event = &world->events[i];
    if (event->conn != conn || !(kinds & (1u << event->kind))) world->events[kept++] = *event;
  }
  world->event_count = kept;
}

static uint32_t first_event(const sim_world *world) {
  uint32_t first = 0;
  for (uint32_t i = 1; i < world->event_count; i++) {
    const sim_event *a = &world->events[i], *b = &world->events[first];
    if (a->at < b->at || (a->at == b->at && a->order < b->order)) first = i;
  }
  return first;
}

/* ---- one pool's life */

static void choose_config(sim_world *world) {
  keel__pool_config *config = &world->config;
  *config = (keel__pool_config){
      .max = 1 + (uint32_t)sim_below(world, sim_chance(world, 10) ? 20 : 5),
      .max_waiting = sim_chance(world, 30) ? 1 + (uint32_t)sim_below(world, 12) : 0,
      .max_uses = sim_chance(world, 30) ? 1 + (uint32_t)sim_below(world, 20) : 0,
      .pipeline_depth = sim_chance(world, 50) ? 1 + (uint32_t)sim_below(world, 8) : 1,
      .prepare_cache = sim_chance(world, 70) ? (uint32_t)sim_below(world, 6) : 256,
      .acquire_timeout = time_or_never(world, 50, 200 * MS),
      .connect_timeout = time_or_never(world, 40, 100 * MS),
      .idle_timeout = time_or_never(world, 40, 200 * MS),
      .max_lifetime = time_or_never(world, 60, 1000 * MS),
      .query_timeout = KEEL__NEVER,
      .cancel_timeout = time_or_never(world, 10, 100 * MS),
      .drain_timeout = KEEL__NEVER,
      .health_interval = time_or_never(world, 66, 200 * MS),
      .alive_bypass = time_or_never(world, 66, 20 * MS),
      .resolve_timeout = time_or_never(world, 30, 300 * MS),
      .resolve_commits = sim_chance(world, 85),
      .lifetime_jitter = sim_chance(world, 50) ? keel__rng_real(&world->rng) : 0.05,
      .prepare = (keel_prepare)sim_below(world, 3),
      .hold_new = sim_chance(world, 20),
      .ask_password = sim_chance(world, 20),
      .single = sim_chance(world, 8),
      .shed = sim_chance(world, 60),
  };
  if (sim_chance(world, 50)) config->max_retries = 1 + (uint32_t)sim_below(world, 4);
  config->retry_delay = sim_chance(world, 20) ? 0 : sim_below(world, 30 * MS);
  config->retry_max_delay = sim_below(world, 100 * MS);
  if (config->single) {
    config->max_retries = 0;
    config->max = 1;
    config->max_uses = 0;
    config->shed = false;
    config->idle_timeout = config->max_lifetime = KEEL__NEVER;
    config->health_interval = config->alive_bypass = KEEL__NEVER;
  }
  sim_breaker_choose(world);
  if (sim_chance(world, 40)) config->min = (uint32_t)sim_below(world, config->max + 1);
}

static unsigned rarely(sim_world *world, unsigned percent, unsigned most) {
  return sim_chance(world, percent) ? (unsigned)sim_below(world, most + 1) : 0;
}

/* COMMITs are in doubt often and for long, at times in a pool so busy that none of its few connections is ever idle. */
static void choose_doubt(sim_world *world) {
  sim_mood *mood = &world->mood;
  keel__pool_config *config = &world->config;
  mood->commits = 20 + (unsigned)sim_below(world, 40);
  mood->knows_ids = 100;
  if (sim_chance(world, 30)) mood->undecided = sim_below(world, 3000 * MS);
  if (config->single || sim_chance(world, 50)) return;
  config->max = 1 + (uint32_t)sim_below(world, 2);
  config->min = 0;
  config->pipeline_depth = 4;
  mood->action = 40 + (unsigned)sim_below(world, 30);
  mood->acquire = 5 + (unsigned)sim_below(world, 20);
  mood->commits = 80;
  mood->abort = mood->jump = 0;
  mood->pooler = false;
}

static void choose_mood(sim_world *world) {
  world->mood = (sim_mood){
      .action = (sim_chance(world, 50) ? 3 : 20) + (unsigned)sim_below(world, 30),
      .open_fails = rarely(world, 50, 40),
      .open_hangs = rarely(world, 30, 20),
      .slow_server = rarely(world, 40, 60),
      .cut = rarely(world, 60, 6),
      .bad_statement = rarely(world, 60, 30),
      .hangs = rarely(world, 40, 15),
      .in_transaction = rarely(world, 70, 60),
      .acquire = (unsigned)sim_below(world, 80),
      .abort = rarely(world, 60, 12),
      .deadline = rarely(world, 70, 60),
      .cancel_lost = rarely(world, 30, 40),
      .jump = rarely(world, 20, 3),
      .rush = rarely(world, 20, 10),
      .check_hangs = rarely(world, 50, 40),
      .knows_ids = sim_chance(world, 80) ? 95 : 0,
      .pooler = sim_chance(world, 15),
      .down = sim_chance(world, 5),
  };
  if (sim_chance(world, 35)) choose_doubt(world);
  memory.fail_percent = sim_chance(world, 12) ? 1 + (unsigned)sim_below(world, 20) : 0;
}

static void begin_life(sim_world *world) {
  keel__pool *pool = calloc(1, sizeof *pool);
  if (!pool) exit(2);
  choose_config(world);
  choose_mood(world);
  uint64_t seed = keel__rng_next(&world->rng);
  keel__rng_init(&memory.rng, seed);
  while (keel__pool_init(pool, &world->config, &ops, world, seed) != KEEL_OK)
    if (memory.fail_percent == 0) sim_fail(world, "keel__pool_init failed");
  world->pool = pool;
  world->pools++;
  world->closing = world->pool_closed = world->stopping = world->lone_transaction = false;
  world->health_asked = false;
  world->memory_fails = memory.fail_percent > 0;
  world->drain_end = world->spare_since = KEEL__NEVER;
  world->failed_attempt = world->failed_at = 0;
  world->conn_count = world->call_count = world->waiting = world->unforgotten = world->first_unsettled = 0;
  world->hold_count = world->gone_lease_count = world->event_count = world->tx_count = 0;
  memset(&world->model, 0, sizeof world->model);
  sim_breaker_begin(world);
  memset(world->answered_texts, 0, sizeof world->answered_texts);
  memset(world->longest, 0, sizeof world->longest);
  world->taken = 0;
  world->last_taken = world->longest_gap = 0;
  const keel__pool_config *config = &world->config;
  sim_trace(world, "pool: min %u max %u depth %u cache %u%s%s%s%s", config->min, config->max,
            config->pipeline_depth, config->prepare_cache, config->hold_new ? " hold_new" : "",
            config->single ? " single" : "", world->mood.pooler ? " pooler" : "",
            memory.fail_percent ? " memory" : "");
  if (sim_chance(world, 40)) keel__pool_set_processors(pool, 1 + (uint32_t)sim_below(world, 3));
  keel__pool_start(pool, world->now);
}

static void end_life(sim_world *world) {
  world->stopping = !world->pool_closed;
  keel__pool_destroy(world->pool);
  sim_server_free(world);
  sim_check_end(world);
  if (world->kept != 0) sim_fail(world, "%ld details of failures are kept for ever", world->kept);
  if (memory.alive != 0) sim_fail(world, "%ld blocks of memory are left when the pool is gone", memory.alive);
  free(world->pool);
  world->pool = NULL;
}

/* Goes to what happens next: true when it was the pool's timers. */
static bool advance(sim_world *world) {
  keel__time timer = keel__pool_next(world->pool);
  uint32_t first = first_event(world);
  keel__time event = world->event_count ? world->events[first].at : KEEL__NEVER;
  keel__time next = timer < event ? timer : event;
  if (next == KEEL__NEVER) next = world->now + sim_below(world, 100 * MS);
  if (next > world->now) world->now = next;
  if (sim_chance(world, world->mood.jump)) world->now += sim_below(world, 60000 * MS);
  bool both = timer <= world->now && event <= world->now;
  if (both ? sim_chance(world, 50) : timer <= world->now) {
    keel__pool_tick(world->pool, world->now);
    return true;
  }
  if (event <= world->now) {
    sim_event taken = world->events[first];
    world->events[first] = world->events[--world->event_count];
    sim_server_event(world, taken);
  }
  return false;
}

static void step(sim_world *world, unsigned action_percent) {
  bool timers_are_done = false;
  world->step++;
  if (sim_chance(world, 20)) world->now += sim_below(world, 500);
  if (sim_chance(world, action_percent))
    sim_caller_act(world);
  else
    timers_are_done = advance(world);
  sim_check_step(world, timers_are_done);
}

static void live(sim_world *world, uint64_t steps) {
  begin_life(world);
  uint64_t end = world->step + 30 + sim_below(world, sim_chance(world, 20) ? 3000 : 600);
  if (end > steps) end = steps;
  while (world->step < end && !world->pool_closed) step(world, world->mood.action);
  if (sim_chance(world, 90)) {
    if (!world->pool_closed) sim_caller_close(world, sim_chance(world, 30));
    for (uint64_t last = world->step + LONGEST_END; !world->pool_closed; step(world, world->mood.action / 2))
      if (world->step > last) sim_fail(world, "a pool that was closed does not end");
  }
  end_life(world);
}

void sim_run(sim_world *world, uint64_t seed, uint64_t steps) {
  static const keel__allocator counting = {memory_zeroed, memory_resize, memory_release};
  bool trace = world->trace;
  memset(world, 0, sizeof *world);
  world->trace = trace;
  keel__alloc_use(&counting);
  keel__rng_init(&world->rng, seed);
  world->seed = seed;
  world->now = 1 + sim_below(world, 1000000);
  world->step = 0;
  world->steps = steps;
  while (world->step < steps) live(world, steps);
  keel__alloc_use(NULL);
}
