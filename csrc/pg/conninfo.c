#include "conninfo.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/alloc.h"

/* ---------------------------------------------------------------- pairs */

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = keel__realloc(NULL, size);
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}

void keel__params_init(keel__params *params) {
  memset(params, 0, sizeof *params);
}

void keel__params_destroy(keel__params *params) {
  for (int i = 0; i < params->count; i++) {
    keel__free(params->keywords[i]);
    keel__free(params->values[i]);
  }
  keel__params_init(params);
}

static int find(const keel__params *params, const char *keyword) {
  for (int i = 0; i < params->count; i++) {
    if (strcmp(params->keywords[i], keyword) == 0) return i;
  }
  return -1;
}

const char *keel__params_get(const keel__params *params, const char *keyword) {
  int at = find(params, keyword);
  return at < 0 ? NULL : params->values[at];
}

keel_code keel__params_set(keel__params *params, const char *keyword, const char *value) {
  char *copy = copy_text(value);
  if (copy == NULL) return KEEL_NO_MEMORY;
  int at = find(params, keyword);
  if (at >= 0) {
    keel__free(params->values[at]);
    params->values[at] = copy;
    return KEEL_OK;
  }
  char *name = params->count < KEEL__PARAMS_MAX ? copy_text(keyword) : NULL;
  if (name == NULL) {
    keel__free(copy);
    return KEEL_NO_MEMORY;
  }
  params->keywords[params->count] = name;
  params->values[params->count++] = copy;
  return KEEL_OK;
}

static void params_remove(keel__params *params, const char *keyword) {
  int at = find(params, keyword);
  if (at < 0) return;
  keel__free(params->keywords[at]);
  keel__free(params->values[at]);
  params->count--;
  params->keywords[at] = params->keywords[params->count];
  params->values[at] = params->values[params->count];
  params->keywords[params->count] = params->values[params->count] = NULL;
}

/* ---------------------------------------------------------------- reasons */

__attribute__((format(printf, 3, 4))) static keel_code bad(keel_reason *reason, const char *option,
                                                           const char *format, ...) {
  va_list args;
  va_start(args, format);
  snprintf(reason->option, sizeof reason->option, "%s", option);
  vsnprintf(reason->message, sizeof reason->message, format, args);
  va_end(args);
  return KEEL_CONFIG;
}

static keel_code no_memory(keel_reason *reason) {
  bad(reason, "", "out of memory");
  return KEEL_NO_MEMORY;
}

static void trim_end(char *text) {
  size_t length = strlen(text);
  while (length > 0 && text[length - 1] == '\n') text[--length] = 0;
}

/* libpq quotes the string it could not parse, password and all: whatever is in quotes is left out, unless it is the name
 * of an option, which is a plain word. */
static void copy_without_quotes(char *to, size_t size, const char *from) {
  size_t used = 0;
  while (*from != 0 && used + 4 < size) {
    if (*from != '"') {
      to[used++] = *from++;
      continue;
    }
    const char *end = strrchr(from + 1, '"');
    if (end == NULL) break;
    memcpy(to + used, "...", 3);
    used += 3;
    from = end + 1;
  }
  to[used] = 0;
}

/* The word in `invalid connection option "word"` and `invalid URI query parameter: "word"`. */
static bool named_option(const char *message, char *name, size_t size) {
  static const char *const starts[] = {"invalid connection option \"", "invalid URI query parameter: \""};
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    if (strncmp(message, starts[i], strlen(starts[i])) != 0) continue;
    const char *word = message + strlen(starts[i]);
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (length == 0 || length >= size || word[length] != '"') return false;
    memcpy(name, word, length);
    name[length] = 0;
    return true;
  }
  return false;
}

static keel_code bad_string(keel_reason *reason, const char *message) {
  char name[sizeof reason->option], safe[256];
  if (message == NULL) return no_memory(reason);
  if (named_option(message, name, sizeof name)) {
    return bad(reason, name, "the connection string has an option \"%s\" that libpq does not know", name);
  }
  copy_without_quotes(safe, sizeof safe, message);
  trim_end(safe);
  return bad(reason, "connectionString",
             "the connection string cannot be read (%s); accepted are URIs such as "
             "postgresql://user:password@host:5432/database and keyword strings such as host=... dbname=...",
             safe);
}

/* ---------------------------------------------------------------- gathering */

static keel_code add_string(keel__params *params, const char *conninfo, keel_reason *reason) {
  if (conninfo == NULL || conninfo[0] == 0) return KEEL_OK;
  char *message = NULL;
  PQconninfoOption *parsed = PQconninfoParse(conninfo, &message);
  if (parsed == NULL) {
    keel_code code = bad_string(reason, message);
    PQfreemem(message);
    return code;
  }
  keel_code code = KEEL_OK;
  for (PQconninfoOption *option = parsed; option->keyword != NULL && code == KEEL_OK; option++) {
    if (option->val != NULL) code = keel__params_set(params, option->keyword, option->val);
  }
  PQconninfoFree(parsed);
  return code == KEEL_OK ? KEEL_OK : no_memory(reason);
}

static bool is_known(const char *keyword) {
  bool known = false;
  PQconninfoOption *defaults = PQconndefaults();
  for (PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++) {
    known = known || strcmp(option->keyword, keyword) == 0;
  }
  PQconninfoFree(defaults);
  return known;
}

static keel_code add_pairs(keel__params *params, const char *const *keywords, const char *const *values,
                           keel_reason *reason) {
  if (keywords == NULL || values == NULL) return KEEL_OK;
  for (int i = 0; keywords[i] != NULL; i++) {
    if (values[i] == NULL) continue;
    if (!is_known(keywords[i]))
      return bad(reason, keywords[i], "libpq does not know the option \"%s\"", keywords[i]);
    if (keel__params_set(params, keywords[i], values[i]) != KEEL_OK) return no_memory(reason);
  }
  return KEEL_OK;
}

/* ---------------------------------------------------------------- checks of our own */

static const struct {
  const char *keyword, *accepted;
} WORDS[] = {
    {"sslmode", "disable, allow, prefer, require, verify-ca, verify-full"},
    {"target_session_attrs", "any, read-write, read-only, primary, standby, prefer-standby"},
    {"channel_binding", "disable, prefer, require"},
    {"gssencmode", "disable, prefer, require"},
    {"ssl_min_protocol_version", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
    {"ssl_max_protocol_version", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
    {"load_balance_hosts", "disable, random"},
    {"sslnegotiation", "postgres, direct"},
};

static const char *const NUMBERS[] = {"connect_timeout",     "keepalives",       "keepalives_idle",
                                      "keepalives_interval", "keepalives_count", "tcp_user_timeout"};

static bool is_one_of(const char *value, const char *accepted) {
  size_t length = strlen(value);
  for (const char *word = accepted; word != NULL; word = strchr(word, ',')) {
    word += strspn(word, ", ");
    if (strncmp(word, value, length) == 0 && (word[length] == ',' || word[length] == 0)) return true;
  }
  return false;
}

/* " (from PGSSLMODE)" when the application did not give the option itself. */
static const char *source(const keel__params *given, const char *keyword, char *buffer, size_t size) {
  buffer[0] = 0;
  if (keel__params_get(given, keyword) != NULL) return buffer;
  PQconninfoOption *defaults = PQconndefaults();
  for (PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++) {
    if (strcmp(option->keyword, keyword) != 0 || option->envvar == NULL) continue;
    if (getenv(option->envvar) != NULL) snprintf(buffer, size, " (from %s)", option->envvar);
  }
  PQconninfoFree(defaults);
  return buffer;
}

static keel_code check_words(const keel__params *params, const keel__params *given, keel_reason *reason) {
  char from[64];
  for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
    const char *value = keel__params_get(params, WORDS[i].keyword);
    if (value == NULL || value[0] == 0 || is_one_of(value, WORDS[i].accepted)) continue;
    return bad(reason, WORDS[i].keyword, "%s%s is \"%s\"; accepted are %s", WORDS[i].keyword,
               source(given, WORDS[i].keyword, from, sizeof from), value, WORDS[i].accepted);
  }
  return KEEL_OK;
}

static bool is_number(const char *value, long lowest, long highest) {
  char *end = NULL;
  errno = 0;
  long number = strtol(value, &end, 10);
  return errno == 0 && end != value && *end == 0 && number >= lowest && number <= highest;
}

static keel_code check_numbers(const keel__params *params, const keel__params *given, keel_reason *reason) {
  char from[64];
  for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
    const char *value = keel__params_get(params, NUMBERS[i]);
    if (value == NULL || value[0] == 0 || is_number(value, INT32_MIN, INT32_MAX)) continue;
    return bad(reason, NUMBERS[i], "%s%s is \"%s\"; accepted is a whole number", NUMBERS[i],
               source(given, NUMBERS[i], from, sizeof from), value);
  }
  return KEEL_OK;
}

static keel_code check_ports(const keel__params *params, const keel__params *given, keel_reason *reason) {
  char from[64], one[16];
  const char *ports = keel__params_get(params, "port");
  while (ports != NULL && *ports != 0) {
    size_t length = strcspn(ports, ",");
    snprintf(one, sizeof one, "%.*s", (int)length, ports);
    if (length >= sizeof one || (length > 0 && !is_number(one, 1, 65535))) {
      return bad(reason, "port", "port%s is \"%s\"; accepted are 1 to 65535",
                 source(given, "port", from, sizeof from), one);
    }
    ports += length + (ports[length] == ',');
  }
  return KEEL_OK;
}

/* ---------------------------------------------------------------- effective values */

/* A value that no version of libpq accepts. */
#define SENTINEL "keel-checks-only"

/* libpq has no call that checks options. With one value that it must refuse, PQconnectStartParams() stops after it has
 * gathered and checked the others and before it touches the network, and PQconninfo() then tells what it gathered. */
static PGconn *refused_connection(const keel__params *given, const char *refused) {
  const char *keywords[KEEL__PARAMS_MAX + 2], *values[KEEL__PARAMS_MAX + 2];
  int count = 0;
  for (int i = 0; i < given->count; i++) {
    if (strcmp(given->keywords[i], refused) == 0) continue;
    keywords[count] = given->keywords[i];
    values[count++] = given->values[i];
  }
  keywords[count] = refused;
  values[count++] = SENTINEL;
  keywords[count] = values[count] = NULL;
  return PQconnectStartParams(keywords, values, 0);
}

static keel_code copy_effective(PGconn *refused, keel__params *params) {
  PQconninfoOption *effective = PQconninfo(refused);
  if (effective == NULL) return KEEL_NO_MEMORY;
  keel_code code = KEEL_OK;
  for (PQconninfoOption *option = effective; option->keyword != NULL && code == KEEL_OK; option++) {
    if (option->val == NULL || option->val[0] == 0 || strcmp(option->val, SENTINEL) == 0) continue;
    code = keel__params_set(params, option->keyword, option->val);
  }
  PQconninfoFree(effective);
  return code;
}

/* The one option that the first refusal hides. */
static keel_code add_session_attrs(const keel__params *given, keel__params *params) {
  PGconn *refused = refused_connection(given, "sslmode");
  if (refused == NULL) return KEEL_NO_MEMORY;
  keel_code code = KEEL_OK;
  PQconninfoOption *effective = PQconninfo(refused);
  for (PQconninfoOption *option = effective; option != NULL && option->keyword != NULL; option++) {
    if (strcmp(option->keyword, "target_session_attrs") != 0 || option->val == NULL) continue;
    code = keel__params_set(params, option->keyword, option->val);
  }
  PQconninfoFree(effective);
  PQfinish(refused);
  return code;
}

static keel_code check(const keel__params *params, const keel__params *given, keel_reason *reason) {
  keel_code code = check_words(params, given, reason);
  if (code == KEEL_OK) code = check_numbers(params, given, reason);
  if (code == KEEL_OK) code = check_ports(params, given, reason);
  return code;
}

/* The option that libpq's text is about: the first that it names; of "host" and "hostaddr" the longer. */
static void option_in(const char *message, char *name, size_t size) {
  const char *first = NULL;
  name[0] = 0;
  PQconninfoOption *defaults = PQconndefaults();
  for (PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++) {
    const char *at = strstr(message, option->keyword);
    if (at == NULL ||
        (first != NULL && (at > first || (at == first && strlen(option->keyword) < strlen(name)))))
      continue;
    first = at;
    snprintf(name, size, "%s", option->keyword);
  }
  PQconninfoFree(defaults);
}

static keel_code refused_for_another_reason(PGconn *refused, keel_reason *reason) {
  char message[sizeof reason->message], name[sizeof reason->option];
  snprintf(message, sizeof message, "%s", PQerrorMessage(refused));
  trim_end(message);
  option_in(message, name, sizeof name);
  return bad(reason, name, "%s", message);
}

static keel_code read_effective(const keel__params *given, keel__params *params, keel_reason *reason) {
  PGconn *refused = refused_connection(given, "target_session_attrs");
  if (refused == NULL) return no_memory(reason);
  keel_code code = copy_effective(refused, params);
  if (code == KEEL_OK) code = add_session_attrs(given, params);
  if (code == KEEL_OK) {
    code = check(params, given, reason);
    if (code == KEEL_OK && strstr(PQerrorMessage(refused), SENTINEL) == NULL) {
      code = refused_for_another_reason(refused, reason);
    }
  } else {
    code = no_memory(reason);
  }
  PQfinish(refused);
  return code;
}

/* What we want to differ from libpq's own defaults, unless somebody said otherwise. */
static keel_code apply_defaults(const keel__params *given, keel__params *params) {
  /* The service file has been read. */
  params_remove(params, "service");
  /* Obtaining Kerberos credentials can block, and this is not a thread that may. */
  const char *gssencmode = keel__params_get(params, "gssencmode");
  bool asked = keel__params_get(given, "gssencmode") != NULL || getenv("PGGSSENCMODE") != NULL;
  if (!asked && gssencmode != NULL && strcmp(gssencmode, "prefer") == 0) {
    keel_code code = keel__params_set(params, "gssencmode", "disable");
    if (code != KEEL_OK) return code;
  }
  if (keel__params_get(params, "client_encoding") != NULL) return KEEL_OK;
  return keel__params_set(params, "client_encoding", "UTF8");
}

keel_code keel__conninfo_read(const keel_pool_options *options, keel__params *params, keel_reason *reason) {
  keel__params given;
  keel__params_init(&given);
  keel__params_init(params);
  keel_code code = add_string(&given, options->conninfo, reason);
  if (code == KEEL_OK) code = add_pairs(&given, options->keywords, options->values, reason);
  if (code == KEEL_OK) code = read_effective(&given, params, reason);
  if (code == KEEL_OK) {
    code = apply_defaults(&given, params);
    if (code != KEEL_OK) no_memory(reason);
  }
  keel__params_destroy(&given);
  if (code != KEEL_OK) keel__params_destroy(params);
  return code;
}

keel__time keel__conninfo_timeout(const keel__params *params) {
  const char *value = keel__params_get(params, "connect_timeout");
  long seconds = value == NULL ? 0 : strtol(value, NULL, 10);
  return seconds <= 0 ? KEEL__NEVER : (keel__time)seconds * 1000000;
}
