/* breaker.c: when the breaker opens, and when it closes again. */
#include "breaker.h"

#include <assert.h>
#include <string.h>

#include "alloc.h"
#include "words.h"

#define BIT(state) (1u << KEEL_BREAKER_IS_##state)
#define SECOND 1000000u     /* us */
#define PROBE_FIRST 100000u /* us */
#define PROBE_LAST 1000000u /* us */
#define FAILED 1u
#define SLOW 2u

/* clang-format off */
static const unsigned legal[] = {
    [KEEL_BREAKER_IS_CLOSED] = BIT(OPEN),
    [KEEL_BREAKER_IS_OPEN] = BIT(HALF_OPEN) | BIT(CLOSED), /* CLOSED: by hand */
    [KEEL_BREAKER_IS_HALF_OPEN] = BIT(OPEN) | BIT(CLOSED),
};
/* clang-format on */

/* ---- reasons in words */

static void append(keel__breaker *breaker, const char *text) {
  keel__words_add(breaker->reason, sizeof breaker->reason, text);
}

static void append_number(keel__breaker *breaker, uint32_t number) {
  keel__words_add_number(breaker->reason, sizeof breaker->reason, number);
}

static void explain(keel__breaker *breaker, const char *text) {
  breaker->reason[0] = 0;
  append(breaker, text);
}

static void explain_share(keel__breaker *breaker, uint32_t some, const char *text) {
  breaker->reason[0] = 0;
  append_number(breaker, some);
  append(breaker, " of ");
  append_number(breaker, breaker->window.sum.calls);
  append(breaker, text);
}

/* ---- the window of the last calls */

static bool has_rates(const keel__breaker_config *config) {
  return config->on && (config->failure_rate > 0 || config->slow_rate > 0);
}

static keel_code window_init(keel__window *window, const keel__breaker_config *config) {
  if (!has_rates(config)) return KEEL_OK;
  if (config->by_time)
    window->seconds = keel__alloc(config->window_size * sizeof *window->seconds);
  else
    window->calls = keel__alloc(config->window_size);
  return window->seconds || window->calls ? KEEL_OK : KEEL_NO_MEMORY;
}

static void window_clear(keel__breaker *breaker) {
  keel__window *window = &breaker->window;
  window->sum = (keel__tally){0};
  if (window->seconds) memset(window->seconds, 0, breaker->config.window_size * sizeof *window->seconds);
}

static void take_out(keel__tally *sum, keel__tally part) {
  sum->calls -= part.calls;
  sum->failed -= part.failed;
  sum->slow -= part.slow;
}

static void put_in(keel__tally *sum, keel__tally part) {
  sum->calls += part.calls;
  sum->failed += part.failed;
  sum->slow += part.slow;
}

static keel__tally tally_of(uint8_t bits) {
  return (keel__tally){.calls = 1, .failed = (bits & FAILED) != 0, .slow = (bits & SLOW) != 0};
}

static void add_call(keel__breaker *breaker, uint8_t bits) {
  keel__window *window = &breaker->window;
  if (window->sum.calls == breaker->config.window_size)
    take_out(&window->sum, tally_of(window->calls[window->at]));
  window->calls[window->at] = bits;
  window->at = (window->at + 1) % breaker->config.window_size;
  put_in(&window->sum, tally_of(bits));
}

static void add_to_second(keel__breaker *breaker, uint8_t bits, keel__time now) {
  keel__window *window = &breaker->window;
  uint32_t size = breaker->config.window_size;
  uint64_t passed = now / SECOND - window->second;
  for (uint64_t left = passed < size ? passed : size; left > 0; left--) {
    window->at = (window->at + 1) % size;
    take_out(&window->sum, window->seconds[window->at]);
    window->seconds[window->at] = (keel__tally){0};
  }
  window->second = now / SECOND;
  put_in(&window->seconds[window->at], tally_of(bits));
  put_in(&window->sum, tally_of(bits));
}

static bool reaches(uint32_t some, uint32_t all, double percent) {
  return percent > 0 && (double)some * 100 >= percent * (double)all;
}

/* True: a rate is at its threshold, and the reason says which. */
static bool rates_trip(keel__breaker *breaker) {
  const keel__breaker_config *config = &breaker->config;
  keel__tally sum = breaker->window.sum;
  if (sum.calls < config->minimum_calls) return false;
  if (reaches(sum.failed, sum.calls, config->failure_rate)) {
    explain_share(breaker, sum.failed, " calls failed");
    return true;
  }
  breaker->slow = reaches(sum.slow, sum.calls, config->slow_rate);
  if (breaker->slow) explain_share(breaker, sum.slow, " calls were slow");
  return breaker->slow;
}

/* ---- states */

static void forget(keel__breaker *breaker) {
  breaker->failures = 0;
  breaker->forced = breaker->slow = false;
  window_clear(breaker);
}

static void set_state(keel__breaker *breaker, keel_breaker_state state) {
  assert(legal[breaker->state] & (1u << state));
  if (breaker->state == KEEL_BREAKER_IS_CLOSED) {
    breaker->opened++;
    breaker->failed_probes = 0;
  }
  breaker->state = state;
  breaker->succeeded_probes = 0;
  if (state == KEEL_BREAKER_IS_CLOSED) forget(breaker);
}

keel_code keel__breaker_init(keel__breaker *breaker, const keel__breaker_config *config) {
  *breaker = (keel__breaker){.config = *config, .last_failure = KEEL__NEVER};
  return window_init(&breaker->window, config);
}

void keel__breaker_free(keel__breaker *breaker) {
  keel__free(breaker->window.calls);
  keel__free(breaker->window.seconds);
  breaker->window = (keel__window){0};
}

static bool in_a_row(keel__breaker *breaker) {
  if (breaker->failures < breaker->config.threshold) return false;
  breaker->reason[0] = 0;
  append_number(breaker, breaker->failures);
  append(breaker, breaker->failures == 1 ? " failure" : " failures in a row");
  return true;
}

bool keel__breaker_call(keel__breaker *breaker, bool ok, keel__time took, keel__time now) {
  const keel__breaker_config *config = &breaker->config;
  if (!config->on) return false;
  if (!ok) {
    breaker->failures++;
    breaker->last_failure = now;
  }
  if (breaker->state != KEEL_BREAKER_IS_CLOSED) return false;
  if (ok) breaker->failures = 0;
  uint8_t bits = (uint8_t)((ok ? 0 : FAILED) | (took > config->slow_call ? SLOW : 0));
  if (breaker->window.seconds)
    add_to_second(breaker, bits, now);
  else if (breaker->window.calls)
    add_call(breaker, bits);
  if (!in_a_row(breaker) && (!has_rates(config) || !rates_trip(breaker))) return false;
  set_state(breaker, KEEL_BREAKER_IS_OPEN);
  return true;
}

/* ---- probes */

void keel__breaker_probe(keel__breaker *breaker) {
  explain(breaker, "a probe begins");
  set_state(breaker, KEEL_BREAKER_IS_HALF_OPEN);
}

void keel__breaker_probed(keel__breaker *breaker, bool ok) {
  assert(breaker->state == KEEL_BREAKER_IS_HALF_OPEN);
  if (!ok) {
    breaker->failed_probes++;
    explain(breaker, "the probe failed");
    set_state(breaker, KEEL_BREAKER_IS_OPEN);
  } else if (++breaker->succeeded_probes >= breaker->config.probes) {
    explain(breaker, breaker->config.probes > 1 ? "the probes succeeded" : "the probe succeeded");
    set_state(breaker, KEEL_BREAKER_IS_CLOSED);
  }
}

keel__time keel__breaker_pause(const keel__breaker *breaker, keel__rng *rng) {
  keel__time longest = keel__time_sooner(breaker->config.reset_timeout, PROBE_LAST);
  keel__time pause = keel__time_sooner(longest, PROBE_FIRST);
  for (uint32_t i = 0; i < breaker->failed_probes && pause < longest; i++) pause *= 2;
  pause = keel__time_sooner(pause, longest);
  return pause - keel__rng_below(rng, pause / 2 + 1);
}

/* ---- by hand */

void keel__breaker_force_open(keel__breaker *breaker) {
  breaker->forced = true;
  if (breaker->state == KEEL_BREAKER_IS_OPEN) return;
  explain(breaker, "forced open");
  set_state(breaker, KEEL_BREAKER_IS_OPEN);
}

void keel__breaker_close(keel__breaker *breaker) {
  forget(breaker);
  if (breaker->state == KEEL_BREAKER_IS_CLOSED) return;
  explain(breaker, "closed by hand");
  set_state(breaker, KEEL_BREAKER_IS_CLOSED);
}
