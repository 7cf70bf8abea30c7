/* connect.c: from the core's wish for a connection to one that is ready for queries. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../core/alloc.h"
#include "wire.h"

static void progress(keel__wire *wire, keel__stage stage, keel__conn_state state) {
  keel__wire_set_stage(wire, stage);
  keel__wire_lock(wire);
  keel__conn_progress(wire->conn, state, keel__now());
  keel__wire_unlock(wire);
}

void keel__connect_failed(keel__wire *wire, const keel__detail *detail) {
  if (wire->stage == KEEL__STAGE_DEAD) return;
  /* libpq may have closed the socket, and its number may be another's soon. */
  keel__wire_unwatch(wire);
  keel__connect_end_share(wire);
  keel__failure failure = keel__failure_with(KEEL_CONNECT_FAILED, KEEL_NOT_SENT, detail);
  bool was_open = wire->stage == KEEL__STAGE_OPEN;
  keel__wire_set_stage(wire, KEEL__STAGE_DEAD);
  keel__wire_lock(wire);
  if (was_open) {
    failure.code = KEEL_CONNECTION_LOST;
    keel__conn_lost(wire->conn, &failure, keel__now());
  } else {
    keel__conn_open_failed(wire->conn, &failure, keel__now());
  }
  keel__wire_unlock(wire);
}

static void failed_because(keel__wire *wire, const char *message) {
  keel__detail detail;
  keel__detail_clear(&detail);
  keel__detail_add(&detail, 'M', message);
  keel__connect_failed(wire, &detail);
}

static void failed_in_libpq(keel__wire *wire) {
  keel__detail detail;
  keel__detail_from_startup(&detail, PQerrorMessage(wire->pg));
  keel__connect_failed(wire, &detail);
}

/* ---------------------------------------------------------------- several addresses */

static void connect_start(keel__wire *wire);

static void on_share_closed(uv_handle_t *handle) {
  keel__free(handle);
}

void keel__connect_end_share(keel__wire *wire) {
  if (wire->share == NULL) return;
  uv_close((uv_handle_t *)wire->share, on_share_closed);
  wire->share = NULL;
}

static bool is_same(const char *text, const char *other) {
  return strcmp(text, other == NULL ? "" : other) == 0;
}

/* Which address libpq is at, or -1. A name may stand for several addresses, an address for several ports. */
static int current_address(const keel__wire *wire) {
  const char *host = PQhost(wire->pg), *hostaddr = PQhostaddr(wire->pg), *port = PQport(wire->pg);
  for (int i = 0; i < wire->addresses.count; i++) {
    const keel__address *address = &wire->addresses.items[i];
    bool same_host =
        address->hostaddr[0] != 0 ? is_same(address->hostaddr, hostaddr) : is_same(address->host, host);
    if (same_host && (address->port[0] == 0 || is_same(address->port, port))) return i;
  }
  return -1;
}

/* libpq goes on to the next address when one refuses, but would wait for ever for one that is silent. */
static void on_share_over(uv_timer_t *timer) {
  keel__wire *wire = timer->data;
  keel__connect_end_share(wire);
  if (wire->stage != KEEL__STAGE_CONNECTING || wire->address < 0 || wire->addresses.count < 2) return;
  keel__wire_unwatch(wire);
  PQfinish(wire->pg);
  wire->pg = NULL;
  keel__addresses_drop(&wire->addresses, wire->address);
  connect_start(wire);
}

/* Each address has an equal part of the time that is left, if it is limited at all. */
static void share_time(keel__wire *wire) {
  const keel__timer *limit = &wire->conn->timer;
  keel__time end = limit->due, now = keel__now();
  int address = current_address(wire);
  if (!keel__timer_is_set(limit) || address == wire->address) return;
  wire->address = address;
  keel__connect_end_share(wire);
  /* The last one may take what is left; then the core's own limit ends the attempt. */
  int left = wire->addresses.count - address;
  if (address < 0 || left < 2 || end <= now) return;
  wire->share = keel__alloc(sizeof *wire->share);
  if (wire->share == NULL) return;
  uv_timer_init(wire->target->io->loop, wire->share);
  wire->share->data = wire;
  uv_update_time(wire->target->io->loop);
  uv_timer_start(wire->share, on_share_over, (end - now) / 1000 / (keel__time)left + 1, 0);
}

/* ---------------------------------------------------------------- connecting */

/* The application's, and the engine's. */
#define OUR_THREADS 2u
#define EXTRAS 8

typedef struct keel__arguments {
  int count;
  const char *keywords[KEEL__PARAMS_MAX + EXTRAS];
  const char *values[KEEL__PARAMS_MAX + EXTRAS];
} keel__arguments;

/* libpq takes the last of several values for one keyword, and an empty one for none at all. */
static void add_argument(keel__arguments *arguments, const char *keyword, const char *value) {
  if (value == NULL || value[0] == 0) return;
  arguments->keywords[arguments->count] = keyword;
  arguments->values[arguments->count++] = value;
}

static PGconn *start_with(const keel__wire *wire, char *const lists[3]) {
  const keel__target *target = wire->target;
  keel__arguments arguments = {0};
  for (int i = 0; i < target->params.count; i++) {
    add_argument(&arguments, target->params.keywords[i], target->params.values[i]);
  }
  add_argument(&arguments, "host", lists[0]);
  add_argument(&arguments, "hostaddr", lists[1]);
  add_argument(&arguments, "port", lists[2]);
  add_argument(&arguments, "password", wire->password);
  add_argument(&arguments, "sslrootcert", target->secrets->ca.path);
  add_argument(&arguments, "sslcert", target->secrets->cert.path);
  add_argument(&arguments, "sslkey", target->secrets->key.path);
  return PQconnectStartParams(arguments.keywords, arguments.values, 0);
}

static PGconn *start(const keel__wire *wire) {
  char *lists[3];
  PGconn *pg = keel__addresses_join(&wire->addresses, lists) ? start_with(wire, lists) : NULL;
  for (int i = 0; i < 3; i++) keel__free(lists[i]);
  return pg;
}

static void connect_start(keel__wire *wire) {
  wire->address = -1;
  wire->pg = start(wire);
  if (wire->pg == NULL) {
    failed_because(wire, "out of memory");
    return;
  }
  /* In the verbose form the text of a start-up's error has the server's fields, which are to be had in no other way. */
  PQsetErrorVerbosity(wire->pg, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(wire->pg, keel__result_notice, wire);
  if (PQstatus(wire->pg) == CONNECTION_BAD) {
    failed_in_libpq(wire);
  } else {
    keel__wire_watch(wire, UV_WRITABLE);
    share_time(wire);
  }
}

static void on_addresses(void *data, keel__addresses *addresses, const keel__detail *failure) {
  keel__wire *wire = data;
  wire->lookup = NULL;
  if (failure != NULL) {
    keel__connect_failed(wire, failure);
    return;
  }
  wire->addresses = *addresses;
  progress(wire, KEEL__STAGE_CONNECTING, KEEL__CONN_CONNECTING);
  connect_start(wire);
}

static void resolve(keel__wire *wire) {
  progress(wire, KEEL__STAGE_RESOLVING, KEEL__CONN_RESOLVING);
  wire->lookup = keel__lookup_start(wire->target->io, &wire->target->params, on_addresses, wire);
  if (wire->lookup == NULL) failed_because(wire, "out of memory");
}

void keel__connect_begin(keel__wire *wire) {
  if (!wire->conn->pool->config.ask_password) {
    resolve(wire);
    return;
  }
  keel__wire_set_stage(wire, KEEL__STAGE_ASKING);
  keel_event *event = keel__event_new(KEEL_EV_PASSWORD, 0);
  if (event == NULL) {
    failed_because(wire, "out of memory");
  } else {
    keel__wire_emit(wire, event, 0);
  }
}

void keel__wire_password(keel__wire *wire, const char *password, const char *failure) {
  if (wire->stage != KEEL__STAGE_ASKING) return;
  if (password == NULL) {
    failed_because(wire, failure == NULL ? "no password was given" : failure);
    return;
  }
  size_t size = strlen(password) + 1;
  wire->password = keel__realloc(NULL, size);
  if (wire->password == NULL) {
    failed_because(wire, "out of memory");
    return;
  }
  memcpy(wire->password, password, size);
  resolve(wire);
}

/* ---------------------------------------------------------------- session */

static void opened(keel__wire *wire) {
  wire->announcement = keel__wire_announcement(wire);
  keel__parameters_known(wire);
  if (wire->announcement == NULL) {
    failed_because(wire, "out of memory");
    return;
  }
  PQsetErrorVerbosity(wire->pg, PQERRORS_DEFAULT);
  wire->pipeline = PQenterPipelineMode(wire->pg) == 1;
  keel__wire_set_stage(wire, KEEL__STAGE_OPEN);
  keel__wire_watch(wire, UV_READABLE);
  keel__wire_lock(wire);
  keel__conn_opened(wire->conn, keel__now());
  keel__wire_unlock(wire);
}

/* A pooler hands out process numbers of its own. Behind one that changes sessions between transactions a statement
 * prepared in one of them may be missing in the next, and within a transaction there is no second try; and there are poolers
 * that lose count of the answers when statements come close together. */
static bool asks_for_pooler(const keel__wire *wire) {
  const keel__pool *pool = wire->conn->pool;
  return (pool->config.prepare == KEEL_PREPARE_AUTO && !pool->prepare_off) ||
         (pool->config.pipeline_depth > 1 && !pool->share_off);
}

#define COLUMNS_SIZE 512

/* All in one round trip. set_config() takes names and values as parameters, so nothing has to be quoted. */
static bool send_settings(const keel__wire *wire) {
  const keel__params *session = &wire->target->session;
  const char *values[2 * KEEL__PARAMS_MAX];
  char text[64 + COLUMNS_SIZE + KEEL__PARAMS_MAX * 40];
  int count = 0;
  size_t used = (size_t)snprintf(text, sizeof text, "SELECT pg_catalog.pg_backend_pid()");
  if (wire->asks_life) used += (size_t)snprintf(text + used, COLUMNS_SIZE, ", %s", keel__xid_columns);
  for (int i = 0; i < session->count; i++) {
    values[count++] = session->keywords[i];
    values[count++] = session->values[i];
    used += (size_t)snprintf(text + used, sizeof text - used, ", pg_catalog.set_config($%d, $%d, false)",
                             2 * i + 1, 2 * i + 2);
  }
  return PQsendQueryParams(wire->pg, text, 2 * session->count, NULL, values, NULL, NULL, 1) == 1;
}

static bool is_backend(const PGresult *result, int pid) {
  uint32_t number = htonl((uint32_t)pid);
  return PQgetlength(result, 0, 0) == sizeof number &&
         memcmp(PQgetvalue(result, 0, 0), &number, sizeof number) == 0;
}

static void look_for_pooler(keel__wire *wire, const PGresult *result) {
  wire->xid.moves = !is_backend(result, PQbackendPID(wire->pg));
  if (!asks_for_pooler(wire) || !wire->xid.moves) return;
  keel__wire_lock(wire);
  keel__pool_behind_pooler(wire->conn->pool);
  keel__wire_unlock(wire);
}

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
  if (a->ss_family != b->ss_family) return false;
  if (a->ss_family == AF_UNIX) return true;
  if (a->ss_family == AF_INET)
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)b)->sin_addr.s_addr;
  const struct in6_addr *one = &((const struct sockaddr_in6 *)a)->sin6_addr;
  return memcmp(one, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof *one) == 0;
}

static bool is_on_this_machine(int fd) {
  struct sockaddr_storage ours = {0}, theirs = {0};
  socklen_t our_size = sizeof ours, their_size = sizeof theirs;
  return getsockname(fd, (struct sockaddr *)&ours, &our_size) == 0 &&
         getpeername(fd, (struct sockaddr *)&theirs, &their_size) == 0 && is_same_address(&ours, &theirs);
}

/* A server on this machine shares its processors with the application's thread and the engine's. */
static uint32_t processors_for_backends(int fd) {
  unsigned all = is_on_this_machine(fd) ? uv_available_parallelism() : 0;
  return all == 0 ? 0 : all > OUR_THREADS ? all - OUR_THREADS : 1;
}

static void settings_applied(keel__wire *wire, const PGresult *result) {
  look_for_pooler(wire, result);
  if (wire->asks_life) keel__xid_opened(wire, result, 1);
  if (wire->refused_for_good) wire->target->cannot_resolve = true;
  keel__wire_lock(wire);
  keel__conn_round_trip(wire->conn, keel__now() - wire->settings_sent);
  keel__pool_set_processors(wire->conn->pool, processors_for_backends(PQsocket(wire->pg)));
  keel__wire_unlock(wire);
}

static void flush_settings(keel__wire *wire) {
  int left = PQflush(wire->pg);
  if (left < 0) {
    failed_in_libpq(wire);
  } else {
    keel__wire_watch(wire, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
  }
}

static void start_settings(keel__wire *wire) {
  wire->settings_sent = keel__now();
  if (send_settings(wire)) {
    flush_settings(wire);
  } else {
    failed_in_libpq(wire);
  }
}

static void begin_session(keel__wire *wire) {
  if (PQsetnonblocking(wire->pg, 1) != 0) {
    failed_in_libpq(wire);
    return;
  }
  wire->asks_life = keel__xid_wanted(wire);
  if (wire->target->session.count == 0 && !asks_for_pooler(wire) && !wire->asks_life) {
    opened(wire);
    return;
  }
  progress(wire, KEEL__STAGE_STARTING, KEEL__CONN_STARTING);
  start_settings(wire);
}

/* What the server does not have, or keeps from us. Any other error may pass, and the next connection asks again. */
static bool is_lasting(const PGresult *refusal) {
  static const char *const lasting[] = {"42", NULL};
  return keel__result_says(refusal, lasting);
}

/* A server that cannot or may not tell of its life refuses the settings with it: they are sent once more, alone. */
static bool may_do_without(keel__wire *wire, const PGresult *refusal) {
  if (!wire->asks_life || keel__result_is_fatal(refusal)) return false;
  wire->asks_life = false;
  wire->settings_refused = true;
  wire->refused_for_good = is_lasting(refusal);
  return true;
}

static void settings_ended(keel__wire *wire) {
  if (wire->settings_refused) {
    wire->settings_refused = false;
    start_settings(wire);
  } else {
    opened(wire);
  }
}

static void settings_refused(keel__wire *wire, const PGresult *result) {
  keel__detail detail;
  keel__detail_from_result(&detail, result);
  if (detail.count == 0) keel__detail_from_startup(&detail, PQerrorMessage(wire->pg));
  keel__connect_failed(wire, &detail);
}

static void session_step(keel__wire *wire) {
  if (PQconsumeInput(wire->pg) == 0) {
    failed_in_libpq(wire);
    return;
  }
  while (!PQisBusy(wire->pg)) {
    PGresult *result = PQgetResult(wire->pg);
    if (result == NULL) {
      settings_ended(wire);
      return;
    }
    bool refused = PQresultStatus(result) != PGRES_TUPLES_OK;
    bool again = refused && may_do_without(wire, result);
    if (!refused)
      settings_applied(wire, result);
    else if (!again)
      settings_refused(wire, result);
    PQclear(result);
    if (refused && !again) return;
  }
  flush_settings(wire);
}

void keel__connect_step(keel__wire *wire) {
  if (wire->stage == KEEL__STAGE_STARTING) {
    session_step(wire);
    return;
  }
  /* libpq may go on with another socket under the same number: the loop has to forget the old one while it is open. */
  keel__wire_unwatch(wire);
  switch (PQconnectPoll(wire->pg)) {
    case PGRES_POLLING_READING:
      keel__wire_watch(wire, UV_READABLE);
      share_time(wire);
      break;
    case PGRES_POLLING_WRITING:
      keel__wire_watch(wire, UV_WRITABLE);
      share_time(wire);
      break;
    case PGRES_POLLING_OK:
      keel__connect_end_share(wire);
      begin_session(wire);
      break;
    default:
      failed_in_libpq(wire);
      break;
  }
}
