/*
 * client.h: a small application of the engine for its tests: it submits, takes the events and keeps what came of each
 * request. Every wait has a deadline, so that a test that hangs fails.
 */
#ifndef KEEL_TEST_CLIENT_H
#define KEEL_TEST_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "keel.h"

typedef struct answer {
  int finals; /* 1 once it has ended; more is a bug */
  keel_event_kind kind;
  keel_code code;
  keel_outcome outcome;
  uint32_t attempts, connection;
  keel_code cause;
  int64_t retry_after;
  uint64_t lease;
  char sqlstate[8], system[32], message[512], detail[128];
  char tags[512]; /* command tags, each followed by ';' */
  char *cells;    /* rows as "a|b\n", NULL as "~"; cut at 64 KB */
  size_t cells_length;
  uint64_t rows, bytes;
  uint64_t blocks_bytes; /* what there is to acknowledge */
  int result_sets, copies, retries;
  uint32_t pause; /* ms before the last retry */
  keel_field fields[64];
  char names[64][64];
} answer;

typedef struct client {
  keel_engine *engine;
  keel_pool *pool;
  uint64_t last_tag;
  answer **answers;
  size_t capacity;
  int opened, closed, closed_by_fault, notices, notifications, passwords, pool_closed;
  char notice[256], notice_severity[16], channel[64], payload[256], closed_sqlstate[8],
      opened_parameters[512];
  uint64_t opened_lease;
  int health_checks;
  keel_code health; /* of the last one, as is the next */
  int64_t health_latency_us;
  uint32_t asking; /* connection that wants a password */
  int breakers;    /* changes of the breaker's state, and the last of them */
  keel_breaker_state breaker_from, breaker_to;
  char breaker_reason[64];
  bool hosted,
      watches; /* KEEL_TEST_HOSTED is set: it has the engine's turns taken here; it is to watch the sockets */
  struct {
    char *text;
    keel_statement *statement;
  } * known;
  size_t known_count;
} client;

/* The test server's connection string with `more` behind it. */
const char *client_url(const char *more);
void client_start(client *client);
/* Opens a pool with the options as they are; conninfo NULL: the test server. */
void client_open(client *client, keel_pool_options *options);
/* All defaults, `max` connections. */
void client_simple(client *client, uint32_t max);
/* Closes, waits for the end, stops the engine. */
void client_end(client *client);

uint64_t client_send(client *client, uint64_t lease, uint32_t flags, const char *text, int count, ...);
uint64_t client_submit(client *client, keel_request *request);
uint64_t client_acquire(client *client);
/* Takes events until the request has ended. */
const answer *client_wait(client *client, uint64_t tag);
const answer *client_answer(client *client, uint64_t tag);
const answer *client_query(client *client, const char *text);
/* A hosted client: keel_engine_turn(). */
unsigned client_turn(client *client, bool readable);
/* Takes what is there; waits at most so long for it. */
void client_take(client *client, int64_t wait_ms);
/* Takes events until *counter has reached a value. */
void client_until(client *client, const int *counter, int value);
void client_until_ended(client *client, uint64_t tag);
/* The first cell of an answer, for queries of one. */
const char *client_cell(const answer *answer);
int64_t client_now_ms(void);

#define assert_query(client, text, expected)                             \
  do {                                                                   \
    const answer *answer_ = client_query(client, text);                  \
    if (answer_->code != KEEL_OK) print_error("%s\n", answer_->message); \
    assert_int_equal(answer_->code, KEEL_OK);                            \
    assert_string_equal(answer_->cells, expected);                       \
  } while (0)

#endif
