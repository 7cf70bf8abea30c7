/*
 * rows.h: a result as blocks (block.h). Pure: no connection, no clock.
 */
#ifndef KEEL_PG_ROWS_H
#define KEEL_PG_ROWS_H

#include <libpq-fe.h>

#include "event.h"

/* Scratch memory that is kept between calls. */
typedef struct keel__rows {
  struct keel__cell *cells;
  size_t capacity;
} keel__rows;

void keel__rows_destroy(keel__rows *rows);

/* KEEL_EV_FIELDS; NULL: no memory. */
keel_event *keel__event_fields(const PGresult *result);

/* KEEL_EV_ROWS with the rows from *row on, as many as one block takes; *row is moved on. `utf16`: see
 * keel_engine_options. NULL: no memory, or a row too large for a block. */
keel_event *keel__event_rows(keel__rows *rows, const PGresult *result, int *row, bool utf16);

/* For tests: 1 when all bytes are ASCII; UTF-16 units of valid UTF-8, -1 when it is not valid. */
bool keel__text_is_ascii(const char *text, size_t length);
int64_t keel__text_utf16_units(const char *text, size_t length);

#endif
