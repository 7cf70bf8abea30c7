/*
 * environment.h: what one Node.js environment (the main thread, or a worker) has: an engine of its own, its pools, the
 * doorbell that wakes it. Everything here runs on the environment's thread but the ringing, which is the engine's.
 */
#ifndef KEEL_ADDON_ENVIRONMENT_H
#define KEEL_ADDON_ENVIRONMENT_H

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "../keel.h"
#include "leisure.h"

namespace keel_addon {

class Environment {
 public:
  Environment() = default;
  Environment(const Environment &) = delete;
  Environment &operator=(const Environment &) = delete;
  /* Runs when the environment is torn down, also by worker.terminate(); stops the engine. */
  ~Environment();

  /* Starts the engine, which calls `on_events` when events are there. Throws into JavaScript. */
  void Start(Napi::Env env, Napi::Function on_events);
  /* Ends the engine at once. Later calls of the addon find no pool and do nothing. */
  void Stop();

  keel_engine *engine() const { return engine_; }
  keel_pool *FindPool(uint32_t id) const;
  void AddPool(keel_pool *pool);
  void FreePool(uint32_t id);

  /* To be called after anything that was submitted: lets the engine, or this thread in its place, act upon it. */
  void Turn();

  /* Whether the doorbell keeps the event loop alive. */
  void Reference(Napi::Env env, bool on);

  /* Statements by lib/statement-registry.js's slots. What was in the slot before is let go of. NULL: no memory, or none. */
  void SetStatement(uint32_t slot, keel_statement *statement);
  keel_statement *FindStatement(uint32_t slot) const;

  /* Memory for Submit(), kept between calls. */
  std::vector<char> &conversion_buffer() { return conversion_buffer_; }

  /* Copies whole events into `buffer`; the answer is lib/dispatch.js's. */
  uint32_t Drain(uint8_t *buffer, size_t size);
  /* Has the events' taker called once more, as soon as all has been done that follows from the call in progress. */
  void RingAgain() { Ring(this); }

 private:
  static void Ring(void *data);
  static void OnReadable(uv_poll_t *poll, int status, int events);
  static void CloseOnCleanup(napi_async_cleanup_hook_handle hook, void *data);
  void StartWatching(napi_env env, napi_value on_events);
  void Watch(bool on);
  bool TakeTurn(unsigned flags);
  void CallTaker();
  void LetGoOfTaker();

  keel_engine *engine_ = nullptr;
  /* An event that did not fit into the buffer. */
  keel_event *held_ = nullptr;
  napi_threadsafe_function doorbell_ = nullptr;
  /* Who takes the events, for when this thread has taken the engine's turn. */
  napi_env env_ = nullptr;
  napi_ref taker_ = nullptr;
  napi_async_context context_ = nullptr;
  uv_poll_t *sockets_ = nullptr; /* NULL: this environment has no loop to watch them with */
  bool watching_ = false;
  Leisure leisure_;
  std::unordered_map<uint32_t, keel_pool *> pools_;
  std::vector<keel_statement *> statements_;
  std::vector<char> conversion_buffer_;
};

/* Reads lib/engine.js's EnginePoolOptions and opens a pool: its id, or an object that says what is wrong. */
Napi::Value OpenPool(Environment *environment, const Napi::CallbackInfo &info);

/* Carries out a tick's operations (lib/submission.js): undefined, or the requests that nobody took. */
Napi::Value Submit(Environment *environment, const Napi::CallbackInfo &info);

}  // namespace keel_addon

#endif
