/* conn.c: one connection: what it does next, when it is clean, when it is closed. */
#include <string.h>

#include "alloc.h"
#include "internal.h"

#define BIT(state) (1u << KEEL__CONN_##state)
#define OPENING (BIT(ASKING) | BIT(RESOLVING) | BIT(CONNECTING) | BIT(STARTING))
#define OPENED (BIT(IDLE) | BIT(LEASED) | BIT(CLOSING))

/* clang-format off */
static const unsigned legal[KEEL__CONN_STATES] = {
    [KEEL__CONN_CLOSED] = BIT(ASKING) | BIT(RESOLVING),
    [KEEL__CONN_ASKING] = OPENING | OPENED,
    [KEEL__CONN_RESOLVING] = OPENING | OPENED,
    [KEEL__CONN_CONNECTING] = OPENING | OPENED, /* of several hosts: back to RESOLVING */
    [KEEL__CONN_STARTING] = OPENING | OPENED,
    [KEEL__CONN_IDLE] = BIT(CHECKING) | BIT(BUSY) | BIT(LEASED) | BIT(INQUIRING) | BIT(CLOSING),
    [KEEL__CONN_CHECKING] = BIT(IDLE) | BIT(CLOSING),
    [KEEL__CONN_BUSY] = BIT(IDLE) | BIT(RESETTING) | BIT(DRAINING) | BIT(CLOSING),
    [KEEL__CONN_LEASED] = BIT(IDLE) | BIT(RESETTING) | BIT(CLOSING),
    [KEEL__CONN_RESETTING] = BIT(IDLE) | BIT(CLOSING),
    [KEEL__CONN_INQUIRING] = BIT(IDLE) | BIT(CLOSING),
    [KEEL__CONN_DRAINING] = BIT(CLOSING),
    [KEEL__CONN_CLOSING] = BIT(CLOSED),
};
/* clang-format on */

void keel__conn_set_state(keel__conn *conn, keel__conn_state state) {
  assert(legal[conn->state] & (1u << state));
  keel__pool *pool = conn->pool;
  if (conn->state != KEEL__CONN_CLOSED) keel__list_remove(&pool->conns[conn->state], &conn->link);
  /* The time limits of opening and of idling end with them; that of a cancel goes on from BUSY to RESETTING. */
  if (state >= KEEL__CONN_IDLE && (conn->state <= KEEL__CONN_IDLE || state == KEEL__CONN_CLOSING))
    keel__heap_remove(&pool->timers, &conn->timer);
  if (conn->state == KEEL__CONN_CLOSED) pool->conn_total++;
  if (state == KEEL__CONN_CLOSING) pool->conn_total--;
  conn->state = state;
  /* Last used first: the oldest idle one is at the end. */
  if (state != KEEL__CONN_CLOSED) keel__list_push_front(&pool->conns[state], &conn->link);
}

static bool is_gone(const keel__conn *conn) {
  return conn->state == KEEL__CONN_CLOSING || conn->state == KEEL__CONN_CLOSED;
}

bool keel__conn_retired(const keel__conn *conn, keel__time now) {
  uint32_t max_uses = conn->pool->config.max_uses;
  return now >= conn->retire_at || (max_uses > 0 && conn->uses >= max_uses);
}

static keel__close_reason retire_reason(const keel__conn *conn, keel__time now) {
  return now >= conn->retire_at ? KEEL__CLOSE_LIFETIME : KEEL__CLOSE_MAX_USES;
}

void keel__conn_send(keel__conn *conn, keel__request *request, keel__time now) {
  keel__pool *pool = conn->pool;
  if (conn->state == KEEL__CONN_IDLE) keel__conn_set_state(conn, KEEL__CONN_BUSY);
  if (request->lease == 0) conn->uses++;
  if (request->attempts == 0) keel__hist_record(&pool->latency_queue, now - request->submitted);
  request->plan = keel__plan_make(conn, request);
  request->attempts++;
  request->sent = now;
  request->exposed = request->moved = false;
  request->conn = conn;
  keel__share_sent(conn, request);
  keel__request_set_state(pool, request, KEEL__REQ_SENT);
  keel__heap_set(&pool->timers, &request->timer, request->deadline);
  keel__share_watch(conn);
  pool->ops->send(pool->io, conn, request);
}

/* ---- cancel */

static void cancel_head(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  conn->cancel_sent = conn->cancel_under_way = true;
  conn->cancel_target = keel__conn_head(conn);
  for (keel__link *link = &conn->cancel_target->link;
       (link = keel__list_next(&conn->in_flight, link)) != NULL;)
    keel__request_of(link)->exposed = true;
  keel__heap_set(&pool->timers, &conn->timer, keel__time_after(now, pool->config.cancel_timeout));
  pool->ops->cancel(pool->io, conn);
}

/* Only when both its target has ended and it was delivered can a cancel hit nothing more. */
static void end_cancel(keel__conn *conn) {
  if (!conn->cancel_sent || conn->cancel_under_way || conn->cancel_target) return;
  conn->cancel_sent = false;
  keel__heap_remove(&conn->pool->timers, &conn->timer);
}

void keel__conn_cancel_delivered(keel__conn *conn, keel__time now) {
  if (is_gone(conn)) return;
  conn->cancel_under_way = false;
  keel__conn_next(conn, now);
  keel__pool_run(conn->pool, now);
}

/* ---- what next */

static void reset(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  if (conn->state != KEEL__CONN_RESETTING) keel__conn_set_state(conn, KEEL__CONN_RESETTING);
  conn->reset_asked = true;
  pool->counters.resets++;
  keel__heap_set(&pool->timers, &conn->timer, keel__time_after(now, pool->config.cancel_timeout));
  pool->ops->reset(pool->io, conn);
}

void keel__conn_arm_idle(keel__conn *conn, keel__time since) {
  keel__pool *pool = conn->pool;
  keel__time due = keel__time_after(since, pool->config.idle_timeout);
  keel__heap_set(&pool->timers, &conn->timer, keel__time_sooner(due, conn->retire_at));
}

void keel__conn_ready(keel__conn *conn, keel__time now) {
  if (keel__conn_retired(conn, now)) {
    keel__conn_close(conn, retire_reason(conn, now), NULL);
  } else if (conn->status != 'I') {
    reset(conn, now);
  } else {
    keel__conn_set_state(conn, KEEL__CONN_IDLE);
    conn->idle_since = conn->fresh_since = now;
    keel__conn_arm_idle(conn, now);
  }
}

static void lone_next(keel__conn *conn, keel__time now) {
  if (!conn->cancel_sent)
    keel__conn_ready(conn, now);
  else if (conn->state == KEEL__CONN_BUSY)
    keel__conn_set_state(conn, KEEL__CONN_RESETTING);
}

static void in_flight_next(keel__conn *conn, const keel__request *head, keel__time now) {
  if (head->state == KEEL__REQ_CANCELLING && !conn->cancel_sent) cancel_head(conn, now);
  keel__share_watch(conn);
  if (conn->state == KEEL__CONN_BUSY && keel__conn_retired(conn, now))
    keel__conn_set_state(conn, KEEL__CONN_DRAINING);
}

void keel__conn_next(keel__conn *conn, keel__time now) {
  end_cancel(conn);
  const keel__request *head = keel__conn_head(conn);
  if (head) {
    in_flight_next(conn, head, now);
    return;
  }
  switch (conn->state) {
    case KEEL__CONN_LEASED:
      keel__lease_next(conn, now);
      break;
    case KEEL__CONN_DRAINING:
      keel__conn_close(conn, retire_reason(conn, now), NULL);
      break;
    case KEEL__CONN_BUSY:
    case KEEL__CONN_RESETTING:
      if (!conn->reset_asked) lone_next(conn, now);
      break;
    default:
      break;
  }
}

void keel__conn_reset(keel__conn *conn, bool clean, keel__time now) {
  if (is_gone(conn)) return;
  assert(conn->reset_asked);
  conn->reset_asked = false;
  keel__heap_remove(&conn->pool->timers, &conn->timer);
  if (clean) {
    conn->status = 'I';
    conn->last_answer = now;
    keel__conn_ready(conn, now);
  } else {
    keel__conn_close(conn, KEEL__CLOSE_RESET_FAILED, NULL);
  }
  keel__pool_run(conn->pool, now);
}

/* ---- answers */

static bool is_cancelled(const keel__failure *failure) {
  return failure && strcmp(failure->sqlstate, "57014") == 0;
}

/* It is known to have left no trace, and the reason was none of the caller's. In a holder's transaction, which the failure has
 * ended, it cannot be helped. */
static bool may_send_again(keel__request *request, bool plan_was_wrong, const keel__failure *failure,
                           bool outside) {
  if (!failure || failure->nested || !outside) return false;
  request->alone = request->alone || request->moved;
  if (is_cancelled(failure) && request->lease == 0 && (request->exposed || request->moved)) return true;
  if (!plan_was_wrong || request->replanned) return false;
  request->replanned = true;
  return true;
}

/* A lone statement that ran inside a transaction which another lone one left open: that will be rolled back, so its success
 * is none. */
static const keel__failure *truth_of(const keel__conn *conn, const keel__request *request,
                                     const keel__failure *failure, char before, keel__failure *space) {
  if (failure) {
    *space = *failure;
    if (space->outcome == KEEL_OUTCOME_NONE) space->outcome = KEEL_ROLLED_BACK;
    return space;
  }
  if (request->lease != 0 || before == 'I' || conn->status == 'I') return NULL;
  *space = keel__failure_of(KEEL_MISUSE, conn->in_flight.count > 1 ? KEEL_OUTCOME_UNKNOWN : KEEL_ROLLED_BACK);
  return space;
}

static void settle_answer(keel__conn *conn, keel__request *request, const keel__failure *failure,
                          char before) {
  keel__failure space;
  keel__hist_record(&conn->pool->latency_server, request->answered - request->sent);
  keel__request_settle(conn->pool, request, truth_of(conn, request, failure, before, &space));
  keel__request_end(conn->pool, request);
}

void keel__conn_answered(keel__conn *conn, const keel__failure *failure, char status, keel__time now) {
  if (is_gone(conn)) return;
  keel__pool *pool = conn->pool;
  keel__request *request = keel__conn_head(conn);
  assert(request);
  char before = conn->status;
  conn->status = status;
  request->answered = now;
  if (conn->cancel_target == request) conn->cancel_target = NULL;
  keel__node_answered(pool, now - request->sent, now);
  bool cut_short = request->state == KEEL__REQ_CANCELLING || is_cancelled(failure);
  keel__share_answered(conn, request, !cut_short, now);
  bool plan_was_wrong = keel__plan_answered(conn, request, failure);
  if (request->state == KEEL__REQ_CANCELLING) {
    keel__request_end(pool, request);
  } else if (may_send_again(request, plan_was_wrong, failure,
                            request->lease == 0 || (before == 'I' && status == 'I'))) {
    pool->counters.retried++;
    keel__request_queue(pool, request);
  } else if (!failure || before != 'I' || !keel__retry(pool, request, failure, now)) {
    settle_answer(conn, request, failure, before);
  }
  keel__conn_next(conn, now);
  keel__pool_run(pool, now);
}

/* ---- the end */

/* The server rolls back what was open when the link died. */
static keel_outcome fate_of(const keel__conn *conn, const keel__request *request) {
  bool inside = conn->status != 'I' || request->begins;
  if (request->quiet || (inside && request->cannot_commit)) return KEEL_ROLLED_BACK;
  /* Outside of a transaction, and in one that has failed, a COMMIT commits nothing. */
  if (request->commits && (conn->status != 'T' || conn->fate == KEEL__FATE_NOTHING)) return KEEL_ROLLED_BACK;
  return KEEL_OUTCOME_UNKNOWN;
}

static void settle_all(keel__conn *conn, const keel__failure *why) {
  keel__pool *pool = conn->pool;
  for (keel__request *request; (request = keel__conn_head(conn)) != NULL;) {
    keel__failure own = *why;
    own.outcome = fate_of(conn, request);
    if (request->state == KEEL__REQ_SENT) keel__request_settle(pool, request, &own);
    keel__request_end(pool, request);
  }
  for (keel__link *link; (link = keel__list_first(&conn->lease_queue)) != NULL;)
    keel__request_refuse(pool, keel__request_of(link), why);
}

static keel__failure failure_of_end(keel__close_reason reason, const keel__failure *failure) {
  keel__failure why = failure ? *failure : keel__failure_of(KEEL_CONNECTION_LOST, KEEL_OUTCOME_UNKNOWN);
  if (reason == KEEL__CLOSE_LOST || reason == KEEL__CLOSE_CHECK_FAILED) why.code = KEEL_CONNECTION_LOST;
  if (reason == KEEL__CLOSE_SHUTDOWN) why.code = KEEL_POOL_CLOSED;
  why.outcome = KEEL_OUTCOME_UNKNOWN;
  return why;
}

void keel__conn_close(keel__conn *conn, keel__close_reason reason, const keel__failure *failure) {
  keel__pool *pool = conn->pool;
  keel__failure why = failure_of_end(reason, failure);
  bool ours = reason == KEEL__CLOSE_SHUTDOWN || reason == KEEL__CLOSE_DESTROYED;
  bool cancel = ours && conn->in_flight.count > 0 && !conn->cancel_sent;
  settle_all(conn, &why);
  keel__doubt_unasked(conn);
  keel__lease *lease = keel__lease_find(&pool->leases, conn->lease);
  if (lease) lease->conn = NULL;
  if (pool->probe == conn) pool->probe = NULL;
  if (conn->setup_lease) pool->setup_leases--;
  conn->setup_lease = false;
  keel__check_over(conn);
  keel__conn_set_state(conn, KEEL__CONN_CLOSING);
  keel__health_closed(conn);
  if (conn->announced) {
    pool->counters.closed++;
    pool->counters.closed_for[reason]++;
    pool->ops->gone(pool->io, conn, reason, failure);
  }
  if (cancel) pool->ops->cancel(pool->io, conn);
  pool->ops->close(pool->io, conn, reason);
  if (!pool->config.single || reason == KEEL__CLOSE_OPEN_FAILED) return;
  pool->single_end = why.code;
  keel__pool_fail_queue(pool, &why);
}

void keel__conn_lost(keel__conn *conn, const keel__failure *failure, keel__time now) {
  if (keel__conn_is_opening(conn)) {
    keel__failure why = *failure;
    why.code = KEEL_CONNECT_FAILED;
    keel__conn_open_failed(conn, &why, now);
    return;
  }
  if (is_gone(conn)) return;
  conn->lost = true;
  bool at_work = conn->in_flight.count > 0 || conn->reset_asked || conn->state == KEEL__CONN_INQUIRING;
  /* Before it is decided what is tried again. An idle one may have died of its age, of a firewall, of an administrator. */
  if (at_work) keel__node_failed(conn->pool, failure, now);
  keel__retry_lost(conn, failure, now);
  keel__doubt_begin(conn, failure, now);
  keel__conn_close(conn, KEEL__CLOSE_LOST, failure);
  keel__pool_run(conn->pool, now);
}

void keel__conn_closed(keel__conn *conn, keel__time now) {
  keel__pool *pool = conn->pool;
  keel__conn_set_state(conn, KEEL__CONN_CLOSED);
  keel__heap_unreserve(&pool->timers);
  keel__lru_clear(&conn->prepared);
  keel__free(conn);
  keel__pool_run(pool, now);
}

/* ---- its timer */

/* The oldest idle ones go first, whoever's timer it was. */
static void close_idle(keel__pool *pool, keel__time now) {
  uint32_t kept = keel__pool_established(pool) - pool->conns[KEEL__CONN_DRAINING].count;
  keel__conn *conn;
  while (kept > pool->config.min &&
         (conn = keel__conn_of(keel__list_last(&pool->conns[KEEL__CONN_IDLE]))) != NULL) {
    if (keel__time_after(conn->idle_since, pool->config.idle_timeout) > now) return;
    keel__conn_close(conn, KEEL__CLOSE_IDLE_TIMEOUT, NULL);
    kept--;
  }
}

static void idle_expire(keel__conn *conn, keel__time now) {
  if (keel__conn_retired(conn, now)) {
    keel__conn_close(conn, retire_reason(conn, now), NULL);
    return;
  }
  close_idle(conn->pool, now);
  /* One of the minimum is looked at again, each time its idle time is over once more: there may be more by then. */
  keel__time over = (now - conn->idle_since) % conn->pool->config.idle_timeout;
  if (conn->state == KEEL__CONN_IDLE) keel__conn_arm_idle(conn, now - over);
}

/* Whatever else it is, a statement that holds up others is no quick one. */
static void move_head(keel__conn *conn, keel__time now) {
  keel__request *head = keel__conn_head(conn);
  head->moved = true;
  keel__estimates_record(&conn->pool->estimates, head->text, now - head->sent);
  cancel_head(conn, now);
}

static void share_expire(keel__conn *conn, keel__time now) {
  if (keel__share_is_stuck(conn, now))
    move_head(conn, now);
  else
    keel__share_watch(conn);
}

static keel__close_reason silence_reason(const keel__conn *conn) {
  if (conn->state == KEEL__CONN_INQUIRING) return KEEL__CLOSE_INQUIRY_SILENT;
  return conn->reset_asked ? KEEL__CLOSE_RESET_FAILED : KEEL__CLOSE_CANCEL_SILENT;
}

/* A server that answers neither a cancel nor a rollback nor an inquiry is not there, whatever the sockets say. */
static void silence_expire(keel__conn *conn, keel__time now) {
  keel__failure why = keel__failure_of(KEEL_CONNECTION_LOST, KEEL_OUTCOME_UNKNOWN);
  keel__node_failed(conn->pool, &why, now);
  /* What was to run beside the silent one may be run elsewhere. */
  keel__retry_lost(conn, &why, now);
  keel__conn_close(conn, silence_reason(conn), NULL);
}

void keel__conn_expire(keel__conn *conn, keel__time now) {
  if (keel__conn_is_opening(conn))
    keel__open_expired(conn, now);
  else if (conn->state == KEEL__CONN_IDLE)
    idle_expire(conn, now);
  else if (conn->state == KEEL__CONN_CHECKING)
    keel__check_expired(conn, now);
  else if (conn->cancel_sent || conn->reset_asked || conn->state == KEEL__CONN_INQUIRING)
    silence_expire(conn, now);
  else
    share_expire(conn, now);
}
