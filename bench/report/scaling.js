'use strict';

/* How cost grows: a table for each series, a row for each point of it. */

const { contestantsOf, failureNotes } = require('./cases');
const { number, times, whole } = require('./format');

const COLUMNS = [
  ['µs', ({ median: m }) => number(1e6 / m.throughput)],
  ['x pg', ({ ratio }) => times(ratio.throughput)],
  ['main µs', ({ median: m }) => number(m.mainCpu)],
  ['p99 ms', ({ median: m }) => number(m.p99)],
];

/** @returns {Map<string, object[]>} the cases of each series, in order */
function seriesOf(cases) {
  const all = new Map();
  for (const each of cases) all.set(each.series, [...(all.get(each.series) ?? []), each]);
  return all;
}

function headings(name) {
  return COLUMNS.filter(([heading]) => heading !== 'x pg' || name !== 'pg');
}

function seriesSection(series, cases) {
  const names = contestantsOf(cases);
  const header = [
    series,
    ...names.flatMap((name) => headings(name).map(([heading]) => `${name} ${heading}`)),
  ];
  const rows = cases.map(({ x, summary, rounds }) => [
    whole(x),
    ...names.flatMap((name) => {
      const done = rounds[name]?.some(Boolean);
      return headings(name).map(([, cell]) => (done ? cell(summary[name]) : ''));
    }),
  ]);
  return {
    place: series,
    title: `${series}: ${cases[0].title}`,
    rows: [header, ...rows],
    notes: cases.flatMap(failureNotes),
  };
}

function scalingSections({ cases }) {
  return [...seriesOf(cases)].map(([series, points]) => seriesSection(series, points));
}

module.exports = { scalingSections, seriesOf };
