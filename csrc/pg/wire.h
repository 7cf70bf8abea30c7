/*
 * wire.h: the I/O side of one connection (core.h calls it conn->io). Engine thread only.
 *
 * The wire_* operations are the core's (keel__ops): they note what is wanted. keel__io_run does it, outside of the core.
 */
#ifndef KEEL_PG_WIRE_H
#define KEEL_PG_WIRE_H

#include <libpq-fe.h>

#include "cancel.h"
#include "detail.h"
#include "io.h"
#include "query.h"
#include "resolve.h"
#include "xid.h"

typedef enum keel__stage {
  KEEL__STAGE_NEW,        /* the core has asked for it */
  KEEL__STAGE_ASKING,     /* the owner is asked for the password */
  KEEL__STAGE_RESOLVING,  /* a lookup is under way */
  KEEL__STAGE_CONNECTING, /* PQconnectPoll() */
  KEEL__STAGE_STARTING,   /* the session's settings are on their way */
  KEEL__STAGE_OPEN,
  KEEL__STAGE_DEAD, /* failed, lost or told to close: nothing is reported but the closing */
} keel__stage;

enum keel__wants {
  KEEL__WANT_OPEN = 1,
  KEEL__WANT_CANCEL = 2,
  KEEL__WANT_WRITE = 4,
  KEEL__WANT_CLOSE = 8,
  KEEL__WANT_READ = 16, /* it was paused */
};

typedef enum keel__phase {
  KEEL__PHASE_EVICT,
  KEEL__PHASE_PRELUDE,
  KEEL__PHASE_PARSE,
  KEEL__PHASE_RUN,
  KEEL__PHASE_ASK_PARSE,
  KEEL__PHASE_ASK,
} keel__phase;

typedef struct keel__wire {
  keel__link work; /* in io->work while `wants` is not 0 */
  unsigned wants;
  keel__stage stage; /* changed by keel__wire_set_stage alone */
  keel__conn *conn;
  keel__target *target;
  PGconn *pg;
  uv_poll_t *poll;
  int fd, events; /* what `poll` watches */
  keel__lookup *lookup;
  keel__addresses addresses;
  int address;       /* the index of the one that libpq tries; -1: none yet */
  uv_timer_t *share; /* bounds the time of one address out of several; see connect.c */
  char *password;    /* the owner's answer, until it is used */
  keel__cancel *cancel;
  bool cancels_last;         /* it is closed once its cancel has been delivered */
  uv_timer_t *last_wait;     /* while it is told to close and waits for that */
  keel__item *head, *unsent; /* what is to be answered, in order; the first of it that is not on the wire */
  keel__item **tail;
  int heavy;                /* of these, how many are in io->heavy */
  keel__phase phase;        /* of the head's answers */
  bool pipeline;            /* libpq's mode */
  bool prepared;            /* the server has taken the head's Parse */
  bool committed;           /* the head is several statements, and a transaction has ended well within them */
  bool short_of_memory;     /* a part of the head's result is lost */
  bool in_rows;             /* the head's columns were told, the end of its rows was not */
  PGresult *rows;           /* rows of the head's that are not all laid out; NULL: none */
  int row;                  /* the first of them */
  char tag[64];             /* of a result whose end is still to come; see result.c */
  bool paused;              /* the head's taker has enough before him: nothing is read */
  bool clogged;             /* what is to be sent waits for the socket */
  PGresult *error;          /* the head's */
  keel__detail *last_words; /* the server's FATAL while nothing was in flight */
  keel__item reset, check, ask, inquiry;
  keel__xid xid;
  keel__xid_memory inquired; /* what the inquiry is about */
  keel__verdict verdict;     /* its answer, until its end has come */
  bool asks_life;            /* the settings' statement asks for what keel__xid_opened needs */
  bool settings_refused;     /* it was refused, the end of the refusal is still to come ... */
  bool refused_for_good;     /* ... and what is asked for besides will be refused again */
  char *parameters;          /* as last told: name NUL value NUL ... */
  size_t parameters_size;
  keel__time settings_sent; /* while they are being applied */
  bool settings_touched;    /* a SET has run since */
  keel_event *announcement; /* KEEL_EV_OPENED, made before the core can be told: a lease may depend on it */
} keel__wire;

void keel__wire_set_stage(keel__wire *wire, keel__stage stage);
void keel__wire_want(keel__wire *wire, unsigned wants);

/* ---- operations of the core */
void keel__wire_open(keel__target *target, keel__conn *conn);
void keel__wire_send(keel__conn *conn, keel__request *request);
void keel__wire_reset(keel__conn *conn);
void keel__wire_cancel(keel__conn *conn);
void keel__wire_check(keel__conn *conn);
void keel__wire_close(keel__conn *conn);
bool keel__wire_remember(const keel__conn *conn, keel__query *query);
void keel__wire_inquire(keel__conn *conn, const keel__query *query);
/* The taker has acknowledged rows of the query; it has been settled and has no taker any more. */
void keel__wire_acknowledged(keel__conn *conn, const keel__query *query);
void keel__wire_settled(keel__conn *conn, const keel__query *query);
/* It will be closed when its cancel, if it has one, has been delivered. */
void keel__wire_cancels_last(keel__conn *conn);

/* ---- the engine */
/* Does what is wanted of all connections until nothing is left to do. */
void keel__io_run(keel__io *io);
/* Of that only what is to be written. */
void keel__io_write(keel__io *io);
/* Connections that there was no memory for; with keel__io_run. */
void keel__target_run(keel__target *target, keel__pool *pool);
/* The owner's answer to KEEL_EV_PASSWORD. */
void keel__wire_password(keel__wire *wire, const char *password, const char *failure);
/* Lets go of everything at once, reporting nothing: the engine stops. */
void keel__wire_destroy(keel__wire *wire);
/* For KEEL_EV_LEASED, KEEL_EV_OPENED. Valid while the connection is. */
keel__peer keel__wire_peer(const keel__wire *wire);

/* The KEEL_EV_OPENED of a connection that has just been opened. */
keel_event *keel__wire_take_announcement(keel__wire *wire);

/* ---- among the files of the wire */
/* wire.c. NULL: no memory. */
keel_event *keel__wire_announcement(const keel__wire *wire);
/* connect.c */
void keel__connect_begin(keel__wire *wire);
void keel__connect_step(keel__wire *wire);
void keel__connect_failed(keel__wire *wire, const keel__detail *detail);
void keel__connect_end_share(keel__wire *wire);
/* exchange.c: writes what may be written; reads what has come. */
void keel__exchange_write(keel__wire *wire);
void keel__exchange_read(keel__wire *wire);
/* Goes on reading after a pause. */
void keel__exchange_resume(keel__wire *wire);
void keel__exchange_lost(keel__wire *wire);
/* parameters.c: name NUL value NUL of every setting that libpq knows of; the bytes used of `to`. */
#define KEEL__PARAMETERS_SIZE 2048
size_t keel__parameters_list(PGconn *pg, char *to, size_t size);
/* What the settings are now needs no telling: KEEL_EV_OPENED holds them. */
void keel__parameters_known(keel__wire *wire);
/* A command has run; was it one that may change a setting? */
void keel__parameters_touched(keel__wire *wire, const char *tag);
/* KEEL_EV_PARAMETER for each setting that has changed, once the server is ready again. */
void keel__parameters_report(keel__wire *wire);
/* result.c: hands a result of the head's on as events; it takes the result over. A row mode leaves rows gathered, and a pause
 * leaves wire->rows. */
void keel__result_deliver(keel__wire *wire, PGresult *result);
/* Goes on with wire->rows. */
void keel__result_go_on(keel__wire *wire);
/* Hands on the rows that were gathered. */
void keel__result_flush(keel__wire *wire);
/* FATAL or PANIC: the session is over. */
bool keel__result_is_fatal(const PGresult *result);
void keel__result_notice(void *wire_data, const PGresult *result);
void keel__result_notifications(keel__wire *wire);
/* wire.c */
void keel__wire_watch(keel__wire *wire, int events);
void keel__wire_unwatch(keel__wire *wire);
void keel__wire_emit(keel__wire *wire, keel_event *event, uint64_t tag);
/* The head has been answered. */
void keel__wire_pop(keel__wire *wire);
/* What was read at once has not ended the head's answer: the rest is not for a host to read, whatever the last one was. */
void keel__wire_grows(keel__wire *wire);

static inline void keel__wire_lock(const keel__wire *wire) {
  wire->target->io->lock(wire->target->io->data);
}
static inline void keel__wire_unlock(const keel__wire *wire) {
  wire->target->io->unlock(wire->target->io->data);
}

#endif
