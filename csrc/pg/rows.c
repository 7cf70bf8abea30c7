#include "rows.h"

#include "../core/alloc.h"

#include <string.h>

#define USUAL_TEXT ((size_t)KEEL__ROWS_TARGET * 2)
/* What a larger row needed is given back. */
#define KEPT_TEXT (USUAL_TEXT * 32)

void keel__rows_destroy(keel__rows *rows) {
  keel__free(rows->ends);
  keel__free(rows->text);
  *rows = (keel__rows){0};
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

static bool any_binary(const PGresult *result) {
  for (int i = 0; i < PQnfields(result); i++) {
    if (PQfformat(result, i) != 0) return true;
  }
  return false;
}

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
  rows->binary = any_binary(result);
  rows->bytes = 0;
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

static int32_t end_of(int32_t end) {
  return end < 0 ? ~end : end;
}

/* The ends in UTF-16 units; false when a cell is not UTF-8. */
static bool put_utf16_ends(const keel__rows *rows, size_t cells, int32_t *ends) {
  int32_t begin = 0, units = 0;
  for (size_t i = 0; i < cells; i++) {
    int32_t end = end_of(rows->ends[i]);
    int64_t length = keel__text_utf16_units(rows->text + begin, (size_t)(end - begin));
    if (length < 0) return false;
    units += (int32_t)length;
    ends[i] = rows->ends[i] < 0 ? ~units : units;
    begin = end;
  }
  return true;
}

/* Writes the ends in the units that suit the text, and says which these are. */
static int put_ends(const keel__rows *rows, size_t cells, int32_t *ends, bool utf16) {
  bool ascii = !rows->binary && keel__text_is_ascii(rows->text, rows->bytes);
  if (!ascii && !rows->binary && utf16 && put_utf16_ends(rows, cells, ends)) return KEEL__OFFSETS_UTF16;
  memcpy(ends, rows->ends, cells * sizeof *ends);
  return ascii ? KEEL__OFFSETS_ASCII : KEEL__OFFSETS_BYTES;
}

static void forget_text(keel__rows *rows) {
  keel__free(rows->text);
  rows->text = NULL;
  rows->text_capacity = 0;
}

keel_event *keel__rows_take(keel__rows *rows, bool utf16) {
  size_t cells = (size_t)rows->count * (size_t)rows->columns, bytes = rows->bytes;
  keel_event *event = keel__event_new(KEEL_EV_ROWS, keel__body_bytes(KEEL__R_ENDS + cells) + bytes);
  int count = rows->count;
  rows->count = 0;
  if (event == NULL) {
    forget_text(rows);
    return NULL;
  }
  int32_t *ends = event->words + KEEL__R_ENDS;
  event->words[KEEL__R_ROWS] = count;
  event->words[KEEL__R_COLUMNS] = rows->columns;
  event->words[KEEL__R_OFFSETS] = put_ends(rows, cells, ends, utf16);
  event->words[KEEL__R_TEXT_BYTES] = (int32_t)bytes;
  memcpy(ends + cells, rows->text, bytes);
  if (rows->text_capacity > KEPT_TEXT) forget_text(rows);
  return event;
}
