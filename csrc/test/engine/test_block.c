/* test_block.c: results as blocks: cells, offsets, Unicode. No server needed. */
#include <libpq-fe.h>
#include <string.h>

#include "client.h"
#include "core/alloc.h"
#include "pg/detail.h"
#include "pg/rows.h"

static PGresult *result_of(int columns, int rows, const char *const *cells) {
  PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
  PGresAttDesc attributes[8];
  memset(attributes, 0, sizeof attributes);
  for (int i = 0; i < columns; i++) attributes[i].name = "c";
  assert_int_equal(PQsetResultAttrs(result, columns, attributes), 1);
  for (int i = 0; i < rows * columns; i++) {
    const char *cell = cells[i];
    assert_int_equal(
        PQsetvalue(result, i / columns, i % columns, (char *)cell, cell == NULL ? -1 : (int)strlen(cell)), 1);
  }
  return result;
}

static const char *text_of(const keel_event *event) {
  int cells = event->words[KEEL__R_ROWS] * event->words[KEEL__R_COLUMNS];
  return (const char *)(event->words + KEEL__R_ENDS + cells);
}

/* A block of the rows from *row on, as many as it takes. */
static keel_event *block_of(keel__rows *rows, const PGresult *result, int *row, bool utf16) {
  keel__rows_added added = KEEL__ROWS_ADDED;
  while (*row < PQntuples(result) && (added = keel__rows_add(rows, result, *row)) == KEEL__ROWS_ADDED) ++*row;
  assert_int_not_equal(added, KEEL__ROWS_NO_MEMORY);
  return keel__rows_take(rows, utf16);
}

static keel_event *first_block(const char *const *cells, int columns, int rows, bool utf16) {
  keel__rows scratch = {0};
  int row = 0;
  PGresult *result = result_of(columns, rows, cells);
  keel_event *event = block_of(&scratch, result, &row, utf16);
  assert_non_null(event);
  assert_int_equal(row, rows);
  PQclear(result);
  keel__rows_destroy(&scratch);
  return event;
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
  keel__rows scratch = {0};
  const char *cells[] = {"a", "\xc3\xa9", NULL, "b"};
  for (int i = 0; i < 4; i++) {
    PGresult *result = result_of(1, 1, cells + i);
    assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
    PQclear(result);
  }
  keel_event *event = keel__rows_take(&scratch, true);
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
  keel__rows scratch = {0};
  PGresult *result = result_of(0, 0, NULL);
  assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
  assert_int_equal(keel__rows_add(&scratch, result, 0), KEEL__ROWS_ADDED);
  keel_event *event = keel__rows_take(&scratch, true);
  assert_int_equal(event->words[KEEL__R_ROWS], 2);
  assert_int_equal(event->words[KEEL__R_TEXT_BYTES], 0);
  keel_event_free(event);
  PQclear(result);
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
      cmocka_unit_test(startup_errors_of_the_server),
      cmocka_unit_test(startup_errors_of_the_system),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
