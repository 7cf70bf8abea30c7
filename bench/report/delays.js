'use strict';

const { median } = require('../statistics');
const { failureNotes, number } = require('./format');

/* What is to be stayed under: docs/performance.md. */
const LIMIT_MS = 15;

const NONE = { delay: 0, onCpu: 0, waited: 0 };
const longest = (delays) => delays.reduce((a, b) => (b.delay > a.delay ? b : a), NONE);
const most = (values) => Math.max(0, ...values);
const blocked = ({ delay, onCpu, waited }) => Math.max(0, delay - onCpu - waited);

const COLUMNS = [
  ['a result, ms', ({ perResult }) => perResult],
  ['longest delay, ms', ({ delays }) => longest(delays).delay],
  ['of it on a CPU', ({ delays }) => longest(delays).onCpu],
  ['waiting for one', ({ delays }) => longest(delays).waited],
  ['blocked', ({ delays }) => blocked(longest(delays))],
  [`delays over ${LIMIT_MS} ms`, ({ delays }) => delays.filter(({ delay }) => delay > LIMIT_MS).length],
  [`over ${LIMIT_MS} ms of CPU`, ({ delays }) => delays.filter(({ onCpu }) => onCpu > LIMIT_MS).length],
  ['most CPU in any, ms', ({ delays }) => most(delays.map(({ onCpu }) => onCpu))],
];

function delaySections({ options, contestants }) {
  const figures = contestants
    .map(({ name, rounds }) => ({ name, rounds: rounds.filter(Boolean) }))
    .filter(({ rounds }) => rounds.length > 0)
    .map(({ name, rounds }) => [name, ...COLUMNS.map(([, of]) => number(median(rounds.map(of))))]);
  return [
    {
      title: `Delays of the event loop in ${options.results} results of 100,000 rows, medians of the rounds`,
      rows: [['', ...COLUMNS.map(([heading]) => heading)], ...figures],
      notes: failureNotes(contestants),
    },
  ];
}

module.exports = { delaySections };
