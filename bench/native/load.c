/*
 * load.c: point selects through keel.h, so many in all and so many in flight.
 *
 *   keel-load "host=127.0.0.1 ..." QUERIES IN_FLIGHT
 *
 * It takes and submits as lib/ does: all events that are there, then as many new requests as were settled, by one call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keel.h"

#define MAX_IN_FLIGHT 1024
#define KEYS 100000

static const char TEXT[] = "select id, name, quantity from items where id = $1";

typedef struct load {
  keel_engine *engine;
  keel_pool *pool;
  keel_statement *statement; /* handed over once, as lib/statement-registry.js does */
  uint64_t submitted;
  uint64_t settled;
  uint64_t rows;
} load;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

/* Written out beforehand: what a caller does to have a key is not the engine's cost. */
static char keys[KEYS][8];
static const char *params[KEYS];
static int32_t lengths[KEYS];

static void write_keys(void) {
  for (int i = 0; i < KEYS; i++) {
    lengths[i] = snprintf(keys[i], sizeof keys[i], "%d", 1 + i);
    params[i] = keys[i];
  }
}

static void submit(load *load, size_t count) {
  keel_request requests[MAX_IN_FLIGHT];
  for (size_t i = 0; i < count; i++) {
    uint64_t tag = ++load->submitted;
    /* Neighbours of a sequence would share their pages of the index. */
    size_t key = tag * 7919 % KEYS;
    requests[i] = (keel_request){
        .tag = tag,
        .kind = KEEL_QUERY,
        .timeout_ms = -1,
        .statement = load->statement,
        .param_count = 1,
        .params = &params[key],
        .param_lengths = &lengths[key],
    };
  }
  if (keel_submit(load->pool, requests, count) != KEEL_OK) fail("refused");
}

/* Touches what JavaScript would copy. */
static void take(load *load, const keel_event *event) {
  size_t size = 0;
  switch (keel_event_type(event)) {
    case KEEL_EV_ERROR:
      fail(keel_error_field(event, 'M'));
      break;
    case KEEL_EV_DONE:
      load->settled++;
      break;
    case KEEL_EV_ROWS:
      load->rows++;
      break;
    default:
      break;
  }
  if (keel_event_block(event, &size) == NULL) fail("an event without a block");
}

static void run(load *load, uint64_t queries, size_t in_flight) {
  submit(load, in_flight < queries ? in_flight : queries);
  while (load->settled < queries && keel_wait(load->engine, -1)) {
    uint64_t before = load->settled;
    for (keel_event *event; (event = keel_next(load->engine)) != NULL;) {
      take(load, event);
      keel_event_free(event);
    }
    uint64_t room = load->settled - before;
    uint64_t left = queries - load->submitted;
    if (room > 0 && left > 0) submit(load, room < left ? room : left);
  }
}

static void close_pool(load *load) {
  keel_pool_close(load->pool, -1, 0);
  for (int closed = 0; !closed && keel_wait(load->engine, -1);) {
    keel_event *event = keel_next(load->engine);
    closed = keel_event_type(event) == KEEL_EV_POOL_CLOSED;
    keel_event_free(event);
  }
  keel_pool_free(load->pool);
}

int main(int argc, char **argv) {
  load load = {0};
  keel_engine_options engine_options;
  keel_pool_options options;
  keel_reason reason;
  if (argc != 4) fail("usage: keel-load CONNECTION QUERIES IN_FLIGHT");
  uint64_t queries = strtoull(argv[2], NULL, 10);
  size_t in_flight = strtoull(argv[3], NULL, 10);
  if (queries == 0 || in_flight == 0 || in_flight > MAX_IN_FLIGHT) fail("QUERIES > 0, IN_FLIGHT 1 to 1024");
  write_keys();
  load.statement = keel_statement_new(TEXT, sizeof TEXT - 1, "find_item");
  if (load.statement == NULL) fail("no memory");
  keel_engine_options_init(&engine_options);
  engine_options.utf16_offsets = 1; /* as for JavaScript */
  if (keel_engine_start(&engine_options, &load.engine) != KEEL_OK) fail("no engine");
  keel_pool_options_init(&options);
  options.conninfo = argv[1];
  if (keel_pool_open(load.engine, &options, &load.pool, &reason) != KEEL_OK) fail(reason.message);
  run(&load, queries, in_flight);
  close_pool(&load);
  keel_engine_stop(load.engine);
  keel_statement_free(load.statement);
  if (load.rows != queries) fail("not every query had its row");
  return 0;
}
