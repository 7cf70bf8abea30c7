#include "layout.h"

#include "../core/alloc.h"
#include "unicode.h"

#include <string.h>

/* Type numbers of the server (pg_type.dat). */
enum {
  TYPE_BOOL = 16,
  TYPE_INT2 = 21,
  TYPE_INT4 = 23,
  TYPE_OID = 26,
  TYPE_JSON = 114,
  TYPE_FLOAT4 = 700,
  TYPE_FLOAT8 = 701,
  TYPE_DATE = 1082,
  TYPE_TIMESTAMP = 1114,
  TYPE_TIMESTAMPTZ = 1184,
  TYPE_JSONB = 3802,
};

bool keel__any_binary(const PGresult *result) {
  for (int i = 0; i < PQnfields(result); i++) {
    if (PQfformat(result, i) != 0) return true;
  }
  return false;
}

enum keel__block_part keel__part_of(Oid type) {
  switch (type) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_OID:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
      return KEEL__PART_READ;
    case TYPE_JSON:
    case TYPE_JSONB:
      return KEEL__PART_JSON;
    default:
      return KEEL__PART_KEPT;
  }
}

/* ---------------------------------------------------------------- the shape */

void keel__layout_destroy(keel__layout *layout) {
  keel__free(layout->part_of);
  keel__free(layout->parts);
  *layout = (keel__layout){0};
}

static bool reserve(keel__layout *layout, size_t columns) {
  if (layout->parts != NULL && columns <= layout->capacity) return true;
  keel__layout_destroy(layout);
  layout->part_of = keel__alloc((columns + 1) * sizeof *layout->part_of);
  layout->parts = keel__alloc((KEEL__PART_JSON + columns) * sizeof *layout->parts);
  if (layout->part_of == NULL || layout->parts == NULL) return false;
  layout->capacity = columns;
  return true;
}

bool keel__layout_begin(keel__rows *rows, const PGresult *result) {
  keel__layout *layout = &rows->layout;
  if (!reserve(layout, (size_t)rows->columns)) return false;
  layout->json = 0;
  for (int i = 0; i < rows->columns; i++) {
    int part = rows->binary ? KEEL__PART_KEPT : (int)keel__part_of(PQftype(result, i));
    layout->part_of[i] = part == KEEL__PART_JSON ? KEEL__PART_JSON + layout->json++ : part;
  }
  return true;
}

/* ---------------------------------------------------------------- a block */

/* For a json column: where its array begins, its brackets, and the commas between its cells. */
size_t keel__layout_more(const keel__rows *rows) {
  return (size_t)rows->layout.json * (sizeof(int32_t) + (size_t)rows->count + 1);
}

static size_t part_count(const keel__layout *layout) {
  return KEEL__PART_JSON + (size_t)layout->json;
}

static size_t end_of(int32_t end) {
  return (size_t)(end < 0 ? ~end : end);
}

static bool is_json(int part) {
  return part >= KEEL__PART_JSON;
}

/* Adds up the parts, and notes each cell's length in the units of the offsets. False: a cell is not UTF-8. */
static bool measure_cells(const keel__rows *rows, enum keel__block_offsets offsets, int32_t *lengths) {
  const keel__layout *layout = &rows->layout;
  const int32_t *end = rows->ends;
  size_t begin = 0;
  for (int row = 0; row < rows->count; row++) {
    for (int column = 0; column < rows->columns; column++, end++, lengths++) {
      const char *cell = rows->text + begin;
      size_t bytes = end_of(*end) - begin;
      int64_t units = offsets == KEEL__OFFSETS_UTF16 ? keel__text_utf16_units(cell, bytes) : (int64_t)bytes;
      if (units < 0) return false;
      begin += bytes;
      *lengths = (int32_t)units;
      int separator = is_json(layout->part_of[column]) && *end >= 0;
      keel__part *part = layout->parts + layout->part_of[column];
      part->bytes += bytes + (size_t)separator;
      part->units += (int32_t)units + separator;
    }
  }
  return true;
}

static bool measure(const keel__rows *rows, enum keel__block_offsets offsets, int32_t *lengths) {
  const keel__layout *layout = &rows->layout;
  memset(layout->parts, 0, part_count(layout) * sizeof *layout->parts);
  if (!measure_cells(rows, offsets, lengths)) return false;
  for (size_t i = KEEL__PART_JSON; i < part_count(layout); i++) {
    keel__part *part = layout->parts + i;
    int brackets = part->bytes == 0 ? 2 : 1; /* the last comma's place is the other one's */
    part->bytes += (size_t)brackets;
    part->units += brackets;
  }
  return true;
}

static enum keel__block_offsets measure_text(const keel__rows *rows, int32_t *lengths) {
  if (!rows->binary) {
    bool ascii = keel__text_is_ascii(rows->text, rows->bytes);
    enum keel__block_offsets offsets = ascii ? KEEL__OFFSETS_ASCII : KEEL__OFFSETS_UTF16;
    if (measure(rows, offsets, lengths)) return offsets;
  }
  measure(rows, KEEL__OFFSETS_BYTES, lengths);
  return KEEL__OFFSETS_BYTES;
}

/* One part behind the other. Returns where the last one ends. */
static size_t place_parts(const keel__layout *layout, int32_t read_from, int32_t *arrays) {
  keel__part *parts = layout->parts;
  size_t at = parts[KEEL__PART_KEPT].bytes;
  int32_t ends_at = read_from;
  for (size_t i = KEEL__PART_READ; i < part_count(layout); i++) {
    parts[i].at = at;
    parts[i].ends_at = ends_at;
    at += parts[i].bytes;
    ends_at += parts[i].units;
    if (i >= KEEL__PART_JSON) arrays[i - KEEL__PART_JSON] = parts[i].ends_at;
  }
  return at;
}

static void open_arrays(const keel__layout *layout, char *text) {
  for (size_t i = KEEL__PART_JSON; i < part_count(layout); i++) {
    text[layout->parts[i].at++] = '[';
    layout->parts[i].ends_at++;
  }
}

/* Over the comma behind the last cell, if there is any. */
static void close_arrays(const keel__layout *layout, char *text) {
  size_t end = 0;
  for (size_t i = 0; i < part_count(layout); i++) {
    end += layout->parts[i].bytes;
    if (i >= KEEL__PART_JSON) text[end - 1] = ']';
  }
}

/* Cells to their parts; their lengths become ends. */
static void place_cells(const keel__rows *rows, char *text, int32_t *ends) {
  const keel__layout *layout = &rows->layout;
  const int32_t *end = rows->ends;
  size_t begin = 0;
  for (int row = 0; row < rows->count; row++) {
    for (int column = 0; column < rows->columns; column++, end++, ends++) {
      keel__part *part = layout->parts + layout->part_of[column];
      size_t bytes = end_of(*end) - begin;
      memcpy(text + part->at, rows->text + begin, bytes);
      begin += bytes;
      part->at += bytes;
      part->ends_at += *ends;
      *ends = *end < 0 ? ~part->ends_at : part->ends_at;
      if (!is_json(layout->part_of[column]) || *end < 0) continue;
      text[part->at++] = ',';
      part->ends_at++;
    }
  }
}

void keel__layout_put(const keel__rows *rows, keel_event *event) {
  const keel__layout *layout = &rows->layout;
  int32_t *words = event->words, *ends = words + KEEL__R_ENDS;
  int32_t *arrays = ends + (size_t)rows->count * (size_t)rows->columns;
  char *text = (char *)(arrays + layout->json);
  enum keel__block_offsets offsets = measure_text(rows, ends);
  const keel__part *kept = layout->parts + KEEL__PART_KEPT;
  bool is_apart = rows->count >= KEEL__ROWS_APART && offsets != KEEL__OFFSETS_BYTES;
  int32_t read_from = is_apart ? 0 : kept->units;
  words[KEEL__R_OFFSETS] = (int32_t)offsets;
  words[KEEL__R_TEXT_BYTES] = (int32_t)place_parts(layout, read_from, arrays);
  words[KEEL__R_KEPT_BYTES] = (int32_t)kept->bytes;
  words[KEEL__R_READ_FROM] = read_from;
  words[KEEL__R_JSON] = layout->json;
  open_arrays(layout, text);
  place_cells(rows, text, ends);
  close_arrays(layout, text);
}
