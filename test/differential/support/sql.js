'use strict';

const literal = (text) => (text === null ? 'null' : `E'${text.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`);

/** The name "char" is another type than char. */
const typeName = (type) => `pg_catalog."${type}"`;

const cast = (text, type) => `${literal(text)}::${typeName(type)}`;

module.exports = { literal, typeName, cast };
