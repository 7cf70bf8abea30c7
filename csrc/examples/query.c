/*
 * query.c: the engine without Node: opens a pool, runs one query, prints its rows, closes.
 *
 *   keel-query "postgresql://user@host/database" "SELECT $1::int + 1 AS sum" 41
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keel.h"

#define MAX_PARAMS 16

static void print_fields(const keel_event *event) {
  for (uint32_t i = 0; i < keel_fields_count(event); i++) {
    keel_field field = keel_fields_get(event, i);
    printf("%s%.*s", i == 0 ? "" : "\t", (int)field.name_length, field.name);
  }
  printf("\n");
}

static void print_rows(const keel_event *event) {
  for (uint32_t row = 0; row < keel_rows_count(event); row++) {
    for (uint32_t column = 0; column < keel_rows_columns(event); column++) {
      uint32_t length = 0;
      const char *value = keel_rows_value(event, row, column, &length);
      printf("%s%.*s", column == 0 ? "" : "\t", value == NULL ? 4 : (int)length,
             value == NULL ? "NULL" : value);
    }
    printf("\n");
  }
}

static void print_error(const keel_event *event) {
  fprintf(stderr, "%s %s: %s\n", keel_code_name(keel_error_code(event)), keel_error_field(event, 'C'),
          keel_error_field(event, 'M'));
}

/* Prints one event; true when it was the last one of the query. */
static int print_event(const keel_event *event, int *failed) {
  switch (keel_event_type(event)) {
    case KEEL_EV_FIELDS:
      print_fields(event);
      return 0;
    case KEEL_EV_ROWS:
      print_rows(event);
      return 0;
    case KEEL_EV_COMPLETE:
      printf("%s\n", keel_complete_tag(event));
      return 0;
    case KEEL_EV_DONE:
      return 1;
    case KEEL_EV_ERROR:
      print_error(event);
      *failed = 1;
      return 1;
    default:
      return 0;
  }
}

static int run(keel_engine *engine, keel_pool *pool, const char *text, int count, char **params) {
  int32_t lengths[MAX_PARAMS];
  int failed = 0;
  for (int i = 0; i < count; i++) lengths[i] = (int32_t)strlen(params[i]);
  keel_request request = {
      .tag = 1,
      .kind = KEEL_QUERY,
      .timeout_ms = -1,
      .text = text,
      .text_length = strlen(text),
      .param_count = (uint32_t)count,
      .params = (const char *const *)params,
      .param_lengths = lengths,
  };
  if (keel_submit(pool, &request, 1) != KEEL_OK) return 1;
  for (int last = 0; !last && keel_wait(engine, -1);) {
    keel_event *event = keel_next(engine);
    last = print_event(event, &failed);
    keel_event_free(event);
  }
  return failed;
}

static void close_pool(keel_engine *engine, keel_pool *pool) {
  keel_pool_close(pool, -1, 0);
  for (int closed = 0; !closed && keel_wait(engine, -1);) {
    keel_event *event = keel_next(engine);
    closed = keel_event_type(event) == KEEL_EV_POOL_CLOSED;
    keel_event_free(event);
  }
  keel_pool_free(pool);
}

int main(int argc, char **argv) {
  keel_engine *engine = NULL;
  keel_pool *pool = NULL;
  keel_pool_options options;
  keel_reason reason;
  if (argc < 3 || argc > 3 + MAX_PARAMS) {
    fprintf(stderr, "usage: %s CONNECTION QUERY [PARAMETER ...]\n", argv[0]);
    return 2;
  }
  if (keel_engine_start(NULL, &engine) != KEEL_OK) return 1;
  keel_pool_options_init(&options);
  options.conninfo = argv[1];
  int failed = 1;
  if (keel_pool_open(engine, &options, &pool, &reason) == KEEL_OK) {
    failed = run(engine, pool, argv[2], argc - 3, argv + 3);
    close_pool(engine, pool);
  } else {
    fprintf(stderr, "%s: %s\n", reason.option, reason.message);
  }
  keel_engine_stop(engine);
  return failed;
}
