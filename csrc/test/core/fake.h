/*
 * fake.h: an I/O side that does nothing but write down what the core asks for, so that a test can say what should happen in
 * a line. The test itself reports what came of it, by the keel__conn_* calls.
 */
#ifndef KEEL_TEST_FAKE_H
#define KEEL_TEST_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../core/core.h"

#define MS UINT64_C(1000)
#define MOST 64u
#define QUICK_TEXT 1u /* of every request, unless a test says otherwise: known to take no time */

typedef struct fake {
  keel__pool pool;
  keel__time now;
  char log[8192];
  keel__conn *conns[MOST]; /* by id; NULL: closed */
  keel__plan plans[MOST];  /* of the last sending, by tag */
  uint64_t leases[MOST];   /* granted, by tag of the acquire; setup leases by MOST - connection id */
  uint32_t tags, forgotten;
  int kept;                /* details that are kept and not yet dropped */
  keel__failure refusal;   /* the last that any request was settled with */
  keel__time pauses[MOST]; /* before the latest retry, by tag */
  bool mute;               /* nobody can be told that he is tried again */
  bool forgets;            /* there is no memory for what a COMMIT in doubt needs */
} fake;

/* max 2, nothing else limited, one statement at a time. */
keel__pool_config fake_config(void);
/* The same with a breaker that so many failures in a row open; it is probed in 50 ms, and its rates are off. */
keel__pool_config fake_guarded(uint32_t threshold, keel__time reset_timeout);
fake *fake_new(keel__pool_config config);
/* Ends the pool by force and checks that everything ended. */
void fake_free(fake *fake);

/* What was asked for since the last time, one word group each, joined by ", ":
 *   open c1 | send c1 r1 | reset c1 | cancel c1 | close c1 LOST | opened c1 | gone c1 LOST | ok r1 | CODE r1 outcome |
 *   lend c1 r1 | breaker FROM TO (reason) | pool closed | check c1 | well | well 2 ms | unwell CODE | retry r1 |
 *   remember c1 r1 | inquire c1 r1 */
#define expect(fake, text) fake_expect(fake, text, __FILE__, __LINE__)
void fake_expect(fake *fake, const char *text, const char *file, int line);
void fake_ignore(fake *fake); /* what was asked for until now does not matter */

/* Requests have the numbers 1, 2, ... in the order of submission. */
keel__request *fake_query(fake *fake);
keel__request *fake_query_with(fake *fake, uint32_t flags, uint32_t statement, keel__time timeout);
/* A lone one of another text. */
keel__request *fake_query_of(fake *fake, uint32_t text);
keel__request *fake_query_on(fake *fake, uint64_t lease, uint32_t statement);
keel__request *fake_named(fake *fake, uint32_t statement);
keel__request *fake_acquire(fake *fake, keel__time timeout);
/* A lone one that only reads, of QUICK_TEXT. */
keel__request *fake_read(fake *fake, keel__time timeout);

/* Reports. */
void fake_opened(fake *fake, uint32_t conn);
void fake_open_fails(fake *fake, uint32_t conn);
void fake_open_refused(fake *fake, uint32_t conn, const char *sqlstate); /* by the server */
void fake_answer(fake *fake, uint32_t conn, char status);
void fake_error(fake *fake, uint32_t conn, const char *sqlstate, char status);
/* The same, raised by something that the statement called. */
void fake_error_within(fake *fake, uint32_t conn, const char *sqlstate, char status);
void fake_checked(fake *fake, uint32_t conn);
void fake_check_fails(fake *fake, uint32_t conn);
void fake_lost(fake *fake, uint32_t conn);
void fake_closed(fake *fake, uint32_t conn);
/* A pool with `count` idle connections (c1 was used last), each used once, an empty log, and the next request is r1. */
fake *fake_warm(keel__pool_config config, uint32_t count);
/* Goes on in time and runs what is due. */
void fake_wait(fake *fake, keel__time delay);
/* Until the pause of this request is over. */
void fake_wait_for(fake *fake, uint64_t tag);
/* Takes a connection: its lease. */
uint64_t fake_lease(fake *fake);

#endif
