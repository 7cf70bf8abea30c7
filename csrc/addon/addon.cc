/*
 * addon.cc: what lib/binding.js loads. Thin on purpose: JavaScript's values in, keel.h's calls out, no decisions. State
 * belongs to the environment, since worker threads load the same library.
 */
#include <algorithm>
#include <cstddef>
#include <iterator>

#include "environment.h"

namespace keel_addon {

namespace {

Environment *EnvironmentOf(const Napi::CallbackInfo &info) {
  return info.Env().GetInstanceData<Environment>();
}

void Start(const Napi::CallbackInfo &info) {
  EnvironmentOf(info)->Start(info.Env(), info[0].As<Napi::Function>());
}

void Stop(const Napi::CallbackInfo &info) {
  EnvironmentOf(info)->Stop();
}

Napi::Value OpenPoolOf(const Napi::CallbackInfo &info) {
  return OpenPool(EnvironmentOf(info), info);
}

Napi::Value SubmitOf(const Napi::CallbackInfo &info) {
  return Submit(EnvironmentOf(info), info);
}

void FreePool(const Napi::CallbackInfo &info) {
  EnvironmentOf(info)->FreePool(info[0].As<Napi::Number>().Uint32Value());
}

void Reference(const Napi::CallbackInfo &info) {
  EnvironmentOf(info)->Reference(info.Env(), info[0].As<Napi::Boolean>().Value());
}

Napi::Value Drain(const Napi::CallbackInfo &info) {
  auto buffer = info[0].As<Napi::Buffer<uint8_t>>();
  return Napi::Number::New(info.Env(), EnvironmentOf(info)->Drain(buffer.Data(), buffer.Length()));
}

void Ring(const Napi::CallbackInfo &info) {
  EnvironmentOf(info)->RingAgain();
}

double *PutSummary(double *at, const keel_summary &summary) {
  for (double figure : {summary.count, summary.min, summary.max, summary.mean, summary.p50, summary.p90,
                        summary.p99, summary.p999}) {
    *at++ = figure;
  }
  return at;
}

void PutReasons(double *at, const keel_pool_stats &stats) {
  for (double count : {stats.closed_lost, stats.closed_idle, stats.closed_retired, stats.closed_released,
                       stats.closed_unclean, stats.closed_silent}) {
    *at++ = count;
  }
}

double *PutCounts(double *at, const keel_pool_stats &stats) {
  const double counts[] = {double(stats.state), stats.started,    stats.succeeded, stats.failed,
                           stats.retried,       stats.timed_out,  stats.cancelled, stats.rejected,
                           stats.slow,          stats.running,    stats.total,     stats.idle,
                           stats.active,        stats.connecting, stats.waiting,   stats.min,
                           stats.max,           stats.created,    stats.closed,    stats.connect_failed,
                           stats.resets};
  at = std::copy(std::begin(counts), std::end(counts), at);
  for (double figure :
       {stats.breaker_state, stats.breaker_failures, stats.breaker_opened, stats.breaker_rejected,
        stats.breaker_last_failure, stats.healthy, stats.last_check}) {
    *at++ = figure;
  }
  return at;
}

/* Fills the array in the order of COUNTS, LATENCIES and REASONS in lib/engine.js; the latencies cost more, and may be left
 * out with what is behind them. */
void Stats(const Napi::CallbackInfo &info) {
  keel_pool *pool = EnvironmentOf(info)->FindPool(info[0].As<Napi::Number>().Uint32Value());
  bool latencies = info[2].As<Napi::Boolean>().Value();
  if (pool == nullptr) return;
  keel_pool_stats stats;
  stats.size = latencies ? sizeof stats : offsetof(keel_pool_stats, latency_total);
  keel_pool_stats_read(pool, &stats);
  double *at = PutCounts(info[1].As<Napi::Float64Array>().Data(), stats);
  if (!latencies) return;
  for (const keel_summary &summary :
       {stats.latency_total, stats.latency_queue, stats.latency_server, stats.latency_delivery}) {
    at = PutSummary(at, summary);
  }
  PutReasons(at, stats);
}

Napi::Value LibpqVersion(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), keel_libpq_version());
}

/* Names of the codes that events carry, by number. */
Napi::Array Codes(Napi::Env env) {
  auto codes = Napi::Array::New(env);
#define KEEL_ADDON_CODE(name, number, text) codes.Set(uint32_t(number), keel_code_name(KEEL_##name));
  KEEL_ERROR_MAP(KEEL_ADDON_CODE)
#undef KEEL_ADDON_CODE
  return codes;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment());
  exports.Set("codes", Codes(env));
  exports.Set("start", Napi::Function::New<Start>(env, "start"));
  exports.Set("stop", Napi::Function::New<Stop>(env, "stop"));
  exports.Set("openPool", Napi::Function::New<OpenPoolOf>(env, "openPool"));
  exports.Set("freePool", Napi::Function::New<FreePool>(env, "freePool"));
  exports.Set("submit", Napi::Function::New<SubmitOf>(env, "submit"));
  exports.Set("drain", Napi::Function::New<Drain>(env, "drain"));
  exports.Set("ring", Napi::Function::New<Ring>(env, "ring"));
  exports.Set("stats", Napi::Function::New<Stats>(env, "stats"));
  exports.Set("reference", Napi::Function::New<Reference>(env, "reference"));
  exports.Set("libpqVersion", Napi::Function::New<LibpqVersion>(env, "libpqVersion"));
  return exports;
}

}  // namespace

NODE_API_MODULE(pgkeel, Init)

}  // namespace keel_addon
