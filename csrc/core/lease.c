/* lease.c: connections lent to one holder, and the table that finds them by lease id. */
#include "alloc.h"
#include "internal.h"

#define FIRST_PLACES 16u

/* Ids count up, so their low bits spread them over the table as well as any hash would. */
static uint32_t home_of(const keel__leases *leases, uint64_t id) {
  return (uint32_t)id & (leases->capacity - 1);
}

static keel__lease *probe(const keel__leases *leases, uint64_t id) {
  uint32_t place = home_of(leases, id);
  while (leases->places[place].id != 0 && leases->places[place].id != id)
    place = (place + 1) & (leases->capacity - 1);
  return &leases->places[place];
}

keel_code keel__leases_reserve(keel__leases *leases, uint32_t spare) {
  uint32_t capacity = leases->capacity ? leases->capacity : FIRST_PLACES;
  while ((leases->count + spare) * 2 > capacity) capacity *= 2;
  if (capacity == leases->capacity) return KEEL_OK;
  keel__leases grown = *leases;
  grown.capacity = capacity;
  grown.places = keel__alloc(capacity * sizeof *grown.places);
  if (!grown.places) return KEEL_NO_MEMORY;
  for (uint32_t i = 0; i < leases->capacity; i++)
    if (leases->places[i].id) *probe(&grown, leases->places[i].id) = leases->places[i];
  keel__free(leases->places);
  *leases = grown;
  return KEEL_OK;
}

uint64_t keel__lease_begin(keel__leases *leases, keel__conn *conn) {
  assert(leases->count * 2 < leases->capacity);
  uint64_t id = ++leases->last_id;
  *probe(leases, id) = (keel__lease){.id = id, .conn = conn};
  leases->count++;
  return id;
}

keel__lease *keel__lease_find(const keel__leases *leases, uint64_t id) {
  if (leases->capacity == 0 || id == 0) return NULL;
  keel__lease *lease = probe(leases, id);
  return lease->id ? lease : NULL;
}

/* Those behind the gap that could not be at home close up, or a later search would stop at the gap. */
void keel__lease_end(keel__leases *leases, keel__lease *lease) {
  uint32_t mask = leases->capacity - 1;
  uint32_t gap = (uint32_t)(lease - leases->places);
  for (uint32_t at = (gap + 1) & mask; leases->places[at].id; at = (at + 1) & mask) {
    uint32_t home = home_of(leases, leases->places[at].id);
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    leases->places[gap] = leases->places[at];
    gap = at;
  }
  leases->places[gap] = (keel__lease){0};
  leases->count--;
}

void keel__lease_grant(keel__pool *pool, keel__request *request, keel__conn *conn, keel__time now) {
  keel__conn_set_state(conn, KEEL__CONN_LEASED);
  conn->lease = keel__lease_begin(&pool->leases, conn);
  conn->uses++;
  request->conn = conn;
  keel__hist_record(&pool->latency_queue, now - request->submitted);
  keel__request_settle(pool, request, NULL);
  keel__request_end(pool, request);
}

void keel__lease_submit(keel__pool *pool, keel__request *request, keel__time now) {
  const keel__lease *lease = keel__lease_find(&pool->leases, request->lease);
  keel__failure why = keel__failure_of(lease ? KEEL_CONNECTION_LOST : KEEL_MISUSE, KEEL_NOT_SENT);
  if (pool->state == KEEL__POOL_CLOSED || pool->drain_over) why.code = KEEL_POOL_CLOSED;
  if (request->kind != KEEL_QUERY) why.code = KEEL_MISUSE;
  if (request->kind != KEEL_QUERY || !lease || !lease->conn) {
    keel__request_refuse(pool, request, &why);
    return;
  }
  request->conn = lease->conn;
  keel__request_queue(pool, request);
  keel__conn_next(request->conn, now);
}

static void release_finish(keel__conn *conn, keel__time now) {
  bool destroy = conn->destroy_wanted;
  if (conn->setup_lease) conn->pool->setup_leases--;
  /* Its owner did not want it as it was: the next one may be no better. */
  if (conn->setup_lease && destroy) keel__open_spoiled(conn->pool, now);
  conn->setup_lease = conn->release_wanted = conn->destroy_wanted = false;
  conn->lease = 0;
  if (destroy)
    keel__conn_close(conn, KEEL__CLOSE_DESTROYED, NULL);
  else
    keel__conn_ready(conn, now);
}

void keel__lease_next(keel__conn *conn, keel__time now) {
  if (conn->cancel_sent) return;
  keel__request *request = keel__request_of(keel__list_first(&conn->lease_queue));
  if (request)
    keel__conn_send(conn, request, now);
  else if (conn->release_wanted)
    release_finish(conn, now);
}

void keel__pool_release(keel__pool *pool, uint64_t lease, bool destroy, keel__time now) {
  keel__lease *held = keel__lease_find(&pool->leases, lease);
  if (!held) return;
  keel__conn *conn = held->conn;
  keel__lease_end(&pool->leases, held);
  if (!conn) return;
  conn->release_wanted = true;
  conn->destroy_wanted = destroy;
  if (conn->setup_lease && !destroy) keel__open_succeeded(pool);
  /* At once, whatever runs there: a silent server is not to keep the place in the pool. */
  if (destroy)
    release_finish(conn, now);
  else
    keel__conn_next(conn, now);
  keel__pool_run(pool, now);
}
