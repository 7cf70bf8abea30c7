/* test_classify.c: what a text does, as a table. No server needed; test_server_lexer.c asks one. */
#include "client.h"
#include "pg/classify.h"
#include "pg/functions.h"

/*
 * R reads, W may write, C is one plain commit, M may commit, E may end a transaction but not commit it, P may commit a part, S
 * shares, Y begins with COPY; then, when it is not 1, the number of statements.
 */
static void letters_of(const keel__nature *nature, char *letters) {
  if (nature->reads) *letters++ = 'R';
  if (nature->writes) *letters++ = 'W';
  if (nature->commits) *letters++ = 'C';
  if (nature->may_commit) *letters++ = 'M';
  if (nature->may_end && !nature->may_commit) *letters++ = 'E';
  if (nature->may_commit_part) *letters++ = 'P';
  if (nature->shares) *letters++ = 'S';
  if (nature->copies) *letters++ = 'Y';
  if (nature->statements != 1) *letters++ = (char)('0' + nature->statements);
  *letters = 0;
}

typedef struct expectation {
  const char *letters, *text;
} expectation;

static void check(const expectation *expectations, size_t count) {
  bool wrong = false;
  for (size_t i = 0; i < count; i++) {
    char found[16];
    keel__nature nature = keel__classify(expectations[i].text, strlen(expectations[i].text));
    letters_of(&nature, found);
    if (strcmp(found, expectations[i].letters) == 0) continue;
    print_error("%s\n  is \"%s\", not \"%s\"\n", expectations[i].text, found, expectations[i].letters);
    wrong = true;
  }
  assert_false(wrong);
}

#define CHECK(table) check(table, sizeof table / sizeof *(table))

static void reading(void **state) {
  (void)state;
  static const expectation table[] = {
      {"RS", "SELECT 1"},
      {"RS", "select"},
      {"RS", "  /* x */ -- y\n (select 1) union all (select 2);"},
      {"RS",
       "SELECT id, \"name\" FROM public.users u WHERE u.id = $1 AND name LIKE '%;insert into%' LIMIT 10 "
       "OFFSET $2"},
      {"RS", "VALUES (1, 'a'), (2, 'b')"},
      {"RS", "TABLE users"},
      {"R", "SHOW server_version"},
      {"R", "show all"},
      {"RS", "WITH a AS (SELECT 1), b AS MATERIALIZED (SELECT 2) SELECT * FROM a, b"},
      {"RS",
       "WITH RECURSIVE t(n, m) AS (VALUES (1, 2) UNION ALL SELECT n + 1, m FROM t WHERE n < 9) SELECT sum(n) "
       "FROM t"},
      {"RS", "with a(x) as (select 1), b (y) as not materialized (select max(x) from a) select y from b"},
      {"RS",
       "WITH a(x) AS (WITH c(z) AS (SELECT 1), d(w) AS (SELECT 2) SELECT z FROM c, d), b(y) AS (SELECT 3) "
       "TABLE a"},
      {"RS", "SELECT * FROM (WITH a(x) AS (SELECT 1) SELECT x FROM a) q"},
      {"RS", "(WITH a(x) AS (SELECT 1) SELECT x FROM a)"},
      {"RS", "WITH a(x) AS (SELECT 1) (SELECT x FROM a) ORDER BY abs(x)"},
      {"R2", "SELECT 1; SELECT 2"},
      {"R2", ";;SELECT 1;;SHOW x;"},
      {"R0", ""},
      {"R0", " ; -- x\n;/* y */"},
      {"RS", "SELECT t.update, t.delete AS insert FROM t"},
      {"RS", "SELECT 'x' AS merge"},
      {"RS", "SELECT substring(a FROM 2 FOR 3) FROM t"},
      {"RS", "SELECT a FROM t ORDER BY a FETCH FIRST (2) ROWS ONLY"},
      {"RS", "SELECT \"insert\", \"update\" FROM \"delete\""},
      {"RS", "SELECT U&\"d\\0061ta\" FROM t"},
      {"RS", "SELECT a <-- into\n b FROM t"},
      {"RS", "SELECT a/* for update */ FROM t"},
      {"RS", "SELECT 1 AS a$into$b"},
      {"RS", "SELECT $$insert into$$"},
      {"RS",
       "SELECT x FROM t WHERE a IN (1, 2) AND NOT (b) AND EXISTS (SELECT 1) AND c = ANY ($1) OR (d) IS NULL"},
      {"RS",
       "SELECT CASE WHEN (a) THEN (1) ELSE (2) END FROM t JOIN u USING (id) LEFT JOIN v ON (v.id = u.id)"},
      {"RS", "SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (3)"},
      {"RS",
       "SELECT a FROM t GROUP BY GROUPING SETS ((a), (b)), ROLLUP (a), CUBE (a, b) HAVING (count(*) > 1)"},
  };
  CHECK(table);
}

static void calling(void **state) {
  (void)state;
  static const expectation table[] = {
      {"RS", "SELECT count(*), now(), version(), lower(a), pg_sleep(1), current_setting('x') FROM t"},
      {"RS", "SELECT COUNT (*) FROM t"},
      {"RS", "SELECT pg_catalog.count(*), PG_CATALOG . lower (a) FROM t"},
      {"RS", "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t"},
      {"RS", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FILTER (WHERE (a > 1)) FROM t"},
      {"RS", "SELECT * FROM generate_series(1, 10) AS g(i)"},
      {"RS", "SELECT * FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS t(id, name, n)"},
      {"RS", "SELECT * FROM generate_series(1, 10) g(i), LATERAL (SELECT i) AS l (j)"},
      {"RS", "SELECT * FROM (VALUES (1), (2)) AS v(id)"},
      {"RS", "SELECT * FROM (VALUES (1), (2)) \"v\" (id)"},
      {"RS", "SELECT CAST(a AS numeric(10, 2)), a::varchar(3), CAST(b AS geometry(Point)) FROM t"},
      {"RS", "SELECT coalesce(a, b), nullif(a, b), greatest(a, b), EXTRACT(epoch FROM now()) FROM t"},
      {"RS", "SELECT json_build_object('a', json_agg(b)), to_jsonb(t), jsonb_path_query(a, '$.x') FROM t"},
      {"RS", "SELECT interval '1' day, time '1:00', timestamp(3) '2000-01-01', interval(3) '1s'"},
      {"RS", "SELECT ARRAY(SELECT 1), ARRAY[1], ROW(1, 2)"},
      {"RS", "SELECT DISTINCT ON (a) b FROM t"},
      {"RS", "SELECT DISTINCT ON (a) lower(b) FROM t"},
      {"WS", "SELECT DISTINCT ON (a) nextval('s') FROM t"},
      {"WS", "SELECT nextval('s')"},
      {"WS", "SELECT NEXTVAL('s')"},
      {"WS", "SELECT nextval/* x */ -- y\n ('s')"},
      {"WS", "SELECT pg_catalog.nextval('s')"},
      {"WS", "SELECT \"nextval\"('s')"},
      {"WS", "SELECT \"lower\"('s')"},
      {"WS", "SELECT public.lower('s')"},
      {"WS", "SELECT a.b(c)"},
      {"WS", "SELECT setval('s', 1)"},
      {"WS", "SELECT pg_advisory_lock(1)"},
      {"WS", "SELECT pg_try_advisory_xact_lock(1)"},
      {"WS", "SELECT pg_notify('a', 'b')"},
      {"WS", "SELECT set_config('a', 'b', false)"},
      {"WS", "SELECT lo_unlink(1)"},
      {"WS", "SELECT * FROM dblink('x', 'y') AS t(a int)"},
      {"WS", "SELECT pg_terminate_backend(1)"},
      {"WS", "SELECT pg_switch_wal()"},
      {"WS", "SELECT pg_current_xact_id()"},
      {"WS", "SELECT txid_current()"},
      {"RS", "SELECT pg_current_xact_id_if_assigned()"},
      {"WS", "SELECT ts_rewrite('a', 'select f()')"},
      {"WS", "SELECT query_to_xml('select f()', true, true, '')"},
      {"WS", "SELECT my_function(1)"},
      {"WS", "SELECT * FROM my_function(1) AS t(a)"},
      {"WS", "SELECT 1 WHERE (a) AND my_function(1)"},
      {"WS", "SELECT f\xc3\xbc(1)"},
      {"WS", "VALUES (nextval('s'))"},
      {"WS", "SELECT a OPERATOR(public.+) b"},
      {"WS", "SELECT (1) OPERATOR(pg_catalog.+) nextval('s')"},
      {"WS", "SELECT (a) operator /* x */ (public.+) b"},
      {"WS", "SELECT 1 WHERE (a) OPERATOR(public.=) (b)"},
      {"WS", "SELECT a FROM f(1) OPERATOR(x)"},
      {"WS", "SELECT count(*) FROM t LIMIT my_limit(1)"},
      {"WS", "WITH a(x) AS (SELECT nextval('s')) SELECT x FROM a"},
      {"WS", "WITH a(x) AS (SELECT 1) SELECT nextval('s')"},
      {"WS", "WITH a(x) AS (SELECT 1) (SELECT x FROM a) ORDER BY nextval('s')"},
      {"WS", "WITH a(x) AS (SELECT 1) VALUES (nextval('s'))"},
      {"WS", "SELECT (WITH a(x) AS (SELECT 1) TABLE a), nextval('s')"},
      {"WS", "SELECT 1, some_very_long_name_that_no_function_of_the_server_could_ever_have_had_at_all(1)"},
  };
  CHECK(table);
}

static void writing(void **state) {
  (void)state;
  static const expectation table[] = {
      {"WS", "INSERT INTO t VALUES (1)"},
      {"WS", "insert into t select 1"},
      {"WS", "UPDATE t SET a = 1"},
      {"WS", "DELETE FROM t"},
      {"WS", "MERGE INTO t USING u ON (t.a = u.a) WHEN MATCHED THEN DELETE"},
      {"WS", "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a"},
      {"WS", "WITH a AS (/* x */ delete from t returning *) SELECT * FROM a"},
      {"WS", "WITH a AS (SELECT 1) UPDATE t SET a = 2"},
      {"WS", "SELECT * INTO u FROM t"},
      {"WS", "SELECT 1into u"},
      {"WS", "SELECT * FROM t FOR UPDATE"},
      {"WS", "SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED"},
      {"WS", "SELECT * FROM t FOR SHARE"},
      {"WS", "SELECT * FROM t FOR /* x */ KEY SHARE NOWAIT"},
      {"WS", "SELECT E'\\'' FROM t FOR UPDATE --'"},
      {"W", "CREATE TABLE t (a int)"},
      {"W", "ALTER TABLE t ADD b int"},
      {"W", "CREATE TABLE u AS SELECT 1"},
      {"W", "DROP TABLE t"},
      {"W", "TRUNCATE t"},
      {"W", "VACUUM"},
      {"W", "LOCK TABLE t"},
      {"W", "NOTIFY a"},
      {"W", "LISTEN a"},
      {"W", "DECLARE c CURSOR FOR SELECT 1"},
      {"W", "FETCH c"},
      {"W", "PREPARE x AS SELECT 1"},
      {"WY", "COPY t FROM STDIN"},
      {"WY", "  -- x\n cOpY (SELECT 1) TO STDOUT"},
      {"WY2", "COPY t FROM STDIN; SELECT 1"},
      {"W2", "SELECT 1; COPY t FROM STDIN"},
      {"W2", "SELECT 1; INSERT INTO t VALUES (1)"},
      {"W2", "INSERT INTO t VALUES (1); SELECT 1"},
      {"W", "SET CONSTRAINTS ALL IMMEDIATE"},
      {"W", "GRANT SELECT ON t TO x"},
      {"W", "nonsense"},
      {"W", "'nonsense'"},
      {"W", "copyright"},
      {"W", "select_1"},
  };
  CHECK(table);
}

static void settings_and_transactions(void **state) {
  (void)state;
  static const expectation table[] = {
      {"", "SET x = 1"},
      {"", "SET LOCAL x TO 'constraints'"},
      {"", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
      {"", "RESET ALL"},
      {"", "BEGIN"},
      {"", "START TRANSACTION READ ONLY"},
      {"", "SAVEPOINT a"},
      {"", "RELEASE a"},
      {"E", "ROLLBACK"},
      {"E", "ABORT"},
      {"E", "ROLLBACK WORK AND CHAIN"},
      {"", "rollback to savepoint a"},
      {"", "ROLLBACK TRANSACTION TO a"},
      {"3", "SAVEPOINT a; ROLLBACK TO a; RELEASE a"},
      {"W2", "ROLLBACK TO a; INSERT INTO t VALUES (1)"},
      {"E", "ROLLBACK AND CHAIN /* TO a */"},
      {"", "DEALLOCATE ALL"},
      {"WE", "ROLLBACK PREPARED 'x'"},
      {"CM", "COMMIT"},
      {"CM", " /* x */ commit ; "},
      {"CM", "COMMIT WORK"},
      {"CM", "COMMIT TRANSACTION AND NO CHAIN"},
      {"CM", "COMMIT AND NO CHAIN;"},
      {"CM", "END"},
      {"CM", "end work"},
      {"CM", ";END TRANSACTION;;"},
      {"M", "COMMIT AND CHAIN"},
      {"M", "COMMIT WORK AND CHAIN"},
      {"M", "COMMIT AND NO"},
      {"M", "COMMIT NO CHAIN"},
      {"M", "COMMIT WORK WORK"},
      {"M", "COMMIT x"},
      {"M", "COMMIT ()"},
      {"M", "COMMIT 'x'"},
      {"WM", "COMMIT PREPARED 'x'"},
      {"WM", "PREPARE TRANSACTION 'x'"},
      {"WM", "EXECUTE x"},
      {"M2", "COMMIT; SELECT 1"},
      {"M2", "SELECT 1; COMMIT"},
      {"M3", "BEGIN; SELECT 1; END"},
      {"WM3", "BEGIN; INSERT INTO t VALUES (1); COMMIT"},
      {"M2", "COMMIT; COMMIT"},
      /* What follows a ROLLBACK is a transaction of its own. */
      {"WM2", "ROLLBACK; INSERT INTO t VALUES (1)"},
      {"WM2", "ABORT; DELETE FROM t"},
      {"RS", "SELECT 'commit', \"end\", a.commit FROM prepare -- commit\n"},
      {"WS", "UPDATE vendor SET send = 'end'"},
      {"WS", "INSERT INTO t SELECT CASE WHEN true THEN 1 END"},
  };
  CHECK(table);
}

static void procedures(void **state) {
  (void)state;
  static const expectation table[] = {
      {"WP", "CALL p()"},
      {"WP", "-- x\ncall p()"},
      {"WP2", "SELECT 1; CALL p()"},
      {"WP", "DO $$ BEGIN COMMIT; END $$"},
      {"WP", "DO LANGUAGE plpython3u 'plpy.commit()'"},
      {"WP", "do $a$ begin call p(); end $a$"},
      {"W", "DO $$ BEGIN PERFORM f(); END $$"},
      {"WS", "INSERT INTO calls VALUES ('commit')"},
      {"W", "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$"},
      {"WM",
       "CREATE FUNCTION commits() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END"},
      {"WM", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END"},
      {"WM2", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 1"},
      {"W", "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM u; DELETE FROM v)"},
  };
  CHECK(table);
}

static void explaining(void **state) {
  (void)state;
  static const expectation table[] = {
      {"R", "EXPLAIN SELECT 1"},
      {"R", "EXPLAIN INSERT INTO t VALUES (nextval('s'))"},
      {"R", "EXPLAIN VERBOSE DELETE FROM t"},
      {"R", "EXPLAIN (COSTS off, FORMAT json) UPDATE t SET a = 1"},
      {"R", "EXPLAIN (VERBOSE) (SELECT 1)"},
      {"R", "EXPLAIN WITH a(x) AS (SELECT 1) SELECT x FROM a"},
      {"R", "EXPLAIN ANALYZE SELECT lower(a) FROM t"},
      {"R", "EXPLAIN (ANALYZE, BUFFERS) WITH a(x) AS (SELECT 1) SELECT x FROM a"},
      {"R", "explain analyse verbose select 1"},
      {"W", "EXPLAIN ANALYZE INSERT INTO t VALUES (1)"},
      {"W", "EXPLAIN (ANALYZE) SELECT nextval('s')"},
      {"W", "EXPLAIN (FORMAT text, ANALYZE true) DELETE FROM t"},
      {"W", "EXPLAIN ANALYZE WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a"},
      {"W", "EXPLAIN ANALYZE SELECT * FROM t FOR UPDATE"},
      {"W", "EXPLAIN ANALYZE CREATE TABLE u AS SELECT 1"},
      {"W", "EXPLAIN ANALYZE EXECUTE x"},
      {"W", "EXPLAIN (\"analyze\") DELETE FROM t"},
      {"W", "EXPLAIN (FORMAT json, U&\"an\\0061lyze\") UPDATE t SET a = 1"},
      {"W", "EXPLAIN (option update, ANALYZE) DELETE FROM t"},
      {"W", "EXPLAIN (option values, ANALYZE) DELETE FROM t"},
      {"R", "EXPLAIN DELETE FROM \"t\""},
      {"W", "EXPLAIN"},
  };
  CHECK(table);
}

/* With standard_conforming_strings off the first string would not end where it seems to. */
static void doubts(void **state) {
  (void)state;
  static const expectation table[] = {
      {"RS", "SELECT 'C:\\temp', '\\\\'"},
      {"WS", "SELECT 'C:\\'"},
      {"WMS", "SELECT 'C:\\', '; COMMIT; --'"},
      {"WMPS", "SELECT 'C:\\', '; CALL p(); COMMIT; --'"},
      {"WM", "COMMIT /*"},
      {"WS", "SELECT 'open"},
      {"WMS", "SELECT 'the end"},
      {"WM", "END \"x"},
  };
  CHECK(table);
}

static void check_sorted(const char *const *names, size_t count) {
  for (size_t i = 1; i < count; i++)
    if (strcmp(names[i - 1], names[i]) >= 0) fail_msg("%s is out of order", names[i]);
}

static void names_are_found(void **state) {
  (void)state;
  check_sorted(keel__harmless_functions, keel__harmless_function_count);
  check_sorted(keel__constructs, keel__construct_count);
  for (size_t i = 0; i < keel__harmless_function_count; i++)
    assert_true(keel__function_is_harmless(keel__harmless_functions[i]));
  for (size_t i = 0; i < keel__construct_count; i++) assert_true(keel__is_construct(keel__constructs[i]));
  assert_false(keel__function_is_harmless("nextval"));
  assert_false(keel__is_construct("operator"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reading),    cmocka_unit_test(calling),
      cmocka_unit_test(writing),    cmocka_unit_test(settings_and_transactions),
      cmocka_unit_test(procedures), cmocka_unit_test(explaining),
      cmocka_unit_test(doubts),     cmocka_unit_test(names_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
