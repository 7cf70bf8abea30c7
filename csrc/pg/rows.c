#include "rows.h"

#include "../core/alloc.h"

#include <string.h>

typedef struct keel__cell {
  const char *text;
  int32_t length; /* -1: SQL NULL */
} keel__cell;

void keel__rows_destroy(keel__rows *rows) {
  keel__free(rows->cells);
  rows->cells = NULL;
  rows->capacity = 0;
}

keel_event *keel__event_fields(const PGresult *result) {
  int columns = PQnfields(result);
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
    field[KEEL__F_RESERVED] = 0;
    memcpy(text, name, length);
    text += length;
  }
  return event;
}

/* ---------------------------------------------------------------- text */

bool keel__text_is_ascii(const char *text, size_t length) {
  uint64_t seen = 0, word;
  size_t i = 0;
  for (; i + 32 <= length; i += 32) {
    uint64_t four[4];
    memcpy(four, text + i, sizeof four);
    seen |= four[0] | four[1] | four[2] | four[3];
  }
  for (; i + 8 <= length; i += 8) {
    memcpy(&word, text + i, sizeof word);
    seen |= word;
  }
  unsigned char rest = 0;
  for (; i < length; i++) rest |= (unsigned char)text[i];
  return (seen & 0x8080808080808080u) == 0 && (rest & 0x80) == 0;
}

static bool is_tail(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

/* Bytes of the well-formed sequence of two to four bytes that begins at `s` (Unicode, table 3-7), or 0. */
static size_t sequence(const unsigned char *s, size_t left) {
  unsigned char lead = s[0];
  if (lead < 0xc2 || left < 2 || !is_tail(s[1])) return 0;
  if (lead < 0xe0) return 2;
  if (left < 3 || !is_tail(s[2])) return 0;
  if (lead < 0xf0) {
    if ((lead == 0xe0 && s[1] < 0xa0) || (lead == 0xed && s[1] > 0x9f)) return 0;
    return 3;
  }
  if (lead > 0xf4 || left < 4 || !is_tail(s[3])) return 0;
  if ((lead == 0xf0 && s[1] < 0x90) || (lead == 0xf4 && s[1] > 0x8f)) return 0;
  return 4;
}

int64_t keel__text_utf16_units(const char *text, size_t length) {
  const unsigned char *s = (const unsigned char *)text;
  int64_t units = 0;
  size_t i = 0;
  while (i < length) {
    uint64_t word;
    if (i + 8 <= length) {
      memcpy(&word, s + i, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        units += 8;
        continue;
      }
    }
    size_t bytes = s[i] < 0x80 ? 1 : sequence(s + i, length - i);
    if (bytes == 0) return -1;
    units += bytes == 4 ? 2 : 1;
    i += bytes;
  }
  return units;
}

/* ---------------------------------------------------------------- rows */

static bool reserve(keel__rows *rows, size_t cells) {
  if (cells <= rows->capacity) return true;
  keel__cell *larger = keel__realloc(rows->cells, cells * sizeof *larger);
  if (larger == NULL) return false;
  rows->cells = larger;
  rows->capacity = cells;
  return true;
}

static size_t gather_row(keel__cell *cells, const PGresult *result, int row, int columns) {
  size_t bytes = 0;
  for (int column = 0; column < columns; column++) {
    int length = PQgetlength(result, row, column);
    cells[column].text = PQgetvalue(result, row, column);
    cells[column].length = length == 0 && PQgetisnull(result, row, column) ? -1 : length;
    bytes += (size_t)length;
  }
  return bytes;
}

/* Collects the cells of the rows that one block takes; gives their number, and the bytes of all their text. */
static int gather(keel__rows *rows, const PGresult *result, int from, int columns, size_t *bytes) {
  int available = PQntuples(result) - from, taken = 0;
  *bytes = 0;
  while (taken < available && taken < KEEL__ROWS_MAX) {
    keel__cell *cells = rows->cells + (size_t)taken * (size_t)columns;
    size_t row = gather_row(cells, result, from + taken, columns);
    if (taken > 0 && *bytes + row > KEEL__ROWS_TARGET) break;
    *bytes += row;
    taken++;
  }
  return taken;
}

static void put_cells(const keel__cell *cells, size_t count, int32_t *ends, char *text) {
  int32_t end = 0;
  for (size_t i = 0; i < count; i++) {
    if (cells[i].length < 0) {
      ends[i] = ~end;
      continue;
    }
    memcpy(text + end, cells[i].text, (size_t)cells[i].length);
    end += cells[i].length;
    ends[i] = end;
  }
}

/* Rewrites the ends in UTF-16 units; false, with the ends as they were, when a cell is not UTF-8. */
static bool ends_to_utf16(const keel__cell *cells, size_t count, int32_t *ends) {
  int32_t end = 0;
  size_t i = 0;
  for (; i < count; i++) {
    if (cells[i].length >= 0) {
      int64_t units = keel__text_utf16_units(cells[i].text, (size_t)cells[i].length);
      if (units < 0) break;
      end += (int32_t)units;
    }
    ends[i] = cells[i].length < 0 ? ~end : end;
  }
  if (i == count) return true;
  int32_t bytes = 0;
  for (size_t k = 0; k < count; k++) {
    if (cells[k].length >= 0) bytes += cells[k].length;
    ends[k] = cells[k].length < 0 ? ~bytes : bytes;
  }
  return false;
}

static bool any_binary(const PGresult *result, int columns) {
  for (int i = 0; i < columns; i++) {
    if (PQfformat(result, i) != 0) return true;
  }
  return false;
}

keel_event *keel__event_rows(keel__rows *rows, const PGresult *result, int *row, bool utf16) {
  int columns = PQnfields(result);
  if (!reserve(rows, (size_t)columns * KEEL__ROWS_MAX + 1)) return NULL;
  size_t bytes = 0;
  int taken = gather(rows, result, *row, columns, &bytes);
  size_t cells = (size_t)taken * (size_t)columns;
  keel_event *event = keel__event_new(KEEL_EV_ROWS, keel__body_bytes(KEEL__R_ENDS + cells) + bytes);
  if (event == NULL) return NULL;
  int32_t *ends = event->words + KEEL__R_ENDS;
  char *text = (char *)(ends + cells);
  put_cells(rows->cells, cells, ends, text);
  int offsets = KEEL__OFFSETS_BYTES;
  if (!any_binary(result, columns)) {
    if (keel__text_is_ascii(text, bytes)) {
      offsets = KEEL__OFFSETS_ASCII;
    } else if (utf16 && ends_to_utf16(rows->cells, cells, ends)) {
      offsets = KEEL__OFFSETS_UTF16;
    }
  }
  event->words[KEEL__R_ROWS] = taken;
  event->words[KEEL__R_COLUMNS] = columns;
  event->words[KEEL__R_OFFSETS] = offsets;
  event->words[KEEL__R_TEXT_BYTES] = (int32_t)bytes;
  *row += taken;
  return event;
}
