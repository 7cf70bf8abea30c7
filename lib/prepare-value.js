'use strict';

/* What travels to the server for a JavaScript value. */

const util = require('util');
const { isDate } = require('util/types');
const defaults = require('./defaults');

const warnInvalidDate = util.deprecate(
  () => {},
  'Sending an invalid date to Postgres is deprecated and will throw an error in the next major version of pg. ' +
    'Ensure any Date object passed as a query parameter is valid.',
  'PG_INVALID_DATE',
);

const pad = (number, width) => String(number).padStart(width, '0');

function asBuffer(view) {
  return view instanceof Buffer ? view : Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

// PostgreSQL counts 1 BC where JavaScript has the year 0.
function formatTimestamp(parts, zone) {
  const [year, month, day, hours, minutes, seconds, millis] = parts;
  const beforeChrist = year < 1;
  const shownYear = beforeChrist ? Math.abs(year) + 1 : year;
  const date = `${pad(shownYear, 4)}-${pad(month + 1, 2)}-${pad(day, 2)}`;
  const time = `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}.${pad(millis, 3)}`;
  return `${date}T${time}${zone}${beforeChrist ? ' BC' : ''}`;
}

function formatUtc(date) {
  const parts = [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    date.getUTCMilliseconds(),
  ];
  return formatTimestamp(parts, '+00:00');
}

// Local time with its offset: a column without a time zone then stores what the program's clock showed.
function formatLocal(date) {
  const offset = -date.getTimezoneOffset();
  const size = Math.abs(offset);
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(size / 60), 2)}:${pad(size % 60, 2)}`;
  const parts = [
    date.getFullYear(),
    date.getMonth(),
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
    date.getSeconds(),
    date.getMilliseconds(),
  ];
  return formatTimestamp(parts, zone);
}

function prepareDate(date) {
  if (Number.isNaN(date.getTime())) warnInvalidDate();
  return defaults.parseInputDatesAsUTC ? formatUtc(date) : formatLocal(date);
}

function prepareElement(item) {
  if (item == null) return 'NULL';
  if (Array.isArray(item)) return prepareArray(item);
  if (ArrayBuffer.isView(item)) return `\\\\x${asBuffer(item).toString('hex')}`;
  return `"${prepare(item).replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}

// Not map(): holes of a sparse array are NULL too.
function prepareArray(items) {
  let literal = '{';
  for (let i = 0; i < items.length; i++) literal += (i === 0 ? '' : ',') + prepareElement(items[i]);
  return `${literal}}`;
}

function prepareObject(object, seen) {
  if (typeof object.toPostgres !== 'function') return JSON.stringify(object);
  const path = seen ?? [];
  if (path.includes(object)) {
    throw new Error('circular reference detected while preparing a value for the query');
  }
  path.push(object);
  return prepare(object.toPostgres(prepareValue), path);
}

function prepare(value, seen) {
  if (typeof value === 'string') return value;
  if (value == null) return null;
  if (typeof value !== 'object') return value.toString();
  if (ArrayBuffer.isView(value)) return asBuffer(value);
  if (isDate(value)) return prepareDate(value);
  if (Array.isArray(value)) return prepareArray(value);
  return prepareObject(value, seen);
}

/**
 * What travels to the server for a JavaScript value: null, a string, or a Buffer.
 * It takes one argument so that `values.map(prepareValue)` is safe.
 */
function prepareValue(value) {
  return prepare(value);
}

/** @returns {(null | string | Buffer)[]} a new array; the caller's is left as it is */
function prepareValues(values) {
  const prepared = new Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    prepared[i] = typeof value === 'string' ? value : (prepare(value) ?? null);
  }
  return prepared;
}

module.exports = { prepareValue, prepareValues };
