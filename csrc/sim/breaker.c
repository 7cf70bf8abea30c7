/* breaker.c: what the breaker ought to do, told from what happened to connections and statements. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000)
#define LONGEST_PAUSE (1000 * MS)

/* ---- details of failures that are kept */

#define KEPT UINT64_C(0x6b656570)

typedef struct sim_kept {
  uint64_t mark;
} sim_kept;

void *sim_keep(void *io, const void *detail) {
  sim_world *world = io;
  if (!detail || (world->memory_fails && sim_chance(world, 20))) return NULL;
  sim_kept *kept = calloc(1, sizeof *kept);
  if (!kept) exit(2);
  kept->mark = KEPT;
  world->kept++;
  return kept;
}

void sim_drop(void *io, void *kept) {
  sim_world *world = io;
  if (((sim_kept *)kept)->mark != KEPT) sim_fail(world, "something is dropped that was not kept");
  world->kept--;
  free(kept);
}

/* ---- one pool's life */

void sim_breaker_choose(sim_world *world) {
  keel__breaker_config *config = &world->config.breaker;
  if (world->config.single || sim_chance(world, 50)) return;
  bool rates = sim_chance(world, 30);
  *config = (keel__breaker_config){
      .on = true,
      .threshold = 1 + (uint32_t)sim_below(world, 6),
      .reset_timeout = 1 * MS + sim_below(world, sim_chance(world, 50) ? 100 * MS : 3000 * MS),
      .failure_rate = rates ? 1 + (double)sim_below(world, 100) : 0,
      .slow_rate = rates && sim_chance(world, 50) ? 1 + (double)sim_below(world, 100) : 0,
      .by_time = sim_chance(world, 50),
      .window_size = 1 + (uint32_t)sim_below(world, 20),
      .slow_call = sim_below(world, 20 * MS),
      .probes = sim_chance(world, 70) ? 1 : 1 + (uint32_t)sim_below(world, 4),
      .probe_timeout = 1 + sim_below(world, 100 * MS),
  };
  config->minimum_calls = 1 + (uint32_t)sim_below(world, config->window_size);
}

void sim_breaker_begin(sim_world *world) {
  const keel__breaker_config *config = &world->config.breaker;
  world->breaker = (sim_breaker){.exact = config->failure_rate == 0 && config->slow_rate == 0};
  world->kept = 0;
  if (config->on)
    sim_trace(world, "breaker: threshold %u probes %u%s", config->threshold, config->probes,
              world->breaker.exact ? "" : " rates");
}

void sim_breaker_by_hand(sim_world *world) {
  bool open = sim_chance(world, 30);
  sim_trace(world, "breaker is %s by hand", open ? "opened" : "closed");
  world->breaker.by_hand = true;
  if (!world->config.single && !world->pool_closed) {
    world->breaker.forced = open;
    if (!open) world->breaker.failures = 0;
  }
  keel__pool_breaker(world->pool, open ? KEEL_BREAKER_FORCE_OPEN : KEEL_BREAKER_CLOSE, world->now);
  world->breaker.by_hand = false;
}

/* ---- what counts */

static void node_failed(sim_world *world) {
  if (world->config.breaker.on) world->breaker.failures++;
}

void sim_breaker_answered(sim_world *world) {
  if (world->breaker.state == KEEL_BREAKER_IS_CLOSED) world->breaker.failures = 0;
}

bool sim_breaker_is_due(const sim_world *world) {
  const keel__breaker_config *config = &world->config.breaker;
  return config->on && world->breaker.state == KEEL_BREAKER_IS_CLOSED &&
         world->breaker.failures >= config->threshold;
}

/* Whatever the server says to a probe proves that it is there. */
static void attempt_answered(sim_world *world, const sim_conn *conn) {
  sim_breaker_answered(world);
  if (!conn->probes) return;
  world->breaker.proofs += world->breaker.state == KEEL_BREAKER_IS_HALF_OPEN;
}

void sim_breaker_opened(sim_world *world, const sim_conn *conn) {
  if (!conn->closing) attempt_answered(world, conn);
}

static void attempt_failed(sim_world *world, const sim_conn *conn) {
  if (!conn->asking && conn->lives) {
    attempt_answered(world, conn);
    return;
  }
  if (conn->probes) world->breaker.probe_failed = true;
  if (!conn->asking) node_failed(world);
}

void sim_breaker_lost(sim_world *world, const sim_conn *conn) {
  if (!conn->closing && conn->job_count > 0 && !conn->jobs[0].check) node_failed(world);
}

/* The breaker has heard of it by now, but not much sooner: whoever ran there is not tried again when it opens. */
static void was_silent(sim_world *world) {
  sim_breaker *breaker = &world->breaker;
  if (!breaker->ahead) node_failed(world);
  breaker->ahead = false;
  if (sim_breaker_is_due(world)) sim_fail(world, "the breaker hears too late of a silent server");
}

void sim_breaker_closing(sim_world *world, const sim_conn *conn, keel__close_reason reason) {
  bool unanswered = reason == KEEL__CLOSE_RESET_FAILED && !conn->reset_failed;
  if (reason == KEEL__CLOSE_OPEN_FAILED)
    attempt_failed(world, conn);
  else if (unanswered || reason == KEEL__CLOSE_CANCEL_SILENT || reason == KEEL__CLOSE_INQUIRY_SILENT)
    was_silent(world);
}

/* ---- what it does */

/* Nothing is opened but one probe, and that only while it is HALF_OPEN. */
void sim_breaker_opening(sim_world *world, sim_conn *conn) {
  if (world->breaker.state == KEEL_BREAKER_IS_CLOSED) return;
  conn->probes = true;
  if (world->breaker.state == KEEL_BREAKER_IS_OPEN)
    sim_fail(world, "c%u is opened though the breaker is open", conn->conn->id);
  if (world->closing && world->pool->in_doubt.count == 0) sim_fail(world, "a closing pool makes a probe");
  for (const sim_conn *other = world->conns; other; other = other->next)
    if (other != conn && !other->opened && !other->closing) sim_fail(world, "a probe is not alone");
}

static bool is_silent(const sim_world *world) {
  keel__time limit = world->config.cancel_timeout;
  for (const sim_conn *conn = world->conns; conn; conn = conn->next) {
    const keel__conn *keel = conn->conn;
    if (conn->closing) continue;
    if (keel->cancel_sent && keel__time_after(conn->last_cancel, limit) <= world->now) return true;
    if (keel->reset_asked && keel__time_after(conn->reset_sent, limit) <= world->now) return true;
    if (keel->state == KEEL__CONN_INQUIRING && keel__time_after(conn->inquired, limit) <= world->now)
      return true;
  }
  return false;
}

static void check_opening(sim_world *world) {
  sim_breaker *breaker = &world->breaker;
  if (breaker->by_hand) return;
  if (!world->config.breaker.on) sim_fail(world, "a breaker that is off opens");
  /* Of a silent server it hears before the connection is closed, which must follow. */
  breaker->ahead =
      breaker->exact && breaker->failures + 1 == world->config.breaker.threshold && is_silent(world);
  breaker->failures += breaker->ahead;
  if (breaker->exact && breaker->failures != world->config.breaker.threshold)
    sim_fail(world, "the breaker opens after %u failures in a row", breaker->failures);
}

static void check_closing(sim_world *world) {
  const sim_breaker *breaker = &world->breaker;
  if (breaker->by_hand) return;
  if (breaker->proofs != world->config.breaker.probes)
    sim_fail(world, "the breaker closes after %u probes", breaker->proofs);
}

void sim_breaker_changed(void *io, keel_breaker_state from, keel_breaker_state to, const char *reason) {
  sim_world *world = io;
  sim_breaker *breaker = &world->breaker;
  sim_trace(world, "breaker %d -> %d: %s", from, to, reason);
  if (from != breaker->state || from == to) sim_fail(world, "the breaker is told to come from a wrong state");
  if (world->pool_closed) sim_fail(world, "a closed pool tells of its breaker");
  if (!*reason) sim_fail(world, "the breaker gives no reason");
  if (from == KEEL_BREAKER_IS_CLOSED) {
    check_opening(world);
    breaker->slow = strstr(reason, "slow") != NULL;
    if (to != KEEL_BREAKER_IS_OPEN) sim_fail(world, "a closed breaker is half open");
    breaker->opened++;
    world->breakers++;
  } else if (to == KEEL_BREAKER_IS_CLOSED) {
    check_closing(world);
    breaker->failures = 0;
  } else if (to == KEEL_BREAKER_IS_HALF_OPEN) {
    if (breaker->forced) sim_fail(world, "a probe though the breaker was opened by hand");
    breaker->proofs = 0;
    breaker->probe_failed = false;
  } else if (!breaker->probe_failed && !breaker->by_hand && !world->memory_fails) {
    sim_fail(world, "no probe has failed and the breaker opens again");
  }
  if (from == KEEL_BREAKER_IS_HALF_OPEN) breaker->slow = false;
  breaker->state = to;
}

void sim_breaker_refused(sim_world *world, const sim_call *call, const keel__failure *failure) {
  sim_breaker *breaker = &world->breaker;
  const sim_kept *kept = failure->detail;
  breaker->rejected++;
  if (breaker->state == KEEL_BREAKER_IS_CLOSED)
    sim_fail(world, "r%u is refused by a closed breaker", call->id);
  if (call->lease) sim_fail(world, "r%u has a connection and is refused", call->id);
  if (kept && kept->mark != KEPT) sim_fail(world, "r%u is refused for something that nobody kept", call->id);
  if (breaker->forced ? failure->retry_after_ms != 0 : !world->closing && failure->retry_after_ms < 1)
    sim_fail(world, "r%u is told to come back after %d ms", call->id, (int)failure->retry_after_ms);
  if (!breaker->forced && breaker->exact && failure->cause == KEEL_OK)
    sim_fail(world, "r%u is not told what opened the breaker", call->id);
  if (breaker->slow && (failure->cause != KEEL_OK || kept))
    sim_fail(world, "r%u is told of a failure that did not open the breaker", call->id);
}

/* ---- after every step */

/* Somebody will find out that the node is back. */
static void check_healing(sim_world *world) {
  const keel__pool *pool = world->pool;
  const keel__timer *timer = &pool->breaker_timer;
  keel__time reset = world->config.breaker.reset_timeout;
  keel__time longest = reset < LONGEST_PAUSE ? reset : LONGEST_PAUSE;
  if (world->breaker.forced) {
    if (keel__timer_is_set(timer) || pool->probe)
      sim_fail(world, "a probe is due though the breaker was opened by hand");
    return;
  }
  if (!pool->probe && !keel__timer_is_set(timer)) sim_fail(world, "the breaker is open for ever");
  if (keel__timer_is_set(timer) && timer->due > world->now + longest)
    sim_fail(world, "the next probe is too far away");
  if (!pool->probe) return;
  const sim_conn *probe = pool->probe->io;
  if (probe->opened || probe->closing || !probe->probes)
    sim_fail(world, "a probe has ended and nobody has noticed");
  if (pool->probe->timer.due > probe->open_started + world->config.breaker.probe_timeout)
    sim_fail(world, "a probe may take too long");
  if (world->breaker.state == KEEL_BREAKER_IS_HALF_OPEN &&
      world->breaker.proofs >= world->config.breaker.probes)
    sim_fail(world, "all probes have succeeded and the breaker stays half open");
}

void sim_breaker_check(sim_world *world) {
  const keel__breaker *breaker = &world->pool->breaker;
  const sim_breaker *model = &world->breaker;
  if (model->ahead) sim_fail(world, "the breaker has opened for a silent server that was not");
  if (breaker->state != model->state || breaker->forced != model->forced)
    sim_fail(world, "the breaker's state changed and nobody was told");
  if (breaker->failures != model->failures) sim_fail(world, "failures in a row are miscounted");
  if (breaker->opened != model->opened || breaker->rejected != model->rejected)
    sim_fail(world, "the breaker's counters do not add up");
  if (model->state == KEEL_BREAKER_IS_CLOSED) {
    if (world->config.breaker.on && model->failures >= world->config.breaker.threshold)
      sim_fail(world, "%u failures in a row and the breaker is closed", model->failures);
    if (world->pool->probe) sim_fail(world, "a probe for a closed breaker");
    return;
  }
  if (world->pool->queue.count > 0) sim_fail(world, "somebody waits at an open breaker");
  if (!world->closing || world->pool->in_doubt.count > 0) check_healing(world);
}
