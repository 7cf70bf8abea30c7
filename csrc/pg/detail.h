/*
 * detail.h: what is known of a failure or a notice, as the protocol's lettered fields; from a result, or from the text that
 * is all libpq gives for a failed start-up.
 */
#ifndef KEEL_PG_DETAIL_H
#define KEEL_PG_DETAIL_H

#include <libpq-fe.h>

#include "../core/core.h"
#include "event.h"

#define KEEL__DETAIL_FIELDS 20

typedef struct keel__detail {
  uint32_t count;
  struct {
    char letter;
    const char *text; /* not owned */
    uint32_t length;
  } field[KEEL__DETAIL_FIELDS];
} keel__detail;

void keel__detail_clear(keel__detail *detail);
void keel__detail_add(keel__detail *detail, char letter, const char *text);
void keel__detail_add_part(keel__detail *detail, char letter, const char *text, size_t length);
/* The field's text and length; NULL when it is not there. */
const char *keel__detail_get(const keel__detail *detail, char letter, uint32_t *length);

/* All fields of a server's error or notice. They point into the result. */
void keel__detail_from_result(keel__detail *detail, const PGresult *result);

/* Whether the error that a result is has one of these SQLSTATEs, or is of one of these classes; see keel__is_sqlstate_of. */
bool keel__result_says(const PGresult *error, const char *const *codes);

/* Fields out of a start-up's error text, which libpq writes in the verbose form ("FATAL:  28P01: ..."); beside them the
 * system's error name. They point into `text`. The last of several reports (one for each host) counts. */
void keel__detail_from_startup(keel__detail *detail, const char *text);

/* The name ("ECONNREFUSED") of the system error that `text` tells of, or NULL: libpq hands on its words only, so they
 * are compared with strerror()'s, which speaks the same language. */
const char *keel__errno_name_in(const char *text, size_t length);

/* A failure as the core wants it. */
keel__failure keel__failure_with(keel_code code, keel_outcome outcome, const keel__detail *detail);

typedef struct keel__report {
  keel_code code;
  keel_outcome outcome;
  uint32_t attempts;
  char status;
  keel_code cause; /* of KEEL_BREAKER_OPEN */
  int64_t retry_after_ms;
} keel__report;

size_t keel__report_bytes(const keel__detail *detail);
/* KEEL_EV_ERROR, KEEL_EV_CLOSED or KEEL_EV_NOTICE; `detail` may be NULL. NULL: no memory. */
keel_event *keel__event_report(keel_event_kind kind, const keel__report *report, const keel__detail *detail);
/* The same into an event that has the room for it. */
void keel__event_put_report(keel_event *event, const keel__report *report, const keel__detail *detail);

/* A copy that owns its texts, in one allocation; keel__free() it. NULL: no memory. */
keel__detail *keel__detail_copy(const keel__detail *detail);

#endif
