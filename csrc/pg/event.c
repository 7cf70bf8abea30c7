#include "event.h"

#include "../core/alloc.h"
#include <string.h>

static size_t padded(size_t body) {
  return (KEEL__B_BODY * sizeof(int32_t) + body + 7) & ~(size_t)7;
}

keel_event *keel__event_new(keel_event_kind kind, size_t body) {
  if (body > INT32_MAX / 2) return NULL;
  keel_event *event = keel__realloc(NULL, sizeof *event + padded(body));
  if (event != NULL) keel__event_reset(event, kind, body);
  return event;
}

void keel__event_reset(keel_event *event, keel_event_kind kind, size_t body) {
  size_t size = padded(body);
  memset(event, 0, sizeof *event + KEEL__B_BODY * sizeof(int32_t));
  /* A large body is written whole by whoever asked for it; only its padding would stay undefined. */
  if (body <= 256) {
    memset(event->words + KEEL__B_BODY, 0, size - KEEL__B_BODY * sizeof(int32_t));
  } else {
    memset((char *)event->words + size - 8, 0, 8);
  }
  event->words[KEEL__B_SIZE] = (int32_t)size;
  event->words[KEEL__B_KIND] = (int32_t)kind;
}

void keel__event_set_tag(keel_event *event, uint64_t tag) {
  keel__event_put_u64(event, KEEL__B_TAG, tag);
}

void keel__event_set_origin(keel_event *event, uint32_t pool, uint32_t connection, uint64_t lease) {
  event->words[KEEL__B_POOL] = (int32_t)pool;
  event->words[KEEL__B_CONNECTION] = (int32_t)connection;
  keel__event_put_u64(event, KEEL__B_LEASE, lease);
}

void keel__event_put_f64(keel_event *event, int word, double value) {
  memcpy(event->words + word, &value, sizeof value);
}

keel_event *keel__event_complete(const char *tag) {
  size_t length = strlen(tag);
  keel_event *event = keel__event_new(KEEL_EV_COMPLETE, keel__body_bytes(10) + length + 1);
  if (event == NULL) return NULL;
  event->words[8] = (int32_t)length;
  memcpy(event->words + 10, tag, length + 1);
  return event;
}

keel_event *keel__event_notification(int backend, const char *channel, const char *payload) {
  size_t channel_length = strlen(channel), payload_length = strlen(payload);
  size_t body = keel__body_bytes(12) + channel_length + payload_length + 2;
  keel_event *event = keel__event_new(KEEL_EV_NOTIFICATION, body);
  if (event == NULL) return NULL;
  event->words[8] = backend;
  event->words[9] = (int32_t)channel_length;
  event->words[10] = (int32_t)payload_length;
  event->words[11] = 0;
  char *text = (char *)(event->words + 12);
  memcpy(text, channel, channel_length + 1);
  memcpy(text + channel_length + 1, payload, payload_length + 1);
  return event;
}

keel_event *keel__event_parameter(const char *name, const char *value) {
  size_t name_length = strlen(name), value_length = strlen(value);
  keel_event *event =
      keel__event_new(KEEL_EV_PARAMETER, keel__body_bytes(10) + name_length + value_length + 2);
  if (event == NULL) return NULL;
  event->words[8] = (int32_t)name_length;
  event->words[9] = (int32_t)value_length;
  char *text = (char *)(event->words + 10);
  memcpy(text, name, name_length + 1);
  memcpy(text + name_length + 1, value, value_length + 1);
  return event;
}

keel_event *keel__event_copy(int direction) {
  keel_event *event = keel__event_new(KEEL_EV_COPY, keel__body_bytes(9));
  if (event != NULL) event->words[8] = direction;
  return event;
}

keel_event *keel__event_breaker(keel_breaker_state from, keel_breaker_state to, const char *reason) {
  size_t length = strlen(reason);
  keel_event *event = keel__event_new(KEEL_EV_BREAKER, keel__body_bytes(KEEL__K_REASON) + length + 1);
  if (event == NULL) return NULL;
  event->words[KEEL__K_FROM] = (int32_t)from;
  event->words[KEEL__K_TO] = (int32_t)to;
  event->words[KEEL__K_REASON_BYTES] = (int32_t)length;
  memcpy(event->words + KEEL__K_REASON, reason, length + 1);
  return event;
}

size_t keel__peer_bytes(const keel__peer *peer, size_t parameters) {
  return keel__body_bytes(14) + strlen(peer->host) + 1 + parameters;
}

void keel__event_put_peer(keel_event *event, const keel__peer *peer, const char *parameters, size_t bytes) {
  size_t host = strlen(peer->host);
  event->words[8] = peer->backend;
  event->words[9] = peer->version;
  event->words[10] = peer->port;
  event->words[11] = (int32_t)host;
  event->words[12] = (int32_t)bytes;
  event->words[13] = peer->encrypted;
  char *text = (char *)(event->words + 14);
  memcpy(text, peer->host, host + 1);
  if (bytes > 0) memcpy(text + host + 1, parameters, bytes);
}
