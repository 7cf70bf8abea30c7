/*
 * resolve.h: host names to addresses, off the engine thread. libpq would call getaddrinfo() itself, and block.
 */
#ifndef KEEL_PG_RESOLVE_H
#define KEEL_PG_RESOLVE_H

#include "detail.h"
#include "io.h"

/* One address to try, in libpq's terms; the host goes along so that TLS can check the name. "" when not given. */
typedef struct keel__address {
  char *host, *hostaddr, *port;
} keel__address;

typedef struct keel__addresses {
  int count;
  keel__address *items; /* each owns its texts */
} keel__addresses;

/* False: no memory; clear it all the same. */
KEEL_MUST_CHECK bool keel__address_fill(keel__address *address, const char *host, const char *hostaddr,
                                        const char *port);
void keel__address_clear(keel__address *address);
void keel__addresses_destroy(keel__addresses *addresses);
/* Takes one out; those behind it come to be tried before those that were ahead of it. */
void keel__addresses_drop(keel__addresses *addresses, int index);
/* The lists that libpq takes, separated by commas; free them. False: no memory. */
KEEL_MUST_CHECK bool keel__addresses_join(const keel__addresses *addresses, char *lists[3]);

typedef struct keel__lookup keel__lookup;

/* `failure` NULL: the addresses are the callee's to keep. Never called from within keel__lookup_start. */
typedef void (*keel__lookup_done)(void *data, keel__addresses *addresses, const keel__detail *failure);

/* Begins. NULL: no memory. The callback comes once, unless the lookup is orphaned. */
KEEL_MUST_CHECK keel__lookup *keel__lookup_start(keel__io *io, const keel__params *params,
                                                 keel__lookup_done done, void *data);
/* The callback will not come; the lookup frees itself when the system's resolver lets it go. */
void keel__lookup_orphan(keel__lookup *lookup);

#endif
