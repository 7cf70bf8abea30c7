#include "environment.h"

#include <cstring>

namespace keel_addon {

namespace {

/* lib/dispatch.js's MORE */
constexpr uint32_t kMore = 1;

void StopOnCleanup(void *data) {
  static_cast<Environment *>(data)->Stop();
}

}  // namespace

Environment::~Environment() {
  Stop();
}

void Environment::Ring(void *data) {
  auto *environment = static_cast<Environment *>(data);
  // Whatever this answers: a doorbell that is closing belongs to an environment that takes no more events.
  napi_call_threadsafe_function(environment->doorbell_, nullptr, napi_tsfn_nonblocking);
}

void Environment::Start(Napi::Env env, Napi::Function on_events) {
  napi_value name = Napi::String::New(env, "pgkeel");
  if (napi_create_threadsafe_function(env, on_events, nullptr, name, 0, 1, nullptr, nullptr, nullptr, nullptr,
                                      &doorbell_) != napi_ok) {
    Napi::Error::New(env, "pgkeel: no doorbell for this environment").ThrowAsJavaScriptException();
    return;
  }
  keel_engine_options options;
  keel_engine_options_init(&options);
  options.doorbell = Ring;
  options.doorbell_data = this;
  options.utf16_offsets = 1;
  keel_code code = keel_engine_start(&options, &engine_);
  if (code != KEEL_OK) {
    engine_ = nullptr;
    napi_release_threadsafe_function(doorbell_, napi_tsfn_abort);
    Napi::Error::New(env, keel_code_text(code)).ThrowAsJavaScriptException();
    return;
  }
  // After the doorbell's own hook was registered, so that it runs before it: the engine must not ring what is gone.
  napi_add_env_cleanup_hook(env, StopOnCleanup, this);
}

void Environment::Stop() {
  if (engine_ == nullptr) return;
  if (held_ != nullptr) keel_event_free(held_);
  held_ = nullptr;
  keel_engine_stop(engine_);
  engine_ = nullptr;
  pools_.clear();
  for (keel_statement *statement : statements_) keel_statement_free(statement);
  statements_.clear();
}

keel_pool *Environment::FindPool(uint32_t id) const {
  auto found = pools_.find(id);
  return found == pools_.end() ? nullptr : found->second;
}

void Environment::AddPool(keel_pool *pool) {
  pools_[keel_pool_id(pool)] = pool;
}

void Environment::FreePool(uint32_t id) {
  keel_pool *pool = FindPool(id);
  if (pool == nullptr) return;
  pools_.erase(id);
  keel_pool_free(pool);
}

void Environment::SetStatement(uint32_t slot, keel_statement *statement) {
  if (slot >= statements_.size()) statements_.resize(slot + 1, nullptr);
  keel_statement_free(statements_[slot]);
  statements_[slot] = statement;
}

keel_statement *Environment::FindStatement(uint32_t slot) const {
  return slot < statements_.size() ? statements_[slot] : nullptr;
}

void Environment::Reference(Napi::Env env, bool on) {
  if (on) {
    napi_ref_threadsafe_function(env, doorbell_);
  } else {
    napi_unref_threadsafe_function(env, doorbell_);
  }
}

uint32_t Environment::Drain(uint8_t *buffer, size_t size) {
  size_t used = 0;
  while (engine_ != nullptr) {
    keel_event *event = held_ != nullptr ? held_ : keel_next(engine_);
    held_ = nullptr;
    if (event == nullptr) break;
    size_t length;
    const void *block = keel_event_block(event, &length);
    if (length > size - used) {
      held_ = event;
      // The event's first word is its size: when nothing fits, that is what the caller is to make room for.
      if (used == 0) memcpy(buffer, block, sizeof(int32_t));
      return static_cast<uint32_t>(used) | kMore;
    }
    memcpy(buffer + used, block, length);
    used += length;
    keel_event_free(event);
  }
  return static_cast<uint32_t>(used);
}

}  // namespace keel_addon
