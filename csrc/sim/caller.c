/* caller.c: those who use the pool, and what they are told. */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>

#define MS UINT64_C(1000)
#define MOST_IN_BURST 12u
#define MOST_IN_RUSH 40u

typedef struct sim_request {
  keel__request request;
  sim_call *call;
} sim_request;

sim_call *sim_call_of(const keel__request *request) {
  return KEEL__OF(sim_request, request, request)->call;
}

/* ---- asking */

static sim_what choose_what(sim_world *world, bool lease) {
  if (sim_chance(world, world->mood.bad_statement)) {
    static const sim_what bad[] = {SIM_FAILS, SIM_BAD_TEXT, SIM_PROCEDURE, SIM_TIMES_OUT,
                                   SIM_DDL,   SIM_DISCARD,  SIM_RACES,     SIM_RACES};
    return bad[sim_below(world, sizeof bad / sizeof *bad)];
  }
  if (sim_chance(world, world->mood.hangs)) return SIM_HANGS;
  if (!sim_chance(world, lease ? world->mood.in_transaction : world->mood.in_transaction / 10))
    return sim_chance(world, 30) ? SIM_READ : SIM_PLAIN;
  return (sim_what)(SIM_BEGIN + sim_below(world, 3));
}

static void choose_statement(sim_world *world, keel__request *request) {
  if (sim_chance(world, 15)) request->flags |= KEEL_Q_IDEMPOTENT;
  if (sim_chance(world, 5)) request->flags |= KEEL_Q_ONCE;
  if (sim_chance(world, 10)) {
    request->flags |= KEEL_Q_SIMPLE;
  } else if (sim_chance(world, 5)) {
    request->flags |= KEEL_Q_ALONE;
  } else if (sim_chance(world, 60)) {
    request->statement = 1 + (uint32_t)sim_below(world, SIM_STATEMENTS - 1);
    request->named = request->statement >= SIM_FIRST_NAMED;
  } else if (sim_chance(world, 10)) {
    request->flags |= KEEL_Q_NO_PREPARE;
  }
}

/* What the text alone tells: one plain statement. */
static bool may_share(sim_what what) {
  return what == SIM_PLAIN || what == SIM_READ || what == SIM_RACES || what == SIM_FAILS ||
         what == SIM_TIMES_OUT || what == SIM_HANGS;
}

static void submit_what(sim_world *world, keel_request_kind kind, uint64_t lease, sim_what what) {
  if (world->call_count == SIM_MOST_CALLS) return;
  sim_request *holder = calloc(1, sizeof *holder);
  if (!holder) exit(2);
  keel__request *request = &holder->request;
  keel__time timeout = sim_chance(world, world->mood.deadline) ? 1 + sim_below(world, 100 * MS) : KEEL__NEVER;
  sim_call *call = &world->calls[world->call_count++];
  request->kind = kind;
  request->lease = lease;
  if (kind == KEEL_QUERY) choose_statement(world, request);
  request->text = (uint32_t)sim_below(world, SIM_TEXTS);
  request->shares = lease == 0 && may_share(what);
  request->reads = what == SIM_READ;
  request->commits = lease != 0 && what == SIM_COMMIT;
  *call = (sim_call){
      .request = request,
      .id = world->call_count,
      .kind = kind,
      .what = what,
      .statement = request->statement,
      .text = request->text,
      .shares = request->shares && !(request->flags & (KEEL_Q_SIMPLE | KEEL_Q_ALONE)),
      .flags = request->flags,
      .lease = lease,
      .submitted = world->now,
      .deadline = keel__time_after(world->now, timeout),
      .acquire_deadline = KEEL__NEVER,
      .waiting = lease == 0,
  };
  if (kind == KEEL_QUERY && lease == 0)
    call->acquire_deadline = keel__time_after(world->now, world->config.acquire_timeout);
  holder->call = call;
  world->waiting += call->waiting;
  world->unforgotten++;
  world->model.started += kind == KEEL_QUERY;
  sim_trace(world, "r%u submit %s%s what %d lease %" PRIu64, call->id,
            kind == KEEL_QUERY ? "query" : "acquire", request->flags & KEEL_Q_SIMPLE ? " simple" : "",
            call->what, lease);
  world->submitting = call;
  keel__pool_submit(world->pool, request, timeout, world->now);
  world->submitting = NULL;
}

static void submit(sim_world *world, keel_request_kind kind, uint64_t lease) {
  submit_what(world, kind, lease, kind == KEEL_QUERY ? choose_what(world, lease != 0) : SIM_WHATS);
}

/* A whole transaction at once. */
static void submit_transaction(sim_world *world, uint64_t lease) {
  submit_what(world, KEEL_QUERY, lease, SIM_BEGIN);
  for (uint64_t count = sim_below(world, 3); count > 0; count--)
    submit_what(world, KEEL_QUERY, lease, SIM_PLAIN);
  submit_what(world, KEEL_QUERY, lease, SIM_COMMIT);
}

static const sim_hold *some_hold(sim_world *world) {
  return world->hold_count ? &world->holds[sim_below(world, world->hold_count)] : NULL;
}

static uint64_t wrong_lease(sim_world *world) {
  if (world->gone_lease_count == 0 || sim_chance(world, 20)) return 1000000 + sim_below(world, 1000);
  return world->gone_leases[sim_below(world, world->gone_lease_count)];
}

static void submit_on_lease(sim_world *world) {
  const sim_hold *hold = some_hold(world);
  if (!hold || sim_chance(world, 3)) {
    if (sim_chance(world, 90)) return;
    submit(world, sim_chance(world, 95) ? KEEL_QUERY : KEEL_ACQUIRE, wrong_lease(world));
    return;
  }
  uint64_t lease = hold->lease;
  if (sim_chance(world, world->mood.in_transaction + world->mood.commits)) {
    submit_transaction(world, lease);
    return;
  }
  for (uint64_t count = 1 + sim_below(world, 3); count > 0; count--) submit(world, KEEL_QUERY, lease);
}

static void submit_lone(sim_world *world) {
  uint64_t count = sim_chance(world, 5) ? 1 + sim_below(world, MOST_IN_BURST) : 1;
  if (sim_chance(world, world->mood.rush)) count = 1 + sim_below(world, MOST_IN_RUSH);
  for (; count > 0; count--)
    submit(world, sim_chance(world, world->mood.acquire) ? KEEL_ACQUIRE : KEEL_QUERY, 0);
}

static void abort_one(sim_world *world) {
  uint32_t unsettled = world->call_count - world->first_unsettled;
  if (unsettled == 0) return;
  sim_call *call = &world->calls[world->first_unsettled + sim_below(world, unsettled)];
  if (call->forgotten) return;
  sim_trace(world, "r%u abort", call->id);
  bool was_settled = call->settled;
  world->aborting = call;
  keel__pool_abort(world->pool, call->request, world->now);
  world->aborting = NULL;
  if (!was_settled && call->code != KEEL_ABORTED)
    sim_fail(world, "r%u was aborted but not settled", call->id);
}

/* ---- leases */

static void add_hold(sim_world *world, sim_conn *conn, uint64_t lease) {
  if (world->hold_count == SIM_MOST_HOLDS) sim_fail(world, "the simulator has too many holders");
  if (conn->lease != 0) sim_fail(world, "c%u is lent to two", conn->conn->id);
  if (lease == 0) sim_fail(world, "c%u is lent without a lease", conn->conn->id);
  for (uint32_t i = 0; i < world->hold_count; i++)
    if (world->holds[i].lease == lease) sim_fail(world, "lease %" PRIu64 " comes a second time", lease);
  sim_trace(world, "c%u lent as %" PRIu64, conn->conn->id, lease);
  conn->lease = lease;
  conn->destroy_asked = false;
  world->holds[world->hold_count++] = (sim_hold){lease, conn};
}

static void release(sim_world *world) {
  const sim_hold *hold = some_hold(world);
  bool destroy = sim_chance(world, 10);
  if (!hold || sim_chance(world, 5)) {
    keel__pool_release(world->pool, wrong_lease(world), destroy, world->now);
    return;
  }
  sim_hold released = *hold;
  world->holds[hold - world->holds] = world->holds[--world->hold_count];
  world->gone_leases[world->gone_lease_count < 16 ? world->gone_lease_count++ : sim_below(world, 16)] =
      released.lease;
  sim_trace(world, "release %" PRIu64 "%s", released.lease, destroy ? " destroy" : "");
  if (released.conn) {
    if (released.conn->conn->setup_lease && !destroy) world->failed_at = 0;
    released.conn->destroy_asked = destroy;
    released.conn->last_used = released.conn->last_proof = world->now;
    released.conn->lease = 0;
    released.conn->ending_lease = released.lease;
  }
  keel__pool_release(world->pool, released.lease, destroy, world->now);
}

/* ---- closing */

void sim_caller_close(sim_world *world, bool at_once) {
  keel__time timeout = at_once ? 0 : sim_below(world, 300 * MS);
  bool force = at_once && sim_chance(world, 50);
  keel__time end = force ? world->now : keel__time_after(world->now, timeout);
  sim_trace(world, "close within %" PRIu64 " us", end - world->now);
  world->closing = true;
  if (end < world->drain_end) world->drain_end = end;
  keel__pool_close(world->pool, timeout, force, world->now);
}

static void close_perhaps(sim_world *world) {
  if (world->closing ? sim_chance(world, 80) : sim_chance(world, 95)) return;
  if (sim_chance(world, 20)) {
    world->closing = true;
    keel__pool_close(world->pool, KEEL__NEVER, false, world->now);
  } else {
    sim_caller_close(world, sim_chance(world, 20));
  }
}

static void ask_for_health(sim_world *world) {
  sim_trace(world, "is it well?");
  world->health_asked = true;
  keel__pool_check(world->pool, world->now);
}

static void change_something(sim_world *world) {
  switch (sim_below(world, 5)) {
    case 0:
      world->config.hold_new = sim_chance(world, 30);
      keel__pool_hold_new(world->pool, world->config.hold_new);
      break;
    case 1:
      world->mood.down = world->mood.open_fails > 0 && sim_chance(world, 30);
      break;
    case 2:
      sim_breaker_by_hand(world);
      break;
    case 3:
      ask_for_health(world);
      break;
    default:
      close_perhaps(world);
  }
}

void sim_caller_act(sim_world *world) {
  uint64_t luck = sim_below(world, 100);
  if (sim_chance(world, world->mood.cut))
    sim_server_cut(world);
  else if (sim_chance(world, world->mood.abort))
    abort_one(world);
  else if (luck < 50)
    submit_lone(world);
  else if (luck < 73)
    submit_on_lease(world);
  else if (luck < 98)
    release(world);
  else
    change_something(world);
}

/* ---- being told */

static uint64_t *counter_of(keel__counters *model, const keel__failure *failure) {
  if (!failure) return &model->succeeded;
  switch (failure->code) {
    case KEEL_ACQUIRE_TIMEOUT:
    case KEEL_QUERY_TIMEOUT:
      return &model->timed_out;
    case KEEL_ABORTED:
      return &model->cancelled;
    case KEEL_QUEUE_FULL:
    case KEEL_BREAKER_OPEN:
      return &model->rejected;
    case KEEL_POOL_CLOSED:
      return failure->outcome == KEEL_OUTCOME_UNKNOWN ? &model->failed : &model->rejected;
    default:
      return &model->failed;
  }
}

static void granted(sim_world *world, const sim_call *call, sim_conn *conn) {
  if (world->closing) sim_fail(world, "a closing pool lends c%u", conn->conn->id);
  sim_check_turn(world, call);
  sim_note_taken(world, call);
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED)
    sim_fail(world, "c%u is lent though the breaker is open", conn->conn->id);
  sim_check_clean(world, conn, "a lease");
  sim_check_fresh(world, conn, "a lease");
  add_hold(world, conn, conn->conn->lease);
  conn->uses++;
  world->grants++;
}

static const char *name_of(keel_code code) {
  static const char *const names[] = {
#define NAME(name, number, text) #name,
      KEEL_ERROR_MAP(NAME)
#undef NAME
  };
  return names[code];
}

void sim_caller_settle(void *io, keel__request *request, const keel__failure *failure) {
  sim_world *world = io;
  sim_call *call = sim_call_of(request);
  if (call->settled) sim_fail(world, "r%u is settled twice", call->id);
  sim_trace(world, "r%u settled %s outcome %d", call->id, name_of(failure ? failure->code : KEEL_OK),
            failure ? failure->outcome : KEEL_OUTCOME_NONE);
  sim_check_settlement(world, call, failure);
  call->settled = true;
  call->code = failure ? failure->code : KEEL_OK;
  call->outcome = failure ? failure->outcome : KEEL_OUTCOME_NONE;
  if (call->kind == KEEL_QUERY) ++*counter_of(&world->model, failure);
  world->settled++;
  world->resolved += request->state == KEEL__REQ_IN_DOUBT && call->outcome != KEEL_OUTCOME_UNKNOWN;
  if (call->kind == KEEL_ACQUIRE && !failure) granted(world, call, request->conn->io);
  world->waiting -= call->waiting;
  call->waiting = false;
  while (world->first_unsettled < world->call_count && world->calls[world->first_unsettled].settled)
    world->first_unsettled++;
}

bool sim_caller_retry(void *io, keel__request *request, keel__time delay, const keel__failure *why) {
  sim_world *world = io;
  sim_call *call = sim_call_of(request);
  sim_check_retry(world, call, delay, why);
  if (world->memory_fails && sim_chance(world, 20)) {
    call->deaf = true;
    return false;
  }
  sim_trace(world, "r%u is tried again in %" PRIu64 " us because of %s", call->id, delay, name_of(why->code));
  call->retried = true;
  call->retry_at = world->now + delay;
  call->retries++;
  call->on_server = false;
  if (why->code == KEEL_CONNECTION_LOST && call->what != SIM_READ) call->uncertain = true;
  world->waiting -= call->waiting;
  call->waiting = false;
  world->retried++;
  return true;
}

void sim_caller_forget(void *io, keel__request *request) {
  sim_world *world = io;
  sim_call *call = sim_call_of(request);
  if (call->forgotten) sim_fail(world, "r%u is forgotten twice", call->id);
  if (!call->settled && !world->stopping) sim_fail(world, "r%u is forgotten before it is settled", call->id);
  call->forgotten = true;
  call->request = NULL;
  world->unforgotten--;
  free(KEEL__OF(sim_request, request, request));
}

void sim_caller_opened(void *io, keel__conn *keel) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  if (conn->opened || conn->closing) sim_fail(world, "c%u is announced when it should not be", keel->id);
  conn->opened = true;
  world->failed_at = 0;
  conn->last_used = conn->last_proof = world->now;
  conn->opened_at = world->now;
  world->model.created++;
  keel__time life = world->config.max_lifetime;
  double least = (double)life * (1 - world->config.lifetime_jitter) - 1;
  if (life == KEEL__NEVER
          ? keel->retire_at != KEEL__NEVER
          : keel->retire_at > world->now + life || (double)(keel->retire_at - world->now) < least)
    sim_fail(world, "c%u is to retire at a wrong time", keel->id);
  /* Nobody is to use one that is opened only to ask for a COMMIT. */
  bool used = !world->closing || world->pool->queue.count + world->pool->retrying.count > 0;
  if (keel->setup_lease != (world->config.hold_new && used)) sim_fail(world, "hold_new is not obeyed");
  if (keel->setup_lease) add_hold(world, conn, keel->lease);
}

void sim_caller_gone(void *io, keel__conn *keel, keel__close_reason reason, const keel__failure *failure) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  if (!conn->opened || conn->gone) sim_fail(world, "c%u is gone without having been there", keel->id);
  bool silent = reason == KEEL__CLOSE_CHECK_FAILED && conn->job_count > 0; /* nobody has said anything */
  if (failure && failure->detail != (silent ? NULL : world->detail))
    sim_fail(world, "the detail of a failure got lost");
  conn->gone = true;
  world->model.closed++;
  world->model.closed_for[reason]++;
  for (uint32_t i = 0; i < world->hold_count; i++)
    if (world->holds[i].conn == conn) world->holds[i].conn = NULL;
}

void sim_caller_healthy(void *io, keel__pool *pool, keel__time latency, const keel__failure *failure) {
  sim_world *world = io;
  if (pool != world->pool) sim_fail(world, "another pool's health");
  sim_trace(world, "it is %s", failure ? name_of(failure->code) : "well");
  sim_check_verdict(world, latency, failure);
  world->health_asked = false;
  world->verdicts++;
}

void sim_caller_pool_closed(void *io, keel__pool *pool) {
  sim_world *world = io;
  if (world->pool_closed) sim_fail(world, "the pool is closed twice");
  if (!world->closing || pool != world->pool) sim_fail(world, "the pool closes of its own accord");
  if (world->conns || world->unforgotten > 0) sim_fail(world, "the pool is closed before all has ended");
  sim_trace(world, "pool closed");
  world->pool_closed = true;
}
