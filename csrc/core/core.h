/*
 * core.h: what the core offers to the parts that do I/O (pg/, engine*.c) and to the simulator.
 *
 * The core decides: who gets which connection, when one is opened, retired, cancelled, given up. It performs nothing. It
 * reads no clock: `now` is microseconds (keel__time) on a monotonic clock of the caller's. It asks for effects through
 * keel__ops and hears of their ends through the keel__conn_* calls. One thread (or one lock) at a time; no call blocks.
 *
 * Re-entrance: an op may call nothing of the core. Ops are to be quick: note the wish, do it after the call, or do it if it
 * cannot come back in.
 */
#ifndef KEEL_CORE_CORE_H
#define KEEL_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../keel.h"
#include "breaker.h"
#include "heap.h"
#include "hist.h"
#include "list.h"
#include "lru.h"
#include "overload.h"
#include "rng.h"
#include "share.h"

typedef struct keel__pool keel__pool;
typedef struct keel__conn keel__conn;
typedef struct keel__request keel__request;

/* ---------------------------------------------------------------- states */

/* X(NAME, list of the pool that holds it). In the order of a connection's life: "opening" and "established" are ranges. */
#define KEEL__CONN_STATE_MAP(X)                                                          \
  X(CLOSED, "none: about to be freed, or waiting for the I/O side to let go")            \
  X(ASKING, "opening: the owner is asked for a password")                                \
  X(RESOLVING, "opening: names are looked up")                                           \
  X(CONNECTING, "opening: libpq connects, negotiates TLS, authenticates")                \
  X(STARTING, "opening: session settings are applied")                                   \
  X(IDLE, "idle: clean, nothing in flight; last used first")                             \
  X(CHECKING, "checking: was idle; the server is asked whether it is still there")       \
  X(BUSY, "busy: lone statements in flight")                                             \
  X(LEASED, "leased: lent to one holder")                                                \
  X(RESETTING, "resetting: a rollback, or the end of a cancelled statement, is awaited") \
  X(INQUIRING, "inquiring: the server is asked what became of a COMMIT in doubt")        \
  X(DRAINING, "draining: no new work; closes when what is in flight has ended")          \
  X(CLOSING, "closing: the I/O side was told to close it")

typedef enum keel__conn_state {
#define KEEL__STATE_ENUM(name, list) KEEL__CONN_##name,
  KEEL__CONN_STATE_MAP(KEEL__STATE_ENUM)
#undef KEEL__STATE_ENUM
      KEEL__CONN_STATES
} keel__conn_state;

#define KEEL__REQ_STATE_MAP(X)                                                          \
  X(NEW, "none: not yet submitted")                                                     \
  X(QUEUED, "pool's queue, or its lease's queue")                                       \
  X(SENT, "its connection's in-flight list, in the order sent")                         \
  X(CANCELLING, "its connection's in-flight list; already settled, the server is told") \
  X(RETRY_WAIT, "pool's retrying list, until it goes back to the queue")                \
  X(IN_DOUBT, "pool's in_doubt: a COMMIT whose answer was lost with its link")          \
  X(DONE, "none: settled, about to be forgotten")

typedef enum keel__req_state {
#define KEEL__STATE_ENUM(name, list) KEEL__REQ_##name,
  KEEL__REQ_STATE_MAP(KEEL__STATE_ENUM)
#undef KEEL__STATE_ENUM
} keel__req_state;

typedef enum keel__pool_state { KEEL__POOL_OPEN, KEEL__POOL_DRAINING, KEEL__POOL_CLOSED } keel__pool_state;

/* Why a connection is closed; each is counted. */
#define KEEL__CLOSE_MAP(X) \
  X(IDLE_TIMEOUT)          \
  X(LIFETIME)              \
  X(MAX_USES)              \
  X(DESTROYED)             \
  X(LOST)                  \
  X(OPEN_FAILED) X(CANCEL_SILENT) X(RESET_FAILED) X(SHUTDOWN) X(BREAKER) X(CHECK_FAILED) X(INQUIRY_SILENT)
typedef enum keel__close_reason {
#define KEEL__CLOSE_ENUM(name) KEEL__CLOSE_##name,
  KEEL__CLOSE_MAP(KEEL__CLOSE_ENUM)
#undef KEEL__CLOSE_ENUM
      KEEL__CLOSE_REASONS
} keel__close_reason;

/* ---------------------------------------------------------------- failures and plans */

/* `codes`: SQLSTATEs, or classes of them (two letters); NULL ends the list. */
static inline bool keel__is_sqlstate_of(const char *sqlstate, const char *const *codes) {
  for (; *codes; codes++)
    if (strncmp(sqlstate, *codes, strlen(*codes)) == 0) return true;
  return false;
}

/* What went wrong, as far as a decision needs it. `detail` belongs to the I/O side and lives for the call only. */
typedef struct keel__failure {
  keel_code code;
  keel_outcome outcome;
  char sqlstate[6]; /* "" when the server said nothing */
  /* Of a query with plan.parse: it was prepared before it failed, so the server has the statement. */
  bool prepared;
  /* Raised within a procedure, which may have committed before: whatever the SQLSTATE says of plans, running it again could
   * do it twice. */
  bool nested;
  const void *detail;
  /* With KEEL_BREAKER_OPEN: `detail` is of the failure that opened it, which had this code; and see keel_error_retry_after. */
  keel_code cause;
  int64_t retry_after_ms;
} keel__failure;

/* What could have come of a COMMIT on the wire, if its link died now. */
typedef enum keel__fate {
  KEEL__FATE_UNKNOWN, /* it may be committed, and nobody could be asked */
  KEEL__FATE_NOTHING, /* its transaction has nothing to commit, or the COMMIT has not left us */
  KEEL__FATE_ASK,     /* its transaction's id is known: the server can be asked */
} keel__fate;

/* What the server says became of a COMMIT in doubt. */
typedef enum keel__verdict {
  KEEL__VERDICT_COMMITTED,
  KEEL__VERDICT_ROLLED_BACK,
  KEEL__VERDICT_LATER,   /* not settled there yet, or not for this server to say: ask again */
  KEEL__VERDICT_UNKNOWN, /* it cannot say and never will */
} keel__verdict;

/* How a query is to go over the wire. */
typedef struct keel__plan {
  uint32_t statement; /* prepared statement to run by name; 0: unnamed */
  bool parse;         /* prepare it first, in the same flush */
  uint32_t evict;     /* prepared statement to close first (the LRU is full); 0: none */
} keel__plan;

/* ---------------------------------------------------------------- objects (read by the I/O side; written by the core) */

struct keel__request {
  keel__link link;       /* in the one list that its state names */
  keel__link registry;   /* in the pool's list of all requests not yet forgotten */
  keel__req_state state; /* changed by keel__request_set_state alone */
  keel_request_kind kind;
  uint32_t flags; /* KEEL_Q_* */
  uint64_t tag;
  uint64_t lease; /* the lease it runs on; 0: a lone one */
  uint32_t
      statement; /* the pool's number for its text (keel__statements); 0: not a candidate for preparation */
  uint32_t text; /* the pool's number for its text, prepared or not; 0: none */
  bool shares;   /* set by the submitter: one plain statement that may run beside others on one connection */
  bool reads;    /* set by the submitter: sending it a second time does no harm, and it locks no rows */
  bool alone;    /* it has held up others once and shares no more */
  bool sole;     /* it went down an idle connection */
  bool moved;    /* it is being cancelled only because it holds up others: it will be sent again */
  uint32_t cost; /* us expected of it when it was sent, part of conn->backlog */
  bool named;    /* the caller chose the statement's name: always prepared, never evicted behind his back */
  bool begins;   /* set by the submitter: it goes with the command that begins a transaction */
  bool cannot_commit; /* set by the I/O side: inside a transaction it cannot be what commits it */
  bool quiet; /* set by the submitter: BEGIN, SAVEPOINT, SET ...: it leaves nothing that outlives its link */
  bool commits; /* set by the submitter: on a lease, and one plain COMMIT */
  bool settled;
  bool aborted;      /* given up by the caller (else by its deadline) */
  bool exposed;      /* in flight behind one that is being cancelled: the cancel may hit this one */
  bool replanned;    /* sent a second time because its prepared statement was not as thought; once only */
  bool delivered;    /* set by the I/O side: its taker has rows of it and cannot take them back */
  bool uncertain;    /* a link died under an earlier sending, which may have done what it says */
  uint32_t attempts; /* sendings */
  uint32_t unopened; /* attempts to connect that failed while it waited for nothing else */
  uint32_t retries;  /* what was decided in retry.c */
  keel__plan plan;   /* of the last sending */
  struct keel__doubt *doubt; /* of one that is IN_DOUBT; see doubt.c */
  keel__conn *conn;
  keel__timer timer;
  keel__time deadline; /* of the whole request; KEEL__NEVER: none */
  keel__time submitted, sent, answered;
  keel__time
      expected; /* us; when it is refused because they are too many: what it would have had to wait, or takes */
  keel__time queued; /* when it came into the queue, or back there after a pause */
};

/* How often it was tried: sent, or failed for want of a connection. */
static inline uint32_t keel__request_tries(const keel__request *request) {
  return request->attempts + request->unopened;
}

struct keel__conn {
  keel__link link;
  keel__conn_state state; /* changed by keel__conn_set_state alone */
  keel__pool *pool;
  uint32_t id;    /* unique in the pool, from 1 */
  uint64_t lease; /* current lease; 0: none */
  bool announced; /* ops->opened was called for it, so ops->gone will be */
  bool lost;
  bool cancel_sent;      /* from ops->cancel until both its delivery and the end of its target are known */
  bool cancel_under_way; /* from ops->cancel until its delivery is known: it may hit whatever runs */
  keel__request *cancel_target;        /* NULL once it has ended */
  bool reset_asked;                    /* from ops->reset to keel__conn_reset */
  bool release_wanted, destroy_wanted; /* by the holder, once what he submitted has ended */
  bool check_slow;                     /* those who wait no longer count on its check */
  bool setup_lease;                    /* LEASED to the owner because it is new (hold_new) */
  char status;                         /* transaction status of the last answer: 'I', 'T', 'E' */
  keel__fate fate; /* set by the I/O side whenever a COMMIT is in flight and what is known of it changes */
  keel__request
      *inquiry; /* of INQUIRING: whose COMMIT is asked for; NULL: nobody waits for the answer any more */
  uint32_t uses;
  bool shared;       /* what is in flight are statements that share it */
  uint32_t backlog;  /* us that what is in flight is expected to take */
  uint32_t given_up; /* requests in flight that are CANCELLING */
  keel__time last_answer;
  keel__time round_trip;  /* the way to the server and back; KEEL__NEVER: not known */
  keel__list in_flight;   /* requests, oldest first */
  keel__list lease_queue; /* requests of the lease that are not sent yet */
  keel__lru prepared;
  keel__timer timer; /* the one timer that its state needs: open, idle, check, cancel */
  keel__time opened, idle_since, open_started;
  keel__time fresh_since; /* given back, opened or checked: from then on config.alive_bypass counts */
  keel__time check_begun;
  keel__time retire_at; /* KEEL__NEVER: its age does not matter */
  void *io;             /* the I/O side's own */
};

/* ---------------------------------------------------------------- effects */

typedef struct keel__ops {
  /* Begin to open. Answer: any number of keel__conn_progress, then keel__conn_opened or keel__conn_open_failed (the core
   * then calls close). Nothing of the kind needs to be answered once close was called. */
  void (*open)(void *io, keel__conn *conn);
  /* Put this query on the wire behind those in flight. Answer: keel__conn_answered in the order sent, or keel__conn_lost. It
   * may come a second time for the same request (request->attempts tells), because the first sending left no trace: what
   * was handed to the caller of that one no longer counts. */
  void (*send)(void *io, keel__conn *conn, keel__request *request);
  /* End the open transaction (ROLLBACK). Answer: keel__conn_reset, or keel__conn_lost. */
  void (*reset)(void *io, keel__conn *conn);
  /* Ask the server to cancel what runs there. Answer, whatever came of it: keel__conn_cancel_delivered. Close may follow at
   * once (the pool's drain timeout); the cancel is to go out all the same. */
  void (*cancel)(void *io, keel__conn *conn);
  /* Close the link, at any stage; every connection ends so, also one that failed to open or was lost. Answer:
   * keel__conn_closed, after which `conn` is gone. Whatever else is reported of it meanwhile is ignored. */
  void (*close)(void *io, keel__conn *conn, keel__close_reason reason);
  /* The one settlement of a request. `failure` NULL: success. For a granted KEEL_ACQUIRE conn->lease says which. */
  void (*settle)(void *io, keel__request *request, const keel__failure *failure);
  /* The core will not touch the request again; free it. Always after settle. */
  void (*forget)(void *io, keel__request *request);
  /* A connection is usable for the first time / is gone. Its setup lease, if any, is in conn->lease. */
  void (*opened)(void *io, keel__conn *conn);
  void (*gone)(void *io, keel__conn *conn, keel__close_reason reason, const keel__failure *failure);
  /* The pool is closed: no connection and no request is left. Last op of a pool. */
  void (*pool_closed)(void *io, keel__pool *pool);
  /* A failure's detail, which lives for the call only, is to be kept; NULL: it cannot be, or there is none. Each that is kept
   * is dropped once. */
  void *(*keep)(void *io, const void *detail);
  void (*drop)(void *io, void *kept);
  /* The breaker has changed its state. */
  void (*breaker)(void *io, keel_breaker_state from, keel_breaker_state to, const char *reason);
  /* Ask the server of an idle connection for next to nothing. Answer: keel__conn_checked, or keel__conn_lost. */
  void (*check)(void *io, keel__conn *conn);
  /* What a health check has found. `failure` NULL: the server is well; `latency` KEEL__NEVER: not measured, others have had
   * their answers. */
  void (*healthy)(void *io, keel__pool *pool, keel__time latency, const keel__failure *failure);
  /* A request is tried again after `delay`: what was handed to its caller so far no longer counts. False: there is no memory
   * to tell him so, and it fails instead. */
  bool (*retry)(void *io, keel__request *request, keel__time delay, const keel__failure *why);
  /* The link has died under a COMMIT of KEEL__FATE_ASK: keeps with the request what it takes to ask for its transaction
   * elsewhere. False: no memory. */
  bool (*remember)(void *io, keel__conn *conn, keel__request *request);
  /* Asks the server what became of the transaction of a request that was remembered. Answer: keel__conn_inquired, or
   * keel__conn_lost. The request may be forgotten before. */
  void (*inquire)(void *io, keel__conn *conn, const keel__request *request);
} keel__ops;

/* ---------------------------------------------------------------- leases */

/* Lease id -> connection, an open-addressing table. Ids count up and never come again. */
typedef struct keel__lease {
  uint64_t id;      /* 0: a free place */
  keel__conn *conn; /* NULL: it died under its holder */
} keel__lease;

typedef struct keel__leases {
  keel__lease *places;
  uint32_t count, capacity;
  uint64_t last_id;
} keel__leases;

/* ---------------------------------------------------------------- pool */

/* A time of KEEL__NEVER is off. */
typedef struct keel__pool_config {
  uint32_t min, max, max_waiting, max_uses, pipeline_depth, prepare_cache;
  keel__time acquire_timeout, connect_timeout, idle_timeout, max_lifetime, query_timeout, cancel_timeout,
      drain_timeout;
  keel__time health_interval; /* from one background check to the next */
  keel__time alive_bypass;    /* a connection idle for longer is checked before it is handed out */
  double lifetime_jitter;
  keel_prepare prepare;
  bool hold_new, ask_password, single;
  bool shed; /* what cannot be served in time is refused; see overload.h */
  keel__breaker_config breaker;
  uint32_t max_retries;
  keel__time retry_delay, retry_max_delay;
  keel__time resolve_timeout; /* how long a COMMIT without a deadline may be in doubt */
  bool resolve_commits;
} keel__pool_config;

/* Takes the options over; KEEL_CONFIG names the wrong one in *reason. Reads sizes, times and modes only. */
KEEL_MUST_CHECK keel_code keel__pool_config_from(const keel_pool_options *options, keel__pool_config *config,
                                                 keel_reason *reason);

/* Of queries; each that was started is running or has ended in exactly one of succeeded, failed, timed_out (deadline or
 * acquire timeout), cancelled (aborted by the caller) and rejected (queue full, breaker open, pool closed). `slow` is the
 * engine's. */
typedef struct keel__counters {
  uint64_t started, succeeded, failed, retried, timed_out, cancelled, rejected, slow;
  uint64_t created, connect_failed, resets, closed, closed_for[KEEL__CLOSE_REASONS];
} keel__counters;

/* ---------------------------------------------------------------- health */

/* Whether the node is well; see health.c. */
typedef struct keel__health {
  keel__timer timer; /* when the next check begins; of one under way: when to look again, or its end */
  bool under_way;
  bool by_hand;     /* somebody has asked for it and waits */
  bool doubted;     /* the connection that it was made on has died: only a new one can tell */
  keel__conn *conn; /* that it is made on; NULL: one that is being opened, or whichever answers */
  keel__time begun;
  keel__time end; /* when it is given up; KEEL__NEVER: it begins anew with a new connection */
} keel__health;

struct keel__pool {
  keel__pool_state state; /* changed by keel__pool_set_state alone */
  keel__pool_config config;
  const keel__ops *ops;
  void *io;
  keel__heap timers;
  keel__rng rng;
  keel__list queue;    /* requests waiting for a connection: lone statements and KEEL_ACQUIRE, FIFO */
  keel__list retrying; /* requests that have failed and pause before they are tried again */
  keel__list in_doubt; /* requests whose COMMIT may be done or not */
  keel__list requests; /* all not yet forgotten */
  keel__list conns[KEEL__CONN_STATES]; /* one list per state */
  uint32_t conn_total;                 /* all but CLOSING and CLOSED */
  uint32_t setup_leases;               /* of them, with the owner because they are new */
  keel__leases leases;                 /* held by somebody, also those whose connection died */
  uint32_t last_conn;                  /* ids count up from 1 */
  keel__estimates estimates;
  keel__overload overload;
  uint32_t processors; /* how many backends can be at work at once; 0: not known */
  bool share_off;      /* a pooler is in between, which may not keep pipelines apart */
  bool prepare_off;    /* KEEL_PREPARE_AUTO found a pooler that cannot do it */
  keel__timer drain_timer, reopen_timer;
  keel__health health;
  uint32_t slow_checks; /* connections with check_slow */
  uint32_t
      open_failures; /* in a row; spaces out reopening for `min` and for waiters behind live connections */
  keel__time last_open_failure;
  bool drain_over;      /* the drain timeout has passed: leases are worth nothing any more */
  keel_code single_end; /* of a `single` pool: why its connection is gone; KEEL_OK: it is not */
  keel__breaker breaker;
  keel__failure breaker_cause; /* the failure that opened it; its detail is kept */
  keel__conn *probe; /* the attempt that finds out whether the node is back; NULL: none is under way */
  keel__timer breaker_timer; /* when the next one is due */
  keel__counters counters;
  keel__hist latency_queue, latency_server;
};

KEEL_MUST_CHECK keel_code keel__pool_init(keel__pool *pool, const keel__pool_config *config,
                                          const keel__ops *ops, void *io, uint64_t seed);
void keel__pool_start(keel__pool *pool, keel__time now); /* opens `min` */
/* After pool_closed, or when the engine stops: then every request left is forgotten without a settlement, and connections
 * are freed without a close (free what hangs on conn->io before). */
void keel__pool_destroy(keel__pool *pool);

/* The request is the core's until ops->forget. It comes zeroed but for kind, flags, tag, lease, statement, named, text,
 * shares, reads, cannot_commit, quiet, commits. `timeout`
 * is the time that a query may take as a whole, or that a KEEL_ACQUIRE may wait; KEEL__NEVER for none. The config's
 * acquire_timeout bounds the waiting of lone statements besides; its query_timeout is for the caller to apply. */
void keel__pool_submit(keel__pool *pool, keel__request *request, keel__time timeout, keel__time now);
void keel__pool_abort(keel__pool *pool, keel__request *request, keel__time now);
void keel__pool_release(keel__pool *pool, uint64_t lease, bool destroy, keel__time now);
void keel__pool_close(keel__pool *pool, keel__time timeout, bool force, keel__time now);
void keel__pool_hold_new(keel__pool *pool, bool on);
/* By hand; see keel_pool_breaker. */
void keel__pool_breaker(keel__pool *pool, keel_breaker_action action, keel__time now);
/* The server runs on a machine that has processors for so many backends at once. */
void keel__pool_set_processors(keel__pool *pool, uint32_t processors);
/* A pooler was found in between: nothing is prepared unless it was asked for, and no connection is shared. */
void keel__pool_behind_pooler(keel__pool *pool);

/* Asks for a health check now, or joins the one under way: ops->healthy tells, once. A pool that drains tells at once, a
 * closed one nothing. */
void keel__pool_check(keel__pool *pool, keel__time now);

/* Runs what is due. Call when `now` has reached keel__pool_next. */
void keel__pool_tick(keel__pool *pool, keel__time now);
keel__time keel__pool_next(const keel__pool *pool); /* when to call tick; KEEL__NEVER: no need */

uint32_t keel__pool_count(const keel__pool *pool, keel__conn_state state);

/* ---------------------------------------------------------------- what the I/O side reports */

void keel__conn_progress(keel__conn *conn, keel__conn_state stage,
                         keel__time now); /* RESOLVING, CONNECTING, STARTING */
/* How long the server took for next to nothing, just before keel__conn_opened; for want of it the way there and back counts
 * as work. */
void keel__conn_round_trip(keel__conn *conn, keel__time took);
void keel__conn_opened(keel__conn *conn, keel__time now);
void keel__conn_open_failed(keel__conn *conn, const keel__failure *failure, keel__time now);
/* The oldest request in flight has ended with ReadyForQuery/Sync; `failure` NULL: success. */
void keel__conn_answered(keel__conn *conn, const keel__failure *failure, char status, keel__time now);
/* The link died (also while idle). failure->outcome is ignored: the core says for each request what is known. */
void keel__conn_lost(keel__conn *conn, const keel__failure *failure, keel__time now);
void keel__conn_cancel_delivered(keel__conn *conn, keel__time now);
void keel__conn_reset(keel__conn *conn, bool clean, keel__time now);
void keel__conn_inquired(keel__conn *conn, keel__verdict verdict, keel__time now);
void keel__conn_closed(keel__conn *conn, keel__time now);
/* The server has answered a check; `failure` NULL: as it should. */
void keel__conn_checked(keel__conn *conn, const keel__failure *failure, keel__time now);
/* The oldest statement in flight has dropped the session's prepared statements (DISCARD ALL, DEALLOCATE ALL). Just before its
 * keel__conn_answered. */
void keel__conn_forget_prepared(keel__conn *conn);
/* A statement ran that may have changed what prepared ones return (ALTER ...): they are prepared anew at their next use, which
 * a transaction would not survive otherwise. */
void keel__conn_plans_stale(keel__conn *conn);

#endif
