/* functions.h: names that may stand before a parenthesis in a text that does nothing but read. */
#ifndef KEEL_PG_FUNCTIONS_H
#define KEEL_PG_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Both in alphabetical order (strcmp's). */

/* The server's own functions of which it is known that a second call does no harm. */
extern const char *const keel__harmless_functions[];
extern const size_t keel__harmless_function_count;

/* What is a part of the language, or the name of a type with a length. */
extern const char *const keel__constructs[];
extern const size_t keel__construct_count;

/* `folded`: in lower case, NUL-terminated. */
bool keel__function_is_harmless(const char *folded);
bool keel__is_construct(const char *folded);

#endif
