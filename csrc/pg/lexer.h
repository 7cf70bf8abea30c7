/*
 * lexer.h: a text cut into PostgreSQL's tokens: as far as is needed to know where a string, a comment or a statement ends. It
 * allocates nothing, looks at each byte a bounded number of times and never beyond the text's length.
 *
 * The rules are those of "Lexical Structure" in PostgreSQL's manual. A text that the server would refuse to read may be cut
 * up in any way: the server reads all of a text before it does any of it.
 */
#ifndef KEEL_PG_LEXER_H
#define KEEL_PG_LEXER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum keel__token_kind {
  KEEL__TOKEN_END,
  KEEL__TOKEN_WORD,   /* a key word, or an identifier without quotes */
  KEEL__TOKEN_QUOTED, /* "identifier" */
  KEEL__TOKEN_STRING, /* '...', E'...', $tag$...$tag$; the N, B, X and U& of others come as tokens of their own */
  KEEL__TOKEN_NUMBER,
  KEEL__TOKEN_PARAMETER, /* $1 */
  KEEL__TOKEN_SYMBOL,    /* any other single character: operators come one character at a time */
} keel__token_kind;

typedef struct keel__token {
  keel__token_kind kind;
  const char *start;
  size_t length;
} keel__token;

typedef struct keel__lexer {
  const char *at, *end;
  /* Where strings end depends on standard_conforming_strings (it is read as if on, the default), or something has no end. */
  bool doubtful;
} keel__lexer;

static inline keel__lexer keel__lexer_of(const char *text, size_t length) {
  return (keel__lexer){.at = text, .end = text + length};
}

/* The next token, past white space and comments. After KEEL__TOKEN_END it comes again and again. */
keel__token keel__lexer_next(keel__lexer *lexer);

#endif
