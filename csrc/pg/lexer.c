#include "lexer.h"

#include <string.h>

/* `ctype.h` follows the locale; PostgreSQL's lexer does not. */

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Every byte of a character beyond ASCII may stand in a name. */
static bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_word(char c) {
  return begins_word(c) || is_digit(c) || c == '$';
}

static size_t left_from(const keel__lexer *lexer, const char *at) {
  return (size_t)(lexer->end - at);
}

/* 0 beyond the end: no rule asks for a NUL. */
static char peek(const keel__lexer *lexer, const char *at) {
  if (at < lexer->end) return *at;
  return 0;
}

static bool pair_at(const keel__lexer *lexer, const char *at, const char *pair) {
  return left_from(lexer, at) >= 2 && at[0] == pair[0] && at[1] == pair[1];
}

/* ---- white space and comments */

static const char *end_of_line(const keel__lexer *lexer, const char *at) {
  while (at < lexer->end && *at != '\n' && *at != '\r') at++;
  return at;
}

/* They nest. */
static const char *end_of_comment(keel__lexer *lexer, const char *at) {
  unsigned long depth = 0;
  do {
    bool opens = pair_at(lexer, at, "/*"), closes = pair_at(lexer, at, "*/");
    depth = opens ? depth + 1 : closes ? depth - 1 : depth;
    at += opens || closes ? 2 : 1;
  } while (depth > 0 && at < lexer->end);
  if (depth > 0) lexer->doubtful = true;
  return at;
}

static const char *past_space(keel__lexer *lexer, const char *at) {
  for (;;) {
    if (at < lexer->end && is_space(*at)) {
      at++;
    } else if (pair_at(lexer, at, "--")) {
      at = end_of_line(lexer, at);
    } else if (pair_at(lexer, at, "/*")) {
      at = end_of_comment(lexer, at);
    } else {
      return at;
    }
  }
}

/* ---- strings */

static bool is_escaped(const char *start, const char *quote) {
  const char *at = quote;
  while (at > start && at[-1] == '\\') at--;
  return (quote - at) % 2 != 0;
}

/* From behind the opening quote to behind the closing one; a doubled one is part of what is quoted. `backslashes`: one before
 * a quote would make it no end if standard_conforming_strings were off. */
static const char *end_of_quoted(keel__lexer *lexer, const char *at, char quote, bool backslashes) {
  while (at < lexer->end) {
    const char *found = memchr(at, quote, left_from(lexer, at));
    if (!found) break;
    if (backslashes && is_escaped(at, found)) lexer->doubtful = true;
    at = found + 1;
    if (peek(lexer, at) != quote) return at;
    at++;
  }
  lexer->doubtful = true;
  return lexer->end;
}

static const char *end_of_escaped_part(keel__lexer *lexer, const char *at) {
  while (at < lexer->end) {
    if (*at == '\\') {
      at += left_from(lexer, at) >= 2 ? 2 : 1;
    } else if (*at++ == '\'') {
      if (peek(lexer, at) != '\'') return at;
      at++;
    }
  }
  lexer->doubtful = true;
  return at;
}

/* After a line break a string goes on, by the rules under which it began: 'a' <line break> 'b' is one. NULL: it does not. */
static const char *continuation(const keel__lexer *lexer, const char *at) {
  bool broken = false;
  while (at < lexer->end) {
    if (is_space(*at)) {
      broken = broken || *at == '\n' || *at == '\r';
      at++;
    } else if (pair_at(lexer, at, "--")) {
      at = end_of_line(lexer, at);
    } else {
      return broken && *at == '\'' ? at + 1 : NULL;
    }
  }
  return NULL;
}

/* E'...' with its continuations. */
static const char *end_of_escaped(keel__lexer *lexer, const char *at) {
  const char *end = at;
  while (at) {
    end = end_of_escaped_part(lexer, at);
    at = continuation(lexer, end);
  }
  return end;
}

/* The length of a $tag$, both signs included; 0: it is none. */
static size_t tag_length(const keel__lexer *lexer, const char *start) {
  const char *at = start + 1;
  if (at < lexer->end && begins_word(*at))
    while (at < lexer->end && (begins_word(*at) || is_digit(*at))) at++;
  return peek(lexer, at) == '$' ? (size_t)(at + 1 - start) : 0;
}

/* A tag has no $ within: no comparison goes further than to the next one, so that all of them together are linear. */
static const char *end_of_dollars(keel__lexer *lexer, const char *tag, size_t length) {
  const char *at = tag + length;
  while ((at = memchr(at, '$', left_from(lexer, at))) != NULL) {
    if (left_from(lexer, at) < length) break;
    if (memcmp(at, tag, length) == 0) return at + length;
    at++;
  }
  lexer->doubtful = true;
  return lexer->end;
}

/* ---- the rest */

static const char *end_of_word(const keel__lexer *lexer, const char *at) {
  while (at < lexer->end && continues_word(*at)) at++;
  return at;
}

static const char *end_of_digits(const keel__lexer *lexer, const char *at) {
  while (at < lexer->end && is_digit(*at)) at++;
  return at;
}

/* What follows at once is a token of its own, as it was before PostgreSQL 15: 1E'...' is a number and a string. */
static const char *end_of_number(const keel__lexer *lexer, const char *at) {
  at = end_of_digits(lexer, at);
  if (peek(lexer, at) == '.' && peek(lexer, at + 1) != '.') at = end_of_digits(lexer, at + 1);
  if (peek(lexer, at) != 'e' && peek(lexer, at) != 'E') return at;
  const char *exponent = at + 1;
  if (peek(lexer, exponent) == '+' || peek(lexer, exponent) == '-') exponent++;
  return is_digit(peek(lexer, exponent)) ? end_of_digits(lexer, exponent) : at;
}

static const char *word(keel__lexer *lexer, keel__token *token) {
  const char *end = end_of_word(lexer, token->start);
  bool escaped =
      end == token->start + 1 && (*token->start == 'e' || *token->start == 'E') && peek(lexer, end) == '\'';
  token->kind = escaped ? KEEL__TOKEN_STRING : KEEL__TOKEN_WORD;
  return escaped ? end_of_escaped(lexer, end + 1) : end;
}

static const char *dollar(keel__lexer *lexer, keel__token *token) {
  const char *start = token->start;
  size_t length = tag_length(lexer, start);
  if (length > 0) {
    token->kind = KEEL__TOKEN_STRING;
    return end_of_dollars(lexer, start, length);
  }
  const char *end = end_of_digits(lexer, start + 1);
  token->kind = end == start + 1 ? KEEL__TOKEN_SYMBOL : KEEL__TOKEN_PARAMETER;
  return end;
}

static const char *scan(keel__lexer *lexer, keel__token *token) {
  const char *start = token->start;
  if (begins_word(*start)) return word(lexer, token);
  if (is_digit(*start) || (*start == '.' && is_digit(peek(lexer, start + 1)))) {
    token->kind = KEEL__TOKEN_NUMBER;
    return end_of_number(lexer, start);
  }
  if (*start == '\'') {
    token->kind = KEEL__TOKEN_STRING;
    return end_of_quoted(lexer, start + 1, '\'', true);
  }
  if (*start == '"') {
    token->kind = KEEL__TOKEN_QUOTED;
    return end_of_quoted(lexer, start + 1, '"', false);
  }
  if (*start == '$') return dollar(lexer, token);
  token->kind = KEEL__TOKEN_SYMBOL;
  return start + 1;
}

keel__token keel__lexer_next(keel__lexer *lexer) {
  lexer->at = past_space(lexer, lexer->at);
  keel__token token = {.kind = KEEL__TOKEN_END, .start = lexer->at};
  if (lexer->at < lexer->end) lexer->at = scan(lexer, &token);
  token.length = (size_t)(lexer->at - token.start);
  return token;
}
