'use strict';

/*
 * Takes events from the engine when its doorbell rings and hands each to the request or the pool it belongs to, in the
 * engine's order. A turn of the event loop is not held for long: what is left waits for the next one.
 */

const { KIND } = require('./decode');
const { Inbox } = require('./inbox');
const { Portion } = require('./portion');
const { tagOf } = require('./requests');
const { reportUncaught } = require('./safe-call');

/* What one turn of the loop may deliver, whichever comes first. */
const TURN_ROW_BYTES = 64 * 1024;
const TURN_MS = 5;
/* The engine waits for a taker who has too much before him (KEEL_WINDOW); it hears of his progress in steps of this many. */
const ACKNOWLEDGED_AT = 128 * 1024;

class Dispatcher {
  #native;
  #requests;
  #pools;
  #inbox;
  #portion = new Portion();
  #continuing = false;
  #rowBytes = 0;
  #since = 0; // when the first ring of this stay came; 0: the loop has gone on since
  #leave = () => {
    this.#since = 0;
    this.#portion.forget();
  };

  /**
   * @param {object} native
   * @param {import('./requests').RequestTable} requests
   * @param {Map<number, import('./engine').EnginePool>} pools by id
   */
  constructor(native, requests, pools) {
    this.#native = native;
    this.#requests = requests;
    this.#pools = pools;
    this.#inbox = new Inbox(native);
  }

  /**
   * The doorbell. It may ring again and again without the loop being left (Node.js empties the queue behind it in one go),
   * and what the application does with its answers comes in between: all that happens until the loop goes on shares
   * the time of one turn.
   * @param {boolean} [alone] not the doorbell: this thread has just taken the engine's turn, once for one turn of the loop
   */
  ring(alone) {
    if (this.#continuing) return;
    if (alone) return void this.#turn(alone);
    if (this.#since === 0) this.#enter();
    else if (performance.now() - this.#since > TURN_MS) return void this.#continueLater();
    this.#turn();
  }

  /** A tick ends in which the application has asked for something. */
  tickEnds() {
    this.#portion.end();
  }

  #enter() {
    this.#since = performance.now();
    setImmediate(this.#leave);
  }

  #turn(alone = false) {
    const until = alone ? 0 : this.#portion.begin() + TURN_MS;
    if (alone) this.#portion.forget();
    const inbox = this.#inbox;
    this.#rowBytes = 0;
    do {
      if (inbox.isEmpty && !inbox.fill()) return;
      if (!this.#empty(inbox, alone)) return;
      if (!inbox.hasMore) return;
    } while (this.#rowBytes < TURN_ROW_BYTES && performance.now() < until);
    this.#continueLater();
  }

  /** False: the portion ends before; the next one begins when the application has dealt with this one. */
  #empty(inbox, alone) {
    while (!inbox.isEmpty) {
      if (!alone && this.#portion.isFull) {
        this.#native.ring();
        return false;
      }
      this.#deliver(inbox.reader, inbox.next());
    }
    return true;
  }

  #continueLater() {
    this.#continuing = true;
    this.#inbox.putOff();
    setImmediate(() => {
      this.#continuing = false;
      if (this.#since === 0) this.#enter();
      this.#turn();
    });
  }

  #deliver(reader, at) {
    try {
      const { words } = reader;
      const kind = words[at + 1];
      const request = this.#requests.get(words[at + 2], words[at + 3]);
      if (request !== undefined && kind <= KIND.LEASED) this.#toRequest(reader, at, kind, request);
      else this.#toPool(reader, at, kind, this.#pools.get(words[at + 4]));
    } catch (err) {
      reportUncaught(err);
    }
  }

  #toRequest(reader, at, kind, request) {
    const { sink } = request;
    switch (kind) {
      case KIND.FIELDS:
        return sink.fields(reader.fields(at));
      case KIND.ROWS:
        return this.#toRows(reader, at, request);
      case KIND.COMPLETE:
        return sink.complete(reader.complete(at));
      case KIND.DONE:
        this.#settle(request);
        return sink.done(reader.done(at));
      case KIND.LEASED:
        this.#settle(request);
        return sink.leased(reader.opened(at));
      default:
        this.#settle(request);
        return sink.error(reader.failure(at, this.#native.codes));
    }
  }

  // A value can be longer than V8 makes strings: a failure of this query's, and no other's.
  #toRows(reader, at, request) {
    const size = reader.size(at);
    this.#rowBytes += size;
    const block = rowsOf(reader, at, request.sink);
    if (block !== undefined) request.sink.rows(block, size);
    if (block === undefined || !request.sink.acknowledges) this.#acknowledge(request, size);
  }

  #acknowledge(request, size) {
    request.unacknowledged += size;
    if (request.unacknowledged < ACKNOWLEDGED_AT) return;
    request.pool.acknowledge(tagOf(request), request.unacknowledged);
    request.unacknowledged = 0;
  }

  #settle(request) {
    this.#portion.add();
    const { pool } = request;
    this.#requests.remove(request);
    pool.settled(request);
  }

  // The request's own, and what the pool tells its listeners.
  #retry(reader, at, pool) {
    const { words } = reader;
    const retry = reader.retry(at, this.#native.codes);
    this.#requests.get(words[at + 2], words[at + 3])?.sink.again?.(retry.failure);
    pool.handlers.retry?.(retry);
  }

  #toPool(reader, at, kind, pool) {
    if (pool === undefined) return undefined;
    const connId = reader.connection(at);
    switch (kind) {
      case KIND.OPENED:
        return pool.connectionOpened(reader.opened(at));
      case KIND.CLOSED:
        return pool.connectionClosed(reader.failure(at, this.#native.codes));
      case KIND.NOTICE:
        return pool.handlers.notice?.(connId, reader.messageFields(at));
      case KIND.NOTIFICATION:
        return pool.handlers.notification?.(reader.notification(at));
      case KIND.PARAMETER:
        return pool.handlers.parameter?.(connId, ...reader.parameter(at));
      case KIND.PASSWORD:
        return pool.handlers.password?.(connId);
      case KIND.BREAKER:
        return pool.handlers.breaker?.(reader.breaker(at));
      case KIND.HEALTH:
        return pool.handlers.health?.(reader.health(at, this.#native.codes));
      case KIND.RETRY:
        return this.#retry(reader, at, pool);
      case KIND.POOL_CLOSED:
        return pool.ended();
      default:
        return undefined;
    }
  }
}

function rowsOf(reader, at, sink) {
  try {
    return reader.rows(at);
  } catch (error) {
    sink.unreadable(error);
    return undefined;
  }
}

module.exports = { Dispatcher, ACKNOWLEDGED_AT };
