/* classify.c: see classify.h. */
#include "classify.h"

#include <string.h>

#include "functions.h"
#include "lexer.h"

/* ---------------------------------------------------------------- words */

/* Those that say what a statement does, and those that matter within one. */
/* clang-format off */
#define KEEL__KEY_MAP(X) \
  X(AS, "as") X(DO, "do") X(NO, "no") X(ON, "on") X(TO, "to") X(AND, "and") X(END, "end") X(FOR, "for") \
  X(KEY, "key") X(SET, "set") X(CALL, "call") X(CASE, "case") X(COPY, "copy") X(INTO, "into") \
  X(SHOW, "show") X(WITH, "with") X(WORK, "work") X(ABORT, "abort") X(BEGIN, "begin") \
  X(CHAIN, "chain") X(CYCLE, "cycle") X(MERGE, "merge") X(RESET, "reset") X(SHARE, "share") \
  X(START, "start") X(TABLE, "table") X(ATOMIC, "atomic") X(COMMIT, "commit") X(CREATE, "create") \
  X(DELETE, "delete") X(INSERT, "insert") X(SEARCH, "search") X(SELECT, "select") X(UPDATE, "update") \
  X(VALUES, "values") X(ANALYSE, "analyse") X(ANALYZE, "analyze") X(DECLARE, "declare") \
  X(EXECUTE, "execute") X(EXPLAIN, "explain") X(PREPARE, "prepare") X(REFRESH, "refresh") \
  X(RELEASE, "release") X(DISTINCT, "distinct") X(OPERATOR, "operator") X(PREPARED, "prepared") \
  X(ROLLBACK, "rollback") X(SAVEPOINT, "savepoint") X(DEALLOCATE, "deallocate") \
  X(PG_CATALOG, "pg_catalog") X(CONSTRAINTS, "constraints") X(TRANSACTION, "transaction")
/* clang-format on */

typedef enum key {
  KEY_NONE, /* any other word, or none at all */
#define KEEL__KEY_ENUM(name, text) KEY_##name,
  KEEL__KEY_MAP(KEEL__KEY_ENUM)
#undef KEEL__KEY_ENUM
} key;

#define LONGEST_KEY (sizeof "transaction" - 1)
#define LONGEST_NAME 63u /* of the server's functions; what is longer is none of them */

/* In lower case, as the server takes a word without quotes; room for LONGEST_NAME and a NUL. */
static void fold(const keel__token *token, char *folded) {
  for (size_t i = 0; i < token->length; i++) {
    folded[i] = token->start[i];
    if (folded[i] >= 'A' && folded[i] <= 'Z') folded[i] = (char)(folded[i] - 'A' + 'a');
  }
  folded[token->length] = 0;
}

static key key_of(const keel__token *token) {
  static const struct {
    const char *text;
    size_t length;
    key key;
  } keys[] = {
#define KEEL__KEY_ENTRY(name, text) {text, sizeof text - 1, KEY_##name},
      KEEL__KEY_MAP(KEEL__KEY_ENTRY)
#undef KEEL__KEY_ENTRY
  };
  char folded[LONGEST_KEY + 1];
  if (token->kind != KEEL__TOKEN_WORD || token->length > LONGEST_KEY) return KEY_NONE;
  fold(token, folded);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (keys[i].length == token->length && memcmp(folded, keys[i].text, token->length) == 0)
      return keys[i].key;
  return KEY_NONE;
}

/* ---------------------------------------------------------------- one statement */

#define DEPTHS 64u /* parentheses within parentheses; what lies deeper is looked at more strictly */
#define LAST 3u

typedef struct seen {
  keel__token token;
  key key;
} seen;

typedef struct statement {
  bool begun;    /* it has had its first word: */
  key verb;      /* that one */
  key explained; /* of an EXPLAIN: what it explains, once that has begun */
  bool analyzes; /* an EXPLAIN that runs it */
  bool harmful;  /* something was seen that rules out that it only reads */
  bool distinct_on;
  key second; /* what follows the verb */
  bool to;    /* it has the word TO, which in a ROLLBACK is that of a savepoint */
  unsigned
      commit_words; /* how far it has come in COMMIT [WORK] [AND NO CHAIN]; NOT_PLAIN: it is something else */
  unsigned atomic;  /* in a body of BEGIN ATOMIC ... END: how many ENDs are missing */
  unsigned depth;   /* of parentheses */
  uint64_t withs;   /* bit d: at depth d the list of a WITH goes on, where no function is called by name */
  seen last[LAST];  /* newest first */
} statement;

#define NOT_PLAIN 5u

static bool is_symbol(const seen *seen, char symbol) {
  return seen->token.kind == KEEL__TOKEN_SYMBOL && *seen->token.start == symbol;
}

/* The name of a column or an attribute, whatever else the word may mean. */
static bool is_label(const statement *now) {
  return now->last[0].key == KEY_AS || is_symbol(&now->last[0], '.');
}

static bool is_in_options(const statement *now) {
  return now->verb == KEY_EXPLAIN && now->explained == KEY_NONE;
}

/* ---- parentheses, and what is called */

static uint64_t bit_of(const statement *now) {
  return now->depth < DEPTHS ? UINT64_C(1) << now->depth : 0;
}

static bool is_known(const keel__token *name) {
  char folded[LONGEST_NAME + 1];
  if (name->kind != KEEL__TOKEN_WORD || name->length > LONGEST_NAME) return false;
  fold(name, folded);
  return keel__is_construct(folded) || keel__function_is_harmless(folded);
}

/* At an opening parenthesis: true when the name before it may be that of a function that does harm. */
static bool calls_unknown(const statement *now) {
  const seen *name = &now->last[0], *before = &now->last[1];
  if (name->token.kind != KEEL__TOKEN_WORD && name->token.kind != KEEL__TOKEN_QUOTED) return false;
  /* AS alias (columns), AS type (length); a name in the list of a WITH. */
  if (before->key == KEY_AS || now->withs & bit_of(now)) return false;
  /* a OPERATOR(schema.+) b, also behind a parenthesis; whose operator it is does not matter here. */
  if (name->key == KEY_OPERATOR) return true;
  /* f(x) alias (columns). But: DISTINCT ON (x) f(x). */
  if (is_symbol(before, ')') && !now->distinct_on) return false;
  if (is_symbol(before, '.') && now->last[2].key != KEY_PG_CATALOG) return true;
  return !is_known(&name->token);
}

static void open_parenthesis(statement *now) {
  if (!now->harmful && !is_in_options(now)) now->harmful = calls_unknown(now);
  /* Nowhere in its list does one parenthesis follow another: what the WITH is for has begun. */
  if (is_symbol(&now->last[0], ')')) now->withs &= ~bit_of(now);
  now->depth++;
}

static void close_parenthesis(statement *now) {
  now->withs &= ~bit_of(now);
  if (now->depth > 0) now->depth--;
}

/* ---- words within it */

/* BEGIN ATOMIC ... END: the semicolons in between end no statement of ours. */
static void follow_atomic(statement *now, key key) {
  if (key == KEY_ATOMIC && now->verb == KEY_CREATE && now->last[0].key == KEY_BEGIN) now->atomic = 1;
  if (now->atomic == 0 || is_label(now)) return;
  if (key == KEY_CASE) now->atomic++;
  if (key == KEY_END) now->atomic--;
}

static void follow_with(statement *now, key key) {
  switch (key) {
    case KEY_WITH:
      if (!now->begun || is_in_options(now) || is_symbol(&now->last[0], '(')) now->withs |= bit_of(now);
      break;
    case KEY_SELECT:
    case KEY_VALUES:
    case KEY_TABLE:
    case KEY_INSERT:
    case KEY_UPDATE:
    case KEY_DELETE:
    case KEY_MERGE:
    case KEY_SEARCH:
    case KEY_CYCLE:
      now->withs &= ~bit_of(now);
      break;
    default:
      break;
  }
}

/* FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE. */
static bool locks_rows(const statement *now, key key) {
  return now->last[0].key == KEY_FOR &&
         (key == KEY_UPDATE || key == KEY_NO || key == KEY_SHARE || key == KEY_KEY);
}

static bool changes(key key) {
  return key == KEY_INSERT || key == KEY_UPDATE || key == KEY_DELETE || key == KEY_MERGE || key == KEY_INTO;
}

static void follow_commit(statement *now, key key) {
  unsigned *words = &now->commit_words;
  if (key == KEY_WORK || key == KEY_TRANSACTION)
    *words = *words == 0 ? 1 : NOT_PLAIN;
  else if (key == KEY_AND)
    *words = *words <= 1 ? 2 : NOT_PLAIN;
  else if (key == KEY_NO)
    *words = *words == 2 ? 3 : NOT_PLAIN;
  else
    *words = key == KEY_CHAIN && *words == 3 ? 4 : NOT_PLAIN;
}

static bool may_be_explained(key key) {
  switch (key) {
    case KEY_SELECT:
    case KEY_VALUES:
    case KEY_TABLE:
    case KEY_WITH:
    case KEY_INSERT:
    case KEY_UPDATE:
    case KEY_DELETE:
    case KEY_MERGE:
    case KEY_CREATE:
    case KEY_EXECUTE:
    case KEY_DECLARE:
    case KEY_REFRESH:
      return true;
    default:
      return false;
  }
}

static void take_word(statement *now, key key) {
  follow_with(now, key);
  /* Whatever value it is given, and wherever it stands. */
  if (key == KEY_ANALYZE || key == KEY_ANALYSE) now->analyzes = true;
  if (!now->begun) {
    now->begun = true;
    now->verb = key;
  } else if (is_in_options(now)) {
    if (may_be_explained(key)) now->explained = key;
  } else {
    follow_atomic(now, key);
    follow_commit(now, key);
    if (key == KEY_ON && now->last[0].key == KEY_DISTINCT) now->distinct_on = true;
    if (key == KEY_TO) now->to = true;
    if ((changes(key) && !is_label(now)) || locks_rows(now, key)) now->harmful = true;
    if (now->second == KEY_NONE && now->last[0].key == now->verb) now->second = key;
  }
}

static void take(statement *now, const keel__token *token) {
  seen seen = {.token = *token, .key = key_of(token)};
  if (token->kind == KEEL__TOKEN_WORD)
    take_word(now, seen.key);
  else if (now->begun)
    now->commit_words = NOT_PLAIN;
  /* ("analyze") */
  if (token->kind == KEEL__TOKEN_QUOTED && is_in_options(now)) now->analyzes = true;
  if (is_symbol(&seen, '(')) open_parenthesis(now);
  if (is_symbol(&seen, ')')) close_parenthesis(now);
  memmove(now->last + 1, now->last, (LAST - 1) * sizeof *now->last);
  now->last[0] = seen;
}

/* ---- what it was */

static bool reads(const statement *done) {
  bool explains = done->verb == KEY_EXPLAIN;
  if (explains && done->explained != KEY_NONE && !done->analyzes) return true;
  switch (explains ? done->explained : done->verb) {
    case KEY_SELECT:
    case KEY_VALUES:
    case KEY_TABLE:
    case KEY_WITH:
    case KEY_SHOW:
      return !done->harmful;
    default:
      return false;
  }
}

/* It does not read, and takes no transaction id all the same. */
static bool is_quiet(const statement *done) {
  switch (done->verb) {
    case KEY_BEGIN:
    case KEY_START:
    case KEY_SAVEPOINT:
    case KEY_RELEASE:
    case KEY_RESET:
    case KEY_DEALLOCATE:
      return true;
    case KEY_SET: /* CONSTRAINTS: what was deferred is checked, by triggers */
      return done->second != KEY_CONSTRAINTS;
    case KEY_COMMIT:
    case KEY_END:
    case KEY_ROLLBACK:
    case KEY_ABORT:
      return done->second != KEY_PREPARED;
    default:
      return false;
  }
}

static bool is_plain_commit(const statement *done) {
  bool whole = done->commit_words <= 1 || done->commit_words == 4;
  return (done->verb == KEY_COMMIT || done->verb == KEY_END) && whole;
}

/* A statement that was prepared under a name may be any. */
static bool may_commit(const statement *done) {
  switch (done->verb) {
    case KEY_COMMIT:
    case KEY_END:
    case KEY_EXECUTE:
      return true;
    case KEY_PREPARE:
      return done->second == KEY_TRANSACTION;
    default:
      return false;
  }
}

static bool rolls_back(const statement *done) {
  return (done->verb == KEY_ROLLBACK && !done->to) || done->verb == KEY_ABORT;
}

static bool shares(key verb) {
  switch (verb) {
    case KEY_SELECT:
    case KEY_INSERT:
    case KEY_UPDATE:
    case KEY_DELETE:
    case KEY_WITH:
    case KEY_VALUES:
    case KEY_MERGE:
    case KEY_TABLE:
      return true;
    default:
      return false;
  }
}

/* ---------------------------------------------------------------- the text */

typedef struct sums {
  keel__nature nature;
  bool rolls_back; /* a ROLLBACK is among them: what follows it is not in the transaction any more */
  bool does;       /* a DO is */
} sums;

static void add(sums *sums, const statement *done) {
  keel__nature *nature = &sums->nature;
  if (nature->statements++ == 0) {
    nature->copies = done->verb == KEY_COPY;
    nature->shares = shares(done->verb);
    nature->commits = is_plain_commit(done);
  } else {
    nature->shares = nature->commits = false;
  }
  bool reading = reads(done);
  nature->reads = nature->reads && reading;
  nature->writes = nature->writes || (!reading && !is_quiet(done));
  nature->may_commit = nature->may_commit || may_commit(done);
  nature->may_end = nature->may_end || may_commit(done) || rolls_back(done);
  nature->may_commit_part = nature->may_commit_part || done->verb == KEY_CALL;
  sums->rolls_back = sums->rolls_back || rolls_back(done);
  sums->does = sums->does || done->verb == KEY_DO;
}

static bool mentions(const char *text, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcasestr(text, words[i]) != NULL) return true;
  return false;
}

static bool mentions_one(const char *text, const char *word) {
  return mentions(text, &word, 1);
}

/* A CALL, or a DO that does the like. Every language spells it so (COMMIT, spi_commit, plpy.commit), and no block can commit by
 * a text that it puts together. */
static bool mentions_procedure(const char *text) {
  return mentions_one(text, "call") || (mentions_one(text, "do") && mentions_one(text, "commit"));
}

static bool mentions_an_end(const char *text) {
  static const char *const words[] = {"commit", "end", "prepare", "execute", "rollback", "abort"};
  return mentions(text, words, sizeof words / sizeof *words);
}

static keel__nature conclude(const sums *sums, const char *text, bool doubtful) {
  keel__nature nature = sums->nature;
  if (sums->rolls_back && nature.statements > 1) nature.may_commit = true;
  if (sums->does && mentions_procedure(text)) nature.may_commit_part = true;
  if (!doubtful) return nature;
  nature.reads = nature.commits = false;
  nature.writes = true;
  nature.may_commit = nature.may_commit || mentions_an_end(text);
  nature.may_end = nature.may_end || nature.may_commit;
  nature.may_commit_part = nature.may_commit_part || mentions_procedure(text);
  return nature;
}

static bool ends_statement(const statement *now, const keel__token *token) {
  if (token->kind == KEEL__TOKEN_END) return true;
  bool semicolon = token->kind == KEEL__TOKEN_SYMBOL && *token->start == ';';
  /* Within parentheses: CREATE RULE ... DO (...; ...). */
  return semicolon && now->depth == 0 && now->atomic == 0;
}

keel__nature keel__classify(const char *text, size_t length) {
  keel__lexer lexer = keel__lexer_of(text, length);
  keel__token token;
  statement now = {0};
  sums sums = {.nature = {.reads = true}};
  bool empty = true;
  bool atomic = false; /* there is a body of BEGIN ATOMIC, whose end is found by the look of it */
  do {
    token = keel__lexer_next(&lexer);
    if (!ends_statement(&now, &token)) {
      take(&now, &token);
      atomic = atomic || now.atomic > 0;
      empty = false;
    } else if (!empty) {
      add(&sums, &now);
      now = (statement){0};
      empty = true;
    }
  } while (token.kind != KEEL__TOKEN_END);
  return conclude(&sums, text, lexer.doubtful || atomic);
}
