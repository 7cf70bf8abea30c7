/*
 * leisure.h: whether the event loop has time for the engine's turns, or the application needs it. Its thread only.
 *
 * What the loop sleeps, and what it spends on turns, is what it would have left without them. A third of its time is the
 * limit: a loop that is busy for more than two thirds of it with the application's work answers noticeably later for every
 * microsecond that is added.
 */
#ifndef KEEL_ADDON_LEISURE_H
#define KEEL_ADDON_LEISURE_H

#include <uv.h>

#include <cstdint>

namespace keel_addon {

class Leisure {
 public:
  void Start(uv_loop_t *loop);
  /* As of the last look: one is made at a turn's end once 10 ms have passed. */
  bool has() const { return has_; }
  /* Around a turn. */
  void Begin();
  void End();

 private:
  void Look(uint64_t now);

  uv_loop_t *loop_ = nullptr;
  bool has_ = true;
  uint64_t begun_ = 0, in_turns_ = 0; /* ns */
  uint64_t looked_ = 0, idle_at_look_ = 0;
};

}  // namespace keel_addon

#endif
