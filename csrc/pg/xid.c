#include "xid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"
#include "wire.h"

/* Statistics are what a crash costs a server without fail, and since PostgreSQL 15 they are to be had without a wait. */
#define OLDEST_SERVER 150000

#define ID "pg_catalog.pg_current_xact_id_if_assigned()"
#define CLUSTER "(pg_catalog.pg_control_system()).system_identifier"
/* A standby writes no history of its own. The file's name begins with the timeline. */
#define WAL_FILE                                       \
  "CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL" \
  " ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END"
#define TIMELINE_LENGTH 8
#define STARTED "pg_catalog.pg_postmaster_start_time()"
#define FRESH "pg_catalog.pg_stat_get_bgwriter_stat_reset_time()"
/* Plain and in binary: what else it would take to make texts of them that depend on no setting costs a new session more than
 * all of this together. */
#define ALL ID ", " CLUSTER ", " WAL_FILE ", " STARTED ", " FRESH
#define IN_BINARY 1

const char *const keel__xid_columns = ALL;

static const char ask_id[] = "SELECT " ID;
static const char ask_all[] = "SELECT " ALL;

/*
 * $1 the id, $2 the cluster, $3 the timeline, $4 and $5 the rest of the server's life. Where it has kept its figures there was
 * no crash in between, and its word is good.
 *
 * After one, an id that had not reached the disk may have been given out a second time: then a commit that the server knows of
 * may be another's. The checkpoint that ends a crash's recovery (it begins where it ends) says which ids were given out before;
 * as long as it is the latest one that decides. That a transaction has not committed is true of either.
 *
 * An id that the server has not given out at all (22023) has been lost in a crash.
 */
#define STATUS "pg_catalog.pg_xact_status($1::pg_catalog.xid8)"
#define NEXT_ID                                                               \
  "(pg_catalog.split_part(next_xid, ':', 1)::pg_catalog.numeric * 4294967296" \
  " + pg_catalog.split_part(next_xid, ':', 2)::pg_catalog.numeric)::pg_catalog.text::pg_catalog.xid8"
static const char ask_fate[] =
    "SELECT CASE"
    " WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'"
    " WHEN " CLUSTER
    " <> $2::pg_catalog.int8 THEN NULL"
    " WHEN pg_catalog.substr(" WAL_FILE
    ", 1, 8) <> $3::pg_catalog.text THEN NULL"
    " WHEN " FRESH " = $5::pg_catalog.timestamptz THEN " STATUS
    " ELSE (SELECT CASE"
    " WHEN recovered AND $1::pg_catalog.xid8 < next_id THEN " STATUS " WHEN recovered AND " STARTED
    " <> $4::pg_catalog.timestamptz THEN 'aborted'"
    " WHEN " STATUS " <> 'committed' THEN " STATUS " END FROM (SELECT " NEXT_ID
    " AS next_id, redo_lsn = checkpoint_lsn"
    " AND pg_catalog.current_setting('wal_level') <> 'minimal' AS recovered"
    " FROM pg_catalog.pg_control_checkpoint()) AS checkpoint)"
    " END";

/* ---------------------------------------------------------------- at the opening */

bool keel__xid_wanted(const keel__wire *wire) {
  const keel__target *target = wire->target;
  const keel__pool_config *config = &wire->conn->pool->config;
  if (!config->resolve_commits || config->single || target->cannot_resolve) return false;
  return PQserverVersion(wire->pg) >= OLDEST_SERVER &&
         keel__params_get(&target->params, "replication") == NULL;
}

static bool take(const PGresult *row, int column, char *to, int least, size_t size) {
  if (PQgetisnull(row, 0, column) || PQgetlength(row, 0, column) < least) return false;
  memcpy(to, PQgetvalue(row, 0, column), size);
  return true;
}

static bool take_number(const PGresult *row, int column, char number[KEEL__XID_BYTES]) {
  return take(row, column, number, KEEL__XID_BYTES, KEEL__XID_BYTES);
}

static bool take_life(const PGresult *row, int first, keel__server_life *life) {
  return take_number(row, first, life->cluster) &&
         take(row, first + 1, life->timeline, TIMELINE_LENGTH, TIMELINE_LENGTH) &&
         take_number(row, first + 2, life->started) && take_number(row, first + 3, life->fresh);
}

void keel__xid_opened(keel__wire *wire, const PGresult *row, int first) {
  wire->xid.able = take_life(row, first + 1, &wire->xid.life);
}

/* ---------------------------------------------------------------- in a transaction */

/* Until the question has been answered the COMMIT behind it has not left us. */
static bool before_commit(keel__wire *wire) {
  static const keel__fate fates[] = {
      [KEEL__XID_NONE] = KEEL__FATE_NOTHING,
      [KEEL__XID_MAYBE] = KEEL__FATE_NOTHING,
      [KEEL__XID_EMPTY] = KEEL__FATE_UNKNOWN,
      [KEEL__XID_KNOWN] = KEEL__FATE_ASK,
  };
  wire->conn->fate = fates[wire->xid.state];
  return wire->xid.state == KEEL__XID_MAYBE && wire->conn->status == 'T';
}

/* What is no plain statement may drop what is prepared, and what goes by the simple protocol can carry nothing. */
static bool can_carry(const keel__wire *wire, const keel__query *query) {
  bool inside = wire->conn->status == 'T' || query->core.begins;
  return inside && !query->item.plain && !query->has_nul && query->statement->shares;
}

bool keel__xid_watch(keel__wire *wire, keel__query *query) {
  keel__xid *xid = &wire->xid;
  if (wire->conn->status == 'I') xid->state = KEEL__XID_NONE;
  if (query->core.commits) return before_commit(wire);
  if (!query->statement->writes || xid->state == KEEL__XID_KNOWN) return false;
  xid->state = KEEL__XID_MAYBE;
  query->item.asks = can_carry(wire, query);
  return false;
}

bool keel__xid_send(keel__wire *wire, bool *parses) {
  char name[64];
  const keel__xid *xid = &wire->xid;
  *parses = false;
  /* Behind a pooler the session may be another each time, and so may the server. */
  if (xid->moves) return PQsendQueryParams(wire->pg, ask_all, 0, NULL, NULL, NULL, NULL, IN_BINARY) == 1;
  snprintf(name, sizeof name, "keel_%016" PRIx64 "_xid", wire->target->prefix);
  *parses = !xid->prepared;
  if (*parses && PQsendPrepare(wire->pg, name, ask_id, 0, NULL) != 1) return false;
  return PQsendQueryPrepared(wire->pg, name, 0, NULL, NULL, NULL, IN_BINARY) == 1;
}

void keel__xid_prepared(keel__wire *wire, const PGresult *result) {
  if (PQresultStatus(result) == PGRES_COMMAND_OK) wire->xid.prepared = true;
}

/* Behind a statement that has failed it was passed over. */
void keel__xid_answered(keel__wire *wire, const PGresult *result) {
  keel__xid *xid = &wire->xid;
  static const char *const gone[] = {"26000", NULL};
  if (keel__result_says(result, gone)) xid->prepared = false;
  if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) return;
  if (PQgetisnull(result, 0, 0)) {
    xid->state = KEEL__XID_EMPTY;
  } else if (take_number(result, 0, xid->id) && (!xid->moves || take_life(result, 1, &xid->life))) {
    xid->state = KEEL__XID_KNOWN;
  }
}

void keel__xid_ended(keel__wire *wire) {
  wire->xid.state = KEEL__XID_MAYBE;
}

void keel__xid_settled(keel__wire *wire) {
  bool known = wire->xid.state == KEEL__XID_KNOWN;
  wire->conn->fate = known ? KEEL__FATE_ASK : KEEL__FATE_UNKNOWN;
}

/* ---------------------------------------------------------------- afterwards */

keel__xid_memory *keel__xid_remember(const keel__wire *wire) {
  keel__xid_memory *memory = keel__alloc(sizeof *memory);
  if (memory == NULL) return NULL;
  memcpy(memory->id, wire->xid.id, sizeof memory->id);
  memory->life = wire->xid.life;
  return memory;
}

bool keel__xid_inquire(keel__wire *wire, const keel__xid_memory *memory) {
  const keel__server_life *life = &memory->life;
  const char *values[] = {memory->id, life->cluster, life->timeline, life->started, life->fresh};
  static const int lengths[] = {KEEL__XID_BYTES, KEEL__XID_BYTES, TIMELINE_LENGTH, KEEL__XID_BYTES,
                                KEEL__XID_BYTES};
  static const int formats[] = {IN_BINARY, IN_BINARY, 0, IN_BINARY, IN_BINARY};
  return PQsendQueryParams(wire->pg, ask_fate, 5, NULL, values, lengths, formats, 0) == 1;
}

/* An error of our own question says nothing of the transaction, but the server may be able to answer later: out of resources,
 * interrupted, or hindered by its system. */
static keel__verdict verdict_of_error(const PGresult *error) {
  static const char *const forgotten[] = {"22023", NULL}, *const passing[] = {"53", "57", "58", NULL};
  if (keel__result_says(error, forgotten)) return KEEL__VERDICT_ROLLED_BACK;
  return keel__result_says(error, passing) ? KEEL__VERDICT_LATER : KEEL__VERDICT_UNKNOWN;
}

keel__verdict keel__xid_verdict(const PGresult *result) {
  static const struct {
    const char *word;
    keel__verdict verdict;
  } words[] = {
      {"committed", KEEL__VERDICT_COMMITTED},
      {"aborted", KEEL__VERDICT_ROLLED_BACK},
      {"in progress", KEEL__VERDICT_LATER},
      {"standby", KEEL__VERDICT_LATER},
  };
  if (PQresultStatus(result) == PGRES_FATAL_ERROR) return verdict_of_error(result);
  if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0)) return KEEL__VERDICT_UNKNOWN;
  const char *word = PQgetvalue(result, 0, 0);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(word, words[i].word) == 0) return words[i].verdict;
  return KEEL__VERDICT_UNKNOWN;
}
