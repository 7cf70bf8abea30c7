/* result.c: what the server says, as events. */
#include <stdlib.h>
#include <string.h>

#include "../core/alloc.h"
#include "wire.h"

/* ---------------------------------------------------------------- the head's results */

static void emit(keel__wire *wire, const keel__query *query, keel_event *event) {
  if (event == NULL) {
    wire->short_of_memory = true;
    return;
  }
  keel__wire_emit(wire, event, query->core.tag);
}

static void deliver_rows(keel__wire *wire, const keel__query *query, const PGresult *result) {
  keel__io *io = wire->target->io;
  emit(wire, query, keel__event_fields(result));
  int row = 0, rows = PQntuples(result);
  while (row < rows && !wire->short_of_memory) {
    emit(wire, query, keel__event_rows(&io->rows, result, &row, io->utf16));
  }
}

static void note_tag(keel__wire *wire, const char *tag) {
  keel__parameters_touched(wire, tag);
  if (strcmp(tag, "COMMIT") == 0) wire->committed = true;
  if (strncmp(tag, "ALTER ", 6) == 0 || strcmp(tag, "CREATE VIEW") == 0) {
    keel__wire_lock(wire);
    keel__conn_plans_stale(wire->conn);
    keel__wire_unlock(wire);
  }
  if (strcmp(tag, "DISCARD ALL") != 0 && strcmp(tag, "DEALLOCATE ALL") != 0) return;
  keel__wire_lock(wire);
  keel__conn_forget_prepared(wire->conn);
  keel__wire_unlock(wire);
}

static void complete(keel__wire *wire, const keel__query *query, const PGresult *result) {
  const char *tag = PQcmdStatus((PGresult *)result);
  note_tag(wire, tag);
  if (!query->core.settled) emit(wire, query, keel__event_complete(tag));
}

/* Nobody feeds or takes COPY data here. The server is told so, in the words that pg uses, or its data is let pass. */
static void end_copy(keel__wire *wire, const keel__query *query, ExecStatusType status) {
  int direction = status == PGRES_COPY_IN ? 0 : status == PGRES_COPY_OUT ? 1 : 2;
  if (!query->core.settled) emit(wire, query, keel__event_copy(direction));
  if (direction != 1) PQputCopyEnd(wire->pg, "No source stream defined");
  keel__wire_want(wire, KEEL__WANT_WRITE);
}

void keel__result_deliver(keel__wire *wire, const PGresult *result) {
  const keel__query *query = keel__query_of(wire->head);
  ExecStatusType status = PQresultStatus(result);
  switch (status) {
    case PGRES_TUPLES_OK:
      if (!query->core.settled) deliver_rows(wire, query, result);
      complete(wire, query, result);
      break;
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      complete(wire, query, result);
      break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      end_copy(wire, query, status);
      break;
    default:
      break;
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
