'use strict';

/*
 * Puts tables into a document, between <!-- bench:KIND --> or <!-- bench:KIND/PLACE --> and <!-- /bench -->. PLACE is a
 * section's `place`: the same command replaces them when the figures are new, and the text around them stays.
 */

const fs = require('node:fs');

const PLACE = /(<!-- bench:([a-z]+)(?:\/([a-z]+))? -->)[^]*?(<!-- \/bench -->)/g;

/** @param {string} document @param {(kind: string, place?: string) => string | undefined} tablesOf undefined: as it is */
function replaceTables(document, tablesOf) {
  return document.replace(PLACE, (whole, start, kind, place, end) => {
    const tables = tablesOf(kind, place);
    return tables === undefined ? whole : `${start}\n\n${tables}\n\n${end}`;
  });
}

/** @param {string} file @param {object[]} results @param {(result: object, place?: string) => string} markdown */
function fillIn(file, results, markdown) {
  const tablesOf = (kind, place) => {
    const result = results.findLast((each) => each.kind === kind);
    return result && markdown(result, place);
  };
  fs.writeFileSync(file, replaceTables(fs.readFileSync(file, 'utf8'), tablesOf));
}

module.exports = { fillIn, replaceTables };
