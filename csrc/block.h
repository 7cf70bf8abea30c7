/*
 * block.h: how an event lies in memory. Written by the engine thread, read by the accessors of keel.h and, byte for
 * byte, by lib/decode.js; change both together.
 *
 * An event is a whole number of 8-byte units. Numbers are little-endian int32 words unless they are marked f64 (two
 * words, 8-byte aligned). Text is UTF-8.
 *
 *   word 0  size in bytes, this header included, padded to 8
 *   word 1  kind (keel_event_kind)
 *   word 2  tag, low half          word 3  tag, high half
 *   word 4  pool id                word 5  connection id (0: none)
 *   word 6  lease, low half        word 7  lease, high half
 *   word 8  the body begins
 */
#ifndef KEEL_BLOCK_H
#define KEEL_BLOCK_H

enum keel__block_header {
  KEEL__B_SIZE = 0,
  KEEL__B_KIND = 1,
  KEEL__B_TAG = 2,
  KEEL__B_POOL = 4,
  KEEL__B_CONNECTION = 5,
  KEEL__B_LEASE = 6,
  KEEL__B_BODY = 8,
};

/* KEEL_EV_FIELDS: word 8 column count, word 9 bytes of all names; then KEEL__F_WORDS words for each column; then the names
 * one after the other. */
enum keel__block_field {
  KEEL__F_TABLE = 0,
  KEEL__F_COLUMN = 1,
  KEEL__F_TYPE = 2,
  KEEL__F_SIZE = 3,
  KEEL__F_MODIFIER = 4,
  KEEL__F_FORMAT = 5,
  KEEL__F_NAME_BYTES = 6,
  KEEL__F_PART = 7, /* keel__block_part: where the column's cells lie in KEEL_EV_ROWS */
  KEEL__F_WORDS = 8,
};

/* KEEL_EV_ROWS: word 8 rows, word 9 columns, word 10 offset kind, word 11 bytes of text; then rows * columns words, row by
 * row: where the cell's text ends; ~end for SQL NULL. Then the text. A block holds about KEEL__ROWS_TARGET bytes of text at
 * most, unless one row is larger.
 *
 * For a C host a cell begins where the one before it ends. For JavaScript cells lie apart by what becomes of them, so that
 * a string that is kept holds on to strings alone, and json need not be gathered there: all kept cells; then those that are
 * read; then for each json column one JSON array of its cells that are not NULL. A cell begins where the one before it of
 * the same part ends (a json column's: one further, behind the comma). Word 12 has the bytes of the kept cells, word 13
 * where the others begin: 0 (they make a text of their own, and ends of theirs count from its beginning) or where the kept
 * ones end (one text). Behind the ends, for each of the json columns that word 14 counts: where its array begins. */
enum keel__block_rows {
  KEEL__R_ROWS = 8,
  KEEL__R_COLUMNS = 9,
  KEEL__R_OFFSETS = 10,
  KEEL__R_TEXT_BYTES = 11,
  KEEL__R_KEPT_BYTES = 12,
  KEEL__R_READ_FROM = 13,
  KEEL__R_JSON = 14,
  KEEL__R_ENDS = 15,
};
enum keel__block_part {
  KEEL__PART_KEPT = 0, /* given to the application as a string, as far as is known */
  KEEL__PART_READ = 1, /* numbers, booleans, dates: a text is made into something else */
  KEEL__PART_JSON = 2,
};
enum keel__block_offsets {
  KEEL__OFFSETS_ASCII = 0, /* the text is ASCII: bytes and UTF-16 units are the same */
  KEEL__OFFSETS_UTF16 = 1, /* valid UTF-8, ends count UTF-16 units */
  KEEL__OFFSETS_BYTES =
      2, /* ends count bytes: binary results, text that is not UTF-8, or an engine told to */
};
#define KEEL__ROWS_TARGET 16384
/* Rows in one block at most: a retained substring holds on to its block's text and to no more. */
#define KEEL__ROWS_MAX 48
/* With fewer rows, two texts cost more than they save. */
#define KEEL__ROWS_APART 8

/* KEEL_EV_COMPLETE: word 8 bytes of the tag (without its NUL), word 9 reserved; then the tag, NUL-terminated. */

/* KEEL_EV_DONE: word 8 transaction status ('I', 'T', 'E'), word 9 attempts, words 10-11 f64 ms waited for a connection,
 * words 12-13 f64 ms from sending to the last byte. */

/* KEEL_EV_ERROR, KEEL_EV_CLOSED, KEEL_EV_NOTICE: word 8 keel_code (KEEL_OK: closed by us, or a notice), word 9
 * keel_outcome, word 10 attempts, word 11 transaction status, word 12 number of fields, word 13 bytes of all texts,
 * word 14 keel_code of the failure that opened the breaker, whose fields these are then, word 15 ms until the next probe (both
 * 0 but with KEEL_BREAKER_OPEN); then two words for each field (letter, bytes without its NUL); then the texts, each
 * NUL-terminated. Letters are the protocol's (S V C M D H P p q W s t c d n F L R), 'e' the system's error name. */
/* KEEL_EV_HEALTH: the same, but for word 10: the latency in microseconds, -1: none was measured. */
enum keel__block_error {
  KEEL__E_CODE = 8,
  KEEL__E_OUTCOME = 9,
  KEEL__E_ATTEMPTS = 10,
  KEEL__E_STATUS = 11,
  KEEL__E_FIELDS = 12,
  KEEL__E_TEXT_BYTES = 13,
  KEEL__E_CAUSE = 14,
  KEEL__E_RETRY_AFTER = 15,
  KEEL__E_BODY = 16,
};

/* KEEL_EV_RETRY: the same, but word 10 is the number of the attempt that comes and word 11 the milliseconds until then. */

/* KEEL_EV_LEASED, KEEL_EV_OPENED: word 8 backend pid, word 9 server version (150018), word 10 port, word 11 bytes of the
 * host, word 12 bytes of the server parameters, word 13: 1 when the link is encrypted; then the host, NUL-terminated; then
 * (OPENED only) name NUL value NUL of the reported parameters. */

/* KEEL_EV_NOTIFICATION: word 8 backend pid, word 9 bytes of channel, word 10 bytes of payload, word 11 reserved; then both,
 * each NUL-terminated. KEEL_EV_PARAMETER: word 8 bytes of name, word 9 bytes of value; then both, each NUL-terminated. */

/* KEEL_EV_BREAKER: word 8 keel_breaker_state before, word 9 after, word 10 bytes of the reason, word 11 reserved; then the
 * reason, NUL-terminated. */
enum keel__block_breaker {
  KEEL__K_FROM = 8,
  KEEL__K_TO = 9,
  KEEL__K_REASON_BYTES = 10,
  KEEL__K_REASON = 12,
};

/* KEEL_EV_PASSWORD, KEEL_EV_POOL_CLOSED: no body. KEEL_EV_COPY: word 8: 0 in, 1 out, 2 both. */

#endif
