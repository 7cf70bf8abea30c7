'use strict';

const types = require('pg-types');

/**
 * Type parsers of one client or query, over `base` (the global ones unless it is given).
 * A plain function and not a class: programs call it without `new` through inheritance of the old kind.
 * @param {{ getTypeParser(oid: number, format?: string): (value: any) => any }} [base]
 */
function TypeOverrides(base) {
  this._types = base || types;
  this.text = {};
  this.binary = {};
}

TypeOverrides.prototype.getOverrides = function getOverrides(format) {
  if (format === 'text') return this.text;
  return format === 'binary' ? this.binary : {};
};

TypeOverrides.prototype.setTypeParser = function setTypeParser(oid, format, parser) {
  if (typeof format === 'function') this.getOverrides('text')[oid] = format;
  else this.getOverrides(format)[oid] = parser;
};

TypeOverrides.prototype.getTypeParser = function getTypeParser(oid, format) {
  const wanted = format || 'text';
  return this.getOverrides(wanted)[oid] || this._types.getTypeParser(oid, wanted);
};

module.exports = TypeOverrides;
