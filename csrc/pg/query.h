/*
 * query.h: a request with all that goes over the wire, in one allocation. Made by the submitting thread, then the engine
 * thread's.
 */
#ifndef KEEL_PG_QUERY_H
#define KEEL_PG_QUERY_H

#include "../core/core.h"
#include "event.h"
#include "text.h"

/* What a connection has to do in turn. */
typedef struct keel__item {
  struct keel__item *next;
  bool is_reset;   /* a ROLLBACK of the pool's own, or a check */
  bool is_check;   /* asks for nothing but an answer */
  bool is_ask;     /* the open transaction's id is asked for */
  bool is_inquiry; /* what became of another connection's transaction is */
  bool heavy;      /* counted in io->heavy */
  bool waits;      /* it is not written before what is ahead of it has been answered */
  bool plain;      /* not to be mixed with others in a pipeline: the simple protocol, COPY */
  bool sent;
  bool opening;      /* an answer for the prelude comes first */
  bool evicting;     /* then one for the closing of another statement ... */
  bool evict_synced; /* ... with a Sync of its own */
  bool parsing;      /* then one for the preparation */
  bool copying;      /* COPY OUT data comes in between */
  bool asks;         /* after its own, an answer for the transaction's id ... */
  bool ask_parses;   /* ... before which the question is prepared */
} keel__item;

typedef struct keel__query {
  keel__request core; /* first: the core's pointer to a request is one to a query */
  keel__item item;
  struct keel__query *next_in_batch;
  struct keel__query *next_in_bucket; /* of the pool's table of tags */
  keel_event *final;                  /* made at submission, so that telling the end cannot fail */
  int64_t timeout_ms;
  keel_statement *statement; /* held; NULL: a KEEL_ACQUIRE */
  keel_statement *prelude;   /* held; NULL: none */
  uint32_t param_count;
  const char **params;
  int *lengths, *formats;
  bool has_nul;                    /* in its text or a text parameter, where PostgreSQL has no place for it */
  uint64_t row_count, row_bytes;   /* of the last sending: rows handed over, and the bytes of their blocks */
  struct keel__xid_memory *memory; /* of a COMMIT in doubt; owned; NULL: none */
  uint64_t unacknowledged;         /* bytes of blocks that the taker still has before him; see keel_ack */
} keel__query;

static inline bool keel__item_is_query(const keel__item *item) {
  return !item->is_reset && !item->is_ask && !item->is_inquiry;
}

static inline keel__query *keel__query_of(keel__item *item) {
  return KEEL__OF(keel__query, item, item);
}

/* Copies a request. NULL: no memory. Any thread. */
KEEL_MUST_CHECK keel__query *keel__query_new(const keel_request *request);
void keel__query_free(keel__query *query);

#endif
