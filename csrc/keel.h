/*
 * keel.h: the public face of the pgkeel engine, a PostgreSQL connection pool in C.
 *
 * An engine is one thread. It owns every pool, connection and request given to it; other threads hand it work with
 * keel_submit() and friends (they copy what they are given and never block on the network) and take what came of it
 * with keel_next(). Nothing here calls back into the application but the doorbell. An application with an event loop may
 * take some of the engine's turns itself: keel_engine_turn().
 *
 *   keel_engine_start -> keel_pool_open -> keel_submit ... keel_wait / keel_next ... -> keel_pool_close -> keel_engine_stop
 *
 * Rules that hold for every function:
 *   - A function that can fail returns a keel_code; KEEL_OK is 0. When it returns anything else, no event for that
 *     call will ever arrive; when it returns KEEL_OK, the final event for it arrives exactly once, also through close.
 *   - Strings are UTF-8 and, where no length is given, NUL-terminated. What is passed in is copied before return.
 *   - Times are milliseconds unless the name says otherwise; 0 means "no limit" for a timeout.
 *   - "Any thread" functions may be called from any thread but the engine's own; events of one engine are to be taken by
 *     one thread at a time.
 */
#ifndef KEEL_H
#define KEEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KEEL_API __attribute__((visibility("default")))
#define KEEL_MUST_CHECK __attribute__((warn_unused_result))
#else
#define KEEL_API
#define KEEL_MUST_CHECK
#endif

#define KEEL_VERSION "8.23.0"

/* ---------------------------------------------------------------- errors */

/* X(name, number, what it means). The names are the codes that an application sees; numbers never change meaning. */
#define KEEL_ERROR_MAP(X)                                             \
  X(OK, 0, "success")                                                 \
  X(SERVER, 1, "the server answered with an error; see its SQLSTATE") \
  X(CONNECT_FAILED, 2, "no connection could be opened")               \
  X(CONNECT_TIMEOUT, 3, "a connection was not open in time")          \
  X(CONNECTION_LOST, 4, "the link to the server died")                \
  X(ACQUIRE_TIMEOUT, 5, "no connection became free in time")          \
  X(QUEUE_FULL, 6, "too many requests are waiting already")           \
  X(QUERY_TIMEOUT, 7, "the request's deadline passed")                \
  X(ABORTED, 8, "the caller aborted the request")                     \
  X(BREAKER_OPEN, 9, "refused at once: the node is known to be down") \
  X(POOL_CLOSED, 10, "the pool is closing or closed")                 \
  X(CONFIG, 11, "a bad option, variable or connection string")        \
  X(NO_MEMORY, 12, "out of memory")                                   \
  X(MISUSE, 13, "a call that its contract forbids, such as a query on a lease given back")

typedef enum keel_code {
#define KEEL_ERROR_ENUM(name, number, text) KEEL_##name = number,
  KEEL_ERROR_MAP(KEEL_ERROR_ENUM)
#undef KEEL_ERROR_ENUM
} keel_code;

/* "KEEL_OK", "KEEL_CONNECT_FAILED", ...; never NULL. Any thread. */
KEEL_API const char *keel_code_name(keel_code code);
/* The meaning in words, from the map above; never NULL. Any thread. */
KEEL_API const char *keel_code_text(keel_code code);

/* What is known of a failed request's effect. */
typedef enum keel_outcome {
  KEEL_OUTCOME_NONE = 0,    /* not a failure */
  KEEL_NOT_SENT = 1,        /* the server never got it */
  KEEL_ROLLED_BACK = 2,     /* the server left no trace of it */
  KEEL_OUTCOME_UNKNOWN = 3, /* it may have happened */
} keel_outcome;

/* A human-readable reason, filled by the functions that take one. Never holds a password or a parameter. */
typedef struct keel_reason {
  char option[64];   /* the option at fault, or "" */
  char message[512]; /* what was wrong and what is accepted */
} keel_reason;

/* ---------------------------------------------------------------- engine */

typedef struct keel_engine keel_engine;
typedef struct keel_pool keel_pool;
typedef struct keel_event keel_event;

/* Called on the engine thread when events are there and keel_next() has found none since the last ring. It must not
 * block and must not call into keel; it is to wake the thread that takes the events. */
typedef void (*keel_doorbell)(void *data);

typedef struct keel_engine_options {
  size_t size;            /* stamped by keel_engine_options_init */
  keel_doorbell doorbell; /* NULL: the taker uses keel_wait() */
  void *doorbell_data;
  int utf16_offsets; /* 1: KEEL_EV_ROWS for JavaScript, offsets in UTF-16 units; 0: for keel_rows_value() */
  int hosted;        /* 1: the one thread that uses the engine also calls keel_engine_turn() */
} keel_engine_options;

KEEL_API void keel_engine_options_init(keel_engine_options *options);

/* Starts the engine thread. Any thread. *engine is set only on KEEL_OK; end it with keel_engine_stop. */
KEEL_API KEEL_MUST_CHECK keel_code keel_engine_start(const keel_engine_options *options,
                                                     keel_engine **engine);

/* Ends the engine at once: sockets are closed, work in flight is abandoned (close the pools first to have it settled),
 * events not yet taken are dropped, and after return the doorbell is never called again. Pools of this engine are freed.
 * Returns within a second even while a name server or a cancel stalls. Any thread but the engine's; once. */
KEEL_API void keel_engine_stop(keel_engine *engine);

/* A hosted engine: where so little is to be done that waking the engine's thread would take longer, the host does it: the
 * thread that submits and takes events, and that has an event loop of its own. The engine's thread sees to all the rest, and
 * to everything as soon as the host has missed something for a millisecond: deadlines, cancels, health checks and large results
 * never wait for the host. */

/* What the host says ... */
enum keel_host_flags {
  KEEL_HOST_READABLE = 1, /* its loop has found keel_engine_fd() to be readable */
  KEEL_HOST_BUSY = 2,     /* it has no time: the engine's thread is to do everything */
};
/* ... and what it is told. */
enum keel_turn_flags {
  KEEL_TURN_WATCH = 1,  /* watch keel_engine_fd(); without this: do not */
  KEEL_TURN_EVENTS = 2, /* keel_next() has something; the doorbell does not tell of it */
};

/* Readable when the engine has something to do. To be watched only as keel_engine_turn() says. Valid while the engine is. */
KEEL_API int keel_engine_fd(const keel_engine *engine);

/* Does what is to be done, if it is little and the engine's thread is not at it; else wakes that thread. Never waits. The host
 * calls it after keel_submit() and keel_release() (once after many; until then they may wait), and when what it watches is
 * readable, with keel_host_flags. Answers keel_turn_flags; 0 for an engine that is not hosted. */
KEEL_API unsigned keel_engine_turn(keel_engine *engine, unsigned flags);

/* ---------------------------------------------------------------- pool */

typedef enum keel_prepare {
  KEEL_PREPARE_AUTO = 0, /* prepare from the second use on; stops when a pooler in between cannot do it */
  KEEL_PREPARE_ALWAYS = 1,
  KEEL_PREPARE_NEVER = 2,
} keel_prepare;

typedef struct keel_pool_options {
  size_t size;      /* stamped by keel_pool_options_init */
  const char *name; /* for metrics; default "pool" */

  /* Where to connect. `conninfo` is a libpq keyword string or URI (several hosts, target_session_attrs, service,
   * passfile ... all work); the NULL-terminated `keywords`/`values` pairs override it, as in PQconnectdbParams.
   * The environment (PG*) and service and pass files fill what is left, as libpq does. */
  const char *conninfo;
  const char *const *keywords;
  const char *const *values;
  /* PEM text instead of files; each overrides sslrootcert, sslcert, sslkey. NULL: not given. */
  const char *ssl_ca_pem;
  const char *ssl_cert_pem;
  const char *ssl_key_pem;
  /* NULL-terminated pairs applied with SET in one round trip after connecting (statement_timeout ...). */
  const char *const *session_names;
  const char *const *session_values;

  uint32_t min;               /* connections kept warm; default 0 */
  uint32_t max;               /* default 10, at least 1 */
  uint32_t max_waiting;       /* requests waiting for a connection, more are refused; 0: no bound (default) */
  uint32_t max_uses;          /* a connection is retired after so many leases and lone statements; 0: off */
  int64_t acquire_timeout_ms; /* to wait for a connection; default 0 */
  int64_t connect_timeout_ms; /* to open one connection, names and TLS included; default 0 */
  int64_t idle_timeout_ms;    /* an idle connection above min is closed after this; default 10000, 0: never */
  int64_t
      max_lifetime_ms; /* a connection is retired at max_lifetime * (1 - random(0, jitter)); 0: off (default) */
  double lifetime_jitter;    /* 0..1, default 0.05 */
  int64_t query_timeout_ms;  /* default deadline of a query, from submission; 0 (default): none */
  int64_t cancel_timeout_ms; /* a server silent so long after a cancel costs the connection; default 10000 */
  int64_t drain_timeout_ms;  /* keel_pool_close's bound unless it is told another; default 10000 */
  keel_prepare prepare;      /* default KEEL_PREPARE_AUTO */
  uint32_t prepare_cache;    /* prepared statements kept per connection (LRU); default 256 */
  /* Lone statements in flight on one connection, if they are known to be quick; 1: never more than one. Default 64 */
  uint32_t pipeline_depth;
  int hold_new;     /* 1: each new connection is first lent to the owner (KEEL_EV_OPENED with a lease) */
  int ask_password; /* 1: KEEL_EV_PASSWORD asks at every new connection; answer keel_pool_password */
  int announce;     /* 1: KEEL_EV_OPENED and KEEL_EV_CLOSED for every connection; default 1 */
  int single;       /* 1: a pool of one connection that is opened once and not replaced (pg's Client) */
  /* 1 (default): when more comes than can be served, what could not be served before its deadline or within
   * acquire_timeout_ms is refused when it comes (KEEL_QUEUE_FULL), or not sent any more (KEEL_QUERY_TIMEOUT, KEEL_NOT_SENT). */
  int shed;

  /* The circuit breaker: when the server is known to be down, requests that would need another connection are refused at
   * once (KEEL_BREAKER_OPEN) instead of being tried. What counts as a failure is the server's: connecting fails (but not
   * for what a server that lives answers to it, such as 53300 or 28P01), the link dies under a statement, a cancel or a
   * rollback is not answered in time. Errors of statements, deadlines and aborts never count. While it is open the engine
   * itself tries to connect, at growing intervals of at most a second; that this succeeds closes it. */
  int breaker;                        /* 1: on; default 0. A `single` pool has none */
  uint32_t breaker_failure_threshold; /* failures in a row that open it; default 5 */
  int64_t breaker_reset_timeout_ms;   /* the longest that an open one goes without a probe; default 30000 */
  /* Besides it opens when, of the last calls, this share in percent has failed or was slow; 0 (default): off. Calls are
   * answered statements and attempts to connect. */
  double breaker_failure_rate, breaker_slow_rate;
  int64_t breaker_slow_call_ms; /* what takes longer is slow; default 60000 */
  int breaker_by_time; /* 1: the last calls are those of the last seconds; 0 (default): so many calls */
  uint32_t breaker_window_size;   /* so many calls, or seconds; default 100, at most 100000 */
  uint32_t breaker_minimum_calls; /* with fewer in the window no rate counts; default 100 */
  uint32_t breaker_probes;        /* so many that succeed one after the other close it; default 1 */
  int64_t
      breaker_probe_timeout_ms; /* what a probe may take, if connect_timeout_ms is not shorter; 5000 is default and 0 */
  /* KEEL_EV_HEALTH about so often (times 0.9 to 1.1): whether the node answers. Asked of a connection that nobody misses, an
   * idle one or a new one; where all are in use the answers that their users get are the proof. 0: off (default) */
  int64_t health_check_interval_ms;
  /* A connection that has been idle for longer is checked before it is handed out, in the caller's time; one that does not
   * answer within connect_timeout_ms (5 s at most) is closed and the next is taken. -1: never checked (default) */
  int64_t alive_bypass_ms;
  /* How often a request is tried again: a lone statement or KEEL_ACQUIRE for which no connection could be opened, unless the
   * server has refused it for good (28xxx, 3D000, 42xxx ...); a lone statement that the server has rolled back (40001, 40P01);
   * a lone one whose link died, if it only reads or is KEEL_Q_IDEMPOTENT. All within its one deadline. Default 0; never with
   * `single`. */
  uint32_t max_retries;
  /* The pause before the n-th of them, n from 0, is random(0, min(retry_max_delay, retry_delay * 2^n)). */
  int64_t retry_delay_ms;     /* default 1000 */
  int64_t retry_max_delay_ms; /* default 30000 */
  /* 1 (default): when the link dies under a COMMIT of a lease, the server is asked on another connection what became of that
   * transaction, and the COMMIT succeeds or fails accordingly: its final event comes after the connection's KEEL_EV_CLOSED and
   * names no connection. PostgreSQL 15 and later; not with `single`. */
  int resolve_commits;
  int64_t resolve_timeout_ms; /* for how long, where the COMMIT has no deadline; default 30000 */
} keel_pool_options;

KEEL_API void keel_pool_options_init(keel_pool_options *options);

/* Opens a pool; connects nothing unless min > 0. Every option is validated here, libpq's too, without touching the
 * network: KEEL_CONFIG with the reason filled (which may be NULL). Any thread. End it with keel_pool_close, then
 * keel_pool_free once KEEL_EV_POOL_CLOSED has been taken (or stop the engine). */
KEEL_API KEEL_MUST_CHECK keel_code keel_pool_open(keel_engine *engine, const keel_pool_options *options,
                                                  keel_pool **pool, keel_reason *reason);

/* A small number, unique in the engine, that the pool's events carry. Any thread. */
KEEL_API uint32_t keel_pool_id(const keel_pool *pool);

/* Begins to close. New work is refused (KEEL_POOL_CLOSED); requests waiting for a lease are settled so at once; accepted
 * statements finish; whatever is left after `timeout_ms` (negative: the pool's drain_timeout_ms) is cancelled and its
 * connections are closed (a server that does not even take the cancel is waited for a second at most). With `force` the
 * timeout is 0. KEEL_EV_POOL_CLOSED comes last, once. Calling again may only shorten the time left. Any thread. */
KEEL_API void keel_pool_close(keel_pool *pool, int64_t timeout_ms, int force);

/* Frees the handle. After KEEL_EV_POOL_CLOSED only. Any thread. */
KEEL_API void keel_pool_free(keel_pool *pool);

/* 1: from now on new connections are lent to the owner first (hold_new). Any thread. */
KEEL_API void keel_pool_hold_new(keel_pool *pool, int on);

/* By hand, whether or not the pool has a breaker of its own (a `single` one has none): forced open it refuses all that would
 * need another connection and makes no probes until it is closed; closed, what it has counted is forgotten. Any thread. */
typedef enum keel_breaker_action { KEEL_BREAKER_FORCE_OPEN = 1, KEEL_BREAKER_CLOSE = 2 } keel_breaker_action;
KEEL_API void keel_pool_breaker(keel_pool *pool, keel_breaker_action action);

typedef enum keel_breaker_state {
  KEEL_BREAKER_IS_CLOSED = 0,    /* requests are tried */
  KEEL_BREAKER_IS_OPEN = 1,      /* they are refused */
  KEEL_BREAKER_IS_HALF_OPEN = 2, /* they are refused, and the engine tries to connect */
} keel_breaker_state;
/* Asks for a health check now; KEEL_EV_HEALTH tells what it found, within connect_timeout_ms (5 s where there is none) for each
 * connection that had to be tried, of which there are two at most. Several calls may share one event. No effect once the
 * pool is closed. Any thread. */
KEEL_API void keel_pool_check(keel_pool *pool);

/* Answers KEEL_EV_PASSWORD for a connection: the password, or NULL with a message to fail the attempt. Any thread. */
KEEL_API void keel_pool_password(keel_pool *pool, uint32_t connection, const char *password,
                                 const char *failure);

/* ---------------------------------------------------------------- requests */

typedef enum keel_request_kind {
  KEEL_QUERY = 1,   /* final event: KEEL_EV_DONE or KEEL_EV_ERROR */
  KEEL_ACQUIRE = 2, /* final event: KEEL_EV_LEASED or KEEL_EV_ERROR */
} keel_request_kind;

#define KEEL_Q_SIMPLE 0x1u      /* the simple protocol: several statements, no parameters */
#define KEEL_Q_BINARY 0x2u      /* results in binary (extended protocol only) */
#define KEEL_Q_NO_PREPARE 0x4u  /* never prepare this one */
#define KEEL_Q_PREPARE 0x8u     /* prepare this one at its first use */
#define KEEL_Q_IDEMPOTENT 0x10u /* the caller says that running it twice does no harm; see max_retries */
/* Its rows are taken one after the other, perhaps slowly (a stream): it never shares a connection with other statements, its
 * rows are handed over as they arrive, and once some were it is not run a second time. */
#define KEEL_Q_ALONE 0x20u
/* The taker says with keel_ack what he has done with. With more than KEEL_WINDOW bytes of its KEEL_EV_ROWS before him the
 * engine stops reading from the server, and goes on when it is less than half of that. */
#define KEEL_Q_PACED 0x40u
/* Not a row before the statement has succeeded, however large the result: for a taker who cannot take rows back. Should it
 * fail after that all the same (at its commit), it is not run a second time. */
#define KEEL_Q_WHOLE 0x100u

/* Never tried again, whatever max_retries says: who asks wants to know how things are now. */
#define KEEL_Q_ONCE 0x400u

#define KEEL_WINDOW (1u << 20)

/* A statement's text (and name), to be handed over once and asked for many times. It belongs to no pool and no engine. */
typedef struct keel_statement keel_statement;

/* Copies text and name; `name` is the caller's for a named statement, or NULL. NULL: no memory. Any thread. */
KEEL_API KEEL_MUST_CHECK keel_statement *keel_statement_new(const char *text, size_t length,
                                                            const char *name);
/* Lets go of it; requests under way that use it keep it until they have ended. NULL is allowed. Any thread. */
KEEL_API void keel_statement_free(keel_statement *statement);

typedef struct keel_request {
  uint64_t tag;   /* the caller's; comes back in every event of this request. Unique among those in flight */
  uint64_t lease; /* 0: any connection of the pool; else a lease taken by KEEL_ACQUIRE */
  keel_request_kind kind;
  uint32_t flags;            /* KEEL_Q_* */
  int64_t timeout_ms;        /* negative: the pool's query_timeout_ms or acquire_timeout_ms; 0: none */
  keel_statement *statement; /* what to run; NULL: text and name say it */
  const char *text;
  size_t text_length;
  const char *name; /* statement name chosen by the caller (a named statement), or NULL */
  /* On a lease: a command such as BEGIN that is sent in front of this one, in the same round trip. When it fails this one is
   * not run and ends with that failure. Neither may be KEEL_Q_SIMPLE or COPY. NULL: none */
  keel_statement *prelude;
  uint32_t param_count;
  const char *const *params;    /* NULL entry: SQL NULL */
  const int32_t *param_lengths; /* bytes, for every param */
  const uint8_t *param_formats; /* 0 text, 1 binary; NULL: all text */
} keel_request;

/* Hands over `count` requests; they are taken in this order, first come, first served. All or none is accepted:
 * KEEL_NO_MEMORY or KEEL_MISUSE (a malformed request) refuse the whole batch. A request that the pool refuses
 * (closed, queue full) is accepted here and settled by KEEL_EV_ERROR. Any thread. */
KEEL_API KEEL_MUST_CHECK keel_code keel_submit(keel_pool *pool, const keel_request *requests, size_t count);

/* Asks that a request be given up: one that waits is settled with KEEL_ABORTED (KEEL_NOT_SENT), one that runs is
 * cancelled on the server. No effect when it has been settled already. Any thread. */
KEEL_API void keel_abort(keel_pool *pool, uint64_t tag);

/* Says that the taker has done with `bytes` (keel_event_block's size) of this request's KEEL_EV_ROWS. For KEEL_Q_PACED; may be
 * saved up, to a quarter of KEEL_WINDOW at most. No effect when the request has been settled already. Any thread. */
KEEL_API void keel_ack(keel_pool *pool, uint64_t tag, uint64_t bytes);

/* Gives a lease back. Statements submitted on it before are finished first, and a connection left inside a transaction is
 * rolled back before anybody else gets it. With `destroy` it is closed at once: what runs on it is cancelled and settled with
 * KEEL_CONNECTION_LOST. A lease that is gone already is no error. Any thread. */
KEEL_API void keel_release(keel_pool *pool, uint64_t lease, int destroy);

/* ---------------------------------------------------------------- events */

typedef enum keel_event_kind {
  KEEL_EV_FIELDS = 1,       /* a result set begins: its columns */
  KEEL_EV_ROWS = 2,         /* some of its rows */
  KEEL_EV_COMPLETE = 3,     /* it ends: its command tag; "" for an empty statement */
  KEEL_EV_DONE = 4,         /* final: the query succeeded */
  KEEL_EV_ERROR = 5,        /* final: the request failed */
  KEEL_EV_LEASED = 6,       /* final: the lease is yours */
  KEEL_EV_NOTICE = 7,       /* the server warned or informed */
  KEEL_EV_NOTIFICATION = 8, /* NOTIFY */
  KEEL_EV_PARAMETER = 9,    /* a server setting was reported (client_encoding, TimeZone ...) */
  KEEL_EV_OPENED = 10,      /* a connection is open; with a lease when hold_new */
  KEEL_EV_CLOSED = 11,      /* a connection is gone; with the reason when that was not ours */
  KEEL_EV_PASSWORD = 12,    /* answer with keel_pool_password */
  KEEL_EV_POOL_CLOSED = 13, /* last event of a pool */
  KEEL_EV_COPY = 14,        /* COPY: FROM STDIN is made to fail (57014), the data of TO STDOUT is dropped */
  KEEL_EV_BREAKER = 15,     /* the circuit breaker has changed its state */
  KEEL_EV_HEALTH = 17,      /* the node was checked; keel_error_code is KEEL_OK when it is well */
  /* The request of that tag has failed and is tried again: what came of it so far no longer counts. KEEL_EV_ERROR's accessors
   * say why; keel_error_attempts is the number of the attempt that comes. */
  KEEL_EV_RETRY = 16,
} keel_event_kind;

/* The next event, or NULL when there is none now. It is the taker's until keel_event_free. One thread at a time. */
KEEL_API keel_event *keel_next(keel_engine *engine);
KEEL_API void keel_event_free(keel_event *event);
/* Waits until there is an event (1) or the time is over (0). Negative: for ever. Not with a doorbell. */
KEEL_API int keel_wait(keel_engine *engine, int64_t timeout_ms);

/* The accessors below read an event that the caller holds; what they return lives as long as it. */
KEEL_API keel_event_kind keel_event_type(const keel_event *event);
KEEL_API uint64_t keel_event_tag(const keel_event *event);
KEEL_API uint32_t keel_event_pool(const keel_event *event);       /* keel_pool_id */
KEEL_API uint32_t keel_event_connection(const keel_event *event); /* unique in the pool; 0: none */
KEEL_API uint64_t keel_event_lease(const keel_event *event); /* of KEEL_EV_LEASED, KEEL_EV_OPENED; else 0 */

typedef struct keel_field {
  const char *name; /* not NUL-terminated */
  uint32_t name_length;
  uint32_t table_id;
  int32_t column_id;
  uint32_t type_id;
  int32_t type_size;
  int32_t type_modifier;
  int32_t format;
} keel_field;

/* KEEL_EV_FIELDS */
KEEL_API uint32_t keel_fields_count(const keel_event *event);
KEEL_API keel_field keel_fields_get(const keel_event *event, uint32_t column);
/* KEEL_EV_ROWS of an engine with utf16_offsets 0. NULL: SQL NULL. Not NUL-terminated. */
KEEL_API uint32_t keel_rows_count(const keel_event *event);
KEEL_API uint32_t keel_rows_columns(const keel_event *event);
KEEL_API const char *keel_rows_value(const keel_event *event, uint32_t row, uint32_t column,
                                     uint32_t *length);
/* KEEL_EV_COMPLETE: the command tag ("INSERT 0 1"), NUL-terminated. */
KEEL_API const char *keel_complete_tag(const keel_event *event);
/* KEEL_EV_HEALTH: how long the server took to answer, in microseconds; -1: it did not, or it was busy answering others. */
KEEL_API int64_t keel_health_latency_us(const keel_event *event);
/* KEEL_EV_RETRY: milliseconds until it is tried again. */
KEEL_API uint32_t keel_retry_delay(const keel_event *event);
/* KEEL_EV_ERROR, KEEL_EV_CLOSED, KEEL_EV_NOTICE, KEEL_EV_HEALTH, KEEL_EV_RETRY. `letter` is the protocol's field code
 * ('C' SQLSTATE, 'M' message, 'D' detail, 'H' hint, 'S' severity ...), beside them 'e' (the system's error, such as
 * "ECONNREFUSED") where there is one. "" when it was not given. */
KEEL_API keel_code keel_error_code(const keel_event *event);
KEEL_API keel_outcome keel_error_outcome(const keel_event *event);
KEEL_API uint32_t keel_error_attempts(const keel_event *event);
KEEL_API const char *keel_error_field(const keel_event *event, char letter);
/* With KEEL_BREAKER_OPEN the fields are those of the failure that opened the breaker, and this is its code (KEEL_OK: there
 * was none; it was slow, or forced open) and how many ms later the next attempt to connect begins or, where one is under way,
 * ends at the latest (0: not before it is closed by hand). */
KEEL_API keel_code keel_error_cause(const keel_event *event);
KEEL_API int64_t keel_error_retry_after(const keel_event *event);
/* KEEL_EV_BREAKER: "5 failures in a row", "the probe succeeded", "forced open" ...; "" for other events. */
KEEL_API keel_breaker_state keel_breaker_from(const keel_event *event);
KEEL_API keel_breaker_state keel_breaker_to(const keel_event *event);
KEEL_API const char *keel_breaker_reason(const keel_event *event);

/* The event as one block of memory, for those who carry it to another language: see block.h of the sources for the
 * layout, which belongs to this version alone. */
KEEL_API const void *keel_event_block(const keel_event *event, size_t *size);

/* ---------------------------------------------------------------- figures */

/* Times in ms. The quantiles come from a log-linear histogram with a relative error below 1 %. */
typedef struct keel_summary {
  double count, min, max, mean, p50, p90, p99, p999;
} keel_summary;

/* Counters since the pool was opened; gauges as of now. What is new goes to the end, where an older caller has no place for it. */
typedef struct keel_pool_stats {
  size_t size; /* set by the caller: sizeof(keel_pool_stats), or less: members behind it are left alone */
  int state;   /* 0 open, 1 draining, 2 closed */
  double started, succeeded, failed, retried, timed_out, cancelled, rejected, slow, running;
  double total, idle, active, connecting, waiting, min, max;
  double created, closed, connect_failed, resets;
  /* The breaker: keel_breaker_state, failures in a row, how often it has opened, requests it has refused, when the last
   * failure was that counted (ms since 1970; 0: never). */
  double breaker_state, breaker_failures, breaker_opened, breaker_rejected, breaker_last_failure;
  double healthy, last_check; /* of the last health check: 1 or 0, when (ms since 1970); 1, 0: none yet */
  keel_summary latency_total, latency_queue, latency_server, latency_delivery;
  /* Of `closed`: their link died, they were idle for too long, retired (age, uses), given back to be closed, could not be
   * made clean, or their server was silent after a cancel. */
  double closed_lost, closed_idle, closed_retired, closed_released, closed_unclean, closed_silent;
} keel_pool_stats;

/* Fills *stats with figures that take all into account that this thread handed over before. It waits for the engine to
 * have read its mailbox (microseconds; 20 ms at most). Any thread. */
KEEL_API void keel_pool_stats_read(keel_pool *pool, keel_pool_stats *stats);

/* PQlibVersion() of the libpq in use, e.g. 150018. Any thread. */
KEEL_API int keel_libpq_version(void);

#ifdef __cplusplus
}
#endif
#endif
