/*
 * breaker.h: whether a node is worth asking: a circuit breaker. A state machine and nothing else: it knows neither connections
 * nor requests; probe.c draws the consequences.
 *
 *   CLOSED     calls go through and are counted. Opens after `threshold` failures in a row or, where a rate was given, when
 *              the share of failed or of slow calls among the last ones is at or above it (resilience4j's formulas).
 *   OPEN       calls are refused, until a probe is due
 *   HALF_OPEN  calls are refused; a probe is under way. `probes` of them that succeed one after the other close it, the
 *              first that fails opens it again
 */
#ifndef KEEL_CORE_BREAKER_H
#define KEEL_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "../keel.h"
#include "heap.h"
#include "rng.h"

#define KEEL__BREAKER_REASON 48

typedef struct keel__breaker_config {
  bool on;                        /* false: nothing is counted; it can still be opened by hand */
  uint32_t threshold;             /* failures in a row */
  keel__time reset_timeout;       /* the longest that an open one goes without a probe */
  double failure_rate, slow_rate; /* percent; 0: off */
  bool by_time;                   /* the window is the last seconds, not the last calls */
  uint32_t window_size, minimum_calls;
  keel__time slow_call; /* one that takes longer is slow */
  uint32_t probes;
  keel__time probe_timeout;
} keel__breaker_config;

typedef struct keel__tally {
  uint32_t calls, failed, slow;
} keel__tally;

/* The last `window_size` calls, or those of the last `window_size` seconds. */
typedef struct keel__window {
  keel__tally sum;      /* of all that is in it */
  uint8_t *calls;       /* a ring of calls; NULL: not by count */
  keel__tally *seconds; /* a ring of seconds; NULL: not by time */
  uint32_t at;          /* where the next call goes; the current second's place */
  uint64_t second;
} keel__window;

typedef struct keel__breaker {
  keel__breaker_config config;
  keel_breaker_state state;          /* changed by breaker.c's set_state alone */
  bool forced;                       /* OPEN by hand: it stays so until it is closed by hand */
  bool slow;                         /* slow calls have opened it, and no failure */
  uint32_t failures;                 /* in a row */
  uint32_t failed_probes;            /* since it opened */
  uint32_t succeeded_probes;         /* HALF_OPEN */
  keel__time last_failure;           /* KEEL__NEVER: none yet */
  uint64_t opened, rejected;         /* since the pool was opened; `opened`: out of CLOSED */
  char reason[KEEL__BREAKER_REASON]; /* for the last change of state */
  keel__window window;
} keel__breaker;

KEEL_MUST_CHECK keel_code keel__breaker_init(keel__breaker *breaker, const keel__breaker_config *config);
void keel__breaker_free(keel__breaker *breaker);

/* A call of the node has ended: it failed by the node's fault, or the node has answered. True: this opened the breaker. */
bool keel__breaker_call(keel__breaker *breaker, bool ok, keel__time took, keel__time now);

/* OPEN -> HALF_OPEN: a probe begins. */
void keel__breaker_probe(keel__breaker *breaker);
/* HALF_OPEN: a probe has ended. Still HALF_OPEN afterwards: the next one is due. */
void keel__breaker_probed(keel__breaker *breaker, bool ok);
/* OPEN: how long to wait for the next probe: 100 ms, doubling with each that fails up to a second, never above reset_timeout;
 * shortened by up to a half by chance, so that processes do not all knock at once. */
keel__time keel__breaker_pause(const keel__breaker *breaker, keel__rng *rng);

/* By hand: open until closed by hand; closed, with all that was counted forgotten. */
void keel__breaker_force_open(keel__breaker *breaker);
void keel__breaker_close(keel__breaker *breaker);

#endif
