#include "environment.h"

#include <cstring>

namespace keel_addon {

namespace {

/* lib/dispatch.js's MORE */
constexpr uint32_t kMore = 1;

void StopOnCleanup(void *data) {
  static_cast<Environment *>(data)->Stop();
}

void DeletePoll(uv_handle_t *handle) {
  delete reinterpret_cast<uv_poll_t *>(handle);
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
  options.hosted = 1;
  keel_code code = keel_engine_start(&options, &engine_);
  if (code != KEEL_OK) {
    engine_ = nullptr;
    napi_release_threadsafe_function(doorbell_, napi_tsfn_abort);
    Napi::Error::New(env, keel_code_text(code)).ThrowAsJavaScriptException();
    return;
  }
  // After the doorbell's own hook was registered, so that it runs before it: the engine must not ring what is gone.
  napi_add_env_cleanup_hook(env, StopOnCleanup, this);
  StartWatching(env, on_events);
}

// Without a loop, or memory for this, all turns are the engine thread's: Turn() asks for them, and nobody watches.
void Environment::StartWatching(napi_env env, napi_value on_events) {
  env_ = env;
  // Runs before the other hooks, and a worker's loop waits for what it begins.
  napi_add_async_cleanup_hook(env, CloseOnCleanup, this, nullptr);
  uv_loop_t *loop = nullptr;
  napi_value name = Napi::String::New(env, "pgkeel");
  if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_create_reference(env, on_events, 1, &taker_) != napi_ok ||
      napi_async_init(env, nullptr, name, &context_) != napi_ok)
    return;
  auto *sockets = new uv_poll_t;
  if (uv_poll_init(loop, sockets, keel_engine_fd(engine_)) != 0) {
    delete sockets;
    return;
  }
  leisure_.Start(loop);
  sockets->data = this;
  // What keeps the process alive is the doorbell's to say.
  uv_unref(reinterpret_cast<uv_handle_t *>(sockets));
  sockets_ = sockets;
}

void Environment::LetGoOfTaker() {
  if (context_ != nullptr) napi_async_destroy(env_, context_);
  if (taker_ != nullptr) napi_delete_reference(env_, taker_);
  context_ = nullptr;
  taker_ = nullptr;
}

void Environment::CloseOnCleanup(napi_async_cleanup_hook_handle hook, void *data) {
  auto *environment = static_cast<Environment *>(data);
  environment->LetGoOfTaker();
  uv_poll_t *sockets = environment->sockets_;
  environment->sockets_ = nullptr;
  if (sockets == nullptr) {
    napi_remove_async_cleanup_hook(hook);
    return;
  }
  sockets->data = hook;
  uv_close(reinterpret_cast<uv_handle_t *>(sockets), [](uv_handle_t *handle) {
    napi_remove_async_cleanup_hook(static_cast<napi_async_cleanup_hook_handle>(handle->data));
    DeletePoll(handle);
  });
}

void Environment::Watch(bool on) {
  if (on == watching_ || sockets_ == nullptr) return;
  watching_ = on;
  if (on) {
    uv_poll_start(sockets_, UV_READABLE, OnReadable);
  } else {
    uv_poll_stop(sockets_);
  }
}

void Environment::OnReadable(uv_poll_t *poll, int status, int) {
  auto *environment = static_cast<Environment *>(poll->data);
  if (status != 0) return environment->Watch(false);
  if (environment->TakeTurn(KEEL_HOST_READABLE)) environment->CallTaker();
}

void Environment::Turn() {
  // Not from within the call that has submitted: a result never comes before its promise.
  if (engine_ != nullptr && TakeTurn(0)) Ring(this);
}

/* True: there are events to be taken. */
bool Environment::TakeTurn(unsigned flags) {
  if (sockets_ == nullptr || !leisure_.has()) flags |= KEEL_HOST_BUSY;
  leisure_.Begin();
  unsigned answer = keel_engine_turn(engine_, flags);
  Watch((answer & KEEL_TURN_WATCH) != 0);
  leisure_.End();
  return (answer & KEEL_TURN_EVENTS) != 0;
}

/* As the doorbell does it, but at once. */
void Environment::CallTaker() {
  Napi::HandleScope scope(env_);
  napi_value taker = nullptr, global = nullptr, alone = nullptr, error = nullptr;
  if (napi_get_reference_value(env_, taker_, &taker) != napi_ok ||
      napi_get_global(env_, &global) != napi_ok || napi_get_boolean(env_, true, &alone) != napi_ok)
    return;
  if (napi_make_callback(env_, context_, global, taker, 1, &alone, nullptr) != napi_pending_exception) return;
  if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
}

void Environment::Stop() {
  if (engine_ == nullptr) return;
  if (held_ != nullptr) keel_event_free(held_);
  held_ = nullptr;
  if (sockets_ != nullptr) uv_close(reinterpret_cast<uv_handle_t *>(sockets_), DeletePoll);
  sockets_ = nullptr;
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
