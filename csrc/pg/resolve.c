#include "resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"

/* One entry of the host list. */
typedef struct keel__name {
  uv_getaddrinfo_t request; /* first: the callback gets it */
  keel__lookup *lookup;
  char *host, *hostaddr, *port; /* into lookup->text; "" when not given */
  struct addrinfo *found;
  int status; /* UV_EAI_*, 0 */
  bool pending;
} keel__name;

struct keel__lookup {
  keel__io *io;
  keel__lookup_done done; /* NULL: orphaned */
  void *data;
  uv_timer_t *later; /* reports when nothing had to be looked up: never from within keel__lookup_start */
  int count, pending;
  char *text; /* copies of the three lists, cut up */
  keel__name names[];
};

static void free_lookup(keel__lookup *lookup) {
  for (int i = 0; i < lookup->count; i++) uv_freeaddrinfo(lookup->names[i].found);
  keel__free(lookup->text);
  keel__free(lookup);
}

/* ---------------------------------------------------------------- the lists */

static int count_entries(const char *list) {
  int count = 1;
  for (; *list != 0; list++) count += *list == ',';
  return count;
}

/* Cuts the next entry off a list; the last one is given again and again, as libpq does with a single port. */
static char *next_entry(char **list) {
  char *entry = *list, *comma = strchr(entry, ',');
  if (comma != NULL) {
    *comma = 0;
    *list = comma + 1;
  }
  return entry;
}

static void cut_lists(keel__lookup *lookup, char *hosts, char *hostaddrs, char *ports) {
  for (int i = 0; i < lookup->count; i++) {
    lookup->names[i].lookup = lookup;
    lookup->names[i].host = next_entry(&hosts);
    lookup->names[i].hostaddr = next_entry(&hostaddrs);
    lookup->names[i].port = next_entry(&ports);
  }
}

static keel__lookup *new_lookup(const keel__params *params) {
  const char *lists[3] = {keel__params_get(params, "host"), keel__params_get(params, "hostaddr"),
                          keel__params_get(params, "port")};
  size_t sizes[3], total = 0;
  for (int i = 0; i < 3; i++) {
    if (lists[i] == NULL) lists[i] = "";
    sizes[i] = strlen(lists[i]) + 1;
    total += sizes[i];
  }
  int hosts = count_entries(lists[0]), addrs = count_entries(lists[1]);
  int count = hosts > addrs ? hosts : addrs;
  keel__lookup *lookup = keel__alloc(sizeof *lookup + (size_t)count * sizeof lookup->names[0]);
  char *text = keel__alloc(total);
  if (lookup == NULL || text == NULL) {
    keel__free(lookup);
    keel__free(text);
    return NULL;
  }
  lookup->count = count;
  lookup->text = text;
  char *at[3];
  for (int i = 0; i < 3; i++) {
    at[i] = memcpy(text, lists[i], sizes[i]);
    text += sizes[i];
  }
  cut_lists(lookup, at[0], at[1], at[2]);
  return lookup;
}

/* A socket's directory, nothing at all (libpq's default), or an address: there is nothing to look up. */
static bool is_settled(const keel__name *name) {
  unsigned char scratch[sizeof(struct in6_addr)];
  if (name->hostaddr[0] != 0 || name->host[0] == 0 || name->host[0] == '/' || name->host[0] == '@')
    return true;
  return inet_pton(AF_INET, name->host, scratch) == 1 || inet_pton(AF_INET6, name->host, scratch) == 1;
}

/* ---------------------------------------------------------------- the outcome */

static void add_entry(keel__addresses *addresses, const keel__name *name, const char *hostaddr,
                      bool *failed) {
  keel__address address = {0};
  if (!*failed) *failed = !keel__address_fill(&address, name->host, hostaddr, name->port);
  keel__address *larger = NULL;
  if (!*failed) larger = keel__realloc(addresses->items, ((size_t)addresses->count + 1) * sizeof *larger);
  if (larger == NULL) {
    *failed = true;
    keel__address_clear(&address);
    return;
  }
  addresses->items = larger;
  addresses->items[addresses->count++] = address;
}

static void add_found(keel__addresses *addresses, const keel__name *name, bool *failed) {
  for (const struct addrinfo *at = name->found; at != NULL; at = at->ai_next) {
    char address[INET6_ADDRSTRLEN + 32];
    /* Unlike inet_ntop, this keeps the zone of a link-local address. */
    if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0)
      continue;
    add_entry(addresses, name, address, failed);
  }
}

static void add_failure(keel__detail *detail, const keel__lookup *lookup, char *message, size_t size) {
  const keel__name *name = &lookup->names[0];
  for (int i = 0; i < lookup->count; i++) {
    if (lookup->names[i].status != 0) name = &lookup->names[i];
  }
  bool again = name->status == UV_EAI_AGAIN;
  const char *code = again ? "EAI_AGAIN" : name->status == UV_EAI_MEMORY ? "ENOMEM" : "ENOTFOUND";
  snprintf(message, size, "getaddrinfo %s %s", code, name->host);
  keel__detail_clear(detail);
  keel__detail_add(detail, 'M', message);
  keel__detail_add(detail, 'e', code);
}

/* Names that cannot be resolved are left out as long as there is another to go to. */
static void report(keel__lookup *lookup) {
  keel__addresses addresses = {0};
  bool failed = false;
  for (int i = 0; i < lookup->count; i++) {
    const keel__name *name = &lookup->names[i];
    if (is_settled(name)) {
      add_entry(&addresses, name, name->hostaddr, &failed);
    } else if (name->status == 0) {
      add_found(&addresses, name, &failed);
    }
  }
  if (addresses.count > 0 && !failed) {
    lookup->done(lookup->data, &addresses, NULL);
    return;
  }
  keel__detail detail;
  char message[512] = "out of memory";
  keel__addresses_destroy(&addresses);
  keel__detail_clear(&detail);
  if (failed) {
    keel__detail_add(&detail, 'M', message);
  } else {
    add_failure(&detail, lookup, message, sizeof message);
  }
  lookup->done(lookup->data, NULL, &detail);
}

static void finish(keel__lookup *lookup) {
  if (lookup->done != NULL) report(lookup);
  free_lookup(lookup);
}

static void on_name(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
  keel__name *name = (keel__name *)request;
  keel__lookup *lookup = name->lookup;
  name->status = status;
  name->found = found;
  name->pending = false;
  lookup->io->in_worker--;
  if (--lookup->pending == 0) finish(lookup);
}

static void on_closed(uv_handle_t *handle) {
  keel__free(handle);
}

static void on_later(uv_timer_t *timer) {
  keel__lookup *lookup = timer->data;
  uv_close((uv_handle_t *)timer, on_closed);
  lookup->later = NULL;
  finish(lookup);
}

static void start_name(keel__io *io, keel__name *name) {
  static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  int status = uv_getaddrinfo(io->loop, &name->request, on_name, name->host, NULL, &hints);
  if (status == 0) {
    name->pending = true;
    io->in_worker++;
    name->lookup->pending++;
  } else {
    name->status = status == UV_ENOMEM ? UV_EAI_MEMORY : UV_EAI_NONAME;
  }
}

keel__lookup *keel__lookup_start(keel__io *io, const keel__params *params, keel__lookup_done done,
                                 void *data) {
  keel__lookup *lookup = new_lookup(params);
  if (lookup == NULL) return NULL;
  lookup->io = io;
  lookup->done = done;
  lookup->data = data;
  for (int i = 0; i < lookup->count; i++) {
    if (!is_settled(&lookup->names[i])) start_name(io, &lookup->names[i]);
  }
  if (lookup->pending > 0) return lookup;
  lookup->later = keel__alloc(sizeof *lookup->later);
  if (lookup->later == NULL) {
    free_lookup(lookup);
    return NULL;
  }
  uv_timer_init(io->loop, lookup->later);
  lookup->later->data = lookup;
  uv_timer_start(lookup->later, on_later, 0, 0);
  return lookup;
}

void keel__lookup_orphan(keel__lookup *lookup) {
  lookup->done = NULL;
  if (lookup->later != NULL) {
    uv_close((uv_handle_t *)lookup->later, on_closed);
    free_lookup(lookup);
    return;
  }
  for (int i = 0; i < lookup->count; i++) {
    if (lookup->names[i].pending) uv_cancel((uv_req_t *)&lookup->names[i].request);
  }
}
