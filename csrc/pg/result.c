/* result.c: what the server says, as events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/alloc.h"
#include "compat.h"
#include "wire.h"

/* ---------------------------------------------------------------- the head's results */

static void emit(keel__wire *wire, const keel__query *query, keel_event *event) {
  if (event == NULL) {
    wire->short_of_memory = true;
    return;
  }
  keel__wire_emit(wire, event, query->core.tag);
}

static void measure(keel__wire *wire, keel__query *query, const keel_event *event) {
  uint64_t bytes = (uint64_t)(uint32_t)event->words[KEEL__B_SIZE];
  query->row_count += (uint64_t)(uint32_t)event->words[KEEL__R_ROWS];
  query->row_bytes += bytes;
  /* Who takes the rows of a stream has done with those he got: from the beginning again he would get them twice. */
  query->core.delivered = query->core.delivered || query->core.flags & (KEEL_Q_ALONE | KEEL_Q_WHOLE);
  if (!(query->core.flags & KEEL_Q_PACED)) return;
  query->unacknowledged += bytes;
  wire->paused = query->unacknowledged > KEEL_WINDOW;
}

void keel__result_flush(keel__wire *wire) {
  keel__io *io = wire->target->io;
  if (io->rows.count == 0) return;
  keel__query *query = keel__query_of(wire->head);
  keel_event *event = keel__rows_take(&io->rows);
  if (event != NULL) measure(wire, query, event);
  emit(wire, query, event);
}

static void add_row(keel__wire *wire) {
  switch (keel__rows_add(&wire->target->io->rows, wire->rows, wire->row)) {
    case KEEL__ROWS_ADDED:
      wire->row++;
      break;
    case KEEL__ROWS_FULL:
      keel__result_flush(wire);
      break;
    case KEEL__ROWS_NO_MEMORY:
      wire->short_of_memory = true;
      break;
  }
}

static void complete(keel__wire *wire, const char *tag);

/* The tag comes with whatever libpq had at hand then: where rows come in pieces, with the last piece that has any. */
static void end_piece(keel__wire *wire, const PGresult *rows) {
  const char *tag = PQcmdStatus((PGresult *)rows);
  if (PQresultStatus(rows) == PGRES_TUPLES_OK) {
    complete(wire, *tag == 0 ? wire->tag : tag);
  } else if (*tag != 0) {
    snprintf(wire->tag, sizeof wire->tag, "%s", tag);
  }
}

/* Nobody takes the rows of a request that was settled, nor those behind one that is lost. */
void keel__result_go_on(keel__wire *wire) {
  const keel__query *query = keel__query_of(wire->head);
  int count = PQntuples(wire->rows);
  while (wire->row < count && !wire->paused && !wire->short_of_memory && !query->core.settled) add_row(wire);
  if (wire->row < count && wire->paused) return;
  PGresult *rows = wire->rows;
  wire->rows = NULL;
  end_piece(wire, rows);
  PQclear(rows);
}

/* A whole result, or in a row mode a part of one; the last part is an empty whole one. */
static void begin_rows(keel__wire *wire, PGresult *result) {
  const keel__query *query = keel__query_of(wire->head);
  if (!wire->in_rows && !query->core.settled)
    emit(wire, query, keel__event_fields(result, wire->target->io->rows.for_javascript));
  wire->in_rows = true;
  wire->rows = result;
  wire->row = 0;
  keel__result_go_on(wire);
}

/* What was prepared outlives whatever comes behind it. */
static bool commits(const char *tag) {
  return strcmp(tag, "COMMIT") == 0 || strcmp(tag, "PREPARE TRANSACTION") == 0;
}

static void note_tag(keel__wire *wire, const char *tag) {
  keel__parameters_touched(wire, tag);
  if (commits(tag)) wire->committed = true;
  /* The tag would not tell: that of ROLLBACK TO, after which the transaction has its id as before, is ROLLBACK's. */
  if (keel__query_of(wire->head)->statement->may_end) keel__xid_ended(wire);
  if (strncmp(tag, "ALTER ", 6) == 0 || strcmp(tag, "CREATE VIEW") == 0) {
    keel__wire_lock(wire);
    keel__conn_plans_stale(wire->conn);
    keel__wire_unlock(wire);
  }
  if (strcmp(tag, "DISCARD ALL") != 0 && strcmp(tag, "DEALLOCATE ALL") != 0) return;
  wire->xid.prepared = false;
  keel__wire_lock(wire);
  keel__conn_forget_prepared(wire->conn);
  keel__wire_unlock(wire);
}

static void complete(keel__wire *wire, const char *tag) {
  const keel__query *query = keel__query_of(wire->head);
  keel__result_flush(wire);
  wire->in_rows = false;
  note_tag(wire, tag);
  if (!query->core.settled) emit(wire, query, keel__event_complete(tag));
  wire->tag[0] = 0;
}

/* Nobody feeds or takes COPY data here. The server is told so, in the words that pg uses, or its data is let pass. */
static void end_copy(keel__wire *wire, const keel__query *query, ExecStatusType status) {
  int direction = status == PGRES_COPY_IN ? 0 : status == PGRES_COPY_OUT ? 1 : 2;
  if (!query->core.settled) emit(wire, query, keel__event_copy(direction));
  if (direction != 1) PQputCopyEnd(wire->pg, "No source stream defined");
  keel__wire_want(wire, KEEL__WANT_WRITE);
}

static void deliver_other(keel__wire *wire, PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  switch (status) {
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      complete(wire, PQcmdStatus(result));
      break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      end_copy(wire, keel__query_of(wire->head), status);
      break;
    default:
      break;
  }
}

void keel__result_deliver(keel__wire *wire, PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || keel__pq_is_chunk(status)) {
    begin_rows(wire, result);
  } else {
    deliver_other(wire, result);
    PQclear(result);
  }
}

/* ---------------------------------------------------------------- notices and notifications */

bool keel__result_is_fatal(const PGresult *result) {
  const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

void keel__result_notice(void *wire_data, const PGresult *result) {
  keel__wire *wire = wire_data;
  keel__detail detail;
  keel__detail_from_result(&detail, result);
  /* libpq's own warnings have no fields. */
  if (detail.count == 0) keel__detail_add(&detail, 'M', PQresultErrorMessage(result));
  if (keel__result_is_fatal(result)) {
    keel__free(wire->last_words);
    wire->last_words = keel__detail_copy(&detail);
    return;
  }
  keel__report report = {.code = KEEL_OK, .status = 'I'};
  keel__wire_emit(wire, keel__event_report(KEEL_EV_NOTICE, &report, &detail), 0);
}

void keel__result_notifications(keel__wire *wire) {
  for (PGnotify *notify; (notify = PQnotifies(wire->pg)) != NULL; PQfreemem(notify)) {
    keel__wire_emit(wire, keel__event_notification(notify->be_pid, notify->relname, notify->extra), 0);
  }
}
