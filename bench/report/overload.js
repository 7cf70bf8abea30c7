'use strict';

const { number, percent, whole } = require('./format');

const COLUMNS = [
  ['in time per second', (figures) => whole(figures.goodput)],
  ['of its peak', (figures, peak) => percent(figures.goodput / peak)],
  ['p50 ms', (figures) => number(figures.p50)],
  ['p99 ms', (figures) => number(figures.p99)],
  ['late per second', (figures) => whole(figures.late)],
  ['refused or timed out per second', (figures) => whole(figures.failed)],
  ['told after, ms', (figures) => number(figures.told)],
];

function rowsOf(name, cases) {
  const done = cases.filter(({ summary }) => Number.isFinite(summary[name]?.goodput));
  const peak = Math.max(...done.map(({ summary }) => summary[name].goodput));
  return done.map(({ factor, rate, summary }) => [
    `${name}, ${factor} x (${whole(rate)} per second)`,
    ...COLUMNS.map(([, cell]) => cell(summary[name], peak)),
  ]);
}

function overloadSections({ capacity, cases }) {
  const names = [...new Set(cases.flatMap(({ summary }) => Object.keys(summary)))];
  const failures = cases.flatMap(({ factor, failures: all }) =>
    all.map(({ contestant, failure }) => `${contestant} at ${factor} x failed: ${failure.split('\n', 1)[0]}`),
  );
  return [
    {
      place: 'overview',
      title: `Arrivals beyond capacity (${whole(capacity)} per second): answers within 500 ms`,
      rows: [['', ...COLUMNS.map(([heading]) => heading)], ...names.flatMap((name) => rowsOf(name, cases))],
      notes: failures,
    },
  ];
}

module.exports = { overloadSections };
