/* engine_mailbox.c: how other threads talk to the engine. */
#include "core/alloc.h"
#include "engine.h"

#define FIRST_CAPACITY 256
#define AWAIT_NS (20 * UINT64_C(1000000))

static bool letters_init(keel__letters *letters) {
  letters->items = keel__alloc(FIRST_CAPACITY * sizeof *letters->items);
  letters->capacity = FIRST_CAPACITY;
  letters->count = 0;
  return letters->items != NULL;
}

keel_code keel__mailbox_init(keel__mailbox *mailbox) {
  bool first = letters_init(&mailbox->incoming), second = letters_init(&mailbox->reading);
  if (first && second && uv_mutex_init(&mailbox->lock) == 0) {
    if (uv_cond_init(&mailbox->emptied) == 0) return KEEL_OK;
    uv_mutex_destroy(&mailbox->lock);
  }
  keel__free(mailbox->incoming.items);
  keel__free(mailbox->reading.items);
  return KEEL_NO_MEMORY;
}

void keel__mailbox_destroy(keel__mailbox *mailbox) {
  for (size_t i = 0; i < mailbox->incoming.count; i++) keel__mail_drop(&mailbox->incoming.items[i]);
  keel__free(mailbox->incoming.items);
  keel__free(mailbox->reading.items);
  uv_cond_destroy(&mailbox->emptied);
  uv_mutex_destroy(&mailbox->lock);
}

static bool has_room(keel__letters *letters) {
  if (letters->count < letters->capacity) return true;
  keel__mail *larger = keel__realloc(letters->items, letters->capacity * 2 * sizeof *larger);
  if (larger == NULL) return false;
  letters->items = larger;
  letters->capacity *= 2;
  return true;
}

static bool take_wake(keel__mailbox *mailbox) {
  bool wake = mailbox->asleep;
  mailbox->asleep = false;
  return wake;
}

static void wait_for_room(keel_engine *engine) {
  keel__mailbox *mailbox = &engine->mailbox;
  while (!has_room(&mailbox->incoming)) {
    if (take_wake(mailbox)) keel__turn_wake(engine);
    uv_cond_wait(&mailbox->emptied, &mailbox->lock);
  }
}

void keel__post(keel_engine *engine, const keel__mail *mail) {
  keel__mailbox *mailbox = &engine->mailbox;
  /* The host is about to ask for a turn, in which it is acted upon, or the engine woken. */
  bool quiet = engine->turns.hosted && mail->light > 0;
  uv_mutex_lock(&mailbox->lock);
  wait_for_room(engine);
  mailbox->incoming.items[mailbox->incoming.count++] = *mail;
  mailbox->posted++;
  mailbox->weight += mail->light > 0 ? mail->light : UINT32_MAX;
  bool wake = !quiet && take_wake(mailbox);
  uv_mutex_unlock(&mailbox->lock);
  if (wake) keel__turn_wake(engine);
}

void keel__mailbox_knock(keel_engine *engine) {
  keel__mailbox *mailbox = &engine->mailbox;
  uv_mutex_lock(&mailbox->lock);
  bool wake = take_wake(mailbox);
  uv_mutex_unlock(&mailbox->lock);
  if (wake) keel__turn_wake(engine);
}

uint64_t keel__mailbox_weight(keel__mailbox *mailbox) {
  uv_mutex_lock(&mailbox->lock);
  uint64_t weight = mailbox->weight;
  uv_mutex_unlock(&mailbox->lock);
  return weight;
}

void keel__mailbox_await(keel_engine *engine) {
  keel__mailbox *mailbox = &engine->mailbox;
  uint64_t end = uv_hrtime() + AWAIT_NS, now = 0;
  uv_mutex_lock(&mailbox->lock);
  uint64_t posted = mailbox->posted;
  /* A host may not have asked for the turn yet. */
  if (mailbox->read < posted && take_wake(mailbox)) keel__turn_wake(engine);
  while (mailbox->read < posted && (now = uv_hrtime()) < end) {
    uv_cond_timedwait(&mailbox->emptied, &mailbox->lock, end - now);
  }
  uv_mutex_unlock(&mailbox->lock);
}

static void act(keel_engine *engine, const keel__mail *mail) {
  if (mail->kind == KEEL__MAIL_STOP) {
    engine->stopping = true;
  } else if (engine->stopping) {
    keel__mail_drop(mail);
  } else {
    keel__handle_act(mail);
  }
}

bool keel__mailbox_read(keel_engine *engine) {
  keel__mailbox *mailbox = &engine->mailbox;
  uv_mutex_lock(&mailbox->lock);
  keel__letters letters = mailbox->incoming;
  mailbox->asleep = letters.count == 0;
  mailbox->weight = 0;
  if (letters.count > 0) {
    mailbox->incoming = mailbox->reading;
    mailbox->incoming.count = 0;
    mailbox->reading = letters;
  }
  uv_mutex_unlock(&mailbox->lock);
  if (letters.count == 0) return false;
  for (size_t i = 0; i < letters.count; i++) act(engine, &letters.items[i]);
  uv_mutex_lock(&mailbox->lock);
  mailbox->read += letters.count;
  uv_cond_broadcast(&mailbox->emptied);
  uv_mutex_unlock(&mailbox->lock);
  return true;
}

void keel__mailbox_awake(keel__mailbox *mailbox) {
  uv_mutex_lock(&mailbox->lock);
  mailbox->asleep = false;
  uv_mutex_unlock(&mailbox->lock);
}
