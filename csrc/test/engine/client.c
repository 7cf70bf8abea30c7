#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "block.h"

#define DEADLINE_MS 60000
#define CELLS_MAX 65536

int64_t client_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *client_url(const char *more) {
  static char url[1024];
  const char *base = getenv("KEEL_TEST_URL");
  assert_non_null(base);
  snprintf(url, sizeof url, "%s %s", base, more);
  return url;
}

void client_start(client *client) {
  keel_engine_options options;
  keel_engine_options_init(&options);
  memset(client, 0, sizeof *client);
  options.hosted = client->hosted = getenv("KEEL_TEST_HOSTED") != NULL;
  assert_int_equal(keel_engine_start(&options, &client->engine), KEEL_OK);
}

void client_open(client *client, keel_pool_options *options) {
  keel_reason reason = {"", ""};
  if (client->engine == NULL) client_start(client);
  if (options->conninfo == NULL) options->conninfo = client_url("");
  keel_code code = keel_pool_open(client->engine, options, &client->pool, &reason);
  if (code != KEEL_OK) print_error("%s: %s\n", reason.option, reason.message);
  assert_int_equal(code, KEEL_OK);
}

void client_simple(client *client, uint32_t max) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.max = max;
  client_start(client);
  client_open(client, &options);
}

static void forget_answers(client *client) {
  for (size_t i = 0; i < client->capacity; i++) {
    if (client->answers[i] != NULL) free(client->answers[i]->cells);
    free(client->answers[i]);
  }
  free(client->answers);
  client->answers = NULL;
  client->capacity = 0;
}

void client_end(client *client) {
  if (client->pool != NULL) {
    keel_pool_close(client->pool, 5000, 0);
    client_until(client, &client->pool_closed, 1);
    keel_pool_free(client->pool);
  }
  keel_engine_stop(client->engine);
  forget_answers(client);
  for (size_t i = 0; i < client->known_count; i++) {
    keel_statement_free(client->known[i].statement);
    free(client->known[i].text);
  }
  free(client->known);
  client->known = NULL;
  client->known_count = 0;
}

/* ---------------------------------------------------------------- being a host */

unsigned client_turn(client *client, bool readable) {
  unsigned flags = keel_engine_turn(client->engine, readable ? KEEL_HOST_READABLE : 0);
  client->watches = (flags & KEEL_TURN_WATCH) != 0;
  return flags;
}

/* The loop of a host: what the engine's thread brings is looked for in between. */
static bool host_waits(client *client, int64_t wait_ms) {
  struct pollfd sockets = {.fd = keel_engine_fd(client->engine), .events = POLLIN};
  int64_t end = client_now_ms() + wait_ms;
  unsigned flags = client_turn(client, false);
  while (!(flags & KEEL_TURN_EVENTS)) {
    int64_t left = end - client_now_ms(), slice = client->watches ? 1 : left;
    if (client->watches && poll(&sockets, 1, left > 0 ? 1 : 0) > 0) flags = client_turn(client, true);
    if (flags & KEEL_TURN_EVENTS || keel_wait(client->engine, left <= 0 || client->watches ? 0 : slice))
      break;
    if (left <= 0) return false;
  }
  return true;
}

static bool wait_for_events(client *client, int64_t wait_ms) {
  return client->hosted ? host_waits(client, wait_ms) : keel_wait(client->engine, wait_ms) != 0;
}

/* What an engine has learnt of a text it keeps with its statement. */
static keel_statement *statement_of(client *client, const char *text) {
  for (size_t i = 0; i < client->known_count; i++)
    if (strcmp(client->known[i].text, text) == 0) return client->known[i].statement;
  client->known = realloc(client->known, (client->known_count + 1) * sizeof *client->known);
  keel_statement *made = keel_statement_new(text, strlen(text), NULL);
  assert_non_null(made);
  client->known[client->known_count].text = strdup(text);
  client->known[client->known_count++].statement = made;
  return made;
}

/* ---------------------------------------------------------------- requests */

static answer *slot(client *client, uint64_t tag) {
  if (tag >= client->capacity) {
    size_t capacity = client->capacity == 0 ? 256 : client->capacity * 2;
    while (capacity <= tag) capacity *= 2;
    client->answers = realloc(client->answers, capacity * sizeof *client->answers);
    memset(client->answers + client->capacity, 0, (capacity - client->capacity) * sizeof *client->answers);
    client->capacity = capacity;
  }
  if (client->answers[tag] == NULL) {
    client->answers[tag] = calloc(1, sizeof(answer));
    client->answers[tag]->cells = calloc(1, 1);
  }
  return client->answers[tag];
}

uint64_t client_submit(client *client, keel_request *request) {
  request->tag = ++client->last_tag;
  slot(client, request->tag);
  assert_int_equal(keel_submit(client->pool, request, 1), KEEL_OK);
  if (client->hosted) client_turn(client, false);
  return request->tag;
}

uint64_t client_send(client *client, uint64_t lease, uint32_t flags, const char *text, int count, ...) {
  const char *params[16];
  int32_t lengths[16];
  va_list args;
  va_start(args, count);
  for (int i = 0; i < count; i++) {
    params[i] = va_arg(args, const char *);
    lengths[i] = params[i] == NULL ? 0 : (int32_t)strlen(params[i]);
  }
  va_end(args);
  keel_request request = {.kind = KEEL_QUERY, .flags = flags, .lease = lease, .timeout_ms = -1, .text = text};
  request.text_length = strlen(text);
  if (client->hosted) request.statement = statement_of(client, text);
  request.param_count = (uint32_t)count;
  request.params = params;
  request.param_lengths = lengths;
  return client_submit(client, &request);
}

uint64_t client_acquire(client *client) {
  keel_request request = {.kind = KEEL_ACQUIRE, .timeout_ms = -1};
  return client_submit(client, &request);
}

/* ---------------------------------------------------------------- events */

static void copy(char *to, size_t size, const char *from) {
  snprintf(to, size, "%s", from);
}

static void append_cell(answer *answer, const char *text, size_t length) {
  if (answer->cells_length + length > CELLS_MAX) return;
  answer->cells = realloc(answer->cells, answer->cells_length + length + 1);
  memcpy(answer->cells + answer->cells_length, text, length);
  answer->cells_length += length;
  answer->cells[answer->cells_length] = 0;
}

static void take_rows(answer *answer, const keel_event *event) {
  uint32_t columns = keel_rows_columns(event);
  size_t size = 0;
  (void)keel_event_block(event, &size);
  answer->blocks_bytes += size;
  for (uint32_t row = 0; row < keel_rows_count(event); row++) {
    for (uint32_t column = 0; column < columns; column++) {
      uint32_t length = 0;
      const char *value = keel_rows_value(event, row, column, &length);
      if (column > 0) append_cell(answer, "|", 1);
      append_cell(answer, value == NULL ? "~" : value, value == NULL ? 1 : length);
      answer->bytes += length;
    }
    append_cell(answer, "\n", 1);
    answer->rows++;
  }
}

static void take_fields(answer *answer, const keel_event *event) {
  answer->result_sets++;
  for (uint32_t i = 0; i < keel_fields_count(event) && i < 64; i++) {
    answer->fields[i] = keel_fields_get(event, i);
    snprintf(answer->names[i], sizeof answer->names[i], "%.*s", (int)answer->fields[i].name_length,
             answer->fields[i].name);
    answer->fields[i].name = answer->names[i];
  }
}

static void take_error(answer *answer, const keel_event *event) {
  answer->code = keel_error_code(event);
  answer->outcome = keel_error_outcome(event);
  answer->attempts = keel_error_attempts(event);
  answer->cause = keel_error_cause(event);
  answer->retry_after = keel_error_retry_after(event);
  copy(answer->sqlstate, sizeof answer->sqlstate, keel_error_field(event, 'C'));
  copy(answer->system, sizeof answer->system, keel_error_field(event, 'e'));
  copy(answer->message, sizeof answer->message, keel_error_field(event, 'M'));
  copy(answer->detail, sizeof answer->detail, keel_error_field(event, 'D'));
}

/* What came of it so far no longer counts. */
static void take_retry(answer *answer, const keel_event *event) {
  copy(answer->sqlstate, sizeof answer->sqlstate, keel_error_field(event, 'C'));
  answer->attempts = keel_error_attempts(event);
  answer->pause = keel_retry_delay(event);
  answer->retries++;
  answer->cells_length = 0;
  answer->rows = answer->bytes = 0;
  answer->tags[0] = 0;
  if (answer->cells != NULL) answer->cells[0] = 0;
}

static void take_answer(answer *answer, const keel_event *event) {
  keel_event_kind kind = keel_event_type(event);
  if (kind == KEEL_EV_RETRY) take_retry(answer, event);
  size_t used = strlen(answer->tags);
  if (kind == KEEL_EV_FIELDS) take_fields(answer, event);
  if (kind == KEEL_EV_ROWS) take_rows(answer, event);
  if (kind == KEEL_EV_COPY) answer->copies++;
  if (kind == KEEL_EV_COMPLETE) {
    snprintf(answer->tags + used, sizeof answer->tags - used, "%s;", keel_complete_tag(event));
  }
  if (kind == KEEL_EV_ERROR) take_error(answer, event);
  if (kind != KEEL_EV_DONE && kind != KEEL_EV_ERROR && kind != KEEL_EV_LEASED) return;
  answer->finals++;
  answer->kind = kind;
  answer->lease = keel_event_lease(event);
  answer->connection = keel_event_connection(event);
}

static void take_notification(client *client, const keel_event *event) {
  size_t size = 0;
  const int32_t *words = keel_event_block(event, &size);
  const char *text = (const char *)(words + 12);
  client->notifications++;
  copy(client->channel, sizeof client->channel, text);
  copy(client->payload, sizeof client->payload, text + words[9] + 1);
}

static void take_opened(client *client, const keel_event *event) {
  size_t size = 0;
  const int32_t *words = keel_event_block(event, &size);
  client->opened++;
  client->opened_lease = keel_event_lease(event);
  memset(client->opened_parameters, 0, sizeof client->opened_parameters);
  size_t bytes = (size_t)words[12];
  if (bytes >= sizeof client->opened_parameters) bytes = sizeof client->opened_parameters - 1;
  memcpy(client->opened_parameters, (const char *)(words + 14) + words[11] + 1, bytes);
  for (size_t i = 0; i < bytes; i++) {
    if (client->opened_parameters[i] == 0) client->opened_parameters[i] = '=';
  }
}

static void take_other(client *client, const keel_event *event) {
  switch (keel_event_type(event)) {
    case KEEL_EV_OPENED:
      take_opened(client, event);
      break;
    case KEEL_EV_CLOSED:
      client->closed++;
      client->closed_by_fault += keel_error_code(event) != KEEL_OK;
      copy(client->closed_sqlstate, sizeof client->closed_sqlstate, keel_error_field(event, 'C'));
      break;
    case KEEL_EV_HEALTH:
      client->health_checks++;
      client->health = keel_error_code(event);
      client->health_latency_us = keel_health_latency_us(event);
      break;
    case KEEL_EV_NOTICE:
      client->notices++;
      copy(client->notice, sizeof client->notice, keel_error_field(event, 'M'));
      copy(client->notice_severity, sizeof client->notice_severity, keel_error_field(event, 'V'));
      break;
    case KEEL_EV_NOTIFICATION:
      take_notification(client, event);
      break;
    case KEEL_EV_PASSWORD:
      client->passwords++;
      client->asking = keel_event_connection(event);
      break;
    case KEEL_EV_POOL_CLOSED:
      client->pool_closed++;
      break;
    case KEEL_EV_BREAKER:
      client->breakers++;
      client->breaker_from = keel_breaker_from(event);
      client->breaker_to = keel_breaker_to(event);
      copy(client->breaker_reason, sizeof client->breaker_reason, keel_breaker_reason(event));
      break;
    case KEEL_EV_PARAMETER: /* a session changed its settings: nothing that a test asks for */
      break;
    default:
      fail_msg("an event of kind %d without a tag", (int)keel_event_type(event));
  }
}

void client_take(client *client, int64_t wait_ms) {
  if (!wait_for_events(client, wait_ms)) return;
  for (keel_event *event; (event = keel_next(client->engine)) != NULL; keel_event_free(event)) {
    uint64_t tag = keel_event_tag(event);
    if (tag != 0) {
      take_answer(slot(client, tag), event);
    } else {
      take_other(client, event);
    }
  }
}

static void take_before(client *client, int64_t deadline, const char *what) {
  int64_t left = deadline - client_now_ms();
  if (left <= 0) fail_msg("waited too long for %s", what);
  client_take(client, left);
}

void client_until(client *client, const int *counter, int value) {
  int64_t deadline = client_now_ms() + DEADLINE_MS;
  while (*counter < value) take_before(client, deadline, "an event");
}

void client_until_ended(client *client, uint64_t tag) {
  int64_t deadline = client_now_ms() + DEADLINE_MS;
  while (slot(client, tag)->finals == 0) take_before(client, deadline, "the end of a request");
  assert_int_equal(slot(client, tag)->finals, 1);
}

const answer *client_answer(client *client, uint64_t tag) {
  return slot(client, tag);
}

const answer *client_wait(client *client, uint64_t tag) {
  client_until_ended(client, tag);
  return slot(client, tag);
}

const answer *client_query(client *client, const char *text) {
  return client_wait(client, client_send(client, 0, 0, text, 0));
}

const char *client_cell(const answer *answer) {
  static char cell[256];
  snprintf(cell, sizeof cell, "%.*s", (int)strcspn(answer->cells, "|\n"), answer->cells);
  return cell;
}
