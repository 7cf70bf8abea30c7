'use strict';

/** What a program came to, as plain data that can be compared between drivers. */
async function answerOf(run) {
  try {
    return { value: plain(await run()) };
  } catch (error) {
    return { error: describeError(error) };
  }
}

const SERVER_FIELDS = [
  'code',
  'severity',
  'detail',
  'hint',
  'position',
  'schema',
  'table',
  'column',
  'constraint',
];

/** Class, message and, of the server's errors, the fields; down the chain of causes. */
function describeError(error) {
  if (!(error instanceof Error)) return { thrown: error };
  const described = { class: error.constructor.name, message: error.message };
  for (const field of ['query', 'params'])
    if (error[field] !== undefined) described[field] = plain(error[field]);
  if (error.constructor.name === 'DatabaseError') {
    for (const field of SERVER_FIELDS) described[field] = error[field];
  }
  if (error.cause !== undefined) described.cause = describeError(error.cause);
  return described;
}

const isResult = (value) => Array.isArray(value.rows) && Array.isArray(value.fields) && 'command' in value;

/** Results, fields and rows as plain objects; an object of any other class is marked with its name. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date || Buffer.isBuffer(value)) return value;
  if (isResult(value)) {
    const { command, rowCount, oid, rows, fields } = value;
    return { command, rowCount, oid, rows: plain(rows), fields: fields.map((field) => ({ ...field })) };
  }
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  const kind = value.constructor?.name;
  return kind === undefined || kind === 'Object' ? members : { 'class of': kind, ...members };
}

module.exports = { answerOf };
