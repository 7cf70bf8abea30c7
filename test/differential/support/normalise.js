'use strict';

const crypto = require('node:crypto');
const meant = require('../meant');

const LONG_STRING = 2_000;
const LONG_ARRAY = 500;
// What a result shows to its user; the rest of its members are pg's own bookkeeping.
const RESULT_MEMBERS = ['command', 'rowCount', 'oid', 'rowAsArray', 'fields', 'rows'];

const digest = (text) => crypto.createHash('sha1').update(text).digest('hex');
const kindOf = (object) => {
  const prototype = Object.getPrototypeOf(object);
  return prototype === null ? null : (prototype.constructor?.name ?? 'nameless');
};

/** Entries and not an object, so that the order of keys and a key called __proto__ are part of the comparison. */
function entriesOf(object, view, left = () => true) {
  const names = Object.keys(object).filter(left);
  return names.map((name) => [name, view(object[name])]);
}

function viewOfString(text) {
  return text.length > LONG_STRING ? { $: 'string', length: text.length, digest: digest(text) } : text;
}

function viewOfArray(array, view) {
  const items = Array.from(array, view);
  if (items.length <= LONG_ARRAY) return items;
  return { $: 'array', length: items.length, first: items[0], digest: digest(JSON.stringify(items)) };
}

function viewOfResult(result, view, driver) {
  const members = RESULT_MEMBERS.map((name) => [name, view(result[name])]);
  return { $: 'Result', exported: result instanceof driver.Result, ...Object.fromEntries(members) };
}

/** Whose constructor made it is told apart; fields that are meant to differ on every error are left out. */
function viewOfError(err, view, driver) {
  const isOurs = typeof driver.KeelError === 'function' && err instanceof driver.KeelError;
  const left = (name) =>
    !meant.errorFields.includes(name) && !(isOurs && meant.ownErrorFields.includes(name));
  return {
    $: isOurs ? 'Error' : kindOf(err),
    isError: err instanceof Error,
    isDatabaseError: err instanceof driver.DatabaseError,
    name: isOurs ? 'Error' : err.name,
    message: err.message,
    fields: entriesOf(err, view, left),
  };
}

function viewOfBytes(value) {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { $: kindOf(value), hex: viewOfString(bytes.toString('hex')) };
}

function viewOfDate(date) {
  return { $: 'Date', time: Number.isNaN(date.getTime()) ? 'invalid' : date.toISOString() };
}

function viewOfObject(value, view, driver) {
  if (value instanceof Error) return viewOfError(value, view, driver);
  if (Array.isArray(value)) return viewOfArray(value, view);
  if (value instanceof Date) return viewOfDate(value);
  if (ArrayBuffer.isView(value)) return viewOfBytes(value);
  if (kindOf(value) === 'Result') return viewOfResult(value, view, driver);
  return { $: kindOf(value), entries: entriesOf(value, view) };
}

/** Any value as plain data: equal views mean that a program cannot tell the values apart. */
function normalise(value, driver) {
  const seen = new Set();
  const view = (item) => {
    if (typeof item === 'string') return viewOfString(item);
    if (typeof item === 'function') return '[function]';
    if (typeof item === 'symbol') return String(item);
    if (typeof item !== 'object' || item === null) return item;
    if (seen.has(item)) return '[seen]';
    seen.add(item);
    const result = viewOfObject(item, view, driver);
    seen.delete(item);
    return result;
  };
  return view(value);
}

module.exports = { normalise };
