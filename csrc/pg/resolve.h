/*
 * resolve.h: host names to addresses, off the engine thread. libpq would call getaddrinfo() itself, and block.
 */
#ifndef KEEL_PG_RESOLVE_H
#define KEEL_PG_RESOLVE_H

#include "detail.h"
#include "io.h"

/* The lists that libpq takes: one entry for each address, `hosts` repeated so that TLS can check the name. */
typedef struct keel__addresses {
  int count;
  char *hosts, *hostaddrs, *ports; /* separated by commas; owned */
} keel__addresses;

void keel__addresses_destroy(keel__addresses *addresses);

typedef struct keel__lookup keel__lookup;

/* `failure` NULL: the addresses are the callee's to keep. Never called from within keel__lookup_start. */
typedef void (*keel__lookup_done)(void *data, keel__addresses *addresses, const keel__detail *failure);

/* Begins. NULL: no memory. The callback comes once, unless the lookup is orphaned. */
KEEL_MUST_CHECK keel__lookup *keel__lookup_start(keel__io *io, const keel__params *params, keel__lookup_done done,
                                                 void *data);
/* The callback will not come; the lookup frees itself when the system's resolver lets it go. */
void keel__lookup_orphan(keel__lookup *lookup);

#endif
