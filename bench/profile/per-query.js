'use strict';

/**
 * What one query costs, from two runs of different length: start and end are in both and fall out.
 * @param {{ queries: number, amounts: Record<string, number> }} short
 * @param {{ queries: number, amounts: Record<string, number> }} long
 */
function perQuery(short, long) {
  const names = new Set([...Object.keys(short.amounts), ...Object.keys(long.amounts)]);
  const queries = long.queries - short.queries;
  // Start and end are not quite the same each time: what comes out below 0 was not there.
  const each = (name) => Math.max(0, (long.amounts[name] ?? 0) - (short.amounts[name] ?? 0)) / queries;
  return Object.fromEntries([...names].map((name) => [name, each(name)]));
}

/** The short run is long enough for every connection to be open and every statement prepared. */
const SHORT = 2_000;

module.exports = { SHORT, perQuery };
