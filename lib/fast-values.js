'use strict';

/*
 * Default parsers of pg-types (and what Drizzle makes of texts) again, but reading in place: no substring, no regular
 * expression. Each gives exactly what the parser it stands for gives: whatever is not in the plain form that the server
 * normally sends is left to that parser.
 */

const DIGIT_0 = 48;
const MINUS = 45;
const PLUS = 43;
const COLON = 58;
const SPACE = 32;
const POINT = 46;
const LOWER_T = 116;
const LOWER_F = 102;
/* Any number of so many digits is below 2^53. */
const EXACT_DIGITS = 15;
const DATE_LENGTH = 10;
const TIMESTAMP_LENGTH = 19;
const MS_PER_DAY = 86_400_000;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);

/** Stands for parseInt(text, 10). */
function readInteger(text, start, end, parser) {
  const negative = text.charCodeAt(start) === MINUS;
  const first = negative ? start + 1 : start;
  if (end <= first || end - first > EXACT_DIGITS) return parser(text.substring(start, end));
  let value = 0;
  for (let i = first; i < end; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (digit < 0 || digit > 9) return parser(text.substring(start, end));
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/**
 * Stands for parseFloat(text): plain decimals. Digits as a whole number and the power of ten are both exact, so that
 * their quotient is the number nearest to the text, as parseFloat() gives it.
 */
function readFloat(text, start, end, parser) {
  const negative = text.charCodeAt(start) === MINUS;
  const first = negative ? start + 1 : start;
  const length = end - first;
  if (length < 1 || length > EXACT_DIGITS) return parser(text.substring(start, end));
  let value = 0;
  let point = end;
  for (let i = first; i < end; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (digit === POINT - DIGIT_0 && point === end && i > first) point = i;
    else return parser(text.substring(start, end));
  }
  if (point < end) value /= POWERS_OF_TEN[end - point - 1];
  return negative ? -value : value;
}

/** Stands for pg-types' parseBool. */
function readBoolean(text, start, end, parser) {
  if (end - start === 1) {
    const letter = text.charCodeAt(start);
    if (letter === LOWER_T) return true;
    if (letter === LOWER_F) return false;
  }
  return parser(text.substring(start, end));
}

/** Two decimal digits, or NaN. */
function twoDigits(text, at) {
  const tens = text.charCodeAt(at) - DIGIT_0;
  const units = text.charCodeAt(at + 1) - DIGIT_0;
  return tens >= 0 && tens <= 9 && units >= 0 && units <= 9 ? tens * 10 + units : NaN;
}

/** Days from 1970-01-01 in the Gregorian calendar (years counted from March, so that a leap day comes last). */
function daysFromEpoch(year, month, day) {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/** Milliseconds of ".123456", cut as the Date constructor cuts; NaN when it is anything else. */
function fractionMs(text, start, end) {
  const digits = end - start - 1;
  if (digits < 1 || digits > 6) return NaN;
  let value = 0;
  for (let i = start + 1; i < end; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  // 1000 * 0.289 and not 289: postgres-date multiplies the parsed fraction, and its rounding errors are part of it.
  return Math.trunc(1000 * (value / POWERS_OF_TEN[digits]));
}

/** Where the time zone begins; `end` when there is none. */
function zoneStart(text, start, end) {
  for (let i = start; i < end; i++) {
    const letter = text.charCodeAt(i);
    if (letter === PLUS || letter === MINUS) return i;
  }
  return end;
}

/** Milliseconds of "+05", "-03:30", "+00:19:32"; NaN when it is anything else. */
function zoneOffset(text, start, end) {
  const length = end - start;
  let seconds = twoDigits(text, start + 1) * 3600;
  if (length >= 6) seconds += text.charCodeAt(start + 3) === COLON ? twoDigits(text, start + 4) * 60 : NaN;
  if (length === 9) seconds += text.charCodeAt(start + 6) === COLON ? twoDigits(text, start + 7) : NaN;
  if (length !== 3 && length !== 6 && length !== 9) return NaN;
  return text.charCodeAt(start) === MINUS ? -1000 * seconds : 1000 * seconds;
}

function dateAt(text, start) {
  if (text.charCodeAt(start + 4) !== MINUS || text.charCodeAt(start + 7) !== MINUS) return NaN;
  return (
    twoDigits(text, start) * 1_000_000 +
    twoDigits(text, start + 2) * 10_000 +
    twoDigits(text, start + 5) * 100 +
    twoDigits(text, start + 8)
  );
}

function timeMsAt(text, start) {
  if (text.charCodeAt(start + 2) !== COLON || text.charCodeAt(start + 5) !== COLON) return NaN;
  const minutes = twoDigits(text, start) * 60 + twoDigits(text, start + 3);
  return (minutes * 60 + twoDigits(text, start + 6)) * 1000;
}

/** Stands for postgres-date: date, timestamp, timestamptz in ISO style, years 0100 to 9999. */
function readDate(text, start, end, parser) {
  const length = end - start;
  if (length >= DATE_LENGTH) {
    const date = dateAt(text, start);
    // The Date constructor takes years below 100 for those of the 20th century.
    if (date >= 100_00_00) {
      const day = length === DATE_LENGTH ? localDate(date, 0) : readDateAndTime(text, start, end, date);
      if (day !== undefined) return day;
    }
  }
  return parser(text.substring(start, end));
}

function readDateAndTime(text, start, end, date) {
  if (end - start < TIMESTAMP_LENGTH || text.charCodeAt(start + DATE_LENGTH) !== SPACE) return undefined;
  const afterSeconds = start + TIMESTAMP_LENGTH;
  const zone = zoneStart(text, afterSeconds, end);
  let ms = timeMsAt(text, start + DATE_LENGTH + 1);
  if (zone > afterSeconds) {
    ms += text.charCodeAt(afterSeconds) === POINT ? fractionMs(text, afterSeconds, zone) : NaN;
  }
  const offset = zone < end ? zoneOffset(text, zone, end) : 0;
  if (Number.isNaN(ms + offset)) return undefined;
  return zone < end ? new Date(utcMs(date) + ms - offset) : localDate(date, ms);
}

function utcMs(date) {
  return daysFromEpoch(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100) * MS_PER_DAY;
}

/** A wall clock's time in this process's zone, as a Date whose missing zone means local. */
function localDate(date, ms) {
  const month = Math.floor(date / 100) % 100;
  return new Date(Math.floor(date / 10_000), month - 1, date % 100, 0, 0, 0, ms);
}

/** Milliseconds of ".123456", of which the Date constructor reads three digits; NaN when it is anything else. */
function threeDigitsMs(text, start, end) {
  const digits = end - start - 1;
  if (digits < 1 || digits > 6) return NaN;
  let value = 0;
  for (let i = start + 1; i < end; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (digit < 0 || digit > 9) return NaN;
    if (i <= start + 3) value = value * 10 + digit;
  }
  return digits < 3 ? value * POWERS_OF_TEN[3 - digits] : value;
}

/** Milliseconds since 1970 of "2024-01-31" in UTC; NaN: in another form, or no date. */
function dayMs(text, start) {
  if (text.charCodeAt(start + 4) !== MINUS || text.charCodeAt(start + 7) !== MINUS) return NaN;
  const year = twoDigits(text, start) * 100 + twoDigits(text, start + 2);
  const month = twoDigits(text, start + 5);
  const day = twoDigits(text, start + 8);
  // Before this year the Date constructor has readings of its own.
  const isDate = year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
  return isDate ? daysFromEpoch(year, month, day) * MS_PER_DAY : NaN;
}

/** Milliseconds of "12:34:56"; NaN: in another form, or no time of day. */
function timeOfDayMs(text, start) {
  if (text.charCodeAt(start + 2) !== COLON || text.charCodeAt(start + 5) !== COLON) return NaN;
  const hours = twoDigits(text, start);
  const minutes = twoDigits(text, start + 3);
  const seconds = twoDigits(text, start + 6);
  const isTime = hours < 24 && minutes < 60 && seconds < 60;
  return isTime ? ((hours * 60 + minutes) * 60 + seconds) * 1000 : NaN;
}

/** Milliseconds since 1970 of "2024-01-31 12:34:56.789" as if it were UTC's, up to `end`; NaN: in another form. */
function wallClockMs(text, start, end) {
  const afterSeconds = start + TIMESTAMP_LENGTH;
  if (end < afterSeconds || text.charCodeAt(start + DATE_LENGTH) !== SPACE) return NaN;
  const ms = dayMs(text, start) + timeOfDayMs(text, start + DATE_LENGTH + 1);
  if (end === afterSeconds) return ms;
  return text.charCodeAt(afterSeconds) === POINT ? ms + threeDigitsMs(text, afterSeconds, end) : NaN;
}

/** Stands for new Date(text), text being a timestamp with time zone. */
function readInstant(text, start, end) {
  const zone = zoneStart(text, start + TIMESTAMP_LENGTH, end);
  // A zone with seconds is not in the constructor's language.
  if (end - zone === 3 || (end - zone === 6 && twoDigits(text, zone + 4) < 60)) {
    const ms = wallClockMs(text, start, zone) - zoneOffset(text, zone, end);
    if (!Number.isNaN(ms)) return new Date(ms);
  }
  return new Date(text.substring(start, end));
}

/** Stands for new Date(text + '+0000'), text being a timestamp. */
function readUtc(text, start, end) {
  const ms = wallClockMs(text, start, end);
  return Number.isNaN(ms) ? new Date(`${text.substring(start, end)}+0000`) : new Date(ms);
}

/** Stands for new Date(text), text being a date. */
function readUtcDay(text, start, end) {
  const ms = end - start === DATE_LENGTH ? dayMs(text, start) : NaN;
  return Number.isNaN(ms) ? new Date(text.substring(start, end)) : new Date(ms);
}

module.exports = { readInstant, readUtc, readUtcDay, readFloat, readInteger, readBoolean, readDate };
