/* parameters.c: the settings that the server reports of itself (ParameterStatus). */
#include <string.h>

#include "../core/alloc.h"
#include "wire.h"

/* What libpq remembers of the server's reports; there is no way to ask it for all. */
static const char *const NAMES[] = {
    "application_name", "client_encoding",       "DateStyle",
    "in_hot_standby",   "integer_datetimes",     "IntervalStyle",
    "is_superuser",     "server_encoding",       "server_version",
    "TimeZone",         "session_authorization", "standard_conforming_strings",
    "scram_iterations", "search_path",           "default_transaction_read_only",
};

#define NAME_COUNT (sizeof NAMES / sizeof NAMES[0])

size_t keel__parameters_list(PGconn *pg, char *to, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < NAME_COUNT; i++) {
    const char *value = PQparameterStatus(pg, NAMES[i]);
    if (value == NULL) continue;
    size_t name_size = strlen(NAMES[i]) + 1, value_size = strlen(value) + 1;
    if (used + name_size + value_size > size) break;
    memcpy(to + used, NAMES[i], name_size);
    memcpy(to + used + name_size, value, value_size);
    used += name_size + value_size;
  }
  return used;
}

static const char *value_of(const char *list, size_t size, const char *name) {
  for (const char *at = list; at < list + size;) {
    const char *value = at + strlen(at) + 1;
    if (strcmp(at, name) == 0) return value;
    at = value + strlen(value) + 1;
  }
  return NULL;
}

static void report_changes(keel__wire *wire, const char *list, size_t size) {
  for (const char *name = list; name < list + size;) {
    const char *value = name + strlen(name) + 1;
    const char *before = value_of(wire->parameters, wire->parameters_size, name);
    if (before == NULL || strcmp(before, value) != 0)
      keel__wire_emit(wire, keel__event_parameter(name, value), 0);
    name = value + strlen(value) + 1;
  }
}

static void remember(keel__wire *wire, const char *list, size_t size) {
  char *copy = keel__realloc(wire->parameters, size);
  if (copy == NULL) return;
  memcpy(copy, list, size);
  wire->parameters = copy;
  wire->parameters_size = size;
}

void keel__parameters_known(keel__wire *wire) {
  char list[KEEL__PARAMETERS_SIZE];
  remember(wire, list, keel__parameters_list(wire->pg, list, sizeof list));
}

void keel__parameters_touched(keel__wire *wire, const char *tag) {
  static const char *const tags[] = {"SET", "RESET", "DISCARD ALL"};
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    if (strcmp(tag, tags[i]) == 0) wire->settings_touched = true;
  }
}

void keel__parameters_report(keel__wire *wire) {
  char list[KEEL__PARAMETERS_SIZE];
  if (!wire->settings_touched) return;
  size_t size = keel__parameters_list(wire->pg, list, sizeof list);
  report_changes(wire, list, size);
  remember(wire, list, size);
  /* Inside a transaction the setting may be taken back with it. */
  wire->settings_touched = PQtransactionStatus(wire->pg) != PQTRANS_IDLE;
}
