/*
 * exchange.c: an open connection's traffic. Extended queries go in libpq's pipeline mode, each with a Sync of its own, so
 * that an error stays with the one that made it. Whatever a pipeline cannot carry goes alone, in plain mode.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../core/alloc.h"
#include "compat.h"
#include "wire.h"

#define NAME_SIZE 64
#define LARGE_BYTES (256u << 10)
#define SMALL_BYTES (4u << 10)
#define READS_AT_ONCE 4

static void statement_name(const keel__wire *wire, uint32_t number, char *name) {
  snprintf(name, NAME_SIZE, "keel_%016" PRIx64 "_%" PRIu32, wire->target->prefix, number);
}

/* ---------------------------------------------------------------- writing */

/* True when libpq is in the mode that the item needs; to change it, nothing may be in flight. */
static bool enter_mode(keel__wire *wire, const keel__item *item) {
  if (item->waits && wire->head != item) return false;
  if (!item->plain && wire->pipeline) return true;
  if (wire->head != item) return false;
  if (item->plain == !wire->pipeline) return true;
  bool changed = (item->plain ? PQexitPipelineMode(wire->pg) : PQenterPipelineMode(wire->pg)) == 1;
  wire->pipeline = changed ? !item->plain : wire->pipeline;
  if (!changed) keel__exchange_lost(wire);
  return changed;
}

/* A statement of the engine's, with a Sync of its own. */
static bool send_own(keel__wire *wire, const char *text) {
  return PQsendQueryParams(wire->pg, text, 0, NULL, NULL, NULL, NULL, 0) == 1 && keel__pq_sync(wire->pg) == 1;
}

static bool send_evict(keel__wire *wire, keel__item *item, uint32_t number) {
  char name[NAME_SIZE], text[NAME_SIZE + 16];
  statement_name(wire, number, name);
  item->evicting = true;
  item->evict_synced = !keel__pq_can_close();
  if (!item->evict_synced) return keel__pq_close(wire->pg, name) == 1;
  /* It may fail (the statement may be gone), which must not fail the query behind it: hence the Sync between them. */
  snprintf(text, sizeof text, "DEALLOCATE %s", name);
  return send_own(wire, text);
}

static bool send_prepared(keel__wire *wire, keel__query *query) {
  char made[NAME_SIZE];
  const char *name = query->statement->name;
  if (!query->core.named) {
    statement_name(wire, query->core.plan.statement, made);
    name = made;
  }
  query->item.parsing = query->core.plan.parse;
  if (query->item.parsing && PQsendPrepare(wire->pg, name, query->statement->text, 0, NULL) != 1)
    return false;
  return PQsendQueryPrepared(wire->pg, name, (int)query->param_count, query->params, query->lengths,
                             query->formats, (query->core.flags & KEEL_Q_BINARY) != 0) == 1;
}

static bool send_extended(keel__wire *wire, keel__query *query) {
  if (query->core.plan.statement != 0) return send_prepared(wire, query);
  return PQsendQueryParams(wire->pg, query->statement->text, (int)query->param_count, NULL, query->params,
                           query->lengths, query->formats, (query->core.flags & KEEL_Q_BINARY) != 0) == 1;
}

/* libpq ends a text at a NUL byte and would lose the rest without a word. The server refuses such a text, and so that this
 * happens to a transaction too (it is a failed one then), it is asked for the very error that it would have given. */
static bool send_nul(keel__wire *wire) {
  return send_own(wire, "SELECT pg_catalog.convert_from('\\x00'::pg_catalog.bytea, 'UTF8')");
}

/* Without a Sync of its own: when it fails the server passes over what comes behind it. */
static bool send_prelude(keel__wire *wire, keel__query *query) {
  query->item.opening = query->prelude != NULL;
  if (!query->item.opening) return true;
  return PQsendQueryParams(wire->pg, query->prelude->text, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_query(keel__wire *wire, keel__query *query) {
  if (query->has_nul) return send_nul(wire);
  if (query->core.flags & KEEL_Q_SIMPLE) return PQsendQuery(wire->pg, query->statement->text) == 1;
  if (query->item.plain) return send_extended(wire, query);
  if (query->core.plan.evict != 0 && !send_evict(wire, &query->item, query->core.plan.evict)) return false;
  if (!send_prelude(wire, query) || !send_extended(wire, query)) return false;
  if (query->item.asks && !keel__xid_send(wire, &query->item.ask_parses)) return false;
  return keel__pq_sync(wire->pg) == 1;
}

static bool send_item(keel__wire *wire, keel__item *item) {
  item->sent = true;
  item->opening = item->evicting = item->evict_synced = item->parsing = item->copying = false;
  item->ask_parses = false;
  /* To the server the comment is an empty statement: it parses it, answers, and has nothing to do. */
  if (item->is_check) return send_own(wire, "-- pgkeel: are you there?");
  if (item->is_reset) return send_own(wire, "ROLLBACK");
  if (item->is_ask) return keel__xid_send(wire, &item->ask_parses) && keel__pq_sync(wire->pg) == 1;
  if (item->is_inquiry) return keel__xid_inquire(wire, &wire->inquired) && keel__pq_sync(wire->pg) == 1;
  return send_query(wire, keel__query_of(item));
}

static keel__phase phase_after(const keel__item *item, keel__phase phase) {
  if (phase < KEEL__PHASE_PRELUDE && item->opening) return KEEL__PHASE_PRELUDE;
  if (phase < KEEL__PHASE_PARSE && item->parsing) return KEEL__PHASE_PARSE;
  if (phase < KEEL__PHASE_RUN && !item->is_ask) return KEEL__PHASE_RUN;
  return phase < KEEL__PHASE_ASK_PARSE && item->ask_parses ? KEEL__PHASE_ASK_PARSE : KEEL__PHASE_ASK;
}

/* Rows in pieces are asked for when the query has become the first of libpq's, and before anything of its answer is read. */
static void choose_row_mode(keel__wire *wire) {
  if (!keel__item_is_query(wire->head)) return;
  const keel__query *query = keel__query_of(wire->head);
  bool alone = (query->core.flags & KEEL_Q_ALONE) != 0;
  bool large = query->core.flags & KEEL_Q_PACED &&
               atomic_load_explicit(&query->statement->large, memory_order_relaxed);
  if (!(alone || large) || query->core.flags & KEEL_Q_WHOLE) return;
  /* Refused, they come all at once: slower, and the same. A chunk is kept back until it is full, and lost to an error, so for
   * a stream, whose rows may come slowly, the cheaper mode is none. */
  if (keel__pq_can_chunk() && !alone) {
    (void)keel__pq_chunked(wire->pg, KEEL__ROWS_MAX);
  } else {
    (void)PQsetSingleRowMode(wire->pg);
  }
}

static void set_phase(keel__wire *wire, keel__phase phase) {
  wire->phase = phase;
  if (phase == KEEL__PHASE_RUN) choose_row_mode(wire);
}

static keel__phase first_phase(const keel__item *item) {
  return item->evicting ? KEEL__PHASE_EVICT : phase_after(item, KEEL__PHASE_EVICT);
}

static void begin_head(keel__wire *wire) {
  if (wire->head != NULL && wire->head->sent) set_phase(wire, first_phase(wire->head));
}

static void watch(keel__wire *wire) {
  if (wire->paused && PQsocket(wire->pg) < 0) {
    /* libpq has closed it; what had come before is still to be taken. */
    keel__wire_unwatch(wire);
    return;
  }
  keel__wire_watch(wire, (wire->paused ? 0 : UV_READABLE) | (wire->clogged ? UV_WRITABLE : 0));
}

void keel__exchange_write(keel__wire *wire) {
  while (wire->unsent != NULL && enter_mode(wire, wire->unsent)) {
    keel__item *item = wire->unsent;
    bool sent = send_item(wire, item);
    wire->unsent = item->next;
    if (item == wire->head) begin_head(wire);
    /* What libpq has of it already can not be taken back. */
    if (!sent) {
      keel__exchange_lost(wire);
      return;
    }
    /* Until a plain one has ended nothing else may follow it. */
    if (item->plain) break;
  }
  if (wire->stage != KEEL__STAGE_OPEN) return;
  int left = PQflush(wire->pg);
  if (left < 0) {
    /* The server may have said why. */
    keel__exchange_read(wire);
    keel__exchange_lost(wire);
  } else {
    wire->clogged = left > 0;
    watch(wire);
  }
}

/* ---------------------------------------------------------------- the end of the head */

static char transaction_status(const keel__wire *wire) {
  switch (PQtransactionStatus(wire->pg)) {
    case PQTRANS_INTRANS:
      return 'T';
    case PQTRANS_INERROR:
      return 'E';
    default:
      return 'I';
  }
}

static void answered(keel__wire *wire, const keel__failure *failure) {
  keel__wire_lock(wire);
  keel__conn_answered(wire->conn, failure, transaction_status(wire), keel__now());
  keel__wire_unlock(wire);
}

/* An ordinary error leaves no trace, unless a COMMIT came before it: one of several statements, or within a procedure. */
static bool may_have_committed(const keel__wire *wire, const keel__failure *failure) {
  return wire->committed || (failure->nested && wire->conn->status == 'I');
}

/* It, or what it names, was refused before any of it was run. */
static bool never_ran(const keel__wire *wire, const keel__query *query, const PGresult *error) {
  static const char *const unknown_to_server[] = {"42", "26000", NULL};
  if (query->has_nul || (query->item.parsing && !wire->prepared)) return true;
  return PQresultErrorField(error, PG_DIAG_CONTEXT) == NULL && keel__result_says(error, unknown_to_server);
}

/* Where it failed does not say what came before: an error within a procedure has a context, one of the commit behind its last
 * command (a deferred constraint, a serialization failure) has none. */
static bool may_have_happened_in_part(const keel__wire *wire, const keel__query *query,
                                      const PGresult *error) {
  return query->statement->may_commit_part && !never_ran(wire, query, error);
}

static void query_failed(keel__wire *wire, const keel__query *query, const PGresult *error) {
  keel__detail detail;
  keel__detail_from_result(&detail, error);
  if (detail.count == 0) keel__detail_add(&detail, 'M', PQresultErrorMessage(error));
  keel__failure failure = keel__failure_with(KEEL_SERVER, KEEL_OUTCOME_NONE, &detail);
  failure.prepared = wire->prepared;
  failure.nested = may_have_happened_in_part(wire, query, error);
  if (may_have_committed(wire, &failure)) failure.outcome = KEEL_OUTCOME_UNKNOWN;
  if (query->core.delivered) failure.nested = true;
  answered(wire, &failure);
}

static void query_ended(keel__wire *wire, const keel__query *query, const PGresult *error) {
  keel__failure failure = keel__failure_with(KEEL_NO_MEMORY, KEEL_OUTCOME_UNKNOWN, NULL);
  failure.prepared = wire->prepared;
  if (error != NULL) {
    query_failed(wire, query, error);
  } else if (wire->short_of_memory) {
    answered(wire, &failure);
  } else {
    answered(wire, NULL);
  }
}

static void reset_ended(keel__wire *wire, bool failed) {
  keel__wire_lock(wire);
  keel__conn_reset(wire->conn, !failed && transaction_status(wire) == 'I', keel__now());
  keel__wire_unlock(wire);
}

static void check_ended(keel__wire *wire, const PGresult *error) {
  keel__detail detail;
  if (error != NULL) keel__detail_from_result(&detail, error);
  keel__failure failure = keel__failure_with(KEEL_SERVER, KEEL_NOT_SENT, error == NULL ? NULL : &detail);
  bool clean = error == NULL && transaction_status(wire) == 'I';
  keel__wire_lock(wire);
  keel__conn_checked(wire->conn, clean ? NULL : &failure, keel__now());
  keel__wire_unlock(wire);
}

/* Takes the error over. Nothing of the COMMIT has gone out yet. A question that failed has made it a ROLLBACK, which would say
 * nothing of the reason: so it is answered with that error. Where only libpq has failed it would commit all the same. */
static void ask_ended(keel__wire *wire, PGresult *error) {
  wire->error = error;
  if (error == NULL)
    keel__xid_settled(wire);
  else if (transaction_status(wire) != 'E')
    keel__exchange_lost(wire);
}

static void inquiry_ended(keel__wire *wire) {
  keel__wire_lock(wire);
  keel__conn_inquired(wire->conn, wire->verdict, keel__now());
  keel__wire_unlock(wire);
}

static void learn(atomic_bool *known, bool is) {
  if (is != atomic_load_explicit(known, memory_order_relaxed))
    atomic_store_explicit(known, is, memory_order_relaxed);
}

/* Rows that arrive one by one cost more than those of a whole result, which has to be there before the first is seen. Of a
 * failure, which cuts an answer short, nothing is learnt. */
static void learn_size(const keel__query *query) {
  learn(&query->statement->large, query->row_bytes > LARGE_BYTES);
  learn(&query->statement->small, query->row_bytes <= SMALL_BYTES);
}

static void end_head(keel__wire *wire) {
  keel__item *item = wire->head;
  PGresult *error = wire->error;
  keel__result_flush(wire);
  wire->error = NULL;
  wire->paused = wire->in_rows = false;
  keel__wire_pop(wire);
  keel__parameters_report(wire);
  if (item->is_check) {
    check_ended(wire, error);
  } else if (item->is_reset) {
    reset_ended(wire, error != NULL);
  } else if (item->is_ask) {
    ask_ended(wire, error);
    error = NULL;
  } else if (item->is_inquiry) {
    inquiry_ended(wire);
  } else {
    if (error == NULL) learn_size(keel__query_of(item));
    query_ended(wire, keel__query_of(item), error);
  }
  PQclear(error);
  wire->prepared = wire->committed = wire->short_of_memory = false;
  begin_head(wire);
  if (wire->unsent != NULL) keel__wire_want(wire, KEEL__WANT_WRITE);
}

/* ---------------------------------------------------------------- reading */

static void next_phase(keel__wire *wire) {
  set_phase(wire, phase_after(wire->head, wire->phase));
}

/* The end of one command's results; in plain mode of all. */
static void on_separator(keel__wire *wire) {
  if (wire->head->plain) {
    end_head(wire);
  } else if (wire->phase == KEEL__PHASE_PARSE || wire->phase == KEEL__PHASE_PRELUDE ||
             wire->phase == KEEL__PHASE_ASK_PARSE || (wire->phase == KEEL__PHASE_RUN && wire->head->asks) ||
             (wire->phase == KEEL__PHASE_EVICT && !wire->head->evict_synced)) {
    next_phase(wire);
  }
}

static void on_sync(keel__wire *wire) {
  if (wire->phase == KEEL__PHASE_EVICT && wire->head->evict_synced) {
    next_phase(wire);
  } else {
    end_head(wire);
  }
}

/* Takes the result over. */
static void keep_error(keel__wire *wire, PGresult *result) {
  if (wire->error != NULL) {
    PQclear(result);
  } else {
    wire->error = result;
  }
}

/* The answer for the transaction's id. */
static void on_asked(keel__wire *wire, const PGresult *result) {
  if (wire->phase == KEEL__PHASE_ASK)
    keel__xid_answered(wire, result);
  else
    keel__xid_prepared(wire, result);
}

static void on_result(keel__wire *wire, PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_PIPELINE_SYNC) {
    on_sync(wire);
  } else if (wire->phase == KEEL__PHASE_EVICT) {
    /* Whether it was still there does not matter. */
  } else if (wire->head->is_inquiry) {
    wire->verdict = keel__xid_verdict(result);
  } else if (status == PGRES_FATAL_ERROR) {
    if (wire->phase > KEEL__PHASE_RUN) on_asked(wire, result);
    wire->in_rows = false;
    keep_error(wire, result);
    return;
  } else if (wire->phase == KEEL__PHASE_PARSE) {
    wire->prepared = status == PGRES_COMMAND_OK;
  } else if (wire->phase > KEEL__PHASE_RUN) {
    on_asked(wire, result);
  } else if (!wire->head->is_reset && wire->phase == KEEL__PHASE_RUN) {
    keel__result_deliver(wire, result);
    return;
  }
  PQclear(result);
}

/* COPY OUT's data is dropped. False: wait for more. */
static bool skip_copy_data(keel__wire *wire) {
  char *data = NULL;
  int length = 0;
  while ((length = PQgetCopyData(wire->pg, &data, 1)) > 0) PQfreemem(data);
  return length != 0;
}

/* A COPY that came through a pipeline all the same: the Sync and what follows it are lost as COPY data, and the answers
 * could no longer be told apart. */
static bool is_hopeless(const keel__wire *wire, ExecStatusType status) {
  bool copies = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
  return copies && !wire->head->plain;
}

/* One step; false: there is nothing to be had now. */
static bool read_one(keel__wire *wire) {
  if (wire->head->copying && !skip_copy_data(wire)) return false;
  if (PQisBusy(wire->pg)) return false;
  PGresult *result = PQgetResult(wire->pg);
  ExecStatusType status = PQresultStatus(result);
  if (result == NULL) {
    on_separator(wire);
  } else if (is_hopeless(wire, status)) {
    PQclear(result);
    keel__exchange_lost(wire);
  } else {
    wire->head->copying = status == PGRES_COPY_OUT;
    on_result(wire, result);
  }
  return true;
}

static void read_results(keel__wire *wire) {
  while (wire->stage == KEEL__STAGE_OPEN && !wire->paused && wire->head != NULL && wire->head->sent) {
    if (wire->rows != NULL) {
      keel__result_go_on(wire);
      continue;
    }
    if (!read_one(wire)) return;
    /* libpq answers at once and for ever for a connection that is gone, but it gives the rows first that came before. */
    if (wire->stage == KEEL__STAGE_OPEN && !wire->in_rows && PQstatus(wire->pg) == CONNECTION_BAD) return;
  }
}

/* False: the link is gone. In a row mode it reads on as long as rows come, to wait for the socket less often. */
static bool take_in(keel__wire *wire) {
  for (int i = 0; i < READS_AT_ONCE; i++) {
    const keel__item *head = wire->head;
    if (PQconsumeInput(wire->pg) != 1) return false;
    read_results(wire);
    if (head != NULL && wire->head == head) keel__wire_grows(wire);
    if (wire->stage != KEEL__STAGE_OPEN || wire->paused || wire->head == NULL || !wire->in_rows) break;
  }
  return true;
}

void keel__exchange_read(keel__wire *wire) {
  if (wire->paused) return;
  bool alive = take_in(wire);
  if (!alive) read_results(wire);
  if (wire->stage != KEEL__STAGE_OPEN) return;
  keel__result_flush(wire);
  if (wire->paused) {
    watch(wire);
    return;
  }
  keel__result_notifications(wire);
  if (!alive || PQstatus(wire->pg) == CONNECTION_BAD) {
    keel__exchange_lost(wire);
    return;
  }
  /* With nothing in flight libpq is to be told once more that the pipeline has run dry, to look at idle messages. */
  if (wire->head == NULL && !PQisBusy(wire->pg)) PQclear(PQgetResult(wire->pg));
}

void keel__exchange_resume(keel__wire *wire) {
  if (!wire->paused) return;
  wire->paused = false;
  read_results(wire);
  if (wire->stage == KEEL__STAGE_OPEN) keel__result_flush(wire);
  /* Not only watched: libpq, or OpenSSL beneath it, may hold what no socket will announce. */
  keel__exchange_read(wire);
  if (wire->stage == KEEL__STAGE_OPEN) watch(wire);
}

/* ---------------------------------------------------------------- the end of the link */

/* The server's own last words, where it had any, say more than libpq's "closed unexpectedly". */
static void describe_loss(keel__wire *wire, keel__detail *detail) {
  keel__detail_clear(detail);
  if (wire->error != NULL && keel__result_is_fatal(wire->error))
    keel__detail_from_result(detail, wire->error);
  if (detail->count == 0 && wire->last_words != NULL) *detail = *wire->last_words;
  if (detail->count == 0) keel__detail_from_startup(detail, PQerrorMessage(wire->pg));
}

void keel__exchange_lost(keel__wire *wire) {
  keel__detail detail;
  if (wire->stage == KEEL__STAGE_DEAD) return;
  keel__wire_unwatch(wire);
  describe_loss(wire, &detail);
  keel__failure failure = keel__failure_with(KEEL_CONNECTION_LOST, KEEL_OUTCOME_UNKNOWN, &detail);
  keel__wire_set_stage(wire, KEEL__STAGE_DEAD);
  keel__wire_lock(wire);
  keel__conn_lost(wire->conn, &failure, keel__now());
  keel__wire_unlock(wire);
}
