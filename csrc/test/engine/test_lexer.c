/* test_lexer.c: texts cut into tokens, as a table and under random bytes. No server needed. */
#include <stdio.h>

#include "client.h"
#include "core/rng.h"
#include "pg/classify.h"
#include "pg/lexer.h"

/* W word, Q "quoted", S string, N number, P parameter; symbols as they are. */
static char letter_of(const keel__token *token) {
  static const char letters[] = "-WQSNP";
  if (token->kind == KEEL__TOKEN_SYMBOL) return *token->start;
  return letters[token->kind];
}

static bool is_doubtful(const char *text, size_t length) {
  keel__lexer lexer = keel__lexer_of(text, length);
  while (keel__lexer_next(&lexer).kind != KEEL__TOKEN_END) continue;
  return lexer.doubtful;
}

static void check_tokens(const char *text, const char *expected) {
  keel__lexer lexer = keel__lexer_of(text, strlen(text));
  char found[128] = "";
  size_t count = 0;
  for (keel__token token; (token = keel__lexer_next(&lexer)).kind != KEEL__TOKEN_END;) {
    assert_true(count < sizeof found - 1);
    found[count++] = letter_of(&token);
  }
  if (strcmp(found, expected) != 0) fail_msg("%s: \"%s\", not \"%s\"", text, found, expected);
}

static void words_and_symbols(void **state) {
  (void)state;
  check_tokens("", "");
  check_tokens(" \t\r\n\f\v", "");
  check_tokens("select a_1, b$c, _x FROM \"T\"", "WW,W,WWQ");
  check_tokens("\xc3\xa9t\xc3\xa9 = \xe6\x97\xa5", "W=W");
  check_tokens("a.b::int4", "W.W::W");
  check_tokens("a<@b", "W<@W");
  check_tokens("\"a\"\"b\"c\"d;e\"", "QWQ");
  check_tokens("\"back\\\"x", "QW");
  check_tokens("x[1:2]", "W[N:N]");
  check_tokens("$1+$23$4", "P+PP");
  check_tokens("a$1 $ $", "W$$");
}

static void numbers(void **state) {
  (void)state;
  check_tokens("1 1.5 .5 1. 1e5 1.e5 .5E-3 1e+10", "NNNNNNNN");
  check_tokens("1..2", "N.N"); /* the server sees N..N, and no SQL that has it */
  check_tokens("1e 1e+ 1from", "NWNW+NW");
  check_tokens("0x1F 1_000", "NWNW");
  check_tokens("1E'\\';'x", "NSW");
}

static void strings(void **state) {
  (void)state;
  check_tokens("'' 'a' 'it''s' ''''", "SSSS");
  check_tokens("'a' 'b'\n'c'", "SSS");
  check_tokens("N'a' B'1' x'F' U&'\\0041' u&\"x\"", "WSWSWSW&SW&Q");
  check_tokens("E'a\\'b' e'\\\\' E'''' E'\\\\''x'", "SSSS");
  check_tokens("eE'a'", "WS");
  check_tokens("E 'a'", "WS");
  check_tokens("'-- no /* comment' x", "SW");
}

static void continued_strings(void **state) {
  (void)state;
  check_tokens("E'a'\n'b\\'c' x", "SW");
  check_tokens("E'a' -- remark ' \r\n \t 'b\\'c' x", "SW");
  check_tokens("E'a' 'b' x", "SSW");
  check_tokens("E'a' /* \n */ 'b' x", "SSW");
  check_tokens("E'a'\n-- no end", "S");
  check_tokens("E'a'\n", "S");
}

static void dollars(void **state) {
  (void)state;
  check_tokens("$$a;b$$ x", "SW");
  check_tokens("$a$ $b$ $$ $A$ $a$ x", "SW");
  check_tokens("$_1$x$_1$", "S");
  check_tokens("$\xc3\xa9$'$\xc3\xa9$x", "SW");
  check_tokens("a$$b$$ c", "WW");
  check_tokens("$1$$;$$", "PS");
  check_tokens("$1a$ 1", "PWN");
  check_tokens("$a b$", "$WW");
  check_tokens("$a$$a$x", "SW");
  check_tokens("$a$$a $a$x", "SW");
}

static void comments(void **state) {
  (void)state;
  check_tokens("-- a\nb --", "W");
  check_tokens("-- a\rb", "W");
  check_tokens("a--b\n-c", "W-W");
  check_tokens("/* a /* b */ c */ d", "W");
  check_tokens("/*/ */ x", "W");
  check_tokens("/**/x/***/y/* ** /*/ */ */", "WW");
  check_tokens("4 +/* ; */- 3", "N+-N");
  check_tokens("a*/*b*/c", "W*W");
  check_tokens("a<--b", "W<");
  check_tokens("a- -b", "W--W");
  check_tokens("a//b", "W//W");
}

static void doubts(void **state) {
  (void)state;
  const char *sound[] = {"'a\\b'", "'a\\\\'",        "E'\\''",  "'it''s'", "$$\\'$$",
                         "\"\\\"", "'\\x41' '\\\\'", "/* ' */", "-- '"};
  const char *doubtful[] = {"'a\\'",     "'a\\'' x", "'a''\\'", "'\\\\\\'", "'open",    "\"open", "E'open",
                            "E'open\\'", "E'\\",     "$$open",  "$a$ $b$",  "/* /* */", "/*",     "E'a'\n'b"};
  for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
    if (is_doubtful(sound[i], strlen(sound[i]))) fail_msg("%s is no doubt", sound[i]);
  for (size_t i = 0; i < sizeof doubtful / sizeof *doubtful; i++)
    if (!is_doubtful(doubtful[i], strlen(doubtful[i]))) fail_msg("%s is a doubt", doubtful[i]);
}

/* ---- random texts */

static const char *const soup[] = {
    "'",       "''",       "\"",          "$$",       "$a$",      "$a",
    "$",       "$1",       "E'",          "e",        "U&'",      "\\",
    "--",      "/*",       "*/",          "/",        "*",        "\n",
    "\r",      " ",        ";",           "(",        ")",        ",",
    ".",       "..",       ":",           "1",        "1e",       "1.5",
    "0x",      "a",        "_",           "\xc3\xa9", "\x80",     "\xff",
    "select ", "with ",    "as ",         "as(",      "insert ",  "into ",
    "for ",    "share ",   "begin ",      "atomic ",  "end ",     "case ",
    "create ", "commit ",  "rollback ",   "and ",     "no ",      "chain ",
    "copy ",   "call ",    "do ",         "explain ", "analyze ", "distinct on(",
    "count(",  "nextval(", "pg_catalog.", "values(",  "prepare ", "transaction ",
    "set ",    "\x01",     "search ",     "cycle ",   "to "};

/* Of exactly this size, so that the sanitizer sees the first byte too many. */
static char *random_text(keel__rng *rng, size_t *length) {
  size_t most = (size_t)keel__rng_below(rng, 200), count = 0;
  char *text = malloc(most + 1);
  bool bytes = keel__rng_below(rng, 4) == 0;
  while (count < most) {
    const char *piece = soup[keel__rng_below(rng, sizeof soup / sizeof *soup)];
    size_t size = strlen(piece);
    if (bytes || count + size > most) {
      text[count++] = (char)(1 + keel__rng_below(rng, 255));
    } else {
      memcpy(text + count, piece, size);
      count += size;
    }
  }
  text[count] = 0;
  *length = count;
  return text;
}

/* Tokens come in order, none is empty, and what lies between them is white space and comments. */
static void check_random(const char *text, size_t length) {
  char *exact = malloc(length > 0 ? length : 1);
  if (length > 0) memcpy(exact, text, length);
  keel__lexer lexer = keel__lexer_of(exact, length);
  const char *last = exact;
  keel__token token;
  for (size_t count = 0; (token = keel__lexer_next(&lexer)).kind != KEEL__TOKEN_END; count++) {
    assert_true(token.length > 0 && token.start >= last && count <= length);
    if (token.start > last) assert_non_null(memchr(" \t\r\n\f\v-/", *last, 8));
    last = token.start + token.length;
    assert_true(last == lexer.at && last <= exact + length);
  }
  assert_ptr_equal(lexer.at, exact + length);
  assert_int_equal(keel__lexer_next(&lexer).kind, KEEL__TOKEN_END);
  free(exact);
}

static unsigned mask_of(const keel__nature *nature) {
  const bool bits[] = {nature->copies,          nature->shares,  nature->may_commit, nature->may_end,
                       nature->may_commit_part, nature->commits, nature->reads,      nature->writes};
  unsigned mask = nature->statements;
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) mask = mask << 1 | bits[i];
  return mask;
}

/* What is true of a text is true of it with a remark and an empty statement before it. */
static void check_same_nature(const char *text, size_t length) {
  keel__nature nature = keel__classify(text, length), other;
  char *changed = malloc(length + sizeof "/*;*/ -- x\n;");
  int before = sprintf(changed, "/*;*/ -- x\n;");
  memcpy(changed + before, text, length + 1);
  other = keel__classify(changed, length + (size_t)before);
  if (mask_of(&nature) != mask_of(&other)) fail_msg("it depends on what is before: %s", text);
  assert_false(nature.reads && nature.writes);
  assert_false(nature.commits && !nature.may_commit);
  assert_false(nature.may_commit && !nature.may_end);
  assert_false(nature.commits && nature.statements != 1);
  free(changed);
}

static void random_texts(void **state) {
  (void)state;
  keel__rng rng;
  keel__rng_init(&rng, 1);
  for (int i = 0; i < 100000; i++) {
    size_t length = 0;
    char *text = random_text(&rng, &length);
    check_random(text, length);
    check_same_nature(text, length);
    free(text);
  }
}

/* ---- large texts: were one of these quadratic, the test would not end in its time */

static void large_texts(void **state) {
  (void)state;
  static const char *const units[] = {"'",   "''",      "E'\\",  "E'' ",     "E''\n--\n", "$a", "$a$", "$a$b",
                                      "$$",  "/*",      "*/",    "/*/",      "(",         ")",  "-",   "--\n",
                                      ";",   "a",       "a ",    "a(",       "lower(",    "1e", "\"",  "\\'",
                                      "'\\", "with a(", ",f(x)", "\xc3\xa9", "select ",   "."};
  enum { SIZE = 2 << 20 };
  char *text = malloc(SIZE + 16);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    size_t unit = strlen(units[i]), length = 0;
    for (; length < SIZE; length += unit) memcpy(text + length, units[i], unit);
    text[length] = 0;
    assert_true(keel__classify(text, length).statements <= length);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_and_symbols),
      cmocka_unit_test(numbers),
      cmocka_unit_test(strings),
      cmocka_unit_test(continued_strings),
      cmocka_unit_test(dollars),
      cmocka_unit_test(comments),
      cmocka_unit_test(doubts),
      cmocka_unit_test(random_texts),
      cmocka_unit_test(large_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
