/* check_health.c: what must hold of checks and of what is said of the node's health. */
#include "sim.h"

#define LONGEST 5000000u /* us that a check may take at most */
#define PATIENCE 500000u /* us that those who wait count on one */
#define LONGEST_BACKOFF 5000000u

keel__time sim_check_limit(const sim_world *world) {
  keel__time connect = world->config.connect_timeout;
  return connect < LONGEST ? connect : LONGEST;
}

bool sim_is_fresh(const sim_world *world, const sim_conn *conn) {
  keel__time bypass = world->config.alive_bypass;
  return bypass == KEEL__NEVER || world->now - conn->last_proof <= bypass;
}

/* A timer that is due may not have rung yet. */
static bool is_slow(const sim_world *world, const sim_conn *conn) {
  return conn->conn->check_slow && world->now >= conn->check_begun + PATIENCE;
}

unsigned sim_coming(const sim_world *world) {
  unsigned checked = 0;
  for (const sim_conn *conn = world->conns; conn; conn = conn->next)
    checked += !conn->closing && conn->conn->state == KEEL__CONN_CHECKING && !is_slow(world, conn);
  return world->conn_count - sim_opened_count(world) + world->pool->setup_leases + checked;
}

/* ---- a check */

void sim_check_fresh(sim_world *world, const sim_conn *conn, const char *before) {
  if (!sim_is_fresh(world, conn))
    sim_fail(world, "c%u is stale and gets %s unchecked", conn->conn->id, before);
}

static bool is_missed(const sim_world *world, const sim_conn *conn) {
  const keel__pool *pool = world->pool;
  if (pool->health.by_hand || world->conn_count < world->config.max) return false;
  if (pool->conns[KEEL__CONN_IDLE].count > 0) return false; /* beside this one */
  if (world->now - conn->last_used >= world->config.health_interval) return false;
  for (const sim_conn *other = world->conns; other; other = other->next) {
    keel__time proof = other->last_heard > other->opened_at ? other->last_heard : other->opened_at;
    if (other->opened && !other->closing && proof + world->config.health_interval >= world->now) return true;
  }
  return false;
}

/* Nobody's connection is checked while he wants it, unless he wants it checked. */
void sim_check_check(sim_world *world, const sim_conn *conn) {
  const keel__pool *pool = world->pool;
  unsigned id = conn->conn->id;
  bool for_health = pool->health.conn == conn->conn;
  if (!conn->opened || conn->closing || conn->job_count > 0 || conn->lease)
    sim_fail(world, "c%u is checked in the midst of something", id);
  if (conn->conn->state != KEEL__CONN_CHECKING) sim_fail(world, "c%u is checked and looks idle", id);
  if (for_health) {
    if (world->closing) sim_fail(world, "a closing pool looks after its health");
    if (pool->queue.count > 0 && sim_is_fresh(world, conn))
      sim_fail(world, "c%u is taken from those who wait", id);
    if (is_missed(world, conn)) sim_fail(world, "the last free connection, c%u, is taken from users", id);
    return;
  }
  if (sim_is_fresh(world, conn)) sim_fail(world, "c%u is fresh and checked", id);
  if (pool->queue.count == 0) sim_fail(world, "c%u is checked for nobody", id);
}

/* ---- verdicts */

static bool was_answered(const sim_world *world, keel__time since) {
  for (const sim_conn *conn = world->conns; conn; conn = conn->next)
    if (conn->opened && !conn->closing && (conn->last_heard >= since || conn->opened_at >= since))
      return true;
  return false;
}

void sim_check_verdict(sim_world *world, keel__time latency, const keel__failure *failure) {
  keel__time interval = world->config.health_interval;
  if (interval == KEEL__NEVER && !world->health_asked) sim_fail(world, "nobody has asked for a check");
  if (failure) {
    if (latency != KEEL__NEVER) sim_fail(world, "a failed check has a latency");
    if (failure->code == KEEL_OK || failure->code == KEEL_SERVER) sim_fail(world, "a check fails of nothing");
    if (world->closing != (failure->code == KEEL_POOL_CLOSED)) sim_fail(world, "the pool is closed or not");
    if (failure->code == KEEL_BREAKER_OPEN && world->breaker.state == KEEL_BREAKER_IS_CLOSED)
      sim_fail(world, "the node is said to be given up and is not");
    if (failure->code == KEEL_ACQUIRE_TIMEOUT && !world->health_asked &&
        was_answered(world, world->now - interval))
      sim_fail(world, "the node answers and is said to be silent");
    return;
  }
  if (world->closing) sim_fail(world, "a closing pool looks after its health");
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED)
    sim_fail(world, "the node is said to be well and nobody may use it");
  if (latency != KEEL__NEVER && !was_answered(world, world->now))
    sim_fail(world, "nothing has just answered");
  /* Whoever asks by hand is told of answers that came after he had asked. */
  keel__time since = world->health_asked || interval > world->now ? 0 : world->now - interval;
  if (!was_answered(world, since)) sim_fail(world, "nothing has answered and the node is said to be well");
}

/* ---- after a tick */

static bool is_under_way(const keel__pool *pool) {
  return pool->health.conn != NULL;
}

/* Every check ends, and another one follows. */
void sim_check_health(sim_world *world) {
  const keel__pool *pool = world->pool;
  keel__time interval = world->config.health_interval;
  if (pool->state != KEEL__POOL_OPEN) {
    if (world->health_asked) sim_fail(world, "somebody asks a closing pool for its health in vain");
    return;
  }
  if (interval == KEEL__NEVER && !world->health_asked) return;
  if (is_under_way(pool)) {
    if (pool->health.conn->state != KEEL__CONN_CHECKING) sim_fail(world, "a check is made on nothing");
    return;
  }
  keel__time next = interval == KEEL__NEVER ? 0 : interval + interval / 10 + 1;
  keel__time limit =
      1000 + (world->config.connect_timeout == KEEL__NEVER ? LONGEST : world->config.connect_timeout);
  if (next < limit) next = limit;
  if (next < LONGEST_BACKOFF) next = LONGEST_BACKOFF;
  if (!keel__timer_is_set(&pool->health.timer) || pool->health.timer.due > world->now + next)
    sim_fail(world, "no check follows");
}
