/* list.h: intrusive lists. An object is in the list that its state names; being in two through one link is a bug. */
#ifndef KEEL_CORE_LIST_H
#define KEEL_CORE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct keel__link {
  struct keel__link *prev, *next; /* NULL: in no list */
} keel__link;

/* Holds pointers to itself: it must not be moved once initialised. */
typedef struct keel__list {
  keel__link ends;
  uint32_t count;
} keel__list;

/* The object that a link is a member of. */
#define KEEL__OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void keel__list_init(keel__list *list) {
  list->ends.prev = list->ends.next = &list->ends;
  list->count = 0;
}

static inline bool keel__link_listed(const keel__link *link) {
  return link->next != NULL;
}

static inline void keel__list_insert(keel__list *list, keel__link *before, keel__link *link) {
  assert(!keel__link_listed(link));
  link->prev = before->prev;
  link->next = before;
  before->prev->next = link;
  before->prev = link;
  list->count++;
}

static inline void keel__list_push_back(keel__list *list, keel__link *link) {
  keel__list_insert(list, &list->ends, link);
}

static inline void keel__list_push_front(keel__list *list, keel__link *link) {
  keel__list_insert(list, list->ends.next, link);
}

static inline void keel__list_remove(keel__list *list, keel__link *link) {
  assert(keel__link_listed(link) && list->count > 0);
  link->prev->next = link->next;
  link->next->prev = link->prev;
  link->prev = link->next = NULL;
  list->count--;
}

/* NULL at the end. */
static inline keel__link *keel__list_next(const keel__list *list, const keel__link *link) {
  return link->next == &list->ends ? NULL : link->next;
}

static inline keel__link *keel__list_first(const keel__list *list) {
  return keel__list_next(list, &list->ends);
}

static inline keel__link *keel__list_prev(const keel__list *list, const keel__link *link) {
  return link->prev == &list->ends ? NULL : link->prev;
}

static inline keel__link *keel__list_last(const keel__list *list) {
  return keel__list_prev(list, &list->ends);
}

#endif
