'use strict';

/* Workloads: how every contestant does in each case, and beside `pg`. */

const { median, ratiosByRound } = require('../statistics');
const { number, percent, times } = require('./format');

const COLUMNS = [
  ['per second', ({ median: m }) => number(m.throughput)],
  ['±', ({ spread }, rounds) => (rounds > 1 ? percent(spread.throughput) : '')],
  ['x pg', ({ ratio }) => times(ratio.throughput)],
  ['p50 ms', ({ median: m }) => number(m.p50)],
  ['p99 ms', ({ median: m }) => number(m.p99)],
  ['main µs', ({ median: m }) => number(m.mainCpu)],
  ['x pg', ({ ratio }) => times(ratio.mainCpu)],
  ['other µs', ({ median: m }) => number(m.otherCpu)],
  ['server µs', ({ median: m }) => number(m.serverCpu)],
  ['loop', ({ median: m }) => percent(m.loop)],
  ['delay ms', ({ median: m }) => number(m.delay)],
  ['RSS MiB', ({ median: m }) => number(m.rss)],
];

function failureNotes({ id, failures }) {
  return failures.map(({ contestant, round, failure }) => {
    return `  ${id}: ${contestant} failed in round ${round + 1}: ${failure.split('\n', 2)[0]}`;
  });
}

/** That all were given the same to do besides. */
function workNotes(summary) {
  const works = Object.entries(summary).filter(([, { median: m }]) => m.workCpu !== undefined);
  if (works.length === 0) return [];
  const each = works.map(([name, { median: m }]) => `${name} ${number(m.workCpu)}`);
  return [`  CPU of the application's work alone, µs: ${each.join(', ')}`];
}

function caseSection(each) {
  const { id, title, rounds, summary } = each;
  const done = Object.entries(summary).filter(([name]) => rounds[name].some(Boolean));
  const header = ['', ...COLUMNS.map(([heading]) => heading)];
  const rows = done.map(([name, figures]) => [
    name,
    ...COLUMNS.map(([, cell]) => cell(figures, rounds[name].length)),
  ]);
  return {
    place: 'cases',
    title: `${id}: ${title}`,
    rows: [header, ...rows],
    notes: [...workNotes(summary), ...failureNotes(each)],
  };
}

function contestantsOf(cases) {
  return [...new Set(cases.flatMap(({ rounds }) => Object.keys(rounds)))];
}

/** One row for each case, one column for each contestant. */
function overview(title, cases, names, cell) {
  const header = ['', ...names];
  const rows = cases.map((each) => [
    each.id,
    ...names.map((name) => cell(each.summary[name]?.ratio ?? {}, each.summary[name]?.median ?? {})),
  ]);
  return { place: 'overview', title, rows: [header, ...rows] };
}

/** Two contestants against each other, by rounds; the ratio of medians would mix rounds that the machine did not. */
function against(cases, one, other) {
  return cases.flatMap(({ id, rounds }) => {
    if (!rounds[one] || !rounds[other]) return [];
    const ratio = median(ratiosByRound('throughput', rounds[one], rounds[other]));
    return Number.isFinite(ratio) ? [`  ${id}: ${one} at ${times(ratio)} times ${other}'s throughput`] : [];
  });
}

function overviews(cases) {
  const names = contestantsOf(cases);
  if (!names.includes('pg')) return [];
  const others = names.filter((name) => name !== 'pg');
  const all = ['pgkeel', ...others].filter((name, index, list) => list.indexOf(name) === index);
  const drivers = all.filter((name) => name !== 'pgbench');
  const withPg = [...drivers, 'pg'];
  return [
    {
      ...overview('Throughput, times that of pg', cases, all, (ratio) => times(ratio.throughput)),
      notes: against(cases, 'pgkeel', 'pgbench'),
    },
    overview('Main-thread CPU per operation, times that of pg', cases, drivers, (r) => times(r.mainCpu)),
    overview('p99, ms', cases, withPg, (_, m) => number(m.p99)),
    overview('Longest delay of the event loop, ms', cases, withPg, (_, m) => number(m.delay)),
    overview('Peak RSS, MiB', cases, withPg, (_, m) => number(m.rss)),
  ];
}

function caseSections({ cases }) {
  return [...cases.map(caseSection), ...overviews(cases)];
}

/** How much longer fast statements take beside a slow one. */
function slowSections({ cases }) {
  const [fast, slow] = ['fast', 'slow'].map((name) => cases.find(({ workload }) => workload === name));
  const details = cases.map(caseSection);
  if (!fast || !slow) return details;
  const rows = Object.keys(slow.rounds).flatMap((name) => {
    const ratios = ['p50', 'p99'].map((figure) =>
      median(ratiosByRound(figure, slow.rounds[name], fast.rounds[name])),
    );
    if (!Number.isFinite(ratios[1])) return [];
    const [m, n] = [fast.summary[name].median, slow.summary[name].median];
    return [
      [
        name,
        ...[m.p50, n.p50].map(number),
        times(ratios[0]),
        ...[m.p99, n.p99].map(number),
        times(ratios[1]),
      ],
    ];
  });
  const header = ['', 'p50 alone, ms', 'beside, ms', 'beside / alone', 'p99 alone, ms', 'beside, ms'];
  return [
    ...details,
    {
      place: 'overview',
      title: 'Beside the slow statement and without it',
      rows: [[...header, 'beside / alone'], ...rows],
    },
  ];
}

module.exports = { caseSections, contestantsOf, failureNotes, slowSections };
