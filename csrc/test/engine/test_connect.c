/* test_connect.c: where and how connections are opened, and what is said when they cannot be. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

static client c;

static int begin(void **state) {
  (void)state;
  client_start(&c);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_end(&c);
  return 0;
}

static const char *in_dir(const char *name) {
  static char path[4][256];
  static int next;
  char *to = path[next++ % 4];
  snprintf(to, sizeof path[0], "%s/%s", getenv("KEEL_TEST_DIR"), name);
  return to;
}

static const char *slurp(const char *name) {
  static char texts[4][8192];
  static int next;
  char *to = texts[next++ % 4];
  FILE *file = fopen(in_dir(name), "r");
  assert_non_null(file);
  size_t length = fread(to, 1, sizeof texts[0] - 1, file);
  fclose(file);
  to[length] = 0;
  return to;
}

static void open_url(const char *conninfo) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = conninfo;
  client_open(&c, &options);
}

static const answer *attempt(const char *conninfo) {
  open_url(conninfo);
  return client_query(&c, "SELECT 1");
}

static char *free_port(char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  close(fd);
  sprintf(port, "%d", ntohs(address.sin_port));
  return port;
}

/* A server that takes connections and says nothing. */
static int mute_server(int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static void by_uri(void **state) {
  (void)state;
  char url[256];
  snprintf(url, sizeof url, "postgresql://postgres@localhost:%s/postgres?application_name=by%%20uri",
           getenv("KEEL_TEST_PORT"));
  open_url(url);
  assert_query(&c, "SELECT current_setting('application_name')", "by uri\n");
}

static void by_socket(void **state) {
  (void)state;
  char url[256];
  snprintf(url, sizeof url, "host=%s port=%s user=postgres", getenv("KEEL_TEST_DIR"),
           getenv("KEEL_TEST_PORT"));
  open_url(url);
  assert_query(&c, "SELECT inet_client_addr() IS NULL", "t\n");
}

static void by_pairs(void **state) {
  (void)state;
  const char *keywords[] = {"port", "application_name", "user", NULL};
  const char *values[] = {getenv("KEEL_TEST_PORT"), "pairs", "postgres", NULL};
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = "host=127.0.0.1 port=1 application_name=string";
  options.keywords = keywords;
  options.values = values;
  client_open(&c, &options);
  assert_query(&c, "SELECT current_setting('application_name'), current_setting('client_encoding')",
               "pairs|UTF8\n");
}

static void by_environment_and_service(void **state) {
  (void)state;
  char path[] = "/tmp/keel-service-XXXXXX";
  int fd = mkstemp(path);
  FILE *file = fdopen(fd, "w");
  fprintf(file, "[tested]\nhost=127.0.0.1\nport=%s\nuser=postgres\ntarget_session_attrs=read-write\n",
          getenv("KEEL_TEST_PORT"));
  fclose(file);
  setenv("PGSERVICEFILE", path, 1);
  setenv("PGAPPNAME", "from the environment", 1);
  open_url("service=tested");
  unsetenv("PGAPPNAME");
  unsetenv("PGSERVICEFILE");
  assert_query(&c, "SELECT current_setting('application_name')", "from the environment\n");
  unlink(path);
}

static void several_hosts(void **state) {
  (void)state;
  char url[512], none[16];
  snprintf(url, sizeof url,
           "host=no-such-host.invalid,127.0.0.1,127.0.0.1 port=%s,%s,%s user=postgres "
           "target_session_attrs=read-write",
           getenv("KEEL_TEST_PORT"), free_port(none), getenv("KEEL_TEST_PORT"));
  open_url(url);
  assert_query(&c, "SELECT 1", "1\n");
}

/* libpq would wait at the first for as long as the whole attempt may take. */
static void a_silent_host_among_several(void **state) {
  (void)state;
  int port = 0, fd = mute_server(&port);
  char url[256];
  keel_pool_options options;
  keel_pool_options_init(&options);
  snprintf(url, sizeof url, "host=127.0.0.1,127.0.0.1,127.0.0.1 port=%d,%d,%s user=postgres", port, port,
           getenv("KEEL_TEST_PORT"));
  options.conninfo = url;
  options.connect_timeout_ms = 3000;
  client_open(&c, &options);
  int64_t started = client_now_ms();
  assert_query(&c, "SELECT 1", "1\n");
  assert_in_range(client_now_ms() - started, 500, 2900);
  close(fd);
}

static void no_host_of_the_wanted_kind(void **state) {
  (void)state;
  const answer *a = attempt(client_url("target_session_attrs=standby"));
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_non_null(strstr(a->message, "not in hot standby mode"));
}

static void refused(void **state) {
  (void)state;
  char url[128], port[16];
  snprintf(url, sizeof url, "host=127.0.0.1 port=%s user=postgres", free_port(port));
  const answer *a = attempt(url);
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_int_equal(a->outcome, KEEL_NOT_SENT);
  assert_string_equal(a->system, "ECONNREFUSED");
}

static void no_such_socket(void **state) {
  (void)state;
  const answer *a = attempt("host=/no/such/dir user=postgres");
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_string_equal(a->system, "ENOENT");
}

static void no_such_name(void **state) {
  (void)state;
  const answer *a = attempt("host=no-such-host.invalid user=postgres");
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  /* Which of the two depends on whether a name server can be reached. */
  assert_true(strcmp(a->system, "ENOTFOUND") == 0 || strcmp(a->system, "EAI_AGAIN") == 0);
  assert_non_null(strstr(a->message, "no-such-host.invalid"));
}

static void no_such_database(void **state) {
  (void)state;
  const answer *a = attempt(client_url("dbname=nowhere"));
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_string_equal(a->sqlstate, "3D000");
  assert_string_equal(a->message, "database \"nowhere\" does not exist");
}

static void wrong_password(void **state) {
  (void)state;
  const answer *a = attempt(client_url("user=locked password=wrong"));
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_string_equal(a->sqlstate, "28P01");
  assert_string_equal(a->message, "password authentication failed for user \"locked\"");
}

static void no_password(void **state) {
  (void)state;
  assert_non_null(strstr(attempt(client_url("user=locked"))->message, "no password supplied"));
}

static void right_password(void **state) {
  (void)state;
  assert_string_equal(attempt(client_url("user=locked password=secret"))->cells, "1\n");
}

static void open_asking(const char *more) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = client_url(more);
  options.ask_password = 1;
  client_open(&c, &options);
}

static void the_owner_is_asked(void **state) {
  (void)state;
  open_asking("user=locked");
  uint64_t tag = client_send(&c, 0, 0, "SELECT current_user", 0);
  client_until(&c, &c.passwords, 1);
  keel_pool_password(c.pool, c.asking + 7, "secret", NULL);
  keel_pool_password(c.pool, c.asking, "secret", NULL);
  assert_string_equal(client_wait(&c, tag)->cells, "locked\n");
}

static void the_owner_has_no_password(void **state) {
  (void)state;
  open_asking("user=locked");
  uint64_t tag = client_send(&c, 0, 0, "SELECT current_user", 0);
  client_until(&c, &c.passwords, 1);
  keel_pool_password(c.pool, c.asking, NULL, "the vault is shut");
  const answer *a = client_wait(&c, tag);
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_string_equal(a->message, "the vault is shut");
}

static void a_server_that_says_nothing(void **state) {
  (void)state;
  int port = 0, fd = mute_server(&port);
  char url[128];
  keel_pool_options options;
  keel_pool_options_init(&options);
  snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=postgres", port);
  options.conninfo = url;
  options.connect_timeout_ms = 300;
  client_open(&c, &options);
  int64_t started = client_now_ms();
  assert_int_equal(client_query(&c, "SELECT 1")->code, KEEL_CONNECT_TIMEOUT);
  assert_in_range(client_now_ms() - started, 290, 10000);
  close(fd);
}

static void connect_timeout_of_libpq(void **state) {
  (void)state;
  int port = 0, fd = mute_server(&port);
  char url[128];
  snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=postgres connect_timeout=1", port);
  assert_int_equal(attempt(url)->code, KEEL_CONNECT_TIMEOUT);
  close(fd);
}

/* ---------------------------------------------------------------- TLS */

static const char *tls_url(const char *more) {
  static char url[512];
  snprintf(url, sizeof url, "host=localhost port=%s dbname=postgres %s", getenv("KEEL_TEST_PORT"), more);
  return url;
}

static void open_tls(const char *more, const char *ca, const char *cert, const char *key) {
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = tls_url(more);
  options.ssl_ca_pem = ca;
  options.ssl_cert_pem = cert;
  options.ssl_key_pem = key;
  client_open(&c, &options);
}

static void tls_with_pem_text(void **state) {
  (void)state;
  open_tls("user=postgres sslmode=verify-full", slurp("ca.crt"), NULL, NULL);
  assert_query(&c, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "t\n");
  uint64_t lease[3];
  for (int i = 0; i < 3; i++) lease[i] = client_wait(&c, client_acquire(&c))->lease;
  for (int i = 0; i < 3; i++) keel_release(c.pool, lease[i], 0);
}

static void tls_with_a_client_certificate(void **state) {
  (void)state;
  open_tls("user=certuser sslmode=verify-ca", slurp("ca.crt"), slurp("client.crt"), slurp("client.key"));
  assert_query(&c, "SELECT current_user, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
               "certuser|/CN=certuser\n");
}

static void tls_with_the_wrong_authority(void **state) {
  (void)state;
  open_tls("user=postgres sslmode=verify-ca", slurp("client.crt"), NULL, NULL);
  const answer *a = client_query(&c, "SELECT 1");
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_non_null(strstr(a->message, "certificate verify failed"));
}

static void tls_with_a_broken_certificate(void **state) {
  (void)state;
  open_tls("user=postgres sslmode=verify-ca",
           "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n", NULL, NULL);
  const answer *a = client_query(&c, "SELECT 1");
  assert_int_equal(a->code, KEEL_CONNECT_FAILED);
  assert_non_null(strstr(a->message, "certificate"));
}

/* ---------------------------------------------------------------- options */

static void expect_refusal(const keel_pool_options *options, const char *option, const char *part) {
  keel_pool *pool = NULL;
  keel_reason reason = {"", ""};
  assert_int_equal(keel_pool_open(c.engine, options, &pool, &reason), KEEL_CONFIG);
  assert_null(pool);
  assert_string_equal(reason.option, option);
  if (strstr(reason.message, part) == NULL) print_error("%s\n", reason.message);
  assert_non_null(strstr(reason.message, part));
  assert_null(strstr(reason.message, "hunter2"));
}

static void wrong_strings(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"host=a sslmode=sometimes", "sslmode", "verify-full"},
      {"host=a password=hunter2 colour=blue", "colour", "does not know"},
      {"postgresql://u:hunter2@h/d?colour=blue", "colour", "does not know"},
      {"postgresql://u:hunter2%zz@h/d", "connectionString", "cannot be read"},
      {"postgresql://u:hunter2@[::1/d", "connectionString", "cannot be read"},
      {"password='hunter2", "connectionString", "cannot be read"},
      {"password hunter2", "connectionString", "cannot be read"},
      {"host=a port=0", "port", "65535"},
      {"host=a port=70000", "port", "65535"},
      {"host=a,b port=1,2,3", "port", "could not match 3 port numbers to 2 hosts"},
      {"host=a,b hostaddr=1.2.3.4", "host", "could not match"},
      {"host=a connect_timeout=soon", "connect_timeout", "whole number"},
      {"host=a keepalives_idle=x", "keepalives_idle", "whole number"},
      {"host=a target_session_attrs=any-old", "target_session_attrs", "read-write"},
      {"host=a channel_binding=maybe", "channel_binding", "require"},
      {"host=a gssencmode=maybe", "gssencmode", "disable"},
      {"host=a ssl_min_protocol_version=SSLv2", "ssl_min_protocol_version", "TLSv1.2"},
      {"host=a ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2", "",
       "protocol version range"},
      {"service=no-such-service", "service", "no-such-service"},
  };
  keel_pool_options options;
  keel_pool_options_init(&options);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    options.conninfo = cases[i][0];
    expect_refusal(&options, cases[i][1], cases[i][2]);
  }
}

static void wrong_environment(void **state) {
  (void)state;
  keel_pool_options options;
  keel_pool_options_init(&options);
  options.conninfo = "host=a";
  setenv("PGSSLMODE", "sometimes", 1);
  expect_refusal(&options, "sslmode", "PGSSLMODE");
  unsetenv("PGSSLMODE");
  setenv("PGTARGETSESSIONATTRS", "sometimes", 1);
  expect_refusal(&options, "target_session_attrs", "PGTARGETSESSIONATTRS");
  unsetenv("PGTARGETSESSIONATTRS");
  setenv("PGPORT", "many", 1);
  expect_refusal(&options, "port", "PGPORT");
  unsetenv("PGPORT");
}

static void wrong_options(void **state) {
  (void)state;
  keel_pool_options options;
  const char *names[] = {"colour", NULL}, *values[] = {"blue", NULL};
  keel_pool_options_init(&options);
  options.keywords = names;
  options.values = values;
  expect_refusal(&options, "colour", "does not know");
  keel_pool_options_init(&options);
  options.max = 0;
  expect_refusal(&options, "max", "from 1");
  keel_pool_options_init(&options);
  options.ssl_ca_pem = "not PEM";
  expect_refusal(&options, "ssl_ca_pem", "PEM");
  keel_pool_options_init(&options);
  options.size = 0;
  expect_refusal(&options, "size", "keel_pool_options_init");
}

#define on_an_engine(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      on_an_engine(by_uri),
      on_an_engine(by_socket),
      on_an_engine(by_pairs),
      on_an_engine(by_environment_and_service),
      on_an_engine(several_hosts),
      on_an_engine(a_silent_host_among_several),
      on_an_engine(no_host_of_the_wanted_kind),
      on_an_engine(refused),
      on_an_engine(no_such_socket),
      on_an_engine(no_such_name),
      on_an_engine(no_such_database),
      on_an_engine(wrong_password),
      on_an_engine(no_password),
      on_an_engine(right_password),
      on_an_engine(the_owner_is_asked),
      on_an_engine(the_owner_has_no_password),
      on_an_engine(a_server_that_says_nothing),
      on_an_engine(connect_timeout_of_libpq),
      on_an_engine(tls_with_pem_text),
      on_an_engine(tls_with_a_client_certificate),
      on_an_engine(tls_with_the_wrong_authority),
      on_an_engine(tls_with_a_broken_certificate),
      on_an_engine(wrong_strings),
      on_an_engine(wrong_environment),
      on_an_engine(wrong_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
