#include "unicode.h"

#include <string.h>

bool keel__text_is_ascii(const char *text, size_t length) {
  uint64_t seen = 0, word;
  size_t i = 0;
  for (; i + 32 <= length; i += 32) {
    uint64_t four[4];
    memcpy(four, text + i, sizeof four);
    seen |= four[0] | four[1] | four[2] | four[3];
  }
  for (; i + 8 <= length; i += 8) {
    memcpy(&word, text + i, sizeof word);
    seen |= word;
  }
  unsigned char rest = 0;
  for (; i < length; i++) rest |= (unsigned char)text[i];
  return (seen & 0x8080808080808080u) == 0 && (rest & 0x80) == 0;
}

static bool is_tail(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

/* Bytes of the well-formed sequence of two to four bytes that begins at `s` (Unicode, table 3-7), or 0. */
static size_t sequence(const unsigned char *s, size_t left) {
  unsigned char lead = s[0];
  if (lead < 0xc2 || left < 2 || !is_tail(s[1])) return 0;
  if (lead < 0xe0) return 2;
  if (left < 3 || !is_tail(s[2])) return 0;
  if (lead < 0xf0) {
    if ((lead == 0xe0 && s[1] < 0xa0) || (lead == 0xed && s[1] > 0x9f)) return 0;
    return 3;
  }
  if (lead > 0xf4 || left < 4 || !is_tail(s[3])) return 0;
  if ((lead == 0xf0 && s[1] < 0x90) || (lead == 0xf4 && s[1] > 0x8f)) return 0;
  return 4;
}

int64_t keel__text_utf16_units(const char *text, size_t length) {
  const unsigned char *s = (const unsigned char *)text;
  int64_t units = 0;
  size_t i = 0;
  while (i < length) {
    uint64_t word;
    if (i + 8 <= length) {
      memcpy(&word, s + i, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        units += 8;
        continue;
      }
    }
    size_t bytes = s[i] < 0x80 ? 1 : sequence(s + i, length - i);
    if (bytes == 0) return -1;
    units += bytes == 4 ? 2 : 1;
    i += bytes;
  }
  return units;
}
