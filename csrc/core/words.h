/* words.h: puts sentences together. The core does without stdio, so that nothing in it can do I/O by accident. */
#ifndef KEEL_CORE_WORDS_H
#define KEEL_CORE_WORDS_H

#include <stdint.h>
#include <string.h>

/* To a text with room for `size` bytes, of which it takes as much as goes in. */
static inline void keel__words_add(char *text, size_t size, const char *more) {
  size_t used = strlen(text), length = strlen(more), room = size - 1 - used;
  if (length > room) length = room;
  memcpy(text + used, more, length);
  text[used + length] = 0;
}

static inline void keel__words_add_number(char *text, size_t size, int64_t number) {
  char digits[24];
  char *at = digits + sizeof digits - 1;
  uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  *at = 0;
  do *--at = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (number < 0) *--at = '-';
  keel__words_add(text, size, at);
}

#endif
