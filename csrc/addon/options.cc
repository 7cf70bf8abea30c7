/*
 * options.cc: a pool's options, from JavaScript's object to keel_pool_options. What a value means is checked by the engine;
 * here it is only made sure that it fits the C type.
 */
#include <cmath>
#include <deque>
#include <string>
#include <utility>

#include "environment.h"

namespace keel_addon {

namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

struct Options {
  keel_pool_options c;
  /* What `c` points to. A deque does not move what it holds. */
  std::deque<std::string> texts;
  std::deque<std::vector<const char *>> lists;
  keel_reason reason = {};
};

template <typename T>
struct Named {
  const char *name;
  T keel_pool_options::*member;
};

const Named<const char *> kTexts[] = {
    {"name", &keel_pool_options::name},
    {"conninfo", &keel_pool_options::conninfo},
    {"sslCaPem", &keel_pool_options::ssl_ca_pem},
    {"sslCertPem", &keel_pool_options::ssl_cert_pem},
    {"sslKeyPem", &keel_pool_options::ssl_key_pem},
};
const Named<uint32_t> kCounts[] = {
    {"min", &keel_pool_options::min},
    {"max", &keel_pool_options::max},
    {"maxWaiting", &keel_pool_options::max_waiting},
    {"maxUses", &keel_pool_options::max_uses},
    {"prepareCache", &keel_pool_options::prepare_cache},
    {"pipelineDepth", &keel_pool_options::pipeline_depth},
    {"breakerFailureThreshold", &keel_pool_options::breaker_failure_threshold},
    {"breakerWindowSize", &keel_pool_options::breaker_window_size},
    {"breakerMinimumCalls", &keel_pool_options::breaker_minimum_calls},
    {"breakerProbes", &keel_pool_options::breaker_probes},
    {"maxRetries", &keel_pool_options::max_retries},
};
const Named<int64_t> kTimes[] = {
    {"acquireTimeout", &keel_pool_options::acquire_timeout_ms},
    {"connectTimeout", &keel_pool_options::connect_timeout_ms},
    {"idleTimeout", &keel_pool_options::idle_timeout_ms},
    {"maxLifetime", &keel_pool_options::max_lifetime_ms},
    {"queryTimeout", &keel_pool_options::query_timeout_ms},
    {"cancelTimeout", &keel_pool_options::cancel_timeout_ms},
    {"drainTimeout", &keel_pool_options::drain_timeout_ms},
    {"breakerResetTimeout", &keel_pool_options::breaker_reset_timeout_ms},
    {"breakerSlowCall", &keel_pool_options::breaker_slow_call_ms},
    {"breakerProbeTimeout", &keel_pool_options::breaker_probe_timeout_ms},
    {"healthCheckInterval", &keel_pool_options::health_check_interval_ms},
    {"aliveBypass", &keel_pool_options::alive_bypass_ms},
    {"retryDelay", &keel_pool_options::retry_delay_ms},
    {"retryMaxDelay", &keel_pool_options::retry_max_delay_ms},
    {"resolveTimeout", &keel_pool_options::resolve_timeout_ms},
};
const Named<int> kSwitches[] = {
    {"holdNew", &keel_pool_options::hold_new},
    {"askPassword", &keel_pool_options::ask_password},
    {"announce", &keel_pool_options::announce},
    {"single", &keel_pool_options::single},
    {"shed", &keel_pool_options::shed},
    {"breaker", &keel_pool_options::breaker},
    {"breakerByTime", &keel_pool_options::breaker_by_time},
    {"resolveCommits", &keel_pool_options::resolve_commits},
};
const Named<double> kShares[] = {
    {"lifetimeJitter", &keel_pool_options::lifetime_jitter},
    {"breakerFailureRate", &keel_pool_options::breaker_failure_rate},
    {"breakerSlowRate", &keel_pool_options::breaker_slow_rate},
};

template <size_t Size>
void Put(char (&to)[Size], const std::string &text) {
  to[text.copy(to, Size - 1)] = '\0';
}

/* False, with the reason filled. */
bool Refuse(Options *options, const std::string &option, const std::string &message) {
  Put(options->reason.option, option);
  Put(options->reason.message, message);
  return false;
}

bool IsGiven(const Napi::Value &value) {
  return !value.IsUndefined() && !value.IsNull();
}

/* The value as C text, which ends at the first NUL: so there must be none. */
bool ReadText(Options *options, const std::string &option, const Napi::Value &value, const char **out) {
  if (!value.IsString()) return Refuse(options, option, option + " must be a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) {
    return Refuse(options, option, option + " must not contain a NUL character");
  }
  options->texts.push_back(std::move(text));
  *out = options->texts.back().c_str();
  return true;
}

bool ReadWhole(Options *options, const char *option, const Napi::Value &value, double max, double *out) {
  *out = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (*out >= 0 && *out <= max && *out == std::floor(*out)) return true;
  return Refuse(options, option,
                std::string(option) + " must be a whole number from 0 to " + std::to_string(int64_t(max)));
}

/* An object's own properties as two NULL-terminated lists. */
bool ReadPairs(Options *options, const Napi::Object &from, const char *const **names,
               const char *const **values) {
  Napi::Array keys = from.GetPropertyNames();
  auto &name_list = options->lists.emplace_back();
  auto &value_list = options->lists.emplace_back();
  for (uint32_t i = 0; i < keys.Length(); i++) {
    Napi::Value key = keys.Get(i);
    const std::string option = key.As<Napi::String>().Utf8Value();
    const char *text;
    if (!ReadText(options, option, key, &text)) return false;
    name_list.push_back(text);
    if (!ReadText(options, option, from.Get(key), &text)) return false;
    value_list.push_back(text);
  }
  name_list.push_back(nullptr);
  value_list.push_back(nullptr);
  *names = name_list.data();
  *values = value_list.data();
  return true;
}

bool ReadTexts(Options *options, const Napi::Object &from) {
  for (const auto &text : kTexts) {
    Napi::Value value = from.Get(text.name);
    if (IsGiven(value) && !ReadText(options, text.name, value, &(options->c.*text.member))) return false;
  }
  return true;
}

bool ReadNumbers(Options *options, const Napi::Object &from) {
  double number;
  for (const auto &count : kCounts) {
    Napi::Value value = from.Get(count.name);
    if (!IsGiven(value)) continue;
    if (!ReadWhole(options, count.name, value, UINT32_MAX, &number)) return false;
    options->c.*count.member = static_cast<uint32_t>(number);
  }
  for (const auto &time : kTimes) {
    Napi::Value value = from.Get(time.name);
    if (!IsGiven(value)) continue;
    if (!ReadWhole(options, time.name, value, kMaxSafeInteger, &number)) return false;
    options->c.*time.member = static_cast<int64_t>(number);
  }
  for (const auto &share : kShares) {
    Napi::Value value = from.Get(share.name);
    if (!IsGiven(value)) continue;
    if (!value.IsNumber()) return Refuse(options, share.name, std::string(share.name) + " must be a number");
    options->c.*share.member = value.As<Napi::Number>().DoubleValue();
  }
  return true;
}

bool ReadSwitches(Options *options, const Napi::Object &from) {
  for (const auto &option : kSwitches) {
    Napi::Value value = from.Get(option.name);
    if (IsGiven(value)) options->c.*option.member = value.ToBoolean().Value() ? 1 : 0;
  }
  Napi::Value prepare = from.Get("prepare");
  if (!IsGiven(prepare)) return true;
  const std::string mode = prepare.IsString() ? prepare.As<Napi::String>().Utf8Value() : "";
  for (auto [name, value] : {std::pair{"auto", KEEL_PREPARE_AUTO}, std::pair{"always", KEEL_PREPARE_ALWAYS},
                             std::pair{"never", KEEL_PREPARE_NEVER}}) {
    options->c.prepare = value;
    if (mode == name) return true;
  }
  return Refuse(options, "prepare", "prepare must be 'auto', 'always' or 'never'");
}

bool ReadLists(Options *options, const Napi::Object &from) {
  Napi::Value keywords = from.Get("keywords");
  if (IsGiven(keywords) &&
      !ReadPairs(options, keywords.As<Napi::Object>(), &options->c.keywords, &options->c.values)) {
    return false;
  }
  Napi::Value session = from.Get("session");
  return !IsGiven(session) || ReadPairs(options, session.As<Napi::Object>(), &options->c.session_names,
                                        &options->c.session_values);
}

Napi::Value Refusal(Napi::Env env, keel_code code, const keel_reason &reason) {
  auto refusal = Napi::Object::New(env);
  refusal.Set("code", keel_code_name(code));
  refusal.Set("option", reason.option);
  refusal.Set("message", reason.message[0] != '\0' ? reason.message : keel_code_text(code));
  return refusal;
}

}  // namespace

Napi::Value OpenPool(Environment *environment, const Napi::CallbackInfo &info) {
  Options options;
  keel_pool_options_init(&options.c);
  auto from = info[0].As<Napi::Object>();
  if (!ReadTexts(&options, from) || !ReadNumbers(&options, from) || !ReadSwitches(&options, from) ||
      !ReadLists(&options, from)) {
    return Refusal(info.Env(), KEEL_CONFIG, options.reason);
  }
  if (environment->engine() == nullptr) return Refusal(info.Env(), KEEL_POOL_CLOSED, options.reason);
  keel_pool *pool = nullptr;
  keel_code code = keel_pool_open(environment->engine(), &options.c, &pool, &options.reason);
  if (code != KEEL_OK) return Refusal(info.Env(), code, options.reason);
  environment->AddPool(pool);
  return Napi::Number::New(info.Env(), keel_pool_id(pool));
}

}  // namespace keel_addon
