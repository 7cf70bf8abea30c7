/*
 * conninfo.h: what a pool connects with: libpq's options from all their sources, checked without touching the network.
 */
#ifndef KEEL_PG_CONNINFO_H
#define KEEL_PG_CONNINFO_H

#include <stdbool.h>

#include "../core/core.h"
#include "../keel.h"
#include "secret.h"

#define KEEL__PARAMS_MAX 64

/* libpq's keyword/value pairs; both arrays end with NULL. Each text is owned. */
typedef struct keel__params {
  int count;
  char *keywords[KEEL__PARAMS_MAX + 1];
  char *values[KEEL__PARAMS_MAX + 1];
} keel__params;

void keel__params_init(keel__params *params);
void keel__params_destroy(keel__params *params);
/* Sets or replaces. */
KEEL_MUST_CHECK keel_code keel__params_set(keel__params *params, const char *keyword, const char *value);
/* NULL: not set. */
const char *keel__params_get(const keel__params *params, const char *keyword);

/* The effective options: `options`' own, and what service files, the environment and libpq's defaults add. KEEL_CONFIG
 * names the wrong one in *reason. Reads files, but no network. Any thread. */
KEEL_MUST_CHECK keel_code keel__conninfo_read(const keel_pool_options *options, keel__params *params,
                                              keel_reason *reason);

/* connect_timeout in microseconds, which libpq itself obeys in its blocking calls only; KEEL__NEVER: none. */
keel__time keel__conninfo_timeout(const keel__params *params);

#endif
