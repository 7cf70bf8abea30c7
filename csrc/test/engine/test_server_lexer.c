/* test_server_lexer.c: where the server ends a statement we end it too, and what we say of its functions is true of this server. */
#include <stdio.h>

#include "client.h"
#include "core/rng.h"
#include "pg/classify.h"
#include "pg/functions.h"

static client c;

static int begin(void **state) {
  (void)state;
  client_simple(&c, 1);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

/* ---- where statements end */

static const char *const pieces[] = {
    "select 1",
    " SELECT ';' ",
    "select 'it''s; ' || ''';'",
    "select '\\' /* ; */",
    "select E'\\';', ';'",
    "select e'a;'\n  -- ;\n '\\';'",
    "select 'a;'\n'b;'",
    "select N'x;', B'01', X'1F'",
    "select U&'\\003B;' as U&\"\\0061;\"",
    "select U&'!003B;' uescape '!'",
    "select $$;$$, $a$;$b$;$$;$a$",
    "select 1 as a$b$, 2 as c$$d",
    "select 1 as \"a;\"\"b;\"",
    "select 1 /* ; /* ; */ ; */ + 1 -- ;\n+ 1",
    "select 2--;\n-1",
    "select 5 * -1 /*;*/ / 2",
    "select 1 <@ int4range(0,2) -- ';\n",
    "select 1.5e3, .5, 1.",
    "values (1), (2)",
    "table pg_am limit 0",
    "with a(x) as (select 1) select x from a",
    "show server_version",
    "set keel.x = ';'",
    "do $do$ begin perform 1; perform ';'; end; $do$",
    "do 'begin null; end'",
    "explain (costs off) select 1",
    "create or replace procedure pg_temp.p() begin atomic select 1; select case 1 when 2 then 3 end; end",
    "create or replace temp view v as select 1 as \"end;\"",
    "create or replace rule r as on insert to pg_temp.t do instead (select 1; select 2)",
    "select 'begin atomic;'",
    "",
    " ",
    "/* nothing; */",
    "-- nothing;\n",
};

static void random_text(keel__rng *rng, char *text, size_t size) {
  size_t used = 0;
  for (uint64_t left = 1 + keel__rng_below(rng, 6); left > 0; left--) {
    const char *piece = pieces[keel__rng_below(rng, sizeof pieces / sizeof *pieces)];
    used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ";" : "", piece);
  }
}

/* A text without any statement has one tag, which is empty. */
static unsigned count_of(const char *tags) {
  unsigned count = 0;
  if (strcmp(tags, ";") == 0) return 0;
  for (; *tags; tags++) count += *tags == ';';
  return count;
}

static void check_count(const char *text, uint64_t lease, bool conforming) {
  const answer *a = client_wait(&c, client_send(&c, lease, KEEL_Q_SIMPLE, text, 0));
  keel__nature nature = keel__classify(text, strlen(text));
  if (a->code != KEEL_OK && conforming) fail_msg("%s\n%s", text, a->message);
  if (a->code == KEEL_OK && count_of(a->tags) != nature.statements)
    fail_msg("%s\nhas %u statements (%s), not %u", text, count_of(a->tags), a->tags, nature.statements);
}

static void as_many_statements_as_the_server_finds(void **state) {
  (void)state;
  keel__rng rng;
  char text[4096];
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, 0, "CREATE TEMP TABLE t (a int)", 0));
  keel__rng_init(&rng, 7);
  for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++) check_count(pieces[i], lease, true);
  for (int i = 0; i < 3000; i++) {
    random_text(&rng, text, sizeof text);
    check_count(text, lease, true);
  }
  keel_release(c.pool, lease, 0);
}

/* With standard_conforming_strings off the server may see other strings. Then we are in doubt, and say so. */
static void doubt_where_a_setting_decides(void **state) {
  (void)state;
  static const char *const texts[] = {
      "select '\\'; insert into u values (1); --'",      "select 'a\\''; insert into u values (1); --'",
      "select N'\\'; insert into u values (1); --'",     "select '\\\\\\'; insert into u values (1); --'",
      "select 'a'\n'\\'; insert into u values (1); --'",
  };
  uint64_t lease = client_wait(&c, client_acquire(&c))->lease;
  client_wait(&c, client_send(&c, lease, KEEL_Q_SIMPLE,
                              "CREATE TEMP TABLE u (a int); SET escape_string_warning = off", 0));
  for (int off = 0; off < 2; off++) {
    client_wait(
        &c, client_send(
                &c, lease, 0,
                off ? "SET standard_conforming_strings = off" : "SET standard_conforming_strings = on", 0));
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
      keel__nature nature = keel__classify(texts[i], strlen(texts[i]));
      assert_false(nature.reads);
      assert_true(nature.writes);
      client_wait(&c, client_send(&c, lease, KEEL_Q_SIMPLE, texts[i], 0));
    }
  }
  const answer *a = client_wait(&c, client_send(&c, lease, 0, "SELECT count(*) > 0 FROM u", 0));
  assert_string_equal(a->cells, "t\n");
  keel_release(c.pool, lease, 1);
}

/* ---- functions */

/* Volatile in the server's sense: they may answer differently each time. They change nothing all the same. */
static const char *const changing[] = {
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "gen_random_uuid",
    "pg_blocking_pids",
    "pg_column_compression",
    "pg_column_size",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_database_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_lock_status",
    "pg_notification_queue_usage",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_relation_size",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "pg_trigger_depth",
    "pg_xact_status",
    "random",
    "random_normal",
    "timeofday",
    "txid_status",
    "uuidv4",
    "uuidv7",
};

static bool is_changing(const char *name) {
  for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
    if (strcmp(name, changing[i]) == 0) return true;
  return false;
}

/* Each line of an answer with one column. */
static bool next_line(const char **at, char *line, size_t size) {
  if (**at == 0) return false;
  size_t length = strcspn(*at, "\n");
  snprintf(line, size, "%.*s", (int)length, *at);
  *at += length + 1;
  return true;
}

static void what_is_called_harmless_is_not_volatile(void **state) {
  (void)state;
  char name[128];
  const answer *a =
      client_query(&c,
                   "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND pronamespace = "
                   "'pg_catalog'::regnamespace");
  assert_int_equal(a->code, KEEL_OK);
  for (const char *at = a->cells; next_line(&at, name, sizeof name);)
    if (keel__function_is_harmless(name) && !is_changing(name)) fail_msg("%s is volatile", name);
}

/* Those without arguments are tried out: none takes a transaction id, none minds a read-only transaction. */
static void what_is_called_harmless_takes_no_transaction_id(void **state) {
  (void)state;
  char name[128], text[512];
  unsigned tried = 0;
  const answer *a = client_query(
      &c,
      "SELECT DISTINCT proname FROM pg_proc WHERE pronargs = 0 AND prokind = 'f' AND pronamespace = "
      "'pg_catalog'::regnamespace AND prorettype <> 'trigger'::regtype");
  assert_int_equal(a->code, KEEL_OK);
  for (const char *at = a->cells; next_line(&at, name, sizeof name);) {
    if (!keel__function_is_harmless(name)) continue;
    snprintf(text, sizeof text,
             "BEGIN READ ONLY; SELECT FROM %s(); SELECT pg_current_xact_id_if_assigned() IS NULL; "
             "ROLLBACK",
             name);
    const answer *b = client_wait(&c, client_send(&c, 0, KEEL_Q_SIMPLE, text, 0));
    /* 55000: of a server in recovery only. */
    if (b->code != KEEL_OK && strcmp(b->sqlstate, "55000") != 0) fail_msg("%s: %s", name, b->message);
    if (b->code == KEEL_OK && strstr(b->cells, "t\n") == NULL) fail_msg("%s takes a transaction id", name);
    tried++;
  }
  assert_true(tried > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_many_statements_as_the_server_finds),
      cmocka_unit_test(doubt_where_a_setting_decides),
      cmocka_unit_test(what_is_called_harmless_is_not_volatile),
      cmocka_unit_test(what_is_called_harmless_takes_no_transaction_id),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
