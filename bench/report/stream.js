'use strict';

const { failureNotes, number, whole } = require('./format');

const COLUMNS = [
  ['rows per second', ({ median: m }) => whole(m.throughput)],
  ['RSS before, MiB', ({ median: m }) => number(m.rssBefore)],
  ['most, MiB', ({ median: m }) => number(m.rssMost)],
  ['growth, MiB', ({ median: m }) => number(m.rssGrowth)],
  ['main µs per row', ({ median: m }) => number(m.mainCpu)],
  ['delay ms', ({ median: m }) => number(m.delay)],
];
const MOMENTS = 10;

/** What a process held after each tenth of its stream. */
function* moments(samples, rows) {
  for (let tenth = 1; tenth <= MOMENTS; tenth++) {
    yield samples.find(({ rows: seen }) => seen >= (rows * tenth) / MOMENTS) ?? samples.at(-1);
  }
}

function streamSections({ options, contestants }) {
  const done = contestants.filter(({ rounds }) => rounds.some(Boolean));
  const over = Array.from(
    { length: MOMENTS },
    (_, index) => `${whole((options.rows * (index + 1)) / MOMENTS)} rows`,
  );
  const figures = done.map((each) => [each.name, ...COLUMNS.map(([, cell]) => cell(each.summary))]);
  const growth = done.map(({ name, rounds }) => {
    const { samples, rssBefore } = rounds.find(Boolean);
    return [name, ...[...moments(samples, options.rows)].map(({ rss }) => number(rss - rssBefore))];
  });
  return [
    {
      title: `A stream of ${whole(options.rows)} rows of 10 columns to a slow consumer`,
      rows: [['', ...COLUMNS.map(([heading]) => heading)], ...figures],
      notes: failureNotes(contestants),
    },
    { title: 'Growth of RSS over the first round, MiB', rows: [['', ...over], ...growth] },
  ];
}

module.exports = { streamSections };
