#include "rows.h"

#include "../core/alloc.h"
#include "layout.h"

#include <string.h>

#define USUAL_TEXT ((size_t)KEEL__ROWS_TARGET * 2)
/* What a larger row needed is given back. */
#define KEPT_TEXT (USUAL_TEXT * 32)

void keel__rows_destroy(keel__rows *rows) {
  keel__free(rows->ends);
  keel__free(rows->text);
  keel__layout_destroy(&rows->layout);
  *rows = (keel__rows){0};
}

keel_event *keel__event_fields(const PGresult *result, bool for_javascript) {
  int columns = PQnfields(result);
  bool apart = for_javascript && !keel__any_binary(result);
  size_t names = 0;
  for (int i = 0; i < columns; i++) names += strlen(PQfname(result, i));
  size_t head = 10 + (size_t)columns * KEEL__F_WORDS;
  keel_event *event = keel__event_new(KEEL_EV_FIELDS, keel__body_bytes(head) + names);
  if (event == NULL) return NULL;
  event->words[8] = columns;
  event->words[9] = (int32_t)names;
  char *text = (char *)(event->words + head);
  for (int i = 0; i < columns; i++) {
    int32_t *field = event->words + 10 + (size_t)i * KEEL__F_WORDS;
    const char *name = PQfname(result, i);
    size_t length = strlen(name);
    field[KEEL__F_TABLE] = (int32_t)PQftable(result, i);
    field[KEEL__F_COLUMN] = PQftablecol(result, i);
    field[KEEL__F_TYPE] = (int32_t)PQftype(result, i);
    field[KEEL__F_SIZE] = PQfsize(result, i);
    field[KEEL__F_MODIFIER] = PQfmod(result, i);
    field[KEEL__F_FORMAT] = PQfformat(result, i);
    field[KEEL__F_NAME_BYTES] = (int32_t)length;
    field[KEEL__F_PART] = apart ? (int32_t)keel__part_of(PQftype(result, i)) : KEEL__PART_KEPT;
    memcpy(text, name, length);
    text += length;
  }
  return event;
}

/* ---------------------------------------------------------------- rows */

static bool reserve_text(keel__rows *rows, size_t bytes) {
  if (bytes <= rows->text_capacity) return true;
  size_t capacity = bytes < USUAL_TEXT ? USUAL_TEXT : bytes;
  char *larger = keel__realloc(rows->text, capacity);
  if (larger == NULL) return false;
  rows->text = larger;
  rows->text_capacity = capacity;
  return true;
}

static bool reserve_ends(keel__rows *rows, size_t ends) {
  if (ends <= rows->ends_capacity) return true;
  int32_t *larger = keel__realloc(rows->ends, ends * sizeof *larger);
  if (larger == NULL) return false;
  rows->ends = larger;
  rows->ends_capacity = ends;
  return true;
}

static bool begin(keel__rows *rows, const PGresult *result) {
  rows->columns = PQnfields(result);
  rows->binary = keel__any_binary(result);
  rows->bytes = 0;
  if (rows->for_javascript && !keel__layout_begin(rows, result)) return false;
  return reserve_text(rows, USUAL_TEXT) && reserve_ends(rows, (size_t)rows->columns * KEEL__ROWS_MAX + 1);
}

static keel__rows_added put_cells(keel__rows *rows, const PGresult *result, int row) {
  int32_t *ends = rows->ends + (size_t)rows->count * (size_t)rows->columns;
  size_t end = rows->bytes;
  for (int column = 0; column < rows->columns; column++) {
    size_t length = (size_t)PQgetlength(result, row, column);
    bool is_null = length == 0 && PQgetisnull(result, row, column);
    /* A row that the others leave no room for is not copied to its end. */
    if (rows->count > 0 && end + length > KEEL__ROWS_TARGET) return KEEL__ROWS_FULL;
    if (!reserve_text(rows, end + length)) return KEEL__ROWS_NO_MEMORY;
    if (length > 0) memcpy(rows->text + end, PQgetvalue(result, row, column), length);
    end += length;
    ends[column] = is_null ? ~(int32_t)end : (int32_t)end;
  }
  rows->bytes = end;
  rows->count++;
  return KEEL__ROWS_ADDED;
}

keel__rows_added keel__rows_add(keel__rows *rows, const PGresult *result, int row) {
  if (rows->count == KEEL__ROWS_MAX) return KEEL__ROWS_FULL;
  if (rows->count == 0 && !begin(rows, result)) return KEEL__ROWS_NO_MEMORY;
  return put_cells(rows, result, row);
}

static void forget_text(keel__rows *rows) {
  keel__free(rows->text);
  rows->text = NULL;
  rows->text_capacity = 0;
}

/* Cell after cell. */
static void put_plain(const keel__rows *rows, keel_event *event) {
  size_t cells = (size_t)rows->count * (size_t)rows->columns;
  int32_t *ends = event->words + KEEL__R_ENDS;
  memcpy(ends, rows->ends, cells * sizeof *ends);
  memcpy(ends + cells, rows->text, rows->bytes);
  event->words[KEEL__R_OFFSETS] = KEEL__OFFSETS_BYTES;
  event->words[KEEL__R_TEXT_BYTES] = event->words[KEEL__R_KEPT_BYTES] = (int32_t)rows->bytes;
}

keel_event *keel__rows_take(keel__rows *rows) {
  size_t cells = (size_t)rows->count * (size_t)rows->columns;
  size_t text = rows->bytes + (rows->for_javascript ? keel__layout_more(rows) : 0);
  keel_event *event = keel__event_new(KEEL_EV_ROWS, keel__body_bytes(KEEL__R_ENDS + cells) + text);
  if (event == NULL) {
    forget_text(rows);
  } else {
    event->words[KEEL__R_ROWS] = rows->count;
    event->words[KEEL__R_COLUMNS] = rows->columns;
    if (rows->for_javascript) {
      keel__layout_put(rows, event);
    } else {
      put_plain(rows, event);
    }
  }
  rows->count = 0;
  if (rows->text_capacity > KEPT_TEXT) forget_text(rows);
  return event;
}
