/* address.c: the list of addresses that one connection may be opened to. */
#include <string.h>

#include "../core/alloc.h"
#include "resolve.h"

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = keel__realloc(NULL, size);
  return copy == NULL ? NULL : memcpy(copy, text, size);
}

bool keel__address_fill(keel__address *address, const char *host, const char *hostaddr, const char *port) {
  address->host = copy_text(host);
  address->hostaddr = copy_text(hostaddr);
  address->port = copy_text(port);
  return address->host != NULL && address->hostaddr != NULL && address->port != NULL;
}

void keel__address_clear(keel__address *address) {
  keel__free(address->host);
  keel__free(address->hostaddr);
  keel__free(address->port);
  memset(address, 0, sizeof *address);
}

void keel__addresses_destroy(keel__addresses *addresses) {
  for (int i = 0; i < addresses->count; i++) keel__address_clear(&addresses->items[i]);
  keel__free(addresses->items);
  memset(addresses, 0, sizeof *addresses);
}

static void rotate(keel__address *items, int count) {
  keel__address first = items[0];
  memmove(items, items + 1, (size_t)(count - 1) * sizeof *items);
  items[count - 1] = first;
}

void keel__addresses_drop(keel__addresses *addresses, int index) {
  for (int i = 0; i <= index; i++) rotate(addresses->items, addresses->count);
  keel__address_clear(&addresses->items[--addresses->count]);
}

static const char *part(const keel__address *address, int list) {
  return list == 0 ? address->host : list == 1 ? address->hostaddr : address->port;
}

static char *join(const keel__addresses *addresses, int list) {
  size_t size = 1;
  for (int i = 0; i < addresses->count; i++) size += strlen(part(&addresses->items[i], list)) + 1;
  char *joined = keel__realloc(NULL, size), *at = joined;
  if (joined == NULL) return NULL;
  for (int i = 0; i < addresses->count; i++) {
    const char *text = part(&addresses->items[i], list);
    size_t length = strlen(text);
    if (i > 0) *at++ = ',';
    memcpy(at, text, length);
    at += length;
  }
  *at = 0;
  return joined;
}

bool keel__addresses_join(const keel__addresses *addresses, char *lists[3]) {
  for (int i = 0; i < 3; i++) lists[i] = join(addresses, i);
  return lists[0] != NULL && lists[1] != NULL && lists[2] != NULL;
}
