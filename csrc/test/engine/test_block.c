/* test_block.c: results as blocks: cells, offsets, Unicode. No server needed. */
#include <libpq-fe.h>
#include <string.h>

#include "client.h"
#include "core/alloc.h"
#include "pg/detail.h"
#include "pg/layout.h"
#include "pg/rows.h"
#include "pg/unicode.h"

enum { JSON = 114, INT4 = 23, TEXT = 25, JSONB = 3802 };

static PGresult *typed_result(const Oid *types, int columns, int rows, const char *const *cells) {
  PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
  PGresAttDesc attributes[8];
  memset(attributes, 0, sizeof attributes);
  for (int i = 0; i < columns; i++) {
    attributes[i].name = "c";
    attributes[i].typid = types == NULL ? TEXT : types[i];
  }
  assert_int_equal(PQsetResultAttrs(result, columns, attributes), 1);
  for (int i = 0; i < rows * columns; i++) {
    const char *cell = cells[i];
    assert_int_equal(
        PQsetvalue(result, i / columns, i % columns, (char *)cell, cell == NULL ? -1 : (int)strlen(cell)), 1);
  }
  return result;
}

static PGresult *result_of(int columns, int rows, const char *const *cells) {
  return typed_result(NULL, columns, rows, cells);
}

static const int32_t *arrays_of(const keel_event *event) {
  ptrdiff_t cells = (ptrdiff_t)event->words[KEEL__R_ROWS] * event->words[KEEL__R_COLUMNS];
  return event->words + KEEL__R_ENDS + cells;
}

static const char *text_of(const keel_event *event) {
  return (const char *)(arrays_of(event) + event->words[KEEL__R_JSON]);
}

/* A block of the rows from *row on, as many as it takes. */
static keel_event *block_of(keel__rows *rows, const PGresult *result, int *row, bool utf16) {
  keel__rows_added added = KEEL__ROWS_ADDED;
  rows->for_javascript = utf16;
  while (*row < PQntuples(result) && (added = keel__rows_add(rows, result, *row)) == KEEL__ROWS_ADDED) ++*row;
  assert_int_not_equal(added, KEEL__ROWS_NO_MEMORY);
  return keel__rows_take(rows);
}

static keel_event *typed_block(const Oid *types, const char *const *cells, int columns, int rows,
                               bool utf16) {
  keel__rows scratch = {0};
  int row = 0;
  PGresult *result = typed_result(types, columns, rows, cells);
  keel_event *event = block_of(&scratch, result, &row, utf16);
  assert_non_null(event);
  assert_int_equal(row, rows);
  PQclear(result);
  keel__rows_destroy(&scratch);
  return event;
}

static keel_event *first_block(const char *const *cells, int columns, int rows, bool utf16) {
  return typed_block(NULL, cells, columns, rows, utf16);
}

static void assert_text(const keel_event *event, const char *expected) {
  assert_int_equal(event->words[KEEL__R_TEXT_BYTES], strlen(expected));
  assert_memory_equal(text_of(event), expected, strlen(expected));
}

static void ascii_cells_and_nulls(void **state) {
  (void)state;
  const char *cells[] = {"one", NULL, "", "two", "three", NULL};
  keel_event *event = first_block(cells, 3, 2, true);
  int32_t ends[] = {3, ~3, 3, 6, 11, ~11};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_ASCII);
  assert_int_equal(event->words[KEEL__R_TEXT_BYTES], 11);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  assert_memory_equal(text_of(event), "onetwothree", 11);
  assert_int_equal(event->words[KEEL__B_SIZE] % 8, 0);
  keel_event_free(event);
}

static void unicode_in_utf16_units(void **state) {
  (void)state;
  const char *cells[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80z", NULL};
  keel_event *event = first_block(cells, 5, 1, true);
  int32_t ends[] = {1, 2, 3, 6, ~6};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_UTF16);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  keel_event_free(event);
}

static void unicode_in_bytes(void **state) {
  (void)state;
  const char *cells[] = {"a", "\xc3\xa9", NULL};
  keel_event *event = first_block(cells, 3, 1, false);
  int32_t ends[] = {1, 3, ~3};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_BYTES);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  keel_event_free(event);
}

static void what_is_not_utf8_stays_bytes(void **state) {
  (void)state;
  const char *cells[] = {"\xc3\xa9", NULL, "\xff", "b"};
  keel_event *event = first_block(cells, 4, 1, true);
  int32_t ends[] = {2, ~2, 3, 4};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_BYTES);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  keel_event_free(event);
}

static void well_formed_sequences(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t units;
  } cases[] = {
      {"", 0},
      {"12345678", 8},
      {"1234567890", 10},
      {"\xc2\x80", 1},
      {"\xdf\xbf", 1},
      {"\xe0\xa0\x80", 1},
      {"\xed\x9f\xbf", 1},
      {"\xee\x80\x80", 1},
      {"\xf0\x90\x80\x80", 2},
      {"\xf4\x8f\xbf\xbf", 2},
      {"12345678\xc3\xa9", 9},
      {"\x80", -1},
      {"\xc0\x80", -1},
      {"\xc1\xbf", -1},
      {"\xc3", -1},
      {"\xc3(", -1},
      {"\xe0\x9f\xbf", -1},
      {"\xed\xa0\x80", -1},
      {"\xe2\x82", -1},
      {"\xf0\x8f\xbf\xbf", -1},
      {"\xf4\x90\x80\x80", -1},
      {"\xf5\x80\x80\x80", -1},
      {"\xf0\x9f\x98", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(keel__text_utf16_units(cases[i].text, strlen(cases[i].text)), cases[i].units);
  }
}

static void ascii_at_every_length(void **state) {
  (void)state;
  char text[100];
  for (size_t length = 0; length < sizeof text; length++) {
    memset(text, 'x', sizeof text);
    assert_true(keel__text_is_ascii(text, length));
    for (size_t at = 0; at < length; at++) {
      text[at] = (char)0x80;
      assert_false(keel__text_is_ascii(text, length));
      text[at] = 'x';
    }
  }
}

static void blocks_are_bounded(void **state) {
  (void)state;
  char wide[KEEL__ROWS_TARGET + 2];
  const char *cells[200];
  memset(wide, 'w', sizeof wide);
  wide[sizeof wide - 1] = 0;
  for (int i = 0; i < 200; i++) cells[i] = i == 60 ? wide : "x";
  PGresult *result = result_of(1, 200, cells);
  keel__rows scratch = {0};
  int row = 0, expected[] = {48, 60, 61, 109, 157, 200};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    keel_event *event = block_of(&scratch, result, &row, true);
    assert_int_equal(row, expected[i]);
    keel_event_free(event);
  }
  PQclear(result);
  keel__rows_destroy(&scratch);
}

/* As in the single-row mode: a result for every row, all of them gone before the block is made. */
static void rows_of_many_results(void **state) {
  (void)state;
  keel__rows scratch = {.for_javascript = true};
  const char *cells[] = {"a", "\xc3\xa9", NULL, "b"};
  for (int i = 0; i < 4; i++) {
    PGresult *result = result_of(1, 1, cells + i);
    assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
    PQclear(result);
  }
  keel_event *event = keel__rows_take(&scratch);
  int32_t ends[] = {1, 2, ~2, 3};
  assert_int_equal(event->words[KEEL__R_ROWS], 4);
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_UTF16);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  assert_int_equal(scratch.count, 0);
  keel_event_free(event);
  keel__rows_destroy(&scratch);
}

static void rows_without_columns(void **state) {
  (void)state;
  keel__rows scratch = {.for_javascript = true};
  PGresult *result = result_of(0, 0, NULL);
  assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
  assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
  keel_event *event = keel__rows_take(&scratch);
  assert_int_equal(event->words[KEEL__R_ROWS], 2);
  assert_int_equal(event->words[KEEL__R_TEXT_BYTES], 0);
  keel_event_free(event);
  PQclear(result);
  keel__rows_destroy(&scratch);
}

/* ---------------------------------------------------------------- apart, for JavaScript */

static const Oid MIXED[] = {INT4, TEXT, JSONB, JSON};

static void few_rows_are_one_text(void **state) {
  (void)state;
  const char *cells[] = {"17", "one", "{}", NULL, NULL, "two", "[1,2]", "null"};
  keel_event *event = typed_block(MIXED, cells, 4, 2, true);
  assert_text(event, "onetwo17[{},[1,2]][null]");
  int32_t ends[] = {8, 3, 11, ~19, ~8, 6, 17, 23}, arrays[] = {8, 18};
  assert_int_equal(event->words[KEEL__R_KEPT_BYTES], 6);
  assert_int_equal(event->words[KEEL__R_READ_FROM], 6);
  assert_int_equal(event->words[KEEL__R_JSON], 2);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  assert_memory_equal(arrays_of(event), arrays, sizeof arrays);
  keel_event_free(event);
}

enum { MANY = KEEL__ROWS_APART };

static void many_rows_are_two_texts(void **state) {
  (void)state;
  const char *cells[MANY * 4];
  for (int i = 0; i < MANY * 4; i += 4)
    cells[i] = "7", cells[i + 1] = "ab", cells[i + 2] = cells[i + 3] = NULL;
  cells[4 * 2 + 2] = "1";
  cells[4 * 5 + 2] = "23";
  keel_event *event = typed_block(MIXED, cells, 4, MANY, true);
  assert_text(event, "abababababababab77777777[1,23][]");
  int32_t third[] = {3, 6, 10, ~15}, sixth[] = {6, 12, 13, ~15}, last[] = {8, 16, ~14, ~15},
          arrays[] = {8, 14};
  const int32_t *ends = event->words + KEEL__R_ENDS;
  assert_int_equal(event->words[KEEL__R_KEPT_BYTES], 16);
  assert_int_equal(event->words[KEEL__R_READ_FROM], 0);
  assert_memory_equal(ends + (ptrdiff_t)4 * 2, third, sizeof third);
  assert_memory_equal(ends + (ptrdiff_t)4 * 5, sixth, sizeof sixth);
  assert_memory_equal(ends + (ptrdiff_t)4 * 7, last, sizeof last);
  assert_memory_equal(arrays_of(event), arrays, sizeof arrays);
  keel_event_free(event);
}

static void parts_in_utf16_units(void **state) {
  (void)state;
  const char *cells[] = {"1", "\xf0\x9f\x98\x80", "\"\xc3\xa9\"", "2", "3", "x", "4", "5"};
  keel_event *event = typed_block(MIXED, cells, 4, 2, true);
  assert_text(event, "\xf0\x9f\x98\x80x13[\"\xc3\xa9\",4][2,5]");
  int32_t ends[] = {4, 2, 9, 14, 5, 3, 11, 16}, arrays[] = {5, 12};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_UTF16);
  assert_int_equal(event->words[KEEL__R_KEPT_BYTES], 5);
  assert_int_equal(event->words[KEEL__R_READ_FROM], 3);
  assert_memory_equal(event->words + KEEL__R_ENDS, ends, sizeof ends);
  assert_memory_equal(arrays_of(event), arrays, sizeof arrays);
  keel_event_free(event);
}

/* A sequence is not one because two cells come to lie beside each other. */
static void parts_that_are_not_utf8(void **state) {
  (void)state;
  const Oid types[] = {TEXT, INT4, TEXT};
  const char *cells[MANY * 3];
  for (int i = 0; i < MANY * 3; i += 3) cells[i] = "\xc3", cells[i + 1] = "1", cells[i + 2] = "\xa9";
  keel_event *event = typed_block(types, cells, 3, MANY, true);
  assert_text(event,
              "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
              "11111111");
  int32_t first[] = {1, 17, 2};
  assert_int_equal(event->words[KEEL__R_OFFSETS], KEEL__OFFSETS_BYTES);
  assert_int_equal(event->words[KEEL__R_READ_FROM], 16);
  assert_memory_equal(event->words + KEEL__R_ENDS, first, sizeof first);
  keel_event_free(event);
}

static void for_c_cells_lie_in_order(void **state) {
  (void)state;
  const char *cells[] = {"17", "one", "{}", NULL};
  keel_event *event = typed_block(MIXED, cells, 4, 1, false);
  uint32_t length = 0;
  assert_text(event, "17one{}");
  assert_memory_equal(keel_rows_value(event, 0, 2, &length), "{}", 2);
  assert_null(keel_rows_value(event, 0, 3, &length));
  keel_event_free(event);
}

static void assert_parts(const PGresult *result, bool for_javascript, const int *expected) {
  keel_event *event = keel__event_fields(result, for_javascript);
  assert_non_null(event);
  for (int i = 0; i < 4; i++) {
    const int32_t *field = event->words + 10 + (ptrdiff_t)i * KEEL__F_WORDS;
    assert_int_equal(field[KEEL__F_PART], expected[i]);
  }
  keel_event_free(event);
}

static void fields_tell_where_cells_lie(void **state) {
  (void)state;
  PGresult *result = typed_result(MIXED, 4, 0, NULL);
  assert_parts(result, true, (int[]){KEEL__PART_READ, KEEL__PART_KEPT, KEEL__PART_JSON, KEEL__PART_JSON});
  assert_parts(result, false, (int[]){0, 0, 0, 0});
  PQclear(result);
}

/* Results of any shape may follow one another. */
static void a_wider_result_after_another(void **state) {
  (void)state;
  keel__rows scratch = {0};
  const char *cells[] = {"1", "a", "2", "3"};
  for (int columns = 1; columns <= 4; columns++) {
    int row = 0;
    PGresult *result = typed_result(MIXED, columns, 1, cells);
    keel_event *event = block_of(&scratch, result, &row, true);
    static const char *const TEXTS[] = {"1", "a1", "a1[2]", "a1[2][3]"};
    assert_text(event, TEXTS[columns - 1]);
    keel_event_free(event);
    PQclear(result);
  }
  keel__rows_destroy(&scratch);
}

static void assert_field(const keel__detail *detail, char letter, const char *expected) {
  uint32_t length = 0;
  const char *text = keel__detail_get(detail, letter, &length);
  assert_non_null(text);
  assert_int_equal(length, strlen(expected));
  assert_memory_equal(text, expected, length);
}

static void startup_errors_of_the_server(void **state) {
  (void)state;
  keel__detail detail;
  keel__detail_from_startup(
      &detail,
      "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n"
      "connection to server at \"::1\", port 2 failed: FATAL:  28000: no entry: for \"x\"\n"
      "second line\nDETAIL:  the detail\nof two lines\nHINT:  a hint\n"
      "LOCATION:  auth_failed, auth.c:334\n");
  assert_field(&detail, 'S', "FATAL");
  assert_field(&detail, 'C', "28000");
  assert_field(&detail, 'M', "no entry: for \"x\"\nsecond line");
  assert_field(&detail, 'D', "the detail\nof two lines");
  assert_field(&detail, 'H', "a hint");
  assert_field(&detail, 'R', "auth_failed");
  assert_field(&detail, 'F', "auth.c");
  assert_field(&detail, 'L', "334");
}

static void startup_errors_of_the_system(void **state) {
  (void)state;
  keel__detail detail;
  keel__detail_from_startup(&detail,
                            "connection to server at \"a\" failed: Connection refused\n"
                            "connection to server at \"b\" failed: No route to host\n");
  assert_field(&detail, 'e', "EHOSTUNREACH");
  assert_null(keel__detail_get(&detail, 'C', NULL));
  keel__detail_from_startup(&detail, "");
  assert_field(&detail, 'M', "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ascii_cells_and_nulls),
      cmocka_unit_test(unicode_in_utf16_units),
      cmocka_unit_test(unicode_in_bytes),
      cmocka_unit_test(what_is_not_utf8_stays_bytes),
      cmocka_unit_test(well_formed_sequences),
      cmocka_unit_test(ascii_at_every_length),
      cmocka_unit_test(blocks_are_bounded),
      cmocka_unit_test(rows_of_many_results),
      cmocka_unit_test(rows_without_columns),
      cmocka_unit_test(few_rows_are_one_text),
      cmocka_unit_test(many_rows_are_two_texts),
      cmocka_unit_test(parts_in_utf16_units),
      cmocka_unit_test(parts_that_are_not_utf8),
      cmocka_unit_test(for_c_cells_lie_in_order),
      cmocka_unit_test(fields_tell_where_cells_lie),
      cmocka_unit_test(a_wider_result_after_another),
      cmocka_unit_test(startup_errors_of_the_server),
      cmocka_unit_test(startup_errors_of_the_system),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
