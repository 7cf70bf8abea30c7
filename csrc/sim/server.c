/* server.c: the I/O side as the core sees it, and behind it a server that keeps account of what it has really done. */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_STEP 1000u /* us */
#define USUAL_LINK 200u
#define USUAL_WORK 500u
#define EVENT(kind) (1u << SIM_##kind)

static keel__failure failure_of(sim_world *world, keel_code code, const char *sqlstate) {
  keel__failure failure = {.code = code, .outcome = KEEL_OUTCOME_NONE, .detail = world->detail};
  memcpy(failure.sqlstate, sqlstate, strlen(sqlstate) + 1);
  return failure;
}

/* What somebody could know of how long a text takes. */
void sim_note_time(sim_world *world, const sim_call *call) {
  keel__time took = world->now - call->sent;
  if (took > world->longest[call->text]) world->longest[call->text] = took;
}

/* ---- opening */

void sim_server_open(void *io, keel__conn *keel) {
  sim_world *world = io;
  sim_conn *conn = calloc(1, sizeof *conn);
  if (!conn) exit(2);
  conn->conn = keel;
  conn->transaction = 'I';
  conn->open_started = world->now;
  conn->asking = world->config.ask_password;
  conn->next = world->conns;
  world->conns = conn;
  keel->io = conn;
  world->conn_count++;
  sim_breaker_opening(world, conn);
  sim_check_open(world);
  if (world->config.single && keel->id > 1) sim_fail(world, "a single pool opens a second connection");
  sim_trace(world, "c%u open", keel->id);
  sim_at(world, world->now + sim_delay(world, USUAL_STEP), SIM_OPEN_STEP, conn);
}

static void open_fails(sim_world *world, sim_conn *conn) {
  static const struct {
    const char *sqlstate;
    bool lives;
  } refusals[] = {{"", false},      {"", false},     {"57P03", false},
                  {"08006", false}, {"53300", true}, {"28P01", true}};
  unsigned chosen = (unsigned)sim_below(world, sizeof refusals / sizeof *refusals);
  conn->lives = refusals[chosen].lives;
  sim_trace(world, "c%u fails to open %s", conn->conn->id, refusals[chosen].sqlstate);
  world->detail = conn;
  keel__failure failure = failure_of(world, KEEL_CONNECT_FAILED, refusals[chosen].sqlstate);
  if (sim_chance(world, 50))
    keel__conn_open_failed(conn->conn, &failure, world->now);
  else
    keel__conn_lost(conn->conn, &failure, world->now);
}

static void open_step(sim_world *world, sim_conn *conn) {
  keel__conn_state state = conn->conn->state;
  if (world->mood.down || sim_chance(world, world->mood.open_fails / 3)) {
    open_fails(world, conn);
    return;
  }
  if (sim_chance(world, world->mood.open_hangs / 3)) return;
  if (state == KEEL__CONN_STARTING || sim_chance(world, 15)) {
    if (sim_chance(world, 90)) keel__conn_round_trip(conn->conn, sim_below(world, UINT64_C(2) * USUAL_LINK));
    sim_breaker_opened(world, conn);
    keel__conn_opened(conn->conn, world->now);
    return;
  }
  bool next_host = state == KEEL__CONN_CONNECTING && sim_chance(world, 10);
  keel__conn_state stage = next_host ? KEEL__CONN_RESOLVING : (keel__conn_state)(state + 1);
  conn->asking = false;
  keel__conn_progress(conn->conn, conn->closing ? KEEL__CONN_STARTING : stage, world->now);
  sim_at(world, world->now + sim_delay(world, USUAL_STEP), SIM_OPEN_STEP, conn);
}

/* ---- the server at work */

static void end_tx(sim_world *world, uint32_t tx, bool commit) {
  for (uint32_t i = 0; tx != 0 && i < world->call_count; i++) {
    sim_call *call = &world->calls[i];
    if (call->tentative != tx) continue;
    call->tentative = 0;
    call->durable += commit;
  }
  world->txs[tx] = commit ? SIM_TX_COMMITTED : SIM_TX_ABORTED;
}

static void end_transaction(sim_world *world, sim_conn *conn, bool commit) {
  end_tx(world, conn->tx, commit);
  conn->tx = 0;
  conn->transaction = 'I';
}

static void leave_trace(sim_world *world, sim_conn *conn, sim_call *call) {
  if (conn->transaction == 'T') {
    if (conn->tx == 0) world->txs[conn->tx = ++world->tx_count] = SIM_TX_OPEN;
    call->tentative = conn->tx;
  } else {
    call->durable++;
  }
}

/* What the server knows of a transaction; now and then nothing, or nothing yet. */
static keel__verdict judge(sim_world *world, const sim_call *call) {
  static const keel__verdict verdicts[] = {
      [SIM_TX_OPEN] = KEEL__VERDICT_LATER,
      [SIM_TX_COMMITTED] = KEEL__VERDICT_COMMITTED,
      [SIM_TX_ABORTED] = KEEL__VERDICT_ROLLED_BACK,
  };
  if (world->now < call->link_died_at + world->mood.undecided) return KEEL__VERDICT_LATER;
  if (sim_chance(world, 5)) return KEEL__VERDICT_UNKNOWN;
  return sim_chance(world, 10) ? KEEL__VERDICT_LATER : verdicts[world->txs[call->tx]];
}

static void make_plans_stale(sim_world *world) {
  for (sim_conn *conn = world->conns; conn; conn = conn->next)
    for (uint32_t backend = 0; backend < SIM_BACKENDS; backend++)
      for (uint32_t i = 0; i < SIM_STATEMENTS; i++)
        if (conn->prepared[backend][i] == SIM_PRESENT) conn->prepared[backend][i] = SIM_STALE;
}

/* "" or the SQLSTATE of what is wrong with the statement's preparation. */
static const char *run_plan(sim_conn *conn, sim_job *job) {
  uint8_t *prepared = conn->prepared[conn->backend];
  keel__plan plan = job->plan;
  if (plan.statement == 0) return job->call->what == SIM_BAD_TEXT ? "42601" : "";
  if (plan.parse) {
    if (prepared[plan.statement] != SIM_ABSENT) return "42P05";
    if (conn->transaction == 'E') return "25P02";
    if (job->call->what == SIM_BAD_TEXT) return "42601";
    prepared[plan.statement] = SIM_PRESENT;
    job->prepared = true;
  }
  if (prepared[plan.statement] == SIM_ABSENT) return "26000";
  if (prepared[plan.statement] == SIM_STALE && conn->transaction != 'E')
    return plan.statement < SIM_FIRST_NAMED && plan.statement % 2 ? "22P02" : "0A000";
  return "";
}

static const char *run_procedure(sim_world *world, sim_conn *conn, sim_job *job) {
  static const char *const codes[] = {"0A000", "26000", "42P05", "57014", "40001"};
  job->nested = true;
  leave_trace(world, conn, job->call);
  return codes[sim_below(world, sizeof codes / sizeof *codes)];
}

static const char *run_what(sim_world *world, sim_conn *conn, sim_job *job) {
  sim_call *call = job->call;
  bool ends = call->what == SIM_COMMIT || call->what == SIM_ROLLBACK;
  if (conn->transaction == 'E' && !ends) return "25P02";
  switch (call->what) {
    case SIM_FAILS:
    case SIM_BAD_TEXT:
      return "23505";
    case SIM_PROCEDURE:
      return run_procedure(world, conn, job);
    case SIM_TIMES_OUT:
      return "57014";
    case SIM_BEGIN:
      conn->transaction = 'T';
      if (call->lease == 0) world->lone_transaction = true;
      return "";
    case SIM_COMMIT:
    case SIM_ROLLBACK:
      end_transaction(world, conn, call->what == SIM_COMMIT && conn->transaction == 'T');
      return "";
    case SIM_READ:
      return "";
    case SIM_RACES:
      if (sim_chance(world, 60)) return sim_chance(world, 50) ? "40001" : "40P01";
      leave_trace(world, conn, call);
      return "";
    case SIM_DISCARD:
      if (conn->transaction == 'T') return "25001";
      memset(conn->prepared[conn->backend], SIM_ABSENT, SIM_STATEMENTS);
      return "";
    case SIM_DDL:
      make_plans_stale(world);
      leave_trace(world, conn, call);
      return "";
    default:
      leave_trace(world, conn, call);
      return "";
  }
}

static void execute(sim_world *world, sim_conn *conn, sim_job *job) {
  job->running = false;
  job->finished = true;
  if (job->check) {
    job->clean = !sim_chance(world, 3);
    return;
  }
  if (job->inquiry) {
    job->verdict = judge(world, job->inquiry);
    return;
  }
  if (!job->call) {
    job->clean = !sim_chance(world, 5);
    if (job->clean) end_transaction(world, conn, false);
    return;
  }
  if (world->mood.pooler && conn->transaction == 'I')
    conn->backend = (uint32_t)sim_below(world, SIM_BACKENDS);
  /* Nothing interrupts a Close. */
  if (job->plan.evict) conn->prepared[conn->backend][job->plan.evict] = SIM_ABSENT;
  const char *sqlstate = job->interrupted ? "57014" : run_plan(conn, job);
  if (!*sqlstate) sqlstate = run_what(world, conn, job);
  job->failed = *sqlstate != 0;
  memcpy(job->sqlstate, sqlstate, strlen(sqlstate) + 1);
  if (job->failed && conn->transaction == 'T') conn->transaction = 'E';
  job->status = conn->transaction;
}

static void begin_next(sim_world *world, sim_conn *conn) {
  if (conn->server_gone) return;
  sim_job *job = conn->jobs;
  while (job < conn->jobs + conn->job_count && job->finished) job++;
  if (job == conn->jobs + conn->job_count || job->running) return;
  job->running = true;
  if (job->call && !job->call->lease && job->call->request && sim_chance(world, 10))
    job->call->delivered = job->call->request->delivered = true;
  if (job->call && job->call->what == SIM_HANGS) return;
  if (job->check && sim_chance(world, world->mood.check_hangs)) return;
  keel__time work = sim_chance(world, world->mood.slow_server) ? USUAL_WORK * 10 : USUAL_WORK;
  keel__time least = job->call && job->call->text >= SIM_SLOW_TEXT ? SIM_SLOW_WORK : 0;
  sim_at(world, world->now + least + sim_delay(world, work), SIM_FINISH, conn);
}

static void finish(sim_world *world, sim_conn *conn) {
  sim_job *job = conn->jobs;
  while (!job->running) job++;
  execute(world, conn, job);
  keel__time at = world->now + sim_delay(world, USUAL_LINK);
  if (at < conn->last_answer) at = conn->last_answer;
  conn->last_answer = at;
  sim_at(world, at, SIM_ANSWER, conn);
  begin_next(world, conn);
}

static void check_answered(sim_world *world, sim_conn *conn, bool clean) {
  conn->last_heard = world->now;
  if (clean) conn->last_proof = world->now;
  conn->check_passed = clean;
  sim_trace(world, "c%u check %s", conn->conn->id, clean ? "done" : "failed");
  world->detail = conn;
  keel__failure failure = failure_of(world, KEEL_SERVER, "57P03");
  if (clean && !conn->closing) sim_breaker_answered(world);
  keel__conn_checked(conn->conn, clean ? NULL : &failure, world->now);
}

static void inquiry_answered(sim_world *world, const sim_conn *conn, const sim_job *job) {
  sim_trace(world, "c%u says of r%u: %d", conn->conn->id, job->inquiry->id, job->verdict);
  job->inquiry->asking = false;
  if (job->verdict == KEEL__VERDICT_UNKNOWN) job->inquiry->unsayable = true;
  if (!conn->closing) sim_breaker_answered(world);
  keel__conn_inquired(conn->conn, job->verdict, world->now);
}

static void answer(sim_world *world, sim_conn *conn) {
  sim_job job = conn->jobs[0];
  memmove(conn->jobs, conn->jobs + 1, --conn->job_count * sizeof *conn->jobs);
  if (job.check) {
    check_answered(world, conn, job.clean);
    return;
  }
  conn->last_used = conn->last_heard = conn->last_proof = world->now;
  if (job.inquiry) {
    inquiry_answered(world, conn, &job);
    return;
  }
  conn->known_tx = conn->tx;
  if (!job.call) {
    conn->reset_failed = !job.clean;
    sim_trace(world, "c%u reset %s", conn->conn->id, job.clean ? "done" : "failed");
    keel__conn_reset(conn->conn, job.clean, world->now);
    return;
  }
  world->detail = job.call;
  keel__failure failure = failure_of(world, KEEL_SERVER, job.sqlstate);
  failure.prepared = job.prepared;
  failure.nested = job.nested;
  if (job.nested) failure.outcome = KEEL_OUTCOME_UNKNOWN;
  sim_trace(world, "c%u answers r%u %s %c", conn->conn->id, job.call->id, job.failed ? job.sqlstate : "ok",
            job.status);
  job.call->on_server = false;
  if (conn->cancel_for == job.call) conn->cancel_for = NULL;
  world->answered_texts[job.call->text] = true;
  sim_note_time(world, job.call);
  if (!conn->closing) sim_breaker_answered(world);
  if (!job.failed && job.call->what == SIM_DISCARD) keel__conn_forget_prepared(conn->conn);
  keel__conn_answered(conn->conn, job.failed ? &failure : NULL, job.status, world->now);
}

static sim_job *push_job(sim_world *world, sim_conn *conn, sim_job job) {
  if (conn->job_count == SIM_MOST_JOBS) sim_fail(world, "more in flight than any depth allows");
  if (!conn->opened || conn->closing) sim_fail(world, "work for a connection that is not open");
  conn->jobs[conn->job_count] = job;
  return &conn->jobs[conn->job_count++];
}

/* What is known of a COMMIT's transaction when it goes out. In a failed one that is worth nothing. */
static void watch_commit(sim_world *world, sim_conn *conn, sim_call *call) {
  keel__conn *keel = conn->conn;
  call->tx = keel->status == 'T' ? conn->known_tx : 0;
  if (!sim_chance(world, world->config.single ? 0 : world->mood.knows_ids))
    keel->fate = KEEL__FATE_UNKNOWN;
  else
    keel->fate = call->tx == 0 && keel->status == 'T' ? KEEL__FATE_NOTHING : KEEL__FATE_ASK;
  call->fate = keel->fate;
  /* Links die more often where most is at stake. */
  if (call->tx != 0 && sim_chance(world, 5 * world->mood.cut + world->mood.commits))
    sim_at(world, world->now + sim_delay(world, USUAL_WORK), SIM_CUT, conn);
}

void sim_server_send(void *io, keel__conn *keel, keel__request *request) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  sim_call *call = sim_call_of(request);
  sim_trace(world, "c%u <- r%u%s statement %u%s evict %u", keel->id, call->id, call->lease ? " (lease)" : "",
            request->plan.statement, request->plan.parse ? " parse" : "", request->plan.evict);
  sim_check_send(world, conn, request);
  if (!call->lease) sim_note_taken(world, call);
  world->model.retried += call->sends > 0;
  world->retried += call->sends > 0 && !call->retried;
  call->sends++;
  call->retried = false;
  if (call->waiting) world->waiting--;
  call->waiting = false;
  call->on_server = true;
  if (!call->lease) conn->uses++;
  call->sent = world->now;
  if (request->commits) watch_commit(world, conn, call);
  push_job(world, conn, (sim_job){.call = call, .plan = request->plan});
  begin_next(world, conn);
}

void sim_server_reset(void *io, keel__conn *keel) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  sim_trace(world, "c%u reset", keel->id);
  if (conn->job_count > 0 || conn->cancel_unreported) sim_fail(world, "a reset before everything has ended");
  world->model.resets++;
  conn->reset_sent = world->now;
  push_job(world, conn, (sim_job){0});
  begin_next(world, conn);
}

void sim_server_check(void *io, keel__conn *keel) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  sim_trace(world, "c%u check", keel->id);
  sim_check_check(world, conn);
  world->checks++;
  conn->check_begun = world->now;
  conn->check_passed = false;
  push_job(world, conn, (sim_job){.check = true});
}

/* ---- COMMITs in doubt */

bool sim_server_remember(void *io, keel__conn *keel, keel__request *request) {
  sim_world *world = io;
  sim_call *call = sim_call_of(request);
  sim_trace(world, "c%u leaves r%u in doubt", keel->id, call->id);
  world->doubts++;
  call->unsayable = sim_chance(world, 3);
  return !call->unsayable;
}

void sim_server_inquire(void *io, keel__conn *keel, const keel__request *request) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  sim_call *call = sim_call_of(request);
  sim_trace(world, "c%u is asked what became of r%u", keel->id, call->id);
  sim_check_inquiry(world, conn, call);
  call->asking = true;
  call->asks++;
  call->asked_at = conn->inquired = world->now;
  push_job(world, conn, (sim_job){.inquiry = call});
  begin_next(world, conn);
}

/* ---- cancel */

void sim_server_cancel(void *io, keel__conn *keel) {
  sim_world *world = io;
  sim_conn *conn = keel->io;
  keel__link *head = keel__list_first(&keel->in_flight);
  bool last_one = (world->now >= world->drain_end || conn->destroy_asked) && !head;
  if (conn->closing || conn->cancel_unreported) sim_fail(world, "a cancel that was not due");
  if (!last_one && (!head || KEEL__OF(keel__request, link, head)->state != KEEL__REQ_CANCELLING))
    sim_check_moved(world, conn);
  if (conn->cancel_for == conn->jobs[0].call) sim_fail(world, "r%u is cancelled twice", conn->cancel_for->id);
  conn->cancel_for = conn->jobs[0].call;
  sim_trace(world, "c%u cancel r%u", keel->id, conn->cancel_for->id);
  world->cancels++;
  conn->last_cancel = world->now;
  conn->cancel_unreported = true;
  keel__time delay = sim_chance(world, 5) ? 20000000 : sim_delay(world, USUAL_WORK);
  bool lost = sim_chance(world, world->mood.cancel_lost);
  sim_at(world, world->now + delay, lost ? SIM_CANCEL_REPORT : SIM_CANCEL_ARRIVES, conn);
}

static void cancel_arrives(sim_world *world, sim_conn *conn) {
  sim_at(world, world->now + sim_delay(world, USUAL_LINK), SIM_CANCEL_REPORT, conn);
  if (conn->server_gone) return;
  for (sim_job *job = conn->jobs; job < conn->jobs + conn->job_count; job++) {
    if (!job->running) continue;
    if (!job->call) sim_fail(world, "a cancel hits a reset");
    if (job->call != conn->cancel_for && !job->call->settled) {
      if (job->call->lease) sim_fail(world, "a cancel hits another statement of a lease");
      job->call->foreign = true;
    }
    sim_trace(world, "c%u cancel hits r%u", conn->conn->id, job->call->id);
    job->interrupted = true;
    sim_forget_events(world, conn, EVENT(FINISH));
    sim_at(world, world->now + sim_delay(world, USUAL_LINK), SIM_FINISH, conn);
    return;
  }
}

/* ---- the end of a link */

/* A COMMIT may be on its way, or at work, for long after we have lost sight of it. */
static void linger(sim_world *world, sim_conn *conn) {
  sim_job *job = conn->jobs;
  bool commits = conn->job_count > 0 && job->call && job->call->what == SIM_COMMIT && !job->finished;
  if (conn->server_gone || !commits || conn->transaction != 'T' || conn->tx == 0 || sim_chance(world, 70))
    return;
  sim_at(world, world->now + sim_delay(world, UINT64_C(20) * USUAL_WORK), SIM_TX_ENDS, NULL);
  world->events[world->event_count - 1].tx = conn->tx;
  job->finished = true;
  conn->tx = 0;
}

/* What was on its way may have been executed or not; nobody will hear of it. */
static void end_session(sim_world *world, sim_conn *conn) {
  sim_forget_events(world, conn, EVENT(FINISH));
  linger(world, conn);
  for (sim_job *job = conn->jobs; !conn->server_gone && job < conn->jobs + conn->job_count; job++)
    if (!job->finished && sim_chance(world, 50)) execute(world, conn, job);
  for (sim_job *job = conn->jobs; job < conn->jobs + conn->job_count; job++)
    if (job->call) job->call->maybe_done = true;
  end_transaction(world, conn, false);
  conn->server_gone = true;
}

static void cut(sim_world *world, sim_conn *conn) {
  if (!conn->opened || conn->closing || conn->server_gone) return;
  sim_trace(world, "c%u is cut", conn->conn->id);
  end_session(world, conn);
  sim_forget_events(world, conn, EVENT(ANSWER));
  conn->silent = sim_chance(world, 20);
  if (!conn->silent) sim_at(world, world->now + sim_delay(world, USUAL_LINK), SIM_TELL_LOST, conn);
}

void sim_server_cut(sim_world *world) {
  uint64_t chosen = world->conn_count ? sim_below(world, world->conn_count) : 0;
  for (sim_conn *conn = world->conns; conn; conn = conn->next) {
    if (conn->closing || chosen-- > 0) continue;
    cut(world, conn);
    return;
  }
}

static void tell_lost(sim_world *world, sim_conn *conn) {
  sim_trace(world, "c%u lost", conn->conn->id);
  world->lost += !conn->closing;
  if (conn->job_count > 0 && conn->jobs[0].call && !conn->closing) {
    conn->jobs[0].call->link_died = true;
    conn->jobs[0].call->link_died_at = world->now;
  }
  world->detail = conn;
  keel__failure failure = failure_of(world, KEEL_CONNECTION_LOST, sim_chance(world, 50) ? "57P01" : "");
  sim_breaker_lost(world, conn);
  keel__conn_lost(conn->conn, &failure, world->now);
}

void sim_server_close(void *io, keel__conn *keel, keel__close_reason reason) {
  static const char *const names[] = {
#define NAME(name) #name,
      KEEL__CLOSE_MAP(NAME)
#undef NAME
  };
  sim_world *world = io;
  sim_conn *conn = keel->io;
  sim_trace(world, "c%u close %s", keel->id, names[reason]);
  sim_check_close(world, conn, reason);
  sim_breaker_closing(world, conn, reason);
  if (reason == KEEL__CLOSE_OPEN_FAILED) {
    world->model.connect_failed++;
    if (conn->open_started > world->failed_attempt) world->failed_attempt = conn->open_started;
    world->failed_at = world->now;
  }
  conn->closing = true;
  world->conn_count--;
  if (conn->job_count > 0 && conn->jobs[0].inquiry) conn->jobs[0].inquiry->asking = false;
  end_session(world, conn);
  sim_at(world, world->now + sim_delay(world, USUAL_STEP), SIM_CLOSED, conn);
}

static void closed(sim_world *world, sim_conn *conn) {
  sim_conn **at = &world->conns;
  while (*at != conn) at = &(*at)->next;
  *at = conn->next;
  sim_forget_events(world, conn, ~0u);
  sim_trace(world, "c%u closed", conn->conn->id);
  keel__conn_closed(conn->conn, world->now);
  free(conn);
}

void sim_server_event(sim_world *world, sim_event event) {
  sim_conn *conn = event.conn;
  switch (event.kind) {
    case SIM_OPEN_STEP:
      open_step(world, conn);
      break;
    case SIM_FINISH:
      finish(world, conn);
      break;
    case SIM_ANSWER:
      answer(world, conn);
      break;
    case SIM_TELL_LOST:
      tell_lost(world, conn);
      break;
    case SIM_CANCEL_ARRIVES:
      cancel_arrives(world, conn);
      break;
    case SIM_CANCEL_REPORT:
      sim_trace(world, "c%u cancel reported", conn->conn->id);
      conn->cancel_unreported = false;
      conn->last_used = conn->last_proof = world->now;
      keel__conn_cancel_delivered(conn->conn, world->now);
      break;
    case SIM_CLOSED:
      closed(world, conn);
      break;
    case SIM_CUT:
      cut(world, conn);
      break;
    case SIM_TX_ENDS:
      end_tx(world, event.tx, sim_chance(world, 50));
      break;
  }
}

void sim_server_free(sim_world *world) {
  for (sim_conn *conn; (conn = world->conns) != NULL;) {
    world->conns = conn->next;
    free(conn);
  }
}
