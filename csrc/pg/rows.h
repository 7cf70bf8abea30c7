/*
 * rows.h: rows as blocks (block.h). Pure: no connection, no clock.
 */
#ifndef KEEL_PG_ROWS_H
#define KEEL_PG_ROWS_H

#include <libpq-fe.h>

#include "event.h"

/* Rows that are gathered for the next block, from one result or from many. Its memory is kept from block to block. Zeroed
 * to begin with. */
typedef struct keel__rows {
  int count, columns;
  bool binary; /* any of the columns is */
  size_t bytes;
  char *text;
  size_t text_capacity;
  int32_t *ends;
  size_t ends_capacity;
} keel__rows;

typedef enum keel__rows_added { KEEL__ROWS_ADDED, KEEL__ROWS_FULL, KEEL__ROWS_NO_MEMORY } keel__rows_added;

void keel__rows_destroy(keel__rows *rows);
/* Copies one row of a result, whose columns are those of the rows before it. FULL: a block holds no more, take it first. */
KEEL_MUST_CHECK keel__rows_added keel__rows_add(keel__rows *rows, const PGresult *result, int row);
/* KEEL_EV_ROWS with what was gathered, which is then gone. `utf16`: see keel_engine_options. NULL: no memory, or a row too
 * large for a block. */
KEEL_MUST_CHECK keel_event *keel__rows_take(keel__rows *rows, bool utf16);

/* KEEL_EV_FIELDS; NULL: no memory. */
keel_event *keel__event_fields(const PGresult *result);

/* For tests: 1 when all bytes are ASCII; UTF-16 units of valid UTF-8, -1 when it is not valid. */
bool keel__text_is_ascii(const char *text, size_t length);
int64_t keel__text_utf16_units(const char *text, size_t length);

#endif
