/* strerror_r() is to be POSIX's. */
#undef _GNU_SOURCE
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "detail.h"

#include "../core/alloc.h"

#include <ctype.h>
#include <errno.h>

#include <string.h>

void keel__detail_clear(keel__detail *detail) {
  detail->count = 0;
}

void keel__detail_add_part(keel__detail *detail, char letter, const char *text, size_t length) {
  if (text == NULL || detail->count == KEEL__DETAIL_FIELDS) return;
  detail->field[detail->count].letter = letter;
  detail->field[detail->count].text = text;
  detail->field[detail->count].length = (uint32_t)length;
  detail->count++;
}

void keel__detail_add(keel__detail *detail, char letter, const char *text) {
  if (text != NULL) keel__detail_add_part(detail, letter, text, strlen(text));
}

const char *keel__detail_get(const keel__detail *detail, char letter, uint32_t *length) {
  for (uint32_t i = 0; detail != NULL && i < detail->count; i++) {
    if (detail->field[i].letter != letter) continue;
    if (length != NULL) *length = detail->field[i].length;
    return detail->field[i].text;
  }
  return NULL;
}

bool keel__result_says(const PGresult *error, const char *const *codes) {
  const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
  return sqlstate != NULL && keel__is_sqlstate_of(sqlstate, codes);
}

void keel__detail_from_result(keel__detail *detail, const PGresult *result) {
  static const char letters[] = "SVCMDHPpqWstcdnFLR";
  keel__detail_clear(detail);
  for (const char *letter = letters; *letter != 0; letter++) {
    keel__detail_add(detail, *letter, PQresultErrorField(result, *letter));
  }
}

static size_t trimmed(const char *text, size_t length) {
  while (length > 0 && isspace((unsigned char)text[length - 1])) length--;
  return length;
}

/* Whether "28P01: " begins here. */
static bool is_sqlstate(const char *text) {
  for (int i = 0; i < 5; i++) {
    if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i])) return false;
  }
  return text[5] == ':' && text[6] == ' ';
}

/* Where the last "SEVERITY:  SQLSTATE: " of the text begins its SQLSTATE; NULL: no server has spoken. */
static const char *last_sqlstate(const char *text) {
  const char *found = NULL;
  for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
    if (is_sqlstate(at + 3)) found = at + 3;
  }
  return found;
}

/* "LOCATION:  auth_failed, auth.c:334" */
static void add_location(keel__detail *detail, const char *text, size_t length) {
  const char *comma = memchr(text, ',', length);
  if (comma == NULL) return;
  keel__detail_add_part(detail, 'R', text, (size_t)(comma - text));
  const char *file = comma + 2, *end = text + length;
  const char *colon = file < end ? memchr(file, ':', (size_t)(end - file)) : NULL;
  if (colon == NULL) return;
  keel__detail_add_part(detail, 'F', file, (size_t)(colon - file));
  keel__detail_add_part(detail, 'L', colon + 1, (size_t)(end - colon - 1));
}

static const struct {
  const char *label;
  char letter;
} LABELS[] = {{"DETAIL:  ", 'D'}, {"HINT:  ", 'H'}, {"CONTEXT:  ", 'W'}, {"LOCATION:  ", 'R'}};

/* The index of the label that the line begins with, or -1. */
static int label_at(const char *line) {
  for (size_t i = 0; i < sizeof LABELS / sizeof LABELS[0]; i++) {
    if (strncmp(line, LABELS[i].label, strlen(LABELS[i].label)) == 0) return (int)i;
  }
  return -1;
}

static void add_labelled(keel__detail *detail, int label, const char *text, size_t length) {
  if (label < 0) {
    keel__detail_add_part(detail, 'M', text, trimmed(text, length));
  } else if (LABELS[label].letter == 'R') {
    add_location(detail, text, trimmed(text, length));
  } else {
    keel__detail_add_part(detail, LABELS[label].letter, text, trimmed(text, length));
  }
}

/* The message and the labelled parts that follow it, each of which may span lines. */
static void add_server_report(keel__detail *detail, const char *text) {
  int label = -1;
  const char *from = text;
  for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
    int next = label_at(line + 1);
    if (next < 0) continue;
    add_labelled(detail, label, from, (size_t)(line - from));
    label = next;
    from = line + 1 + strlen(LABELS[label].label);
  }
  add_labelled(detail, label, from, strlen(from));
}

void keel__detail_from_startup(keel__detail *detail, const char *text) {
  keel__detail_clear(detail);
  const char *sqlstate = last_sqlstate(text);
  if (sqlstate == NULL) {
    size_t length = trimmed(text, strlen(text));
    keel__detail_add_part(detail, 'M', text, length);
    keel__detail_add(detail, 'e', keel__errno_name_in(text, length));
    return;
  }
  const char *severity = sqlstate - 3, *end = severity;
  while (severity > text && isupper((unsigned char)severity[-1])) severity--;
  keel__detail_add_part(detail, 'S', severity, (size_t)(end - severity));
  keel__detail_add_part(detail, 'V', severity, (size_t)(end - severity));
  keel__detail_add_part(detail, 'C', sqlstate, 5);
  add_server_report(detail, sqlstate + 7);
}

static const struct {
  int number;
  const char *name;
} ERRNOS[] = {
    {ECONNREFUSED, "ECONNREFUSED"},
    {ECONNRESET, "ECONNRESET"},
    {ETIMEDOUT, "ETIMEDOUT"},
    {EHOSTUNREACH, "EHOSTUNREACH"},
    {ENETUNREACH, "ENETUNREACH"},
    {ENOENT, "ENOENT"},
    {EACCES, "EACCES"},
    {EPIPE, "EPIPE"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
    {ECONNABORTED, "ECONNABORTED"},
    {ENETDOWN, "ENETDOWN"},
    {EHOSTDOWN, "EHOSTDOWN"},
    {EMFILE, "EMFILE"},
    {ENFILE, "ENFILE"},
    {EPERM, "EPERM"},
    {ENOTSOCK, "ENOTSOCK"},
    {EAFNOSUPPORT, "EAFNOSUPPORT"},
    {EAGAIN, "EAGAIN"},
};

/* memmem is not in POSIX. */
static const char *find(const char *text, size_t length, const char *wanted) {
  size_t wanted_length = strlen(wanted);
  for (size_t i = 0; i + wanted_length <= length; i++) {
    if (memcmp(text + i, wanted, wanted_length) == 0) return text + i;
  }
  return NULL;
}

const char *keel__errno_name_in(const char *text, size_t length) {
  const char *last = NULL, *name = NULL;
  for (size_t i = 0; i < sizeof ERRNOS / sizeof ERRNOS[0]; i++) {
    char words[128];
    if (strerror_r(ERRNOS[i].number, words, sizeof words) != 0) continue;
    const char *at = find(text, length, words);
    /* With several hosts, the last one's failure is what ended the attempt. */
    if (at != NULL && at > last) {
      last = at;
      name = ERRNOS[i].name;
    }
  }
  return name;
}

keel__failure keel__failure_with(keel_code code, keel_outcome outcome, const keel__detail *detail) {
  keel__failure failure = {.code = code, .outcome = outcome, .sqlstate = "", .detail = detail};
  uint32_t length = 0;
  const char *sqlstate = keel__detail_get(detail, 'C', &length);
  if (sqlstate != NULL && length == 5) memcpy(failure.sqlstate, sqlstate, 5);
  return failure;
}

static size_t text_bytes(const keel__detail *detail) {
  size_t bytes = 0;
  for (uint32_t i = 0; detail != NULL && i < detail->count; i++) bytes += detail->field[i].length + 1;
  return bytes;
}

size_t keel__report_bytes(const keel__detail *detail) {
  uint32_t fields = detail == NULL ? 0 : detail->count;
  return keel__body_bytes(KEEL__E_BODY + fields * 2) + text_bytes(detail);
}

void keel__event_put_report(keel_event *event, const keel__report *report, const keel__detail *detail) {
  uint32_t fields = detail == NULL ? 0 : detail->count;
  event->words[KEEL__E_CODE] = (int32_t)report->code;
  event->words[KEEL__E_OUTCOME] = (int32_t)report->outcome;
  event->words[KEEL__E_ATTEMPTS] = (int32_t)report->attempts;
  event->words[KEEL__E_STATUS] = (unsigned char)report->status;
  event->words[KEEL__E_FIELDS] = (int32_t)fields;
  event->words[KEEL__E_TEXT_BYTES] = (int32_t)text_bytes(detail);
  event->words[KEEL__E_CAUSE] = (int32_t)report->cause;
  event->words[KEEL__E_RETRY_AFTER] =
      report->retry_after_ms < INT32_MAX ? (int32_t)report->retry_after_ms : INT32_MAX;
  int32_t *entry = event->words + KEEL__E_BODY;
  char *text = (char *)(entry + (size_t)fields * 2);
  for (uint32_t i = 0; i < fields; i++) {
    uint32_t length = detail->field[i].length;
    *entry++ = (unsigned char)detail->field[i].letter;
    *entry++ = (int32_t)length;
    memcpy(text, detail->field[i].text, length);
    text[length] = 0;
    text += length + 1;
  }
}

keel_event *keel__event_report(keel_event_kind kind, const keel__report *report, const keel__detail *detail) {
  keel_event *event = keel__event_new(kind, keel__report_bytes(detail));
  if (event != NULL) keel__event_put_report(event, report, detail);
  return event;
}

keel__detail *keel__detail_copy(const keel__detail *detail) {
  keel__detail *copy = keel__realloc(NULL, sizeof *copy + text_bytes(detail));
  if (copy == NULL) return NULL;
  char *text = (char *)(copy + 1);
  keel__detail_clear(copy);
  for (uint32_t i = 0; i < detail->count; i++) {
    uint32_t length = detail->field[i].length;
    memcpy(text, detail->field[i].text, length);
    text[length] = 0;
    keel__detail_add_part(copy, detail->field[i].letter, text, length);
    text += length + 1;
  }
  return copy;
}
