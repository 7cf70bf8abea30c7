/*
 * xid.h: the id of the transaction that a holder has open on a connection, and what became of a transaction. Engine thread only.
 *
 * An id is asked for behind the statements that may have taken one, in their round trip; where such a statement went by the
 * simple protocol, which carries nothing else, in one of its own before the COMMIT. An id alone would not do: after a fail-over
 * it may be another transaction's, and so it may after a crash, for a server remembers only the ids that have reached its disk.
 * Hence a connection is asked at its opening which history its server writes, and since when.
 */
#ifndef KEEL_PG_XID_H
#define KEEL_PG_XID_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "../core/core.h"

struct keel__wire;
struct keel__query;

typedef enum keel__xid_state {
  KEEL__XID_NONE,  /* nothing so far can have taken one */
  KEEL__XID_MAYBE, /* something may have, and it was not looked since */
  KEEL__XID_EMPTY, /* nothing had at the last look, but for a NOTIFY, which takes one at the COMMIT */
  KEEL__XID_KNOWN,
} keel__xid_state;

#define KEEL__XID_BYTES 8

/* As the server sends them in binary; all but the timeline are numbers. */
typedef struct keel__server_life {
  char cluster[KEEL__XID_BYTES];
  char timeline[9];
  char started[KEEL__XID_BYTES]; /* when its postmaster was */
  char fresh[KEEL__XID_BYTES];   /* when it last lost its figures, as it does in every crash */
} keel__server_life;

/* Of a wire. */
typedef struct keel__xid {
  bool able;     /* the server can say */
  bool moves;    /* a pooler is in between: each transaction may be on another server */
  bool prepared; /* the session has the prepared statement that asks */
  keel__xid_state state;
  char id[KEEL__XID_BYTES];
  keel__server_life life;
} keel__xid;

/* What is kept of a COMMIT in doubt. */
typedef struct keel__xid_memory {
  char id[KEEL__XID_BYTES];
  keel__server_life life;
} keel__xid_memory;

/* ---- at the opening: columns of a SELECT whose result is in binary, after which its row is read from column `first` on */
extern const char *const keel__xid_columns;
/* Whether the server is to be asked at all. */
bool keel__xid_wanted(const struct keel__wire *wire);
void keel__xid_opened(struct keel__wire *wire, const PGresult *row, int first);

/* ---- in a transaction */
/* A holder's statement is about to be pushed. True: it is a COMMIT, and the id is to be asked for before. */
bool keel__xid_watch(struct keel__wire *wire, struct keel__query *query);
/* Puts the question into libpq's pipeline; *parses: it is prepared first. False: libpq would not. */
bool keel__xid_send(struct keel__wire *wire, bool *parses);
/* What comes of it. */
void keel__xid_prepared(struct keel__wire *wire, const PGresult *result);
void keel__xid_answered(struct keel__wire *wire, const PGresult *result);
/* A transaction may have ended; another may have begun in the same text. */
void keel__xid_ended(struct keel__wire *wire);
/* The question that went ahead of a COMMIT has been answered: from here on the COMMIT is on its way. */
void keel__xid_settled(struct keel__wire *wire);

/* ---- afterwards */
/* NULL: no memory. keel__free() it. */
keel__xid_memory *keel__xid_remember(const struct keel__wire *wire);
bool keel__xid_inquire(struct keel__wire *wire, const keel__xid_memory *memory);
keel__verdict keel__xid_verdict(const PGresult *result);

#endif
