/*
 * sim.h: a world for the core to live in: virtual time, a PostgreSQL that goes wrong in every way we could think of, callers
 * that do whatever callers do, and checks after every step. One seed reproduces a run exactly.
 */
#ifndef KEEL_SIM_H
#define KEEL_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/core.h"

#define SIM_STATEMENTS 13u   /* statement numbers 1..12; 0: not prepared */
#define SIM_FIRST_NAMED 9u   /* from here on the caller chose the name */
#define SIM_BACKENDS 2u      /* behind a pooler a session changes between so many server processes */
#define SIM_MOST_CALLS 4096u /* of one pool's life */
#define SIM_TEXTS 10u        /* texts that callers use; the last ones are slow ... */
#define SIM_SLOW_TEXT 9u     /* ... from this one on */
#define SIM_SLOW_WORK 20000u /* us at least */

typedef enum sim_what {
  SIM_PLAIN,    /* leaves a trace that can be counted */
  SIM_FAILS,    /* 23505 */
  SIM_BAD_TEXT, /* fails to parse */
  SIM_PROCEDURE, /* commits, and then something that it calls fails with what looks like a plan's or a cancel's end */
  SIM_TIMES_OUT, /* the server's own statement_timeout: 57014 without anybody's cancel */
  SIM_BEGIN,
  SIM_COMMIT,
  SIM_ROLLBACK,
  SIM_DDL,     /* makes every prepared plan stale */
  SIM_DISCARD, /* drops the session's prepared statements */
  SIM_HANGS,   /* until it is cancelled */
  SIM_READ,    /* leaves none */
  SIM_RACES,   /* leaves one, or is rolled back because of others (40001, 40P01) */
  SIM_WHATS
} sim_what;

typedef struct sim_world sim_world;
typedef struct sim_conn sim_conn;

/* What a caller asked for and all that became of it; outlives the core's request. */
typedef struct sim_call {
  keel__request *request; /* NULL once forgotten */
  uint32_t id;
  sim_what what;
  uint32_t statement, text;
  bool shares; /* it may run beside others */
  keel_request_kind kind;
  uint32_t flags;
  uint64_t lease;
  keel__time submitted, sent, deadline, acquire_deadline;
  bool settled, forgotten;
  bool waiting;        /* in the pool's queue, as far as callers know */
  bool on_server;      /* it was sent and its end is not known */
  bool maybe_done;     /* its link died while it was on the server */
  bool foreign;        /* a cancel for another one hit it */
  bool moved;          /* it was cancelled because it held up others */
  bool retried;        /* it was said to be tried again ... */
  keel__time retry_at; /* ... not before */
  uint32_t retries;
  bool delivered;     /* rows of it cannot be taken back */
  bool uncertain;     /* it was to be tried again although it may have been done */
  bool deaf;          /* there was no memory to say that it is tried again */
  uint32_t tentative; /* done in this transaction, which is still open */
  uint32_t tx;        /* of a COMMIT: what it is to commit, as far as we know of it; 0: nothing */
  keel__fate fate;    /* of a COMMIT, when it was sent */
  bool link_died;     /* under it */
  bool asking;        /* the server is being asked what became of it */
  uint32_t asks;      /* how often it was */
  bool unsayable;     /* the server has said that it does not know, or what it takes to ask is lost */
  keel__time link_died_at, asked_at;
  uint32_t sends, durable;
  keel_code code;
  keel_outcome outcome;
} sim_call;

typedef enum sim_tx { SIM_TX_OPEN, SIM_TX_COMMITTED, SIM_TX_ABORTED } sim_tx;

/* A statement, or (`call` NULL) a reset, a check or an inquiry, on its way through a session. */
typedef struct sim_job {
  sim_call *call;
  sim_call *inquiry; /* `call` NULL: it asks what became of this one */
  keel__verdict verdict;
  keel__plan plan;
  bool running, interrupted, finished;
  bool failed, prepared, nested, clean;
  bool check;
  char sqlstate[6];
  char status;
} sim_job;

#define SIM_MOST_JOBS 16u

struct sim_conn {
  sim_conn *next;
  keel__conn *conn;
  /* our side of the link */
  bool opened, closing, gone;
  sim_job jobs[SIM_MOST_JOBS]; /* oldest first */
  uint32_t job_count;
  uint32_t uses;
  uint64_t lease;        /* as last granted; 0: none, or given back */
  uint64_t ending_lease; /* the one given back last: what was submitted on it before is still finished */
  bool destroy_asked, reset_failed;
  bool asking;       /* the owner has not given the password yet */
  bool probes;       /* it was opened to find out whether the server is back */
  bool lives;        /* the server itself has refused it, for a reason that others may not have */
  bool check_passed; /* the last one */
  keel__time open_started, opened_at, last_cancel, last_used, reset_sent;
  /* the cancel that is not known to be delivered */
  bool cancel_unreported, cancel_travels;
  sim_call *cancel_for;
  /* the server's side */
  bool server_gone, silent;
  char transaction;  /* 'I', 'T', 'E' */
  uint32_t tx;       /* that has left a trace and is open; 0: none */
  uint32_t known_tx; /* the same as of the last answer that we had */
  keel__time inquired;
  uint8_t prepared[SIM_BACKENDS][SIM_STATEMENTS]; /* sim_prepared */
  uint32_t backend;
  keel__time last_answer; /* the server's latest */
  keel__time last_heard;  /* when we had it */
  keel__time check_begun;
  keel__time last_proof; /* when it was last known to be there: used, or checked */
};

enum sim_prepared { SIM_ABSENT, SIM_PRESENT, SIM_STALE };

typedef enum sim_event_kind {
  SIM_OPEN_STEP,
  SIM_FINISH,    /* the server ends the job that runs */
  SIM_ANSWER,    /* its answer reaches us */
  SIM_TELL_LOST, /* we notice that the link is dead */
  SIM_CANCEL_ARRIVES,
  SIM_CANCEL_REPORT,
  SIM_CLOSED,
  SIM_CUT,
  SIM_TX_ENDS, /* the server finds out that the link has gone, and what became of a COMMIT is settled there */
} sim_event_kind;

typedef struct sim_event {
  keel__time at;
  uint64_t order;
  sim_event_kind kind;
  sim_conn *conn;
  uint32_t tx; /* of SIM_TX_ENDS */
} sim_event;

typedef struct sim_hold {
  uint64_t lease;
  sim_conn *conn; /* NULL: it died */
} sim_hold;

#define SIM_MOST_EVENTS 8192u
#define SIM_MOST_HOLDS 256u

/* How likely (in percent) things go wrong in this pool's life. */
typedef struct sim_mood {
  unsigned action, open_fails, open_hangs, slow_server, cut, bad_statement, hangs, in_transaction, acquire,
      abort, deadline;
  unsigned cancel_lost, jump, check_hangs, knows_ids;
  unsigned commits;     /* whole transactions are in fashion, and links die under their COMMITs */
  keel__time undecided; /* for so long after a COMMIT's link has died the server says LATER */
  unsigned rush;        /* more come at once than can be served */
  bool pooler, down;
} sim_mood;

/* What the breaker ought to be, as far as it can be told from what happened. */
typedef struct sim_breaker {
  keel_breaker_state state; /* as last told */
  bool forced, by_hand;     /* OPEN by hand; a hand is at it right now */
  bool exact;               /* no rates: it opens after so many failures in a row and never else */
  uint32_t failures;        /* in a row */
  uint32_t proofs;          /* probes that the server has answered, since HALF_OPEN */
  bool probe_failed;        /* since HALF_OPEN */
  bool ahead;               /* it counts a silent server whose connection is about to be closed */
  bool slow;                /* slow calls have opened it, and no probe has failed since */
  uint64_t opened, rejected;
} sim_breaker;

struct sim_world {
  uint64_t seed;
  keel__rng rng;
  keel__time now;
  uint64_t step, steps;
  bool trace;
  /* one pool's life */
  keel__pool *pool;
  keel__pool_config config;
  sim_mood mood;
  sim_breaker breaker;
  long kept; /* details of failures that are kept */
  bool closing, pool_closed;
  bool stopping;         /* the pool is destroyed as it is */
  bool memory_fails;     /* now and then, in this life */
  bool health_asked;     /* by hand, and not yet told */
  bool lone_transaction; /* somebody has left a transaction open with a lone statement */
  keel__time drain_end;
  keel__time spare_since;    /* see check.c */
  keel__time failed_attempt; /* when the latest begun of those that failed began; 0: none failed */
  keel__time failed_at;      /* when the latest failed; 0: none since one succeeded */
  const sim_call *aborting, *submitting;
  sim_conn *conns;
  uint32_t conn_count; /* opened or being opened, and not told to close */
  sim_call calls[SIM_MOST_CALLS];
  uint32_t call_count, waiting, unforgotten;
  uint32_t first_unsettled; /* calls before this one are all settled */
  sim_hold holds[SIM_MOST_HOLDS];
  uint32_t hold_count;
  bool answered_texts[SIM_TEXTS]; /* the pool has seen how long they take */
  /* What anybody could know of how long texts take, the way there and back included, and of how fast the queue moves: how many
   * were taken from it after they had waited, and the longest time from one to the next while somebody waited. */
  keel__time longest[SIM_TEXTS], last_taken, longest_gap;
  uint64_t gone_leases[16]; /* given back; kept to use them once more */
  uint32_t gone_lease_count, taken;
  sim_event events[SIM_MOST_EVENTS];
  uint32_t event_count;
  uint64_t event_order;
  sim_tx txs[SIM_MOST_CALLS + 1]; /* from 1 */
  uint32_t tx_count;
  const void *detail;   /* what the failure being reported carries */
  keel__counters model; /* what the pool's counters ought to be */
  uint64_t pools, settled, retried, cancels, lost, grants, shed, breakers; /* since the run began */
  uint64_t checks, verdicts;
  uint64_t doubts, resolved;
};

/* Prints seed, step and what is wrong, and ends the process. */
_Noreturn void sim_fail(const sim_world *world, const char *invariant, ...)
    __attribute__((format(printf, 2, 3)));
void sim_trace(const sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- world.c */
void sim_run(sim_world *world, uint64_t seed, uint64_t steps);
uint64_t sim_below(sim_world *world, uint64_t limit);
bool sim_chance(sim_world *world, unsigned percent);
/* Mostly short, sometimes long. */
keel__time sim_delay(sim_world *world, keel__time usual);
void sim_at(sim_world *world, keel__time at, sim_event_kind kind, sim_conn *conn);
void sim_forget_events(sim_world *world, const sim_conn *conn,
                       unsigned kinds); /* bits: 1 << sim_event_kind */

/* ---- server.c: the I/O side and the server behind it */
void sim_server_open(void *io, keel__conn *keel);
void sim_server_send(void *io, keel__conn *keel, keel__request *request);
void sim_server_reset(void *io, keel__conn *keel);
void sim_server_cancel(void *io, keel__conn *keel);
void sim_server_close(void *io, keel__conn *keel, keel__close_reason reason);
void sim_server_check(void *io, keel__conn *keel);
bool sim_server_remember(void *io, keel__conn *keel, keel__request *request);
void sim_server_inquire(void *io, keel__conn *keel, const keel__request *request);
void sim_server_event(sim_world *world, sim_event event);
void sim_server_cut(sim_world *world); /* a link dies */
void sim_note_time(sim_world *world, const sim_call *call);
void sim_server_free(sim_world *world);

/* ---- caller.c: those who use the pool */
void sim_caller_act(sim_world *world);
void sim_caller_close(sim_world *world, bool at_once);
void sim_caller_settle(void *io, keel__request *request, const keel__failure *failure);
void sim_caller_forget(void *io, keel__request *request);
void sim_caller_opened(void *io, keel__conn *keel);
void sim_caller_gone(void *io, keel__conn *keel, keel__close_reason reason, const keel__failure *failure);
void sim_caller_pool_closed(void *io, keel__pool *pool);
void sim_caller_healthy(void *io, keel__pool *pool, keel__time latency, const keel__failure *failure);
bool sim_caller_retry(void *io, keel__request *request, keel__time delay, const keel__failure *why);
sim_call *sim_call_of(const keel__request *request);

/* ---- breaker.c: what is known of the server's life, and what the breaker makes of it */
void sim_breaker_choose(sim_world *world);
void sim_breaker_begin(sim_world *world);
void sim_breaker_changed(void *io, keel_breaker_state from, keel_breaker_state to, const char *reason);
void sim_breaker_by_hand(sim_world *world);
void sim_breaker_answered(sim_world *world);
void sim_breaker_opening(sim_world *world, sim_conn *conn);
void sim_breaker_opened(sim_world *world, const sim_conn *conn);
void sim_breaker_lost(sim_world *world, const sim_conn *conn); /* just before the core is told */
/* It has counted enough failures to open: nobody is to be tried again any more. */
bool sim_breaker_is_due(const sim_world *world);
void sim_breaker_closing(sim_world *world, const sim_conn *conn, keel__close_reason reason);
void sim_breaker_refused(sim_world *world, const sim_call *call, const keel__failure *failure);
void sim_breaker_check(sim_world *world);
void *sim_keep(void *io, const void *detail);
void sim_drop(void *io, void *kept);
/* ---- check_health.c */
/* Connections that those who wait may count on. */
unsigned sim_coming(const sim_world *world);
bool sim_is_fresh(const sim_world *world, const sim_conn *conn);
keel__time sim_check_limit(const sim_world *world); /* how long a check may take */
void sim_check_fresh(sim_world *world, const sim_conn *conn, const char *before);
void sim_check_check(sim_world *world, const sim_conn *conn);
void sim_check_verdict(sim_world *world, keel__time latency, const keel__failure *failure);
void sim_check_health(sim_world *world); /* after a tick */

/* ---- check.c */
void sim_check_open(sim_world *world);
void sim_check_send(sim_world *world, const sim_conn *conn, const keel__request *request);
void sim_check_clean(sim_world *world, const sim_conn *conn, const char *before);
void sim_check_turn(sim_world *world, const sim_call *call);
/* How fast the queue moves, as far as anybody can see from outside: just before it gives one away. */
void sim_note_taken(sim_world *world, const sim_call *call);
void sim_check_moved(sim_world *world, const sim_conn *conn);
/* Somebody whose COMMIT is in doubt, and for whom the server is to be asked now; NULL: nobody. */
const sim_call *sim_due(const sim_world *world);
void sim_check_inquiry(sim_world *world, const sim_conn *conn, const sim_call *call);
void sim_check_close(sim_world *world, const sim_conn *conn, keel__close_reason reason);
void sim_check_settlement(sim_world *world, const sim_call *call, const keel__failure *failure);
/* Before what it says is noted down. */
void sim_check_retry(sim_world *world, const sim_call *call, keel__time delay, const keel__failure *why);
void sim_check_step(sim_world *world, bool timers_are_done);
void sim_check_end(sim_world *world);
unsigned sim_opened_count(const sim_world *world);

#endif
