/*
 * rows.h: rows as blocks (block.h). Pure: no connection, no clock.
 */
#ifndef KEEL_PG_ROWS_H
#define KEEL_PG_ROWS_H

#include <libpq-fe.h>

#include "event.h"

typedef struct keel__part {
  size_t bytes, at;
  int32_t units, ends_at;
} keel__part;

/* Where the cells of each column go; see block.h. The parts are the kept cells, the read ones, and each json column's. */
typedef struct keel__layout {
  int *part_of; /* for each column */
  keel__part *parts;
  size_t capacity; /* columns that both have room for */
  int json;        /* json columns */
} keel__layout;

/* Rows that are gathered for the next block, from one result or from many. Its memory is kept from block to block. Zeroed
 * to begin with. */
typedef struct keel__rows {
  bool for_javascript; /* keel_engine_options.utf16_offsets; its owner's to set */
  int count, columns;
  bool binary; /* any of the columns is */
  size_t bytes;
  char *text; /* cell after cell */
  size_t text_capacity;
  int32_t *ends; /* in bytes */
  size_t ends_capacity;
  keel__layout layout; /* for JavaScript alone */
} keel__rows;

typedef enum keel__rows_added { KEEL__ROWS_ADDED, KEEL__ROWS_FULL, KEEL__ROWS_NO_MEMORY } keel__rows_added;

void keel__rows_destroy(keel__rows *rows);
/* Copies one row of a result, whose columns are those of the rows before it. FULL: a block holds no more, take it first. */
KEEL_MUST_CHECK keel__rows_added keel__rows_add(keel__rows *rows, const PGresult *result, int row);
/* KEEL_EV_ROWS with what was gathered, which is then gone. NULL: no memory, or a row too large for a block. */
KEEL_MUST_CHECK keel_event *keel__rows_take(keel__rows *rows);

/* KEEL_EV_FIELDS; NULL: no memory. */
keel_event *keel__event_fields(const PGresult *result, bool for_javascript);

#endif
