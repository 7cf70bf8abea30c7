/* engine_event.c: reading events. The layout is block.h's. */
#include <string.h>

#include "pg/event.h"

static bool is(const keel_event *event, keel_event_kind kind) {
  return event->words[KEEL__B_KIND] == (int32_t)kind;
}

keel_event_kind keel_event_type(const keel_event *event) {
  return (keel_event_kind)event->words[KEEL__B_KIND];
}

uint64_t keel_event_tag(const keel_event *event) {
  return keel__event_u64(event, KEEL__B_TAG);
}

uint32_t keel_event_pool(const keel_event *event) {
  return (uint32_t)event->words[KEEL__B_POOL];
}

uint32_t keel_event_connection(const keel_event *event) {
  return (uint32_t)event->words[KEEL__B_CONNECTION];
}

uint64_t keel_event_lease(const keel_event *event) {
  return is(event, KEEL_EV_LEASED) || is(event, KEEL_EV_OPENED) ? keel__event_u64(event, KEEL__B_LEASE) : 0;
}

const void *keel_event_block(const keel_event *event, size_t *size) {
  *size = (size_t)event->words[KEEL__B_SIZE];
  return event->words;
}

/* ---------------------------------------------------------------- fields and rows */

uint32_t keel_fields_count(const keel_event *event) {
  return is(event, KEEL_EV_FIELDS) ? (uint32_t)event->words[8] : 0;
}

keel_field keel_fields_get(const keel_event *event, uint32_t column) {
  uint32_t count = keel_fields_count(event);
  if (column >= count) return (keel_field){.name = ""};
  const int32_t *field = event->words + 10;
  const char *name = (const char *)(field + (size_t)count * KEEL__F_WORDS);
  for (uint32_t i = 0; i < column; i++, field += KEEL__F_WORDS) name += field[KEEL__F_NAME_BYTES];
  return (keel_field){
      .name = name,
      .name_length = (uint32_t)field[KEEL__F_NAME_BYTES],
      .table_id = (uint32_t)field[KEEL__F_TABLE],
      .column_id = field[KEEL__F_COLUMN],
      .type_id = (uint32_t)field[KEEL__F_TYPE],
      .type_size = field[KEEL__F_SIZE],
      .type_modifier = field[KEEL__F_MODIFIER],
      .format = field[KEEL__F_FORMAT],
  };
}

uint32_t keel_rows_count(const keel_event *event) {
  return is(event, KEEL_EV_ROWS) ? (uint32_t)event->words[KEEL__R_ROWS] : 0;
}

uint32_t keel_rows_columns(const keel_event *event) {
  return is(event, KEEL_EV_ROWS) ? (uint32_t)event->words[KEEL__R_COLUMNS] : 0;
}

static uint32_t end_of(int32_t end) {
  return (uint32_t)(end < 0 ? ~end : end);
}

const char *keel_rows_value(const keel_event *event, uint32_t row, uint32_t column, uint32_t *length) {
  uint32_t rows = keel_rows_count(event), columns = keel_rows_columns(event);
  *length = 0;
  if (row >= rows || column >= columns) return NULL;
  const int32_t *ends = event->words + KEEL__R_ENDS;
  const char *text = (const char *)(ends + (size_t)rows * columns);
  size_t cell = (size_t)row * columns + column;
  if (ends[cell] < 0) return NULL;
  uint32_t begin = cell == 0 ? 0 : end_of(ends[cell - 1]);
  *length = (uint32_t)ends[cell] - begin;
  return text + begin;
}

const char *keel_complete_tag(const keel_event *event) {
  return is(event, KEEL_EV_COMPLETE) ? (const char *)(event->words + 10) : "";
}

/* ---------------------------------------------------------------- errors */

static bool is_report(const keel_event *event) {
  return is(event, KEEL_EV_ERROR) || is(event, KEEL_EV_CLOSED) || is(event, KEEL_EV_NOTICE) ||
         is(event, KEEL_EV_HEALTH) || is(event, KEEL_EV_RETRY);
}

keel_code keel_error_code(const keel_event *event) {
  return is_report(event) ? (keel_code)event->words[KEEL__E_CODE] : KEEL_OK;
}

keel_outcome keel_error_outcome(const keel_event *event) {
  return is_report(event) ? (keel_outcome)event->words[KEEL__E_OUTCOME] : KEEL_OUTCOME_NONE;
}

uint32_t keel_error_attempts(const keel_event *event) {
  return is_report(event) ? (uint32_t)event->words[KEEL__E_ATTEMPTS] : 0;
}

int64_t keel_health_latency_us(const keel_event *event) {
  return is(event, KEEL_EV_HEALTH) ? event->words[KEEL__E_ATTEMPTS] : -1;
}

uint32_t keel_retry_delay(const keel_event *event) {
  return is(event, KEEL_EV_RETRY) ? (uint32_t)event->words[KEEL__E_STATUS] : 0;
}

const char *keel_error_field(const keel_event *event, char letter) {
  if (!is_report(event)) return "";
  uint32_t count = (uint32_t)event->words[KEEL__E_FIELDS];
  const int32_t *entry = event->words + KEEL__E_BODY;
  const char *text = (const char *)(entry + (size_t)count * 2);
  for (uint32_t i = 0; i < count; i++, entry += 2) {
    if (entry[0] == letter) return text;
    text += entry[1] + 1;
  }
  return "";
}

keel_code keel_error_cause(const keel_event *event) {
  return is(event, KEEL_EV_ERROR) ? (keel_code)event->words[KEEL__E_CAUSE] : KEEL_OK;
}

int64_t keel_error_retry_after(const keel_event *event) {
  return is(event, KEEL_EV_ERROR) ? event->words[KEEL__E_RETRY_AFTER] : 0;
}

/* ---------------------------------------------------------------- the breaker */

keel_breaker_state keel_breaker_from(const keel_event *event) {
  return is(event, KEEL_EV_BREAKER) ? (keel_breaker_state)event->words[KEEL__K_FROM] : KEEL_BREAKER_IS_CLOSED;
}

keel_breaker_state keel_breaker_to(const keel_event *event) {
  return is(event, KEEL_EV_BREAKER) ? (keel_breaker_state)event->words[KEEL__K_TO] : KEEL_BREAKER_IS_CLOSED;
}

const char *keel_breaker_reason(const keel_event *event) {
  return is(event, KEEL_EV_BREAKER) ? (const char *)(event->words + KEEL__K_REASON) : "";
}
