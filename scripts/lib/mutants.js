'use strict';

/*
 * Bugs to plant in csrc: what a wrong version of the core would look like. `from` occurs exactly once in the file; when the
 * source changes so that it no longer does, the bug has to be planted anew.
 */

/** @type {{ name: string, file: string, from: string, to: string }[]} */
const MUTANTS = [
  {
    name: 'a statement keeps types that an ALTER TABLE has changed',
    file: 'core/prepare.c',
    from: 'if (!missing && !retyped && !is_state(failure, "0A000")) return false;',
    to: 'if (!missing && !is_state(failure, "0A000")) return false;',
  },
  {
    name: 'an error from within a procedure is taken for a stale plan',
    file: 'core/prepare.c',
    from: 'if (!failure || failure->nested) return false;',
    to: 'if (!failure) return false;',
  },
  {
    name: "a procedure that another one's cancel ended is run again",
    file: 'core/conn.c',
    from: 'if (!failure || failure->nested || !outside) return false;',
    to: 'if (!failure || !outside) return false;',
  },
  {
    name: 'a connection given up on keeps its place until the cancel is given up too',
    file: 'core/lease.c',
    from: 'if (destroy)\n    release_finish(conn, now);',
    to: 'if (destroy && conn->in_flight.count == 0)\n    release_finish(conn, now);',
  },
  {
    name: 'a request is settled a second time when the answer comes after its deadline',
    file: 'core/conn.c',
    from: 'if (request->state == KEEL__REQ_CANCELLING) {\n    keel__request_end(pool, request);',
    to: 'if (false) {\n    keel__request_end(pool, request);',
  },
  {
    name: 'the queue serves the last who came first',
    file: 'core/request.c',
    from: 'else if (to)\n      keel__list_push_back(to, &request->link);',
    to: 'else if (to)\n      keel__list_push_front(to, &request->link);',
  },
  {
    name: 'one connection more than max',
    file: 'core/open.c',
    from: 'above(pool->config.max, pool->conn_total)',
    to: 'above(pool->config.max + 1, pool->conn_total)',
  },
  {
    name: 'a connection is used again while a cancel may still arrive',
    file: 'core/conn.c',
    from: '!conn->cancel_sent || conn->cancel_under_way || conn->cancel_target',
    to: '!conn->cancel_sent || conn->cancel_target',
  },
  {
    name: 'a cancel counts as ended before its target has ended',
    file: 'core/conn.c',
    from: '!conn->cancel_sent || conn->cancel_under_way || conn->cancel_target',
    to: '!conn->cancel_sent || conn->cancel_under_way',
  },
  {
    name: 'a release does not roll back',
    file: 'core/conn.c',
    from: "} else if (conn->status != 'I') {",
    to: '} else if (false) {',
  },
  {
    name: 'a reset that failed counts as done',
    file: 'core/conn.c',
    from: 'if (clean) {',
    to: 'if (clean || true) {',
  },
  {
    name: 'what was sent before the link died is sent again',
    file: 'core/conn.c',
    from: 'if (request->state == KEEL__REQ_SENT) keel__request_settle(pool, request, &own);',
    to:
      'if (request->state == KEEL__REQ_SENT && !request->lease) { keel__request_queue(pool, request); continue; }\n' +
      'if (request->state == KEEL__REQ_SENT) keel__request_settle(pool, request, &own);',
  },
  {
    name: 'the end of a drain forgets those who wait',
    file: 'core/pool.c',
    from: 'pool->drain_over = true;\n  keel__pool_fail_queue(pool, &why);',
    to: 'pool->drain_over = true;\n  (void)why;',
  },
  {
    name: 'a closing pool still lends connections to those who wait',
    file: 'core/pool.c',
    from: 'set_state(pool, KEEL__POOL_DRAINING);\n    refuse_acquires(pool);',
    to: 'set_state(pool, KEEL__POOL_DRAINING);\n    if (false) refuse_acquires(pool);',
  },
  {
    name: 'a pool is closed before its last connection is',
    file: 'core/pool.c',
    from: 'pool->conn_total + pool->conns[KEEL__CONN_CLOSING].count + pool->requests.count > 0',
    to: 'pool->conn_total + pool->requests.count > 0',
  },
  {
    name: 'closing again lengthens the time left',
    file: 'core/pool.c',
    from: 'else if (end < before)',
    to: 'else if (end != before)',
  },
  {
    name: 'a prepared statement is evicted while it runs',
    file: 'core/prepare.c',
    from: 'if (!in_use(conn, KEEL__OF(keel__lru_entry, link, link)->key))\n      return',
    to: 'return',
  },
  {
    name: 'a stale plan is tried again inside a transaction',
    file: 'core/conn.c',
    from: "request->lease == 0 || (before == 'I' && status == 'I')",
    to: "request->lease == 0 || before != 'X'",
  },
  {
    name: 'a stale plan is tried again for ever',
    file: 'core/conn.c',
    from: 'if (!plan_was_wrong || request->replanned) return false;',
    to: 'if (!plan_was_wrong) return false;',
  },
  {
    name: 'a statement that failed to parse counts as prepared',
    file: 'core/prepare.c',
    from: 'if (!is_state(failure, "42P05")) {\n    forget(conn, entry);',
    to: 'if (!is_state(failure, "42P05")) {\n    if (entry) entry->confirmed = true;',
  },
  {
    name: 'DISCARD ALL forgets all but itself',
    file: 'core/prepare.c',
    from: 'entry->confirmed || (dropper && dropper->plan.statement == entry->key)',
    to: 'entry->confirmed',
  },
  {
    name: 'statements build on a preparation that is not confirmed',
    file: 'core/prepare.c',
    from: 'if (!entry->confirmed) return (keel__plan){0};',
    to: '',
  },
  {
    name: 'idle connections are closed below min',
    file: 'core/conn.c',
    from: 'while (kept > pool->config.min &&',
    to: 'while (kept > 0 &&',
  },
  {
    name: 'the youngest idle connection is closed first',
    file: 'core/conn.c',
    from: 'keel__list_last(&pool->conns[KEEL__CONN_IDLE])',
    to: 'keel__list_first(&pool->conns[KEEL__CONN_IDLE])',
  },
  {
    name: 'min is not kept while somebody waits',
    file: 'core/open.c',
    from: 'for_waiting > for_min ? for_waiting : for_min',
    to: 'for_waiting > 0 ? for_waiting : for_min',
  },
  {
    name: 'a settled request keeps its timer',
    file: 'core/request.c',
    from: 'keel__heap_remove(&pool->timers, &request->timer);\n  if (request->kind',
    to: 'if (request->kind',
  },
  {
    name: 'an aborted request stays in the queue',
    file: 'core/request.c',
    from: 'if (from) keel__list_remove(from, &request->link);',
    to: 'if (from && state != KEEL__REQ_DONE) keel__list_remove(from, &request->link);',
  },
  {
    name: 'a failed attempt fails those who came after it began',
    file: 'core/open.c',
    from: 'else if (request->submitted <= started)',
    to: 'else',
  },
  {
    name: 'a failed attempt fails those who may still hope for another',
    file: 'core/open.c',
    from: 'uint32_t hope = keel__pool_opening(pool);',
    to: 'uint32_t hope = 0;',
  },
  {
    name: 'the limit of opening ends with its first step',
    file: 'core/conn.c',
    from: 'if (state >= KEEL__CONN_IDLE && (conn->state <= KEEL__CONN_IDLE',
    to: 'if ((conn->state <= KEEL__CONN_IDLE',
  },
  {
    name: 'attempts are not spaced out',
    file: 'core/open.c',
    from: 'return opening > 0 || keel__timer_is_set(&pool->reopen_timer) ? 0 : smaller(count, 1);',
    to: 'return opening > 0 ? 0 : smaller(count, 1);',
  },
  {
    name: 'a connection that its owner sets up does not count for those who wait',
    file: 'core/open.c',
    from: 'opening + pool->setup_leases',
    to: 'opening',
  },
  {
    name: "a neighbour hit by another's cancel is failed",
    file: 'core/conn.c',
    from: 'keel__request_of(link)->exposed = true;',
    to: 'keel__request_of(link)->exposed = false;',
  },
  {
    name: 'the queue holds one less than max_waiting',
    file: 'core/pool.c',
    from: 'pool->queue.count - coming > pool->config.max_waiting',
    to: 'pool->queue.count - coming >= pool->config.max_waiting',
  },
  {
    name: 'a connection is used once more than max_uses',
    file: 'core/conn.c',
    from: 'max_uses > 0 && conn->uses >= max_uses',
    to: 'max_uses > 0 && conn->uses > max_uses',
  },
  {
    name: 'an answer after the close is believed',
    file: 'core/conn.c',
    from: 'if (is_gone(conn)) return;\n  keel__pool *pool = conn->pool;\n  keel__request *request = keel__conn_head(conn);',
    to: 'keel__pool *pool = conn->pool;\n  keel__request *request = keel__conn_head(conn);',
  },
  {
    name: 'what waits for a connection no longer may after it was sent',
    file: 'core/request.c',
    from: '!keel__request_is_lone(request) || request->attempts > 0',
    to: '!keel__request_is_lone(request)',
  },
  {
    name: 'a lease that ends hides others in the table',
    file: 'core/lease.c',
    from: '((at - home) & mask) < ((at - gap) & mask)) continue;',
    to: '((at - home) & mask) < ((at - gap) & mask)) break;',
  },
  {
    name: 'a timer taken out of the heap leaves it out of order',
    file: 'core/heap.c',
    from: 'if (last.timer != timer) settle_at(heap, slot, last);',
    to: 'if (last.timer != timer) sift_down(heap, slot, last);',
  },
  {
    name: 'a closed connection keeps its memory',
    file: 'core/conn.c',
    from: 'keel__lru_clear(&conn->prepared);\n  keel__free(conn);',
    to: 'keel__free(conn);',
  },
  {
    name: 'a failed query counts as succeeded',
    file: 'core/request.c',
    from: 'default:\n      return &counters->failed;',
    to: 'default:\n      return &counters->succeeded;',
  },
  {
    name: 'quantiles are off by two percent',
    file: 'core/hist.c',
    from: '(double)first + (double)((UINT64_C(1) << shift) - 1) / 2',
    to: '((double)first + (double)((UINT64_C(1) << shift) - 1) / 2) * 1.02',
  },
  {
    name: 'a statement is sent behind one that was given up',
    file: 'core/share.c',
    from: '!conn->shared || conn->cancel_sent || conn->given_up > 0 ||',
    to: '!conn->shared || conn->cancel_sent ||',
  },
  {
    name: 'a statement that must be alone is sent behind others',
    file: 'core/share.c',
    from: '!(request->flags & (KEEL_Q_SIMPLE | KEEL_Q_ALONE));',
    to: '!(request->flags & KEEL_Q_SIMPLE);',
  },
  {
    name: 'statements are sent behind one that must be alone',
    file: 'core/share.c',
    from: 'conn->shared = shares;',
    to: 'conn->shared = true;',
  },
  {
    name: 'a statement that may change the session shares its connection',
    file: 'core/share.c',
    from: 'return request->shares && !request->alone &&',
    to: 'return !request->alone &&',
  },
  {
    name: 'a slow statement shares its connection',
    file: 'core/share.c',
    from: 'keel__estimates_find(&pool->estimates, request->text, cost) && *cost <= KEEL__SHARE_QUICK;',
    to: 'keel__estimates_find(&pool->estimates, request->text, cost);',
  },
  {
    name: 'a statement cut short is taken for a quick one',
    file: 'core/share.c',
    from: 'bool tells = whole || took > KEEL__SHARE_QUICK;',
    to: 'bool tells = true;',
  },
  {
    name: 'a first slow statement is taken for the way to the server',
    file: 'core/share.c',
    from: 'if (conn->round_trip == KEEL__NEVER) return took;',
    to: '',
  },
  {
    name: 'a statement that held up others is put behind others again',
    file: 'core/conn.c',
    from: 'request->alone = request->alone || request->moved;',
    to: '',
  },
  {
    name: 'a statement that was moved out of the way is told that it was cancelled',
    file: 'core/conn.c',
    from: 'request->lease == 0 && (request->exposed || request->moved)',
    to: 'request->lease == 0 && request->exposed',
  },
  {
    name: 'a head that holds up others is left where it is',
    file: 'core/share.c',
    from: 'return conn->shared && conn->in_flight.count > 1 && now >= head_started(conn) + KEEL__SHARE_STUCK;',
    to: 'return false;',
  },
  {
    name: 'a head is moved before its time',
    file: 'core/share.c',
    from: 'now >= head_started(conn) + KEEL__SHARE_STUCK;',
    to: 'now >= keel__conn_head(conn)->submitted + KEEL__SHARE_STUCK;',
  },
  {
    name: 'more in flight on one connection than allowed',
    file: 'core/share.c',
    from: 'conn->in_flight.count < conn->pool->config.pipeline_depth',
    to: 'conn->in_flight.count <= conn->pool->config.pipeline_depth',
  },
  {
    name: 'the backlog never shrinks',
    file: 'core/share.c',
    from: 'conn->backlog -= request->cost;',
    to: '',
  },
  {
    name: 'nothing of a transaction that began with the lost statement is known',
    file: 'core/conn.c',
    from: "(conn->status != 'I' || request->begins) && request->cannot_commit",
    to: "conn->status != 'I' && request->cannot_commit",
  },
  {
    name: 'connections are shared behind a pooler',
    file: 'core/share.c',
    from: 'pool->config.pipeline_depth < 2 || pool->share_off ||',
    to: 'pool->config.pipeline_depth < 2 ||',
  },
];

module.exports = { MUTANTS };
