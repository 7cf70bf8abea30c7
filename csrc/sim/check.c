/* check.c: what must hold, whatever happens. */
#include "sim.h"

#include <inttypes.h>
#include <string.h>

/* ---- at the moment of an effect */

/* Nobody gets a connection with something left on it: of a transaction, of a statement, of a cancel. */
void sim_check_clean(sim_world *world, const sim_conn *conn, const char *before) {
  unsigned id = conn->conn->id;
  if (!conn->opened || conn->closing) sim_fail(world, "c%u is not open and gets %s", id, before);
  if (conn->job_count > 0) sim_fail(world, "c%u is not done with its work and gets %s", id, before);
  if (conn->transaction != 'I' && !conn->server_gone)
    sim_fail(world, "c%u is in a transaction and gets %s", id, before);
  if (conn->cancel_unreported) sim_fail(world, "c%u may still be hit by a cancel and gets %s", id, before);
  if (conn->lease) sim_fail(world, "c%u is lent and gets %s", id, before);
  if (world->now >= conn->conn->retire_at) sim_fail(world, "c%u is too old and gets %s", id, before);
  if (world->config.max_uses && conn->uses >= world->config.max_uses)
    sim_fail(world, "c%u has been used too often and gets %s", id, before);
}

/* First come, first served; who was sent before and has to be sent again has had his turn. */
void sim_check_turn(sim_world *world, const sim_call *call) {
  if (call->sends > 0 || call->retries > 0) return;
  for (uint32_t i = world->first_unsettled; i + 1 < call->id; i++) {
    const sim_call *other = &world->calls[i];
    bool back = other->retried && !other->settled && other->request->state == KEEL__REQ_QUEUED;
    if (other->waiting || back) sim_fail(world, "r%u is served before r%u", call->id, other->id);
  }
}

void sim_note_taken(sim_world *world, const sim_call *call) {
  keel__time since = call->submitted > world->last_taken ? call->submitted : world->last_taken;
  if (call->submitted >= world->now || call->sends > 0) return;
  if (world->now - since > world->longest_gap) world->longest_gap = world->now - since;
  world->last_taken = world->now;
  world->taken++;
}

static void check_pipeline(sim_world *world, const sim_conn *conn, const keel__request *request) {
  unsigned id = conn->conn->id;
  if (conn->job_count >= world->config.pipeline_depth) sim_fail(world, "c%u has too many in flight", id);
  const sim_call *call = sim_call_of(request);
  if (!call->shares || call->moved)
    sim_fail(world, "c%u gets r%u, which must be alone, behind others", id, call->id);
  if (!world->answered_texts[call->text]) sim_fail(world, "r%u, unknown, is put behind others", call->id);
  if (call->text >= SIM_SLOW_TEXT) sim_fail(world, "r%u is slow and put behind others", call->id);
  if (world->mood.pooler && world->pool->share_off) sim_fail(world, "a pipeline through a pooler");
  const sim_call *due = sim_due(world);
  if (due) sim_fail(world, "r%u is put behind others while r%u waits to be asked for", call->id, due->id);
  if (conn->lease) sim_fail(world, "c%u is lent and gets a lone statement", id);
  for (uint32_t i = 0; i < conn->job_count; i++) {
    const sim_call *other = conn->jobs[i].call;
    if (!other || other->lease || !other->shares || other->moved || other->text >= SIM_SLOW_TEXT)
      sim_fail(world, "c%u gets a lone statement behind what must be alone", id);
    if (other->settled) sim_fail(world, "c%u gets a statement behind one that was given up", id);
  }
}

static void check_lease_send(sim_world *world, const sim_conn *conn, const sim_call *call) {
  if (conn->job_count > 0) sim_fail(world, "a lease's statements overtake each other");
  if (call->lease != conn->lease && call->lease != conn->ending_lease)
    sim_fail(world, "r%u goes to a connection that is not its lease's", call->id);
  if (call->sends > 0 && conn->transaction != 'I' && !conn->server_gone)
    sim_fail(world, "r%u is sent again inside a transaction", call->id);
  for (uint32_t i = world->first_unsettled; i + 1 < call->id; i++)
    if (!world->calls[i].settled && world->calls[i].lease == call->lease)
      sim_fail(world, "r%u of a lease overtakes r%u", call->id, world->calls[i].id);
}

static void check_plan(sim_world *world, const sim_conn *conn, const keel__request *request) {
  keel__plan plan = request->plan;
  const sim_call *call = sim_call_of(request);
  if (plan.statement != 0 && plan.statement != call->statement)
    sim_fail(world, "r%u runs another's statement", call->id);
  if (plan.statement != 0 && (call->flags & (KEEL_Q_SIMPLE | KEEL_Q_NO_PREPARE)))
    sim_fail(world, "r%u is prepared against its wish", call->id);
  if (plan.evict == 0) return;
  if (plan.evict >= SIM_FIRST_NAMED && plan.evict != plan.statement)
    sim_fail(world, "a named statement is evicted");
  for (uint32_t i = 0; i < conn->job_count; i++)
    if (conn->jobs[i].plan.statement == plan.evict) sim_fail(world, "a statement in use is evicted");
}

/* To do it twice. */
static bool is_harmless(const sim_call *call) {
  return !call->lease && (call->what == SIM_READ || call->flags & KEEL_Q_IDEMPOTENT);
}

void sim_check_send(sim_world *world, const sim_conn *conn, const keel__request *request) {
  const sim_call *call = sim_call_of(request);
  if (call->settled) sim_fail(world, "r%u is sent after it was settled", call->id);
  bool harmless = is_harmless(call);
  if (call->on_server || (call->maybe_done && !harmless))
    sim_fail(world, "r%u is sent again though it may have been done", call->id);
  if ((call->durable && !harmless) || call->tentative) sim_fail(world, "r%u is done twice", call->id);
  if (call->retried && world->now < call->retry_at) sim_fail(world, "r%u is tried again too soon", call->id);
  if (conn->cancel_unreported || conn->conn->cancel_sent)
    sim_fail(world, "r%u is sent where a cancel may hit it", call->id);
  check_plan(world, conn, request);
  if (call->lease) {
    check_lease_send(world, conn, call);
    return;
  }
  sim_check_turn(world, call);
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED)
    sim_fail(world, "r%u is sent though the breaker is open", call->id);
  if (conn->job_count > 0) {
    check_pipeline(world, conn, request);
  } else {
    sim_check_clean(world, conn, "a statement");
    sim_check_fresh(world, conn, "a statement");
  }
}

/* Nobody gave the head up: it is cancelled because it has held up others for long enough. */
void sim_check_moved(sim_world *world, const sim_conn *conn) {
  sim_call *head = conn->jobs[0].call;
  keel__time since = conn->last_heard > head->sent ? conn->last_heard : head->sent;
  if (conn->job_count < 2 || head->moved || world->now < since + KEEL__SHARE_STUCK)
    sim_fail(world, "r%u is cancelled for no reason", head->id);
  sim_note_time(world, head);
  head->moved = true;
}

/* 10 ms after the first question, then twice as long each time, up to a second. */
static keel__time ask_again_at(const sim_call *call) {
  keel__time pause = 10000;
  if (call->asks == 0) return call->link_died_at;
  for (uint32_t i = 1; i < call->asks && pause < 1000000; i++) pause *= 2;
  return call->asked_at + (pause < 1000000 ? pause : 1000000);
}

static bool is_due(const sim_world *world, const sim_call *call) {
  if (call->settled || call->asking || call->request->state != KEEL__REQ_IN_DOUBT) return false;
  return ask_again_at(call) <= world->now;
}

const sim_call *sim_due(const sim_world *world) {
  if (world->pool->in_doubt.count == 0) return NULL;
  for (uint32_t i = world->first_unsettled; i < world->call_count; i++)
    if (is_due(world, &world->calls[i])) return &world->calls[i];
  return NULL;
}

/* The server is asked once at a time, not in a hurry, and only for somebody who wants to know. Stale or not: an inquiry finds
 * out as well as a check would whether the connection is still there. */
void sim_check_inquiry(sim_world *world, const sim_conn *conn, const sim_call *call) {
  sim_check_clean(world, conn, "an inquiry");
  if (!world->config.resolve_commits) sim_fail(world, "r%u is asked for against all wishes", call->id);
  if (call->settled || call->asking) sim_fail(world, "r%u is asked for needlessly", call->id);
  if (!call->link_died || call->fate != KEEL__FATE_ASK || call->tx == 0)
    sim_fail(world, "r%u is asked for and is not in doubt", call->id);
  if (world->now < ask_again_at(call)) sim_fail(world, "r%u is asked for too often", call->id);
}

static void check_idle_close(sim_world *world, const sim_conn *conn) {
  unsigned left = 0;
  if (conn->last_used + world->config.idle_timeout > world->now)
    sim_fail(world, "c%u was not idle long enough", conn->conn->id);
  for (const sim_conn *other = world->conns; other; other = other->next) {
    if (other == conn || other->closing || !other->opened) continue;
    left++;
    if (other->conn->state == KEEL__CONN_IDLE && other->last_used < conn->last_used)
      sim_fail(world, "c%u is closed though c%u has been idle for longer", conn->conn->id, other->conn->id);
  }
  if (left < world->config.min) sim_fail(world, "an idle connection of the minimum is closed");
}

void sim_check_close(sim_world *world, const sim_conn *conn, keel__close_reason reason) {
  unsigned id = conn->conn->id;
  const keel__pool_config *config = &world->config;
  bool used = conn->lease || conn->job_count > 0;
  if (conn->closing) sim_fail(world, "c%u is closed twice", id);
  if (conn->opened != conn->gone) sim_fail(world, "c%u is closed and nobody was told", id);
  switch (reason) {
    case KEEL__CLOSE_IDLE_TIMEOUT:
      if (used) sim_fail(world, "c%u is in use and closed for idleness", id);
      check_idle_close(world, conn);
      break;
    case KEEL__CLOSE_LIFETIME:
      if (used || world->now < conn->conn->retire_at) sim_fail(world, "c%u is retired too early", id);
      break;
    case KEEL__CLOSE_MAX_USES:
      if (used || !config->max_uses || conn->uses < config->max_uses)
        sim_fail(world, "c%u is not worn out yet", id);
      break;
    case KEEL__CLOSE_DESTROYED:
      if (conn->lease || !conn->destroy_asked) sim_fail(world, "c%u is destroyed without a wish", id);
      break;
    case KEEL__CLOSE_CANCEL_SILENT:
      if (!conn->conn->cancel_sent ||
          world->now < keel__time_after(conn->last_cancel, config->cancel_timeout))
        sim_fail(world, "c%u was given no time to end a cancelled statement", id);
      break;
    case KEEL__CLOSE_RESET_FAILED:
      if (!conn->reset_failed && world->now < keel__time_after(conn->reset_sent, config->cancel_timeout))
        sim_fail(world, "c%u was given no time to reset", id);
      break;
    case KEEL__CLOSE_CHECK_FAILED:
      if (conn->job_count > 0 && world->now < conn->check_begun + sim_check_limit(world))
        sim_fail(world, "c%u was given no time to answer a check", id);
      if (conn->check_passed) sim_fail(world, "c%u has passed its check and is closed", id);
      break;
    case KEEL__CLOSE_INQUIRY_SILENT:
      if (world->now < keel__time_after(conn->inquired, config->cancel_timeout))
        sim_fail(world, "c%u was given no time to say what became of a COMMIT", id);
      break;
    case KEEL__CLOSE_SHUTDOWN:
      if (!world->closing) sim_fail(world, "c%u is shut down in an open pool", id);
      if (conn->job_count == 1 && conn->jobs[0].check) break;
      if (used && world->now < world->drain_end) sim_fail(world, "c%u is in use and shut down early", id);
      break;
    case KEEL__CLOSE_BREAKER:
      if (used || world->breaker.state == KEEL_BREAKER_IS_CLOSED)
        sim_fail(world, "c%u is closed for a breaker that needs nothing of it", id);
      break;
    case KEEL__CLOSE_OPEN_FAILED:
      if (conn->opened) sim_fail(world, "c%u was open and failed to open", id);
      break;
    default:
      if (!conn->server_gone) sim_fail(world, "c%u is said to be lost", id);
  }
}

/* ---- what callers are told */

unsigned sim_opened_count(const sim_world *world) {
  unsigned count = 0;
  for (const sim_conn *conn = world->conns; conn; conn = conn->next) count += conn->opened && !conn->closing;
  return count;
}

static void check_connect_failure(sim_world *world, const sim_call *call) {
  if (world->config.single) return;
  if (sim_opened_count(world) > 0) sim_fail(world, "r%u is failed though there are connections", call->id);
  keel__time came = call->retry_at > call->submitted ? call->retry_at : call->submitted;
  if (came > world->failed_attempt) sim_fail(world, "r%u pays for an attempt begun before it came", call->id);
  const keel__list *queue = &world->pool->queue;
  unsigned attempts = world->conn_count, ahead = 0;
  for (keel__link *link = keel__list_first(queue); link != &call->request->link;
       link = keel__list_next(queue, link))
    ahead++;
  if (ahead < attempts) sim_fail(world, "r%u is failed while an attempt for it is under way", call->id);
}

/* Opening is for those who wait and for the minimum, and after a failure it is not rushed. */
void sim_check_open(sim_world *world) {
  const keel__pool *pool = world->pool;
  unsigned opened = sim_opened_count(world), coming = sim_coming(world);
  bool for_health = pool->health.under_way && !pool->health.conn;
  if (world->conn_count > world->config.max) sim_fail(world, "more connections than max");
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED)
    return; /* the breaker's own, which has rules of its own */
  if (for_health && world->conn_count - opened == 1) coming = 0; /* whatever else is coming */
  if (world->conn_count > world->config.min && coming > pool->queue.count + (pool->in_doubt.count > 0))
    sim_fail(world, "a connection is opened for nobody");
  if (world->failed_at == 0 || (opened == 0 && pool->queue.count > 0)) return;
  if (for_health && pool->health.by_hand && world->conn_count - opened == 1) return;
  if (world->now < world->failed_at + 5000) sim_fail(world, "an attempt follows too soon on one that failed");
  if (world->conn_count - opened > 1) sim_fail(world, "after a failure attempts are made side by side");
}

static bool held(const sim_world *world, uint64_t lease) {
  for (uint32_t i = 0; i < world->hold_count; i++)
    if (world->holds[i].lease == lease) return true;
  return false;
}

static bool about_preparation(const char *sqlstate) {
  static const char *const about[] = {"26000", "42P05", "0A000", "22P02"};
  for (unsigned i = 0; i < sizeof about / sizeof *about; i++)
    if (strcmp(sqlstate, about[i]) == 0) return true;
  return false;
}

static void check_server_error(sim_world *world, const sim_call *call, const keel__failure *failure) {
  if (failure->detail != call) sim_fail(world, "r%u gets another's error", call->id);
  if (failure->nested) {
    if (failure->outcome != KEEL_OUTCOME_UNKNOWN) sim_fail(world, "r%u may have left a trace", call->id);
    return;
  }
  if (failure->outcome != (call->uncertain ? KEEL_OUTCOME_UNKNOWN : KEEL_ROLLED_BACK))
    sim_fail(world, "r%u: an ordinary error leaves no trace, an earlier sending may have", call->id);
  if (call->foreign && call->what != SIM_TIMES_OUT && strcmp(failure->sqlstate, "57014") == 0)
    sim_fail(world, "r%u suffers from another's cancel", call->id);
  if (call->lease == 0 && !world->mood.pooler && call->what != SIM_DISCARD &&
      about_preparation(failure->sqlstate) && !world->lone_transaction)
    sim_fail(world, "r%u hears of a preparation (%s) that is none of its business", call->id,
             failure->sqlstate);
}

static void check_pool_closed(sim_world *world, const sim_call *call) {
  if (!world->closing) sim_fail(world, "r%u is refused by an open pool", call->id);
  bool accepted = call != world->submitting && (call->lease || call->kind == KEEL_QUERY);
  if (accepted && world->now < world->drain_end)
    sim_fail(world, "r%u was accepted and is not finished", call->id);
}

static void check_lease_failure(sim_world *world, const sim_call *call, keel_code code) {
  bool lost = code == KEEL_CONNECTION_LOST;
  if (lost && call->lease == 0 && call->sends == 0 && !world->config.single)
    sim_fail(world, "r%u was never sent and lost its connection", call->id);
  if (!lost && call->lease && call->kind == KEEL_QUERY && held(world, call->lease))
    sim_fail(world, "lease %" PRIu64 " is held and refused", call->lease);
  if (!lost && call->lease == 0 && !world->lone_transaction) sim_fail(world, "r%u was no misuse", call->id);
}

/* No estimate is above three times the longest that was seen: the mean, and two deviations, none of which can be above it. */
static keel__time most_needed(const sim_world *world, const sim_call *call) {
  return 3 * world->longest[call->text] + 1;
}

/* Refused at the head of the queue before its time was over. */
static void check_hopeless(sim_world *world, const sim_call *call) {
  keel__time left = call->deadline - world->now;
  world->shed++;
  if (!world->config.shed || call->kind != KEEL_QUERY || call->lease || call->sends > 0)
    sim_fail(world, "r%u times out too early", call->id);
  if (world->pool->queue.count < 2) sim_fail(world, "r%u is not sent though nobody else waits", call->id);
  if (left > (call->deadline - call->submitted) / 2)
    sim_fail(world, "r%u is not sent and has most of its time left", call->id);
  if (left >= most_needed(world, call) + 400 + KEEL__SHARE_BACKLOG)
    sim_fail(world, "r%u is not sent and could have been done in time", call->id);
}

static const sim_call *head_of(const sim_world *world) {
  return sim_call_of(KEEL__OF(keel__request, link, keel__list_first(&world->pool->queue)));
}

/* Refused when it came, by a queue that is not full. The mean of what was seen of the queue cannot be above the worst. */
static void check_late(sim_world *world, const sim_call *call) {
  const keel__pool *pool = world->pool;
  keel__time most = pool->queue.count * world->longest_gap, left = call->deadline - world->now;
  keel__time need = most_needed(world, call) < left / 2 ? most_needed(world, call) : left / 2;
  keel__time end = call->deadline;
  world->shed++;
  if (call->kind == KEEL_QUERY && end != KEEL__NEVER) end -= need;
  if (call->acquire_deadline < end) end = call->acquire_deadline;
  if (!world->config.shed || end == KEEL__NEVER) sim_fail(world, "r%u is refused without a reason", call->id);
  if (world->conn_count < world->config.max || pool->conns[KEEL__CONN_IDLE].count > 0)
    sim_fail(world, "r%u is refused and there is room for a connection", call->id);
  if (sim_opened_count(world) < world->conn_count)
    sim_fail(world, "r%u is refused and a connection is on its way", call->id);
  if (pool->queue.count < 2) sim_fail(world, "r%u is refused and nobody waits before it", call->id);
  if (world->taken < KEEL__OVERLOAD_LEAST) sim_fail(world, "r%u is refused by guesswork", call->id);
  /* A part of his time is to be spared, but only while those before him wait for so long too. */
  keel__time spared = (end - world->now) / KEEL__OVERLOAD_SPARE;
  if (end > world->now && world->now - head_of(world)->submitted > end - world->now - spared) end -= spared;
  if (world->now + most < end) sim_fail(world, "r%u is refused and would have been in time", call->id);
}

static void check_code(sim_world *world, const sim_call *call, const keel__failure *failure) {
  switch (failure->code) {
    case KEEL_SERVER:
      check_server_error(world, call, failure);
      break;
    case KEEL_CONNECT_FAILED:
    case KEEL_CONNECT_TIMEOUT:
      check_connect_failure(world, call);
      break;
    case KEEL_CONNECTION_LOST:
    case KEEL_MISUSE:
      check_lease_failure(world, call, failure->code);
      break;
    case KEEL_ACQUIRE_TIMEOUT:
      if (world->now < (call->kind == KEEL_ACQUIRE ? call->deadline : call->acquire_deadline) ||
          call->sends > 0)
        sim_fail(world, "r%u has waited less than it may", call->id);
      break;
    case KEEL_QUERY_TIMEOUT:
      if (world->now < call->deadline) check_hopeless(world, call);
      break;
    case KEEL_ABORTED:
      if (world->aborting != call) sim_fail(world, "r%u is aborted by nobody", call->id);
      break;
    case KEEL_QUEUE_FULL:
      if (call != world->submitting) sim_fail(world, "r%u was let in and is refused", call->id);
      if (world->config.max_waiting == 0 ||
          world->pool->queue.count + world->pool->retrying.count <= world->config.max_waiting)
        check_late(world, call);
      break;
    case KEEL_POOL_CLOSED:
      check_pool_closed(world, call);
      break;
    case KEEL_BREAKER_OPEN:
      sim_breaker_refused(world, call, failure);
      break;
    case KEEL_NO_MEMORY:
      if (!world->memory_fails) sim_fail(world, "r%u: there is memory", call->id);
      break;
    default:
      sim_fail(world, "r%u is settled with %d", call->id, failure->code);
  }
}

/* ---- trying again */

static bool is_opening_failure(keel_code code) {
  return code == KEEL_CONNECT_FAILED || code == KEEL_CONNECT_TIMEOUT;
}

/* By what the server knows, and not by what the core was told of it. */
static bool may_repeat(const sim_call *call, const keel__failure *why) {
  if (call->flags & KEEL_Q_ONCE) return false;
  if (is_opening_failure(why->code)) return strcmp(why->sqlstate, "28P01") != 0;
  if (call->kind != KEEL_QUERY || call->lease || call->delivered) return false;
  if (why->code == KEEL_CONNECTION_LOST) return is_harmless(call);
  return why->code == KEEL_SERVER && call->what == SIM_RACES && strncmp(why->sqlstate, "40", 2) == 0;
}

static keel__time longest_pause(const sim_world *world, uint32_t retries) {
  double longest = (double)world->config.retry_delay;
  while (retries-- > 0) longest *= 2;
  double limit = (double)world->config.retry_max_delay;
  return (keel__time)(longest < limit ? longest : limit);
}

static keel__time last_moment(const sim_world *world, const sim_call *call) {
  keel__time end = call->deadline;
  if (call->sends == 0 && call->acquire_deadline < end) end = call->acquire_deadline;
  return world->closing && world->drain_end < end ? world->drain_end : end;
}

void sim_check_retry(sim_world *world, const sim_call *call, keel__time delay, const keel__failure *why) {
  if (call->settled) sim_fail(world, "r%u is settled and tried again", call->id);
  if (call->retries >= world->config.max_retries) sim_fail(world, "r%u is tried too often", call->id);
  if (!may_repeat(call, why)) sim_fail(world, "r%u must not be tried again", call->id);
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED || sim_breaker_is_due(world))
    sim_fail(world, "r%u is to be tried again, and the breaker will refuse it", call->id);
  if (is_opening_failure(why->code)) check_connect_failure(world, call);
  bool known = why->outcome == KEEL_ROLLED_BACK || why->outcome == KEEL_NOT_SENT;
  if (why->outcome == KEEL_OUTCOME_NONE || (known && call->uncertain))
    sim_fail(world, "r%u: a wrong outcome (%d) of an attempt", call->id, why->outcome);
  if (delay > longest_pause(world, call->retries)) sim_fail(world, "r%u waits for too long", call->id);
  if (world->now + delay >= last_moment(world, call)) sim_fail(world, "r%u has no time to wait", call->id);
  if (world->closing && call->kind == KEEL_ACQUIRE) sim_fail(world, "r%u waits for a closed pool", call->id);
  if (why->detail != world->detail && why->detail) sim_fail(world, "the detail of a failure got lost");
  bool done = call->durable && !is_harmless(call);
  if (why->code == KEEL_SERVER && (done || call->tentative || call->on_server))
    sim_fail(world, "r%u was done and is tried again", call->id);
}

/* What might have been tried again was, if there was time for the longest pause. */
static void check_given_up(sim_world *world, const sim_call *call, const keel__failure *failure) {
  if (call->retries >= world->config.max_retries || world->closing || call->deaf) return;
  if (world->lone_transaction || !may_repeat(call, failure)) return;
  if (world->breaker.state != KEEL_BREAKER_IS_CLOSED) return;
  if (world->now + longest_pause(world, call->retries) < last_moment(world, call))
    sim_fail(world, "r%u is given up on too early", call->id);
}

/* How long somebody may be kept in doubt. */
static keel__time doubt_end(const sim_world *world, const sim_call *call) {
  if (call->deadline != KEEL__NEVER) return call->deadline;
  return keel__time_after(call->link_died_at, world->config.resolve_timeout);
}

/* Told committed: it is. Told rolled back: it is, and cannot be committed any more. Told neither: nobody could say. */
static void check_commit(sim_world *world, const sim_call *call, const keel__failure *failure) {
  sim_tx tx = world->txs[call->tx];
  if (!failure && tx != SIM_TX_COMMITTED) sim_fail(world, "r%u is said to be committed and is not", call->id);
  if (!failure || failure->code != KEEL_CONNECTION_LOST) return;
  if (failure->outcome == KEEL_ROLLED_BACK && tx != SIM_TX_ABORTED)
    sim_fail(world, "r%u is said to be rolled back and is not", call->id);
  if (failure->outcome != KEEL_OUTCOME_UNKNOWN || !call->link_died || call->fate != KEEL__FATE_ASK) return;
  bool closed = world->closing && world->now >= world->drain_end;
  if (world->config.resolve_commits && !call->unsayable && !world->memory_fails && !closed &&
      world->now < doubt_end(world, call))
    sim_fail(world, "r%u is left in doubt though the server could say", call->id);
}

void sim_check_settlement(sim_world *world, const sim_call *call, const keel__failure *failure) {
  if (call->tx != 0) check_commit(world, call, failure);
  bool traces =
      call->what == SIM_PLAIN || call->what == SIM_DDL || call->what == SIM_HANGS || call->what == SIM_RACES;
  if (!failure) {
    if (call->kind == KEEL_QUERY && traces && call->lease == 0 && call->durable == 0)
      sim_fail(world, "r%u is said to have succeeded and was not done", call->id);
    return;
  }
  check_code(world, call, failure);
  check_given_up(world, call, failure);
  bool sent = call->sends > 0;
  if (failure->outcome == KEEL_OUTCOME_NONE || (failure->outcome == KEEL_NOT_SENT) != !sent)
    sim_fail(world, "r%u is told a wrong outcome (%d)", call->id, failure->outcome);
}

/* ---- after every step */

static void check_conn(sim_world *world, const keel__conn *conn) {
  const sim_conn *model = conn->io;
  unsigned in_flight = conn->in_flight.count;
  const keel__request *head =
      in_flight ? KEEL__OF(keel__request, link, keel__list_first(&conn->in_flight)) : NULL;
  bool resets = model->job_count > 0 && !model->jobs[0].call;
  if (conn->state == KEEL__CONN_CLOSING) {
    if (in_flight + conn->lease_queue.count > 0 || keel__timer_is_set(&conn->timer))
      sim_fail(world, "c%u is closing with work on it", conn->id);
    return;
  }
  if (in_flight + resets != model->job_count) sim_fail(world, "c%u has lost count of its work", conn->id);
  if (conn->state == KEEL__CONN_IDLE &&
      (in_flight || conn->lease || conn->cancel_sent || conn->status != 'I'))
    sim_fail(world, "c%u is idle and not clean", conn->id);
  if ((conn->state == KEEL__CONN_CHECKING) != (model->job_count == 1 && model->jobs[0].check))
    sim_fail(world, "c%u is being checked or not", conn->id);
  if ((conn->state == KEEL__CONN_INQUIRING) != (model->job_count > 0 && model->jobs[0].inquiry))
    sim_fail(world, "c%u inquires or not", conn->id);
  if ((conn->state == KEEL__CONN_BUSY || conn->state == KEEL__CONN_DRAINING) && !in_flight)
    sim_fail(world, "c%u is busy with nothing", conn->id);
  if ((conn->state == KEEL__CONN_LEASED) != (conn->lease != 0))
    sim_fail(world, "c%u is lent or not", conn->id);
  if (conn->lease_queue.count && conn->state != KEEL__CONN_LEASED)
    sim_fail(world, "c%u has a stray queue", conn->id);
  if (conn->lease_queue.count && !in_flight && !conn->cancel_sent)
    sim_fail(world, "c%u lets its holder wait", conn->id);
  if (head && head->state == KEEL__REQ_CANCELLING && !conn->cancel_sent)
    sim_fail(world, "c%u runs what was given up and is not told", conn->id);
  for (keel__link *link = keel__list_first(&conn->in_flight); link;
       link = keel__list_next(&conn->in_flight, link)) {
    const keel__request *request = KEEL__OF(keel__request, link, link);
    if (request->settled != (request->state == KEEL__REQ_CANCELLING) || request->conn != conn)
      sim_fail(world, "c%u has a stray request in flight", conn->id);
  }
}

static void check_lists(sim_world *world) {
  const keel__pool *pool = world->pool;
  unsigned total = 0;
  for (unsigned state = 0; state < KEEL__CONN_STATES; state++) {
    const keel__list *list = &pool->conns[state];
    unsigned count = 0;
    for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link), count++) {
      const keel__conn *conn = KEEL__OF(keel__conn, link, link);
      if (conn->state != (keel__conn_state)state)
        sim_fail(world, "c%u is in the list of another state", conn->id);
      check_conn(world, conn);
    }
    if (count != list->count) sim_fail(world, "a list has lost count");
    if (state != KEEL__CONN_CLOSING && state != KEEL__CONN_CLOSED) total += count;
  }
  if (total != pool->conn_total || total != world->conn_count) sim_fail(world, "connections are miscounted");
  if (pool->requests.count != world->unforgotten) sim_fail(world, "requests are miscounted");
  for (keel__link *link = keel__list_first(&pool->retrying); link;
       link = keel__list_next(&pool->retrying, link)) {
    const keel__request *request = KEEL__OF(keel__request, link, link);
    const sim_call *call = sim_call_of(request);
    if (request->state != KEEL__REQ_RETRY_WAIT || request->settled || request->conn || !call->retried)
      sim_fail(world, "r%u pauses and should not", call->id);
  }
  if (pool->queue.count < world->waiting) sim_fail(world, "somebody waits who is not in the queue");
}

static void check_limits(sim_world *world, const sim_conn *model) {
  const keel__conn *conn = model->conn;
  const keel__pool_config *config = &world->config;
  keel__time now = world->now;
  if (model->closing) return;
  if (!model->opened && keel__time_after(model->open_started, config->connect_timeout) <= now)
    sim_fail(world, "c%u has been opening for too long", conn->id);
  if (conn->cancel_sent && keel__time_after(model->last_cancel, config->cancel_timeout) <= now)
    sim_fail(world, "c%u has been silent for too long", conn->id);
  if (conn->state == KEEL__CONN_CHECKING && model->check_begun + sim_check_limit(world) <= now)
    sim_fail(world, "c%u is being checked for too long", conn->id);
  if (conn->reset_asked && keel__time_after(model->reset_sent, config->cancel_timeout) <= now)
    sim_fail(world, "c%u has been resetting for too long", conn->id);
  if (conn->state == KEEL__CONN_INQUIRING && keel__time_after(model->inquired, config->cancel_timeout) <= now)
    sim_fail(world, "c%u has been inquiring for too long", conn->id);
  if (conn->state != KEEL__CONN_IDLE) return;
  if (conn->retire_at <= now) sim_fail(world, "c%u is too old", conn->id);
  keel__time over = keel__time_after(model->last_used, config->idle_timeout);
  if (over < world->spare_since) over = world->spare_since;
  if (keel__time_after(over, config->idle_timeout) <= now)
    sim_fail(world, "c%u is idle for too long", conn->id);
}

/* After a tick nobody is late. */
static void check_deadlines(sim_world *world) {
  if (keel__pool_next(world->pool) <= world->now) sim_fail(world, "a timer is due after a tick");
  for (uint32_t i = world->first_unsettled; i < world->call_count; i++) {
    const sim_call *call = &world->calls[i];
    if (call->settled) continue;
    if (call->deadline <= world->now) sim_fail(world, "r%u is past its deadline", call->id);
    if (call->link_died && call->tx && doubt_end(world, call) <= world->now)
      sim_fail(world, "r%u is in doubt for too long", call->id);
    if (is_due(world, call) && world->pool->conns[KEEL__CONN_IDLE].count > 0)
      sim_fail(world, "nobody asks for r%u", call->id);
    if (call->sends == 0 && call->acquire_deadline <= world->now)
      sim_fail(world, "r%u waits for too long", call->id);
    if (call->retried && call->retry_at <= world->now && call->request->state == KEEL__REQ_RETRY_WAIT)
      sim_fail(world, "r%u is not tried again in time", call->id);
  }
  for (const sim_conn *conn = world->conns; conn; conn = conn->next) check_limits(world, conn);
  sim_check_health(world);
}

static void check_timers(sim_world *world, bool timers_are_done) {
  const keel__heap *heap = &world->pool->timers;
  if (heap->count > heap->reserved) sim_fail(world, "more timers than were reserved");
  for (uint32_t i = 1; i <= heap->count; i++) {
    if (heap->entries[i].timer->slot != i || heap->entries[i].timer->due != heap->entries[i].due)
      sim_fail(world, "a timer is not where it thinks");
    if (i > 1 && heap->entries[i / 2].due > heap->entries[i].due)
      sim_fail(world, "the timers are out of order");
  }
  if (timers_are_done) check_deadlines(world);
}

static bool has_room(const sim_world *world, const keel__conn *conn) {
  const sim_conn *model = conn->io;
  const keel__pool_config *config = &world->config;
  if (conn->cancel_sent || model->job_count >= config->pipeline_depth || conn->status != 'I') return false;
  if (world->now >= conn->retire_at || (config->max_uses && model->uses >= config->max_uses)) return false;
  for (uint32_t i = 0; i < model->job_count; i++)
    if (model->jobs[i].call->settled) return false;
  return conn->shared && conn->backlog <= KEEL__SHARE_BACKLOG &&
         world->now <= conn->last_answer + conn->backlog;
}

/* Whoever waits has a reason to. */
static void check_waiting(sim_world *world) {
  const keel__pool *pool = world->pool;
  if (pool->queue.count == 0) return;
  const keel__request *head = KEEL__OF(keel__request, link, keel__list_first(&pool->queue));
  const keel__list *busy = &pool->conns[KEEL__CONN_BUSY];
  unsigned coming = sim_coming(world);
  for (const sim_conn *conn = world->conns; conn; conn = conn->next)
    if (conn->conn->state == KEEL__CONN_IDLE && !conn->closing &&
        (coming < pool->queue.count || sim_is_fresh(world, conn)))
      sim_fail(world, "somebody waits and c%u is idle", conn->conn->id);
  uint32_t cost = 0;
  bool quick = keel__estimates_find(&pool->estimates, head->text, &cost) && cost <= KEEL__SHARE_QUICK;
  if (head->kind == KEEL_QUERY && head->shares && !head->alone && quick && !pool->share_off &&
      !(head->flags & (KEEL_Q_SIMPLE | KEEL_Q_ALONE)) && world->config.pipeline_depth > 1 && !sim_due(world))
    for (keel__link *link = keel__list_first(busy); link; link = keel__list_next(busy, link))
      if (has_room(world, KEEL__OF(keel__conn, link, link)))
        sim_fail(world, "a statement waits and there is room");
  unsigned room = world->config.max - world->conn_count;
  if (world->config.single) return;
  if (coming < pool->queue.count && room > 0 && pool->open_failures == 0)
    sim_fail(world, "somebody waits, there is room, and no connection is opened");
  if (coming == 0 && sim_opened_count(world) == 0 && room > 0) sim_fail(world, "somebody waits for nothing");
}

static void check_counters(sim_world *world) {
  const keel__counters *a = &world->pool->counters, *b = &world->model;
  if (a->started != b->started || a->succeeded != b->succeeded || a->failed != b->failed ||
      a->timed_out != b->timed_out || a->cancelled != b->cancelled || a->rejected != b->rejected)
    sim_fail(world, "the counters of queries do not add up");
  if (a->created != b->created || a->closed != b->closed || a->resets != b->resets ||
      memcmp(a->closed_for, b->closed_for, sizeof a->closed_for) != 0)
    sim_fail(world, "the counters of connections do not add up");
  if (a->connect_failed < b->connect_failed ||
      (!world->memory_fails && a->connect_failed != b->connect_failed))
    sim_fail(world, "failed attempts are miscounted");
  if (a->retried < b->retried) sim_fail(world, "retries are miscounted");
}

/* Since when there have been more connections than the minimum; one may be opened while others have been idle for long. */
static void watch_spare(sim_world *world) {
  unsigned kept = sim_opened_count(world) - world->pool->conns[KEEL__CONN_DRAINING].count;
  if (kept <= world->config.min)
    world->spare_since = KEEL__NEVER;
  else if (world->spare_since == KEEL__NEVER)
    world->spare_since = world->now;
}

void sim_check_step(sim_world *world, bool timers_are_done) {
  const keel__pool *pool = world->pool;
  watch_spare(world);
  check_lists(world);
  check_timers(world, timers_are_done);
  check_counters(world);
  check_waiting(world);
  sim_breaker_check(world);
  if (pool->state == KEEL__POOL_OPEN && world->breaker.state == KEEL_BREAKER_IS_CLOSED &&
      pool->open_failures == 0 && !world->config.single && pool->conn_total < world->config.min)
    sim_fail(world, "fewer connections than min");
  if (world->closing && world->now >= world->drain_end && timers_are_done &&
      world->first_unsettled < world->call_count)
    sim_fail(world, "the drain is over and r%u is not settled", world->calls[world->first_unsettled].id);
  if (!world->mood.pooler && pool->prepare_off) sim_fail(world, "a pooler is suspected where there is none");
}

void sim_check_end(sim_world *world) {
  if (world->kept != 0) sim_fail(world, "%ld details of failures are left", world->kept);
  if (world->unforgotten > 0) sim_fail(world, "%u requests are never forgotten", world->unforgotten);
  for (uint32_t i = 0; i < world->call_count; i++) {
    const sim_call *call = &world->calls[i];
    if (!call->settled && !world->stopping) sim_fail(world, "r%u is never settled", call->id);
    if (call->durable > 1 && !is_harmless(call)) sim_fail(world, "r%u was done twice", call->id);
    if (call->tx && call->settled && call->outcome == KEEL_ROLLED_BACK &&
        world->txs[call->tx] == SIM_TX_COMMITTED)
      sim_fail(world, "r%u was committed and its caller was told that it was not", call->id);
    if (call->durable && (call->outcome == KEEL_NOT_SENT || call->outcome == KEEL_ROLLED_BACK))
      sim_fail(world, "r%u was done and its caller was told that it was not", call->id);
  }
}
