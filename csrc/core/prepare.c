/* prepare.c: which statements a connection has prepared, and what the server's errors say of that. */
#include <string.h>

#include "internal.h"

static bool is_candidate(const keel__pool *pool, const keel__request *request) {
  if (request->statement == 0 || (request->flags & (KEEL_Q_SIMPLE | KEEL_Q_NO_PREPARE))) return false;
  return request->named || !pool->prepare_off;
}

static bool in_use(const keel__conn *conn, uint32_t statement) {
  for (keel__link *link = keel__list_first(&conn->in_flight); link;
       link = keel__list_next(&conn->in_flight, link))
    if (keel__request_of(link)->plan.statement == statement) return true;
  return false;
}

/* The least recently used one that nobody runs: closing one in use would fail those behind it. */
static keel__lru_entry *victim(const keel__conn *conn) {
  const keel__list *entries = &conn->prepared.entries;
  for (keel__link *link = keel__list_last(entries); link; link = keel__list_prev(entries, link))
    if (!in_use(conn, KEEL__OF(keel__lru_entry, link, link)->key))
      return KEEL__OF(keel__lru_entry, link, link);
  return NULL;
}

static keel__plan plan_known(keel__conn *conn, const keel__request *request, keel__lru_entry *entry) {
  /* Its first preparation is still under way and may fail; one that depends on it would fail with it. */
  if (!entry->confirmed) return (keel__plan){0};
  keel__lru_touch(&conn->prepared, entry);
  if (!entry->stale && !request->replanned) return (keel__plan){.statement = entry->key};
  if (conn->status == 'E' || in_use(conn, entry->key)) return (keel__plan){0};
  entry->stale = entry->confirmed = false;
  return (keel__plan){.statement = entry->key, .parse = true, .evict = entry->key};
}

static keel__plan plan_new(keel__conn *conn, const keel__request *request) {
  keel__plan plan = {.statement = request->statement, .parse = true};
  keel__lru_entry *old = NULL;
  /* In a failed transaction neither closing nor preparing would work. */
  if (conn->status == 'E') return (keel__plan){0};
  if (!request->named && keel__lru_is_full(&conn->prepared)) {
    old = victim(conn);
    if (!old) return (keel__plan){0};
  }
  if (!keel__lru_add(&conn->prepared, request->statement, request->named)) return (keel__plan){0};
  if (old) {
    plan.evict = old->key;
    keel__lru_remove(&conn->prepared, old);
  }
  return plan;
}

keel__plan keel__plan_make(keel__conn *conn, const keel__request *request) {
  if (!is_candidate(conn->pool, request)) return (keel__plan){0};
  keel__lru_entry *entry = keel__lru_find(&conn->prepared, request->statement);
  return entry ? plan_known(conn, request, entry) : plan_new(conn, request);
}

static bool is_state(const keel__failure *failure, const char *sqlstate) {
  return strcmp(failure->sqlstate, sqlstate) == 0;
}

static void forget(keel__conn *conn, keel__lru_entry *entry) {
  if (entry) keel__lru_remove(&conn->prepared, entry);
}

/* A pooler between us and the server hands our statements to sessions that do not have them, or have them already. */
static void suspect_pooler(keel__pool *pool, const keel__request *request) {
  if (pool->config.prepare == KEEL_PREPARE_AUTO && !request->named) keel__pool_behind_pooler(pool);
}

static bool parse_failed(keel__conn *conn, keel__request *request, keel__lru_entry *entry,
                         const keel__failure *failure) {
  if (!is_state(failure, "42P05")) {
    forget(conn, entry);
    return false;
  }
  suspect_pooler(conn->pool, request);
  if (request->named) {
    /* The session has a statement of that name that is not ours to replace. */
    request->statement = 0;
    forget(conn, entry);
  } else if (entry) {
    entry->confirmed = entry->stale = true;
  }
  return true;
}

/* A statement keeps the parameter types of its preparation. After an ALTER TABLE these may be others, and what an unprepared
 * statement would take is refused with one of these. Where the caller's value is to blame it fails once more. */
static bool may_be_of_types(const keel__failure *failure) {
  static const char *const codes[] = {"22003", "22007", "22008", "22P02", "22P03", "42804", "42883", NULL};
  return keel__is_sqlstate_of(failure->sqlstate, codes);
}

static bool run_failed(keel__conn *conn, keel__request *request, keel__lru_entry *entry,
                       const keel__failure *failure) {
  bool missing = is_state(failure, "26000");
  bool retyped = !request->named && may_be_of_types(failure);
  if (!missing && !retyped && !is_state(failure, "0A000")) return false;
  /* An entry that is gone, or that is being prepared anew, is known of already: this one was sent before. */
  if (!entry || !entry->confirmed) return true;
  if (missing) {
    suspect_pooler(conn->pool, request);
    forget(conn, entry);
  } else {
    entry->stale = true;
  }
  return true;
}

bool keel__plan_answered(keel__conn *conn, keel__request *request, const keel__failure *failure) {
  keel__plan plan = request->plan;
  if (plan.statement == 0) return false;
  keel__lru_entry *entry = keel__lru_find(&conn->prepared, plan.statement);
  bool prepared = plan.parse && (!failure || failure->prepared);
  if (prepared && entry) entry->confirmed = true;
  if (!failure || failure->nested) return false;
  if (plan.parse && !prepared) return parse_failed(conn, request, entry, failure);
  return !plan.parse && run_failed(conn, request, entry, failure);
}

/* The statement that dropped them all is the oldest in flight; it dropped itself too. What else is not confirmed yet was sent
 * behind it, so the server will have it. */
static void forget_dropped(keel__conn *conn, const keel__list *list) {
  const keel__request *dropper = keel__conn_head(conn);
  keel__link *next = keel__list_first(list);
  while (next) {
    keel__lru_entry *entry = KEEL__OF(keel__lru_entry, link, next);
    next = keel__list_next(list, next);
    if (entry->confirmed || (dropper && dropper->plan.statement == entry->key))
      keel__lru_remove(&conn->prepared, entry);
  }
}

void keel__conn_forget_prepared(keel__conn *conn) {
  forget_dropped(conn, &conn->prepared.entries);
  forget_dropped(conn, &conn->prepared.pinned);
}

void keel__conn_plans_stale(keel__conn *conn) {
  const keel__list *list = &conn->prepared.entries;
  for (keel__link *link = keel__list_first(list); link; link = keel__list_next(list, link)) {
    keel__lru_entry *entry = KEEL__OF(keel__lru_entry, link, link);
    if (entry->confirmed) entry->stale = true;
  }
}
