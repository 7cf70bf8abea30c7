/*
 * event.h: events under construction. The layout is block.h's; engine thread unless said otherwise.
 */
#ifndef KEEL_PG_EVENT_H
#define KEEL_PG_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../block.h"
#include "../keel.h"

struct keel_event {
  keel_event *next;
  void *pool;         /* the engine's pool, whose figures the taker adds to; NULL: nothing to add */
  uint64_t submitted; /* microseconds */
  uint64_t answered;
  int32_t words[];
};

/* An event with its header and `body` bytes of zeroed body; NULL: no memory. Any thread. */
KEEL_MUST_CHECK keel_event *keel__event_new(keel_event_kind kind, size_t body);

/* Makes an event with room for `body` bytes into one of another kind. */
void keel__event_reset(keel_event *event, keel_event_kind kind, size_t body);

void keel__event_set_tag(keel_event *event, uint64_t tag);
void keel__event_set_origin(keel_event *event, uint32_t pool, uint32_t connection, uint64_t lease);
void keel__event_put_f64(keel_event *event, int word, double value);

static inline void keel__event_put_u64(keel_event *event, int word, uint64_t value) {
  event->words[word] = (int32_t)(uint32_t)value;
  event->words[word + 1] = (int32_t)(uint32_t)(value >> 32);
}

static inline uint64_t keel__event_u64(const keel_event *event, int word) {
  return (uint64_t)(uint32_t)event->words[word] | (uint64_t)(uint32_t)event->words[word + 1] << 32;
}

/* Bytes of the body up to `word`, for sizing. */
static inline size_t keel__body_bytes(size_t word) {
  return (word - KEEL__B_BODY) * sizeof(int32_t);
}

/* NAME = value pairs and small events whose body is one or two texts. */
keel_event *keel__event_complete(const char *tag);
keel_event *keel__event_parameter(const char *name, const char *value);
keel_event *keel__event_notification(int backend, const char *channel, const char *payload);
keel_event *keel__event_copy(int direction);
keel_event *keel__event_breaker(keel_breaker_state from, keel_breaker_state to, const char *reason);

/* Who answers at the other end, for KEEL_EV_LEASED and KEEL_EV_OPENED. */
typedef struct keel__peer {
  int backend, version, port, encrypted;
  const char *host;
} keel__peer;

/* Bytes of body that an event about `peer` needs. */
size_t keel__peer_bytes(const keel__peer *peer, size_t parameters);
/* Fills the body; `parameters` (name NUL value NUL ...) may be NULL. */
void keel__event_put_peer(keel_event *event, const keel__peer *peer, const char *parameters, size_t bytes);

#endif
