#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/alloc.h"

void keel__secret_init(keel__secret *secret) {
  secret->fd = -1;
  secret->unlink = 0;
  secret->path[0] = 0;
}

/* True when another open() of the path gives the same file: /proc may be missing or locked. */
static int path_works(const keel__secret *secret) {
  return access(secret->path, R_OK) == 0;
}

static int open_anonymous(keel__secret *secret) {
#ifdef MFD_CLOEXEC
  secret->fd = memfd_create("keel", MFD_CLOEXEC);
  if (secret->fd < 0) return 0;
  snprintf(secret->path, sizeof secret->path, "/proc/self/fd/%d", secret->fd);
  if (path_works(secret)) return 1;
  close(secret->fd);
  secret->fd = -1;
#endif
  return 0;
}

static int open_named(keel__secret *secret) {
  strcpy(secret->path, "/tmp/keel-XXXXXX");
  secret->fd = mkstemp(secret->path);
  secret->unlink = secret->fd >= 0;
  return secret->fd >= 0;
}

static int write_all(int fd, const char *text, size_t left) {
  while (left > 0) {
    ssize_t written = write(fd, text, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return 0;
    text += written;
    left -= (size_t)written;
  }
  return 1;
}

keel_code keel__secret_set(keel__secret *secret, const char *text) {
  keel__secret_init(secret);
  if (!open_anonymous(secret) && !open_named(secret)) return KEEL_NO_MEMORY;
  /* libpq refuses a key that others could read. */
  if (fchmod(secret->fd, S_IRUSR | S_IWUSR) == 0 && write_all(secret->fd, text, strlen(text))) return KEEL_OK;
  keel__secret_destroy(secret);
  return KEEL_NO_MEMORY;
}

void keel__secret_destroy(keel__secret *secret) {
  if (secret->fd >= 0) close(secret->fd);
  if (secret->unlink) unlink(secret->path);
  keel__secret_init(secret);
}

keel__secrets *keel__secrets_new(void) {
  keel__secrets *secrets = keel__alloc(sizeof *secrets);
  if (secrets == NULL) return NULL;
  atomic_init(&secrets->holders, 1);
  keel__secret_init(&secrets->ca);
  keel__secret_init(&secrets->cert);
  keel__secret_init(&secrets->key);
  return secrets;
}

keel__secrets *keel__secrets_hold(keel__secrets *secrets) {
  atomic_fetch_add(&secrets->holders, 1);
  return secrets;
}

void keel__secrets_drop(keel__secrets *secrets) {
  if (secrets == NULL || atomic_fetch_sub(&secrets->holders, 1) > 1) return;
  keel__secret_destroy(&secrets->ca);
  keel__secret_destroy(&secrets->cert);
  keel__secret_destroy(&secrets->key);
  keel__free(secrets);
}
