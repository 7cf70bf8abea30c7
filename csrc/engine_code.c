/* engine_code.c: codes in words, and versions. */
#include <libpq-fe.h>

#include "keel.h"

const char *keel_code_name(keel_code code) {
  switch (code) {
#define KEEL_NAME(name, number, text) \
  case KEEL_##name:                   \
    return "KEEL_" #name;
    KEEL_ERROR_MAP(KEEL_NAME)
#undef KEEL_NAME
  }
  return "KEEL_UNKNOWN";
}

const char *keel_code_text(keel_code code) {
  switch (code) {
#define KEEL_TEXT(name, number, text) \
  case KEEL_##name:                   \
    return text;
    KEEL_ERROR_MAP(KEEL_TEXT)
#undef KEEL_TEXT
  }
  return "an unknown code";
}

int keel_libpq_version(void) {
  return PQlibVersion();
}
