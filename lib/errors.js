'use strict';

/**
 * The codes that an application can meet in `KeelError.code`.
 * @type {Readonly<Record<string, string>>}
 */
const CODES = Object.freeze({
  CONNECT_FAILED: 'KEEL_CONNECT_FAILED',
  CONNECT_TIMEOUT: 'KEEL_CONNECT_TIMEOUT',
  CONNECTION_LOST: 'KEEL_CONNECTION_LOST',
  ACQUIRE_TIMEOUT: 'KEEL_ACQUIRE_TIMEOUT',
  QUEUE_FULL: 'KEEL_QUEUE_FULL',
  QUERY_TIMEOUT: 'KEEL_QUERY_TIMEOUT',
  ABORTED: 'KEEL_ABORTED',
  BREAKER_OPEN: 'KEEL_BREAKER_OPEN',
  POOL_CLOSED: 'KEEL_POOL_CLOSED',
  CONFIG: 'KEEL_CONFIG',
  NO_MEMORY: 'KEEL_NO_MEMORY',
  MISUSE: 'KEEL_MISUSE',
  TRANSACTION_ENDED: 'KEEL_TRANSACTION_ENDED', // of pgkeel/drizzle: a tx used after its end
});

// Not enumerable where pg's own error has no such property: a program that compares, prints or serialises the errors of
// both drivers sees the same.
function hide(target, name, value) {
  Object.defineProperty(target, name, { configurable: true, enumerable: false, writable: true, value });
}

/**
 * Whatever went wrong other than the server answering with an error. `code` is one of CODES; the message is pg's own
 * where pg has one for the case.
 */
class KeelError extends Error {
  /**
   * @param {string} code one of CODES
   * @param {string} message never holds a password or a parameter value
   * @param {object} [details] `cause`, `node`, `outcome` ('not-sent' | 'rolled-back' | 'unknown'), `attempts`, and
   *   whatever else the case has to tell (`retryAfter`, `option`, ...)
   */
  constructor(code, message, details = {}) {
    const { cause, node, outcome = 'not-sent', attempts = 0, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.node = node;
    this.outcome = outcome;
    this.attempts = attempts;
    Object.assign(this, rest);
  }
}
hide(KeelError.prototype, 'name', 'KeelError');

// pg's properties, in pg's order, by the protocol's field letters.
const DATABASE_ERROR_FIELDS = Object.freeze({
  severity: 'S',
  code: 'C',
  detail: 'D',
  hint: 'H',
  position: 'P',
  internalPosition: 'p',
  internalQuery: 'q',
  where: 'W',
  schema: 's',
  table: 't',
  column: 'c',
  dataType: 'd',
  constraint: 'n',
  file: 'F',
  line: 'L',
  routine: 'R',
});

/**
 * The server answered with an error. The shape is pg's; `attempts`, `outcome` and `node` come on top and are not
 * enumerable.
 */
class DatabaseError extends Error {
  /**
   * @param {string} message
   * @param {number} length of the protocol's message, as pg reports it
   * @param {string} name 'error'
   */
  constructor(message, length, name) {
    super(message);
    this.length = length;
    this.name = name;
    hide(this, 'outcome', 'rolled-back');
    hide(this, 'attempts', 1);
    hide(this, 'node', undefined);
  }

  /**
   * @param {Record<string, string>} fields by protocol letter
   * @param {object} [details] `outcome`, `attempts`, `node`
   */
  static fromFields(fields, details) {
    const error = new DatabaseError(fields.M, messageLength(fields), 'error');
    for (const [name, letter] of Object.entries(DATABASE_ERROR_FIELDS)) error[name] = fields[letter];
    return Object.assign(error, details);
  }
}

// The length word itself, a letter and a NUL for every field, and the NUL that ends the message.
function messageLength(fields) {
  let length = 5;
  for (const [letter, value] of Object.entries(fields)) {
    if (letter !== 'e' && value !== undefined) length += 2 + Buffer.byteLength(value);
  }
  return length;
}

module.exports = { KeelError, DatabaseError, CODES, DATABASE_ERROR_FIELDS, messageLength };
