/*
 * secret.h: a text (a PEM certificate or key) under a path, because libpq takes certificates as files. The file has no name
 * in the file system where the system allows that, and only this process's user can read it.
 */
#ifndef KEEL_PG_SECRET_H
#define KEEL_PG_SECRET_H

#include <stdatomic.h>

#include "../keel.h"

typedef struct keel__secret {
  int fd;        /* -1: none */
  int unlink;    /* 1: `path` is in the file system and must go */
  char path[64]; /* what libpq is given */
} keel__secret;

/* Any thread. */
void keel__secret_init(keel__secret *secret);
KEEL_MUST_CHECK keel_code keel__secret_set(keel__secret *secret, const char *text);
void keel__secret_destroy(keel__secret *secret);

/* What the connections of one pool show and check. A cancel under way may still have to read them after its pool has gone:
 * closed, their numbers would soon name other files. */
typedef struct keel__secrets {
  atomic_int holders;
  keel__secret ca, cert, key;
} keel__secrets;

/* Any thread. NULL: no memory. The last one to drop them destroys them. */
keel__secrets *keel__secrets_new(void);
keel__secrets *keel__secrets_hold(keel__secrets *secrets);
void keel__secrets_drop(keel__secrets *secrets); /* NULL is let pass */

#endif
