/* config.c: the sizes, times and modes of keel_pool_options, checked. */
#include <string.h>

#include "core.h"
#include "words.h"

#define LONGEST_MS INT64_C(1000000000000) /* 31 years: far from where microseconds would overflow */
#define MOST_CONNECTIONS 65535
#define MOST_IN_FLIGHT 1024
#define MOST_IN_WINDOW 100000 /* it is walked through after a long silence */
#define PROBE_TIMEOUT_MS 5000
#define MOST_RETRIES 1000

static void append(keel_reason *reason, const char *text) {
  keel__words_add(reason->message, sizeof reason->message, text);
}

static void append_number(keel_reason *reason, int64_t number) {
  keel__words_add_number(reason->message, sizeof reason->message, number);
}

static void begin(keel_reason *reason, const char *option) {
  size_t length = strlen(option);
  memset(reason, 0, sizeof *reason);
  memcpy(reason->option, option, length < sizeof reason->option ? length : sizeof reason->option - 1);
  append(reason, option);
}

static keel_code check_range(keel_reason *reason, const char *option, int64_t value, int64_t least,
                             int64_t most) {
  if (value >= least && value <= most) return KEEL_OK;
  if (!reason) return KEEL_CONFIG;
  begin(reason, option);
  append(reason, " is ");
  append_number(reason, value);
  append(reason, "; a whole number from ");
  append_number(reason, least);
  append(reason, " to ");
  append_number(reason, most);
  append(reason, " is accepted");
  return KEEL_CONFIG;
}

static keel_code check_jitter(keel_reason *reason, double jitter) {
  if (jitter >= 0 && jitter <= 1) return KEEL_OK;
  if (!reason) return KEEL_CONFIG;
  begin(reason, "lifetime_jitter");
  append(reason, " is out of range; a number from 0 to 1 is accepted");
  return KEEL_CONFIG;
}

static keel_code check_sizes(const keel_pool_options *options, keel_reason *reason) {
  const struct {
    const char *name;
    int64_t value, least, most;
  } sizes[] = {
      {"max", options->max, 1, MOST_CONNECTIONS},
      {"min", options->min, 0, options->single ? 1 : options->max},
      {"pipeline_depth", options->pipeline_depth, 1, MOST_IN_FLIGHT},
      {"prepare", options->prepare, KEEL_PREPARE_AUTO, KEEL_PREPARE_NEVER},
      {"max_retries", options->max_retries, 0, MOST_RETRIES},
  };
  keel_code code = KEEL_OK;
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes && !code; i++)
    code = check_range(reason, sizes[i].name, sizes[i].value, sizes[i].least, sizes[i].most);
  return code ? code : check_jitter(reason, options->lifetime_jitter);
}

static keel_code take_times(const keel_pool_options *options, keel__pool_config *config,
                            keel_reason *reason) {
  const struct {
    const char *name;
    int64_t value;
    keel__time *out;
  } times[] = {
      {"acquire_timeout_ms", options->acquire_timeout_ms, &config->acquire_timeout},
      {"connect_timeout_ms", options->connect_timeout_ms, &config->connect_timeout},
      {"idle_timeout_ms", options->idle_timeout_ms, &config->idle_timeout},
      {"max_lifetime_ms", options->max_lifetime_ms, &config->max_lifetime},
      {"query_timeout_ms", options->query_timeout_ms, &config->query_timeout},
      {"cancel_timeout_ms", options->cancel_timeout_ms, &config->cancel_timeout},
      {"drain_timeout_ms", options->drain_timeout_ms, &config->drain_timeout},
      {"health_check_interval_ms", options->health_check_interval_ms, &config->health_interval},
      {"resolve_timeout_ms", options->resolve_timeout_ms, &config->resolve_timeout},
  };
  keel_code code = KEEL_OK;
  for (unsigned i = 0; i < sizeof times / sizeof *times && !code; i++) {
    code = check_range(reason, times[i].name, times[i].value, 0, LONGEST_MS);
    *times[i].out = times[i].value ? (keel__time)times[i].value * 1000 : KEEL__NEVER;
  }
  return code;
}

static keel_code check_percent(keel_reason *reason, const char *option, double percent) {
  if (percent >= 0 && percent <= 100) return KEEL_OK;
  if (!reason) return KEEL_CONFIG;
  begin(reason, option);
  append(reason, " is out of range; a number from 0 to 100 is accepted");
  return KEEL_CONFIG;
}

static keel_code check_breaker(const keel_pool_options *options, keel_reason *reason) {
  const struct {
    const char *name;
    int64_t value, least, most;
  } numbers[] = {
      {"breaker_failure_threshold", options->breaker_failure_threshold, 1, INT32_MAX},
      {"breaker_reset_timeout_ms", options->breaker_reset_timeout_ms, 1, LONGEST_MS},
      {"breaker_slow_call_ms", options->breaker_slow_call_ms, 1, LONGEST_MS},
      {"breaker_window_size", options->breaker_window_size, 1, MOST_IN_WINDOW},
      {"breaker_minimum_calls", options->breaker_minimum_calls, 1, INT32_MAX},
      {"breaker_probes", options->breaker_probes, 1, INT32_MAX},
      {"breaker_probe_timeout_ms", options->breaker_probe_timeout_ms, 0, LONGEST_MS},
  };
  keel_code code = KEEL_OK;
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers && !code; i++)
    code = check_range(reason, numbers[i].name, numbers[i].value, numbers[i].least, numbers[i].most);
  if (!code) code = check_percent(reason, "breaker_failure_rate", options->breaker_failure_rate);
  return code ? code : check_percent(reason, "breaker_slow_rate", options->breaker_slow_rate);
}

static keel_code take_breaker(const keel_pool_options *options, keel__breaker_config *config,
                              keel_reason *reason) {
  if (!options->breaker || options->single) return KEEL_OK;
  keel_code code = check_breaker(options, reason);
  if (code) return code;
  uint32_t size = options->breaker_window_size, least = options->breaker_minimum_calls;
  int64_t probe = options->breaker_probe_timeout_ms ? options->breaker_probe_timeout_ms : PROBE_TIMEOUT_MS;
  *config = (keel__breaker_config){
      .on = true,
      .threshold = options->breaker_failure_threshold,
      .reset_timeout = (keel__time)options->breaker_reset_timeout_ms * 1000,
      .failure_rate = options->breaker_failure_rate,
      .slow_rate = options->breaker_slow_rate,
      .by_time = options->breaker_by_time != 0,
      .window_size = size,
      /* A window of so many calls never holds more of them. */
      .minimum_calls = !options->breaker_by_time && least > size ? size : least,
      .slow_call = (keel__time)options->breaker_slow_call_ms * 1000,
      .probes = options->breaker_probes,
      .probe_timeout = (keel__time)probe * 1000,
  };
  return KEEL_OK;
}

/* Unlike other times it may be 0, and then means just that. */
static keel_code take_alive_bypass(const keel_pool_options *options, keel__pool_config *config,
                                   keel_reason *reason) {
  int64_t bypass = options->alive_bypass_ms;
  config->alive_bypass = bypass < 0 ? KEEL__NEVER : (keel__time)bypass * 1000;
  return check_range(reason, "alive_bypass_ms", bypass, -1, LONGEST_MS);
}

/* Unlike time limits these are what they say when they are 0. */
static keel_code take_delays(const keel_pool_options *options, keel__pool_config *config,
                             keel_reason *reason) {
  keel_code code = check_range(reason, "retry_delay_ms", options->retry_delay_ms, 0, LONGEST_MS);
  if (!code) code = check_range(reason, "retry_max_delay_ms", options->retry_max_delay_ms, 0, LONGEST_MS);
  config->retry_delay = (keel__time)options->retry_delay_ms * 1000;
  config->retry_max_delay = (keel__time)options->retry_max_delay_ms * 1000;
  return code;
}

/* The one connection of a `single` pool lives until its owner or the server ends it. */
static void make_single(keel__pool_config *config) {
  config->max_retries = 0;
  config->max = 1;
  config->max_uses = 0;
  config->shed = false;
  config->idle_timeout = config->max_lifetime = KEEL__NEVER;
  config->health_interval = config->alive_bypass = KEEL__NEVER;
}

keel_code keel__pool_config_from(const keel_pool_options *options, keel__pool_config *config,
                                 keel_reason *reason) {
  keel__pool_config taken = {
      .min = options->min,
      .max = options->max,
      .max_waiting = options->max_waiting,
      .max_uses = options->max_uses,
      .pipeline_depth = options->pipeline_depth,
      .prepare_cache = options->prepare_cache,
      .lifetime_jitter = options->lifetime_jitter,
      .prepare = options->prepare,
      .hold_new = options->hold_new != 0,
      .ask_password = options->ask_password != 0,
      .single = options->single != 0,
      .shed = options->shed != 0,
      .max_retries = options->max_retries,
      .resolve_commits = options->resolve_commits != 0,
  };
  keel_code code = check_sizes(options, reason);
  if (!code) code = take_times(options, &taken, reason);
  if (!code) code = take_breaker(options, &taken.breaker, reason);
  if (!code) code = take_alive_bypass(options, &taken, reason);
  if (!code) code = take_delays(options, &taken, reason);
  if (code) return code;
  if (taken.single) make_single(&taken);
  *config = taken;
  return KEEL_OK;
}
