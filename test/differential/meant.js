'use strict';

// Every difference from pg that is meant. docs/pg-differences.md explains each to users under the heading that `why`
// names. Whatever is not here has to be equal.

/** Fields that all our errors may carry beside pg's. */
const errorFields = ['attempts', 'outcome', 'node', 'cause', 'keelCode'];

/** Fields of errors that are not the server's: pg has plain Errors there, we have KeelError. */
const ownErrorFields = ['code', 'retryAfter', 'option'];

/** Questions of unlike-pg.js; `answer` and `log` are the whole of what pgkeel gives. */
const questions = [
  {
    ask: 'the connection after an error of pool.query',
    why: 'An SQL error does not cost the connection',
    answer: 'kept',
  },
  {
    ask: 'a pool without a listener for errors when its idle connection dies',
    why: "An idle connection's death does not end the process",
    answer: { code: 0, stdout: 'alive 1' },
  },
  {
    ask: 'those who wait when the pool ends',
    why: 'end() settles everybody',
    answer: 'Cannot use a pool after calling end on the pool',
  },
  {
    ask: 'connections that are closed when end has resolved',
    why: 'end() resolves when the connections are closed',
    answer: 1,
  },
  { ask: 'min', why: 'min opens connections', answer: 2 },
  {
    ask: 'a client that is released in a transaction',
    why: 'A released client is clean',
    answer: { fresh: true, status: 'I' },
  },
  {
    ask: 'a client that is used after its release',
    why: 'A released client cannot be used',
    answer: 'Client has been released to the pool and is not queryable',
  },
  {
    ask: 'whether a Client class is asked to connect for a pool',
    why: "A pool's clients come connected",
    answer: true,
  },
  {
    ask: 'a password function where the server asks for none',
    why: 'A password function is asked at every new connection',
    log: [['asked']],
  },
  {
    ask: 'what an error says of the attempt',
    why: 'Errors say what is known of the outcome',
    answer: { attempts: 1, outcome: 'rolled-back' },
  },
  {
    ask: "the code of an error that is not the server's",
    why: "Errors that are not the server's have a code",
    answer: 'KEEL_POOL_CLOSED',
  },
  {
    ask: 'the code of a refused connection',
    why: "Errors that are not the server's have a code",
    answer: { code: 'ECONNREFUSED', cause: 'ECONNREFUSED', keelCode: 'KEEL_CONNECT_FAILED' },
  },
  {
    ask: 'the message of a request that waited in vain',
    why: 'A request that waited in vain says how busy the pool was',
    answer: 'timeout exceeded when trying to connect (total=1, idle=0, waiting=1)',
  },
  {
    ask: 'a query after its query_timeout',
    why: 'A query timeout cancels the query',
    answer: 'cancelled',
  },
  {
    ask: 'options that make no sense',
    why: 'Options are checked',
    answer: ['KEEL_CONFIG', 'KEEL_CONFIG', 'KEEL_CONFIG', 'KEEL_CONFIG'],
  },
  {
    ask: 'a query object of another package',
    why: "Query objects that speak pg's protocol are refused",
    answer:
      'query objects that speak the protocol themselves, such as those of pg-cursor, pg-query-stream and ' +
      'pg-copy-streams, cannot be used here: the engine speaks the protocol',
  },
  {
    ask: 'rows before an error',
    why: 'Row events come once the answer is known',
  },
  {
    ask: 'rowCount of rows fetched in portions',
    why: 'Rows are not fetched in portions',
    answer: 10,
  },
  {
    ask: 'an error while rows are fetched in portions',
    why: 'Rows are not fetched in portions',
    answer: ['22012', [{ after: 1 }]],
  },
  {
    ask: 'binary values',
    why: 'Binary values are not damaged',
    answer: [{ a: '-1', b: 0.1 }],
  },
  {
    ask: 'a named statement that was deallocated by hand',
    why: 'A named statement that the server has lost is prepared anew',
    answer: [{ a: 2 }],
  },
  {
    ask: 'a named statement whose first values could not be sent',
    why: 'A named statement that the server has lost is prepared anew',
    answer: ['bad', [{ a: 'good' }]],
  },
  {
    ask: 'a password beside a connection string without one',
    why: 'A password beside the connection string counts',
    answer: 'p',
  },
];

module.exports = { errorFields, ownErrorFields, questions };
