#include "leisure.h"

namespace keel_addon {

namespace {

constexpr uint64_t kWindowNs = 10'000'000;

}  // namespace

void Leisure::Start(uv_loop_t *loop) {
  loop_ = loop;
  looked_ = uv_hrtime();
  idle_at_look_ = uv_metrics_idle_time(loop);
}

void Leisure::Begin() {
  begun_ = uv_hrtime();
}

void Leisure::End() {
  uint64_t now = uv_hrtime();
  in_turns_ += now - begun_;
  if (loop_ != nullptr && now - looked_ >= kWindowNs) Look(now);
}

void Leisure::Look(uint64_t now) {
  uint64_t idle = uv_metrics_idle_time(loop_);
  has_ = 3 * (idle - idle_at_look_ + in_turns_) >= now - looked_;
  idle_at_look_ = idle;
  in_turns_ = 0;
  looked_ = now;
}

}  // namespace keel_addon
