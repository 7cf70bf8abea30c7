/* engine_outbox.c: how events reach the thread that takes them. */
#include "core/alloc.h"
#include "engine.h"

static void events_init(keel__events *events) {
  events->first = NULL;
  events->last = &events->first;
}

static void events_move(keel__events *to, keel__events *from) {
  if (from->first == NULL) return;
  *to->last = from->first;
  to->last = from->last;
  events_init(from);
}

/* The kind of an event that the application never sees: there the taker frees the pool. */
#define TOMBSTONE 0

static void drop(keel_event *event) {
  if (event->words[KEEL__B_KIND] == TOMBSTONE) keel__handle_free(event->pool);
  keel__free(event);
}

static void events_free(keel__events *events) {
  for (keel_event *event = events->first; event != NULL;) {
    keel_event *next = event->next;
    drop(event);
    event = next;
  }
  events_init(events);
}

keel_code keel__outbox_init(keel__outbox *outbox) {
  events_init(&outbox->waiting);
  events_init(&outbox->fresh);
  events_init(&outbox->taken);
  outbox->hungry = true;
  if (uv_mutex_init(&outbox->lock) != 0) return KEEL_NO_MEMORY;
  if (uv_cond_init(&outbox->filled) == 0) return KEEL_OK;
  uv_mutex_destroy(&outbox->lock);
  return KEEL_NO_MEMORY;
}

void keel__outbox_destroy(keel__outbox *outbox) {
  events_free(&outbox->fresh);
  events_free(&outbox->waiting);
  events_free(&outbox->taken);
  uv_cond_destroy(&outbox->filled);
  uv_mutex_destroy(&outbox->lock);
}

void keel__outbox_add(keel__outbox *outbox, keel_event *event) {
  event->next = NULL;
  *outbox->fresh.last = event;
  outbox->fresh.last = &event->next;
}

void keel__outbox_bury(keel__outbox *outbox, keel_event *tombstone, keel_pool *pool) {
  keel__event_reset(tombstone, (keel_event_kind)TOMBSTONE, 0);
  tombstone->pool = pool;
  keel__outbox_add(outbox, tombstone);
}

bool keel__outbox_publish(keel__outbox *outbox) {
  if (outbox->fresh.first == NULL) return false;
  uv_mutex_lock(&outbox->lock);
  events_move(&outbox->waiting, &outbox->fresh);
  bool ring = outbox->hungry;
  outbox->hungry = false;
  if (ring) uv_cond_signal(&outbox->filled);
  uv_mutex_unlock(&outbox->lock);
  return ring;
}

/* ---------------------------------------------------------------- the taker */

static bool fetch(keel__outbox *outbox) {
  if (outbox->taken.first != NULL) return true;
  uv_mutex_lock(&outbox->lock);
  events_move(&outbox->taken, &outbox->waiting);
  outbox->hungry = outbox->taken.first == NULL;
  uv_mutex_unlock(&outbox->lock);
  return outbox->taken.first != NULL;
}

static void measure(const keel_event *event) {
  keel__delivery *delivery = &((keel_pool *)event->pool)->delivery;
  keel__time now = keel__now();
  uv_mutex_lock(&delivery->lock);
  keel__hist_record(&delivery->total, now - event->submitted);
  keel__hist_record(&delivery->delivery, now - event->answered);
  uv_mutex_unlock(&delivery->lock);
}

static keel_event *take(keel__outbox *outbox) {
  keel_event *event = outbox->taken.first;
  outbox->taken.first = event->next;
  if (event->next == NULL) events_init(&outbox->taken);
  event->next = NULL;
  return event;
}

keel_event *keel_next(keel_engine *engine) {
  while (fetch(&engine->outbox)) {
    keel_event *event = take(&engine->outbox);
    if (event->words[KEEL__B_KIND] != TOMBSTONE) {
      if (event->pool != NULL) measure(event);
      return event;
    }
    drop(event);
  }
  return NULL;
}

void keel_event_free(keel_event *event) {
  keel__free(event);
}

int keel_wait(keel_engine *engine, int64_t timeout_ms) {
  keel__outbox *outbox = &engine->outbox;
  if (outbox->taken.first != NULL) return 1;
  uint64_t start = uv_hrtime(), limit = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000;
  uv_mutex_lock(&outbox->lock);
  uint64_t spent = 0;
  while (outbox->waiting.first == NULL && spent < limit) {
    outbox->hungry = true;
    /* uv_cond_timedwait adds the time to the clock's: "for ever" must not overflow it. */
    uint64_t left = limit - spent < UINT64_C(3600000000000) ? limit - spent : UINT64_C(3600000000000);
    uv_cond_timedwait(&outbox->filled, &outbox->lock, left);
    spent = uv_hrtime() - start;
  }
  int there = outbox->waiting.first != NULL;
  uv_mutex_unlock(&outbox->lock);
  return there;
}
