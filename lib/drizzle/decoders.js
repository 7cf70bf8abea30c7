'use strict';

/*
 * What is known of Drizzle's decoders, so that a generated mapper need not call them. Only for classes of drizzle-orm's
 * own, and only where the installed version's function reads, spaces left out, as it did when it was looked at: one
 * that has changed is called like any other.
 */

const { CELL, kindOfParser, readingCode } = require('../row-builder');

const KNOWN = {
  same: ['{returnvalue;}'],
  // What is a number already stays as it is.
  number: [
    '{if(typeofvalue==="string"){returnNumber.parseInt(value);}returnvalue;}',
    '{if(typeofvalue==="string"){returnNumber.parseFloat(value);}returnvalue;}',
    '{if(typeofvalue==="string"){returnNumber(value);}returnvalue;}',
  ],
  // What is a string already stays as it is.
  text: [
    '{if(typeofvalue==="string")returnvalue;returnString(value);}',
    '{if(typeofvalue==="string")returnvalue;returnvalue.toISOString().slice(0,-14);}',
    '{if(typeofvalue==="string")returnvalue;constshortened=value.toISOString().slice(0,-1).replace("T","");' +
      'if(this.withTimezone){constoffset=value.getTimezoneOffset();constsign=offset<=0?"+":"-";' +
      'return`${shortened}${sign}${Math.floor(Math.abs(offset)/60).toString().padStart(2,"0")}`;}returnshortened;}',
  ],
  toNumber: [
    '{if(typeofvalue==="number"){returnvalue;}returnNumber(value);}',
    '{if(typeofvalue==="number")returnvalue;returnNumber(value);}',
  ],
  day: ['{if(typeofvalue==="string")returnnewDate(value);returnvalue;}'],
  timestamp: [
    '{if(typeofvalue==="string")returnnewDate(this.withTimezone?value:value+"+0000");returnvalue;}',
  ],
  json: ['{if(typeofvalue==="string"){try{returnJSON.parse(value);}catch{returnvalue;}}returnvalue;}'],
};
const KINDS = new Map(Object.entries(KNOWN).flatMap(([kind, bodies]) => bodies.map((body) => [body, kind])));

/* Functions given to mapWith() that do nothing but convert. */
const CONVERTERS = new Set([Number, String, Boolean, BigInt, parseFloat, JSON.parse]);

/* Expressions that read and decode at once, for columns whose parser leaves the text as it is. */
const FROM_TEXT = {
  text: () => CELL,
  // Whole numbers are read alike, and what has a point or an exponent is left to Number.
  toNumber: () => 'readFloat(text, start, end, Number)',
  day: () => 'readUtcDay(text, start, end)',
  timestamp: ({ decoder }) =>
    decoder.withTimezone ? 'readInstant(text, start, end)' : 'readUtc(text, start, end)',
};

/** Over one copy of drizzle-orm. */
function makeDecoders({ Column, PgArray, PgCustomColumn, SQL, Subquery, columnClasses, is, sql }) {
  const classes = new Set(columnClasses);
  const noop = sql``.decoder;
  const kinds = new WeakMap();

  /** As mapResultRow() finds it; the usual ways first, because is() is slow. */
  function decoderOf(field) {
    if (field instanceof Column) return field;
    if (field instanceof SQL) return field.decoder;
    if (is(field, Column)) return field;
    if (is(field, SQL)) return field.decoder;
    if (is(field, Subquery)) return field._.sql.decoder;
    return field.sql.decoder;
  }

  function kindOf(method) {
    let kind = kinds.get(method);
    if (kind === undefined) {
      const source = Function.prototype.toString.call(method).replace(/\s+/g, '');
      kind = KINDS.get(source.slice(source.indexOf('{'))) ?? 'other';
      kinds.set(method, kind);
    }
    return kind;
  }

  /** Whether it is drizzle-orm's own code alone, which nobody notices being run earlier or twice. */
  function isOwn(decoder) {
    if (decoder === noop) return true;
    const constructor = decoder?.constructor;
    if (constructor === PgCustomColumn) return typeof decoder.mapFrom !== 'function';
    if (constructor === PgArray) return isOwn(decoder.baseColumn);
    return classes.has(constructor) || (constructor === Object && CONVERTERS.has(decoder.mapFromDriverValue));
  }

  /** @returns {{ decoder: object, own: boolean, kind: string }} */
  function describe(decoder) {
    const own = isOwn(decoder);
    if (!own) return { decoder, own, kind: 'other' };
    const isSame = decoder === noop || decoder.constructor === PgCustomColumn;
    return { decoder, own, kind: isSame ? 'same' : kindOf(decoder.mapFromDriverValue) };
  }

  return { decoderOf, describe };
}

/** The expression that decodes the value in the variable `name`, which is not null. */
function decodingCode({ kind }, name, i) {
  if (kind === 'same') return name;
  const call = `decoders[${i}].mapFromDriverValue(${name})`;
  return kind === 'json' ? `(typeof ${name} === 'string' ? ${call} : ${name})` : call;
}

/** The expression that reads column i in a builder's code and decodes it. */
function readingAndDecodingCode(column, parser, i, field) {
  const reading = readingCode(parser, i, field);
  const read = kindOfParser(parser);
  if (column.kind === 'same' || (column.kind === 'number' && read === 'number')) return reading;
  if (read === 'text' && Object.hasOwn(FROM_TEXT, column.kind)) return FROM_TEXT[column.kind](column);
  return `(v${i} = ${reading}) === null ? null : ${decodingCode(column, `v${i}`, i)}`;
}

module.exports = { makeDecoders, decodingCode, readingAndDecodingCode };
