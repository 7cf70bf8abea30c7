/*
 * unicode.h: what JavaScript makes of a text's bytes. Pure.
 */
#ifndef KEEL_PG_UNICODE_H
#define KEEL_PG_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool keel__text_is_ascii(const char *text, size_t length);
/* UTF-16 units of valid UTF-8, -1 when it is not valid. */
int64_t keel__text_utf16_units(const char *text, size_t length);

#endif
