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

void keel__addresses_destroy(keel__addresses *addresses) {
  keel__free(addresses->hosts);
  keel__free(addresses->hostaddrs);
  keel__free(addresses->ports);
  memset(addresses, 0, sizeof *addresses);
}

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
  if (name->hostaddr[0] != 0 || name->host[0] == 0 || name->host[0] == '/' || name->host[0] == '@') return true;
  return inet_pton(AF_INET, name->host, scratch) == 1 || inet_pton(AF_INET6, name->host, scratch) == 1;
}

/* ---------------------------------------------------------------- the outcome */

typedef struct keel__joined {
  char *text;
  size_t used, size;
  bool failed;
} keel__joined;

static void join(keel__joined *joined, bool first, const char *entry) {
  size_t length = strlen(entry), needed = joined->used + length + 2;
  if (needed > joined->size) {
    char *larger = keel__realloc(joined->text, needed * 2);
    joined->failed = joined->failed || larger == NULL;
    if (larger == NULL) return;
    joined->text = larger;
    joined->size = needed * 2;
  }
  if (!first) joined->text[joined->used++] = ',';
  memcpy(joined->text + joined->used, entry, length + 1);
  joined->used += length;
}

typedef struct keel__lists {
  keel__joined hosts, hostaddrs, ports;
  int count;
} keel__lists;

static void add_entry(keel__lists *lists, const keel__name *name, const char *hostaddr) {
  bool first = lists->count++ == 0;
  join(&lists->hosts, first, name->host);
  join(&lists->hostaddrs, first, hostaddr);
  join(&lists->ports, first, name->port);
}

static void add_found(keel__lists *lists, const keel__name *name) {
  for (const struct addrinfo *at = name->found; at != NULL; at = at->ai_next) {
    char address[INET6_ADDRSTRLEN + 32];
    /* Unlike inet_ntop, this keeps the zone of a link-local address. */
    if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) continue;
    add_entry(lists, name, address);
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
  keel__lists lists = {0};
  for (int i = 0; i < lookup->count; i++) {
    const keel__name *name = &lookup->names[i];
    if (is_settled(name)) {
      add_entry(&lists, name, name->hostaddr);
    } else if (name->status == 0) {
      add_found(&lists, name);
    }
  }
  keel__addresses addresses = {lists.count, lists.hosts.text, lists.hostaddrs.text, lists.ports.text};
  keel__detail detail;
  char message[512];
  bool no_memory = lists.hosts.failed || lists.hostaddrs.failed || lists.ports.failed;
  if (lists.count > 0 && !no_memory) {
    lookup->done(lookup->data, &addresses, NULL);
    return;
  }
  keel__addresses_destroy(&addresses);
  keel__detail_clear(&detail);
  if (no_memory) {
    keel__detail_add(&detail, 'M', "out of memory");
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

static void on_closed(uv_handle_t *handle) { keel__free(handle); }

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

keel__lookup *keel__lookup_start(keel__io *io, const keel__params *params, keel__lookup_done done, void *data) {
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
