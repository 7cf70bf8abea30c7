'use strict';

const { median, summarise } = require('./statistics');

const BASELINE = 'pg';

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

function number(value) {
  if (value === undefined) return '';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const percent = (value) => (value === undefined ? '' : `${(value * 100).toFixed(1)} %`);
const times = (value) => (value === undefined ? '' : value.toFixed(2));

/** Adds medians, spreads and ratios to what run.js collected: `rounds[contestant]`, figures of each round. */
function summariseCase(each) {
  const summary = {};
  for (const [name, rounds] of Object.entries(each.rounds))
    summary[name] = summarise(rounds, each.rounds[BASELINE]);
  return { ...each, summary };
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]));
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}

function caseTable({ id, title, rounds, summary, failures }) {
  const done = Object.entries(summary).filter(([name]) => rounds[name].some(Boolean));
  const header = ['', ...COLUMNS.map(([heading]) => heading)];
  const rows = done.map(([name, figures]) => [
    name,
    ...COLUMNS.map(([, cell]) => cell(figures, rounds[name].length)),
  ]);
  const failed = failures.map(({ contestant, round, failure }) => {
    return `  ${contestant} failed in round ${round + 1}: ${failure.split('\n', 2)[0]}`;
  });
  return [`${id}: ${title}`, table([header, ...rows]), ...failed].join('\n');
}

/** How much longer fast statements take beside a slow one. */
function slowdown(cases) {
  const [fast, slow] = ['fast', 'slow'].map((name) => cases.find(({ workload }) => workload === name));
  if (!fast || !slow) return [];
  const lines = Object.keys(slow.rounds).map((name) => {
    const ratios = slow.rounds[name].map((round, index) => round?.p99 / fast.rounds[name][index]?.p99);
    const finite = ratios.filter(Number.isFinite);
    return finite.length === 0 ? '' : `  ${name}: ${times(median(finite))}`;
  });
  return [['p99 beside the slow statement, times that without it:', ...lines.filter(Boolean)].join('\n')];
}

/** @param {object} result what run.js writes as JSON */
function report({ environment, options, cases, left }) {
  const { cpu, cores, node, server, packages, load } = environment;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const head = [
    `${cores} x ${cpu}; Node.js ${node}; PostgreSQL ${server}; ${versions.join(', ')}`,
    `rounds: ${options.rounds}, a measurement: ${options.seconds} s, load before: ${load.toFixed(2)}`,
    ...left.map(({ contestant, reason }) => `${contestant} left out: ${reason}`),
  ];
  return [head.join('\n'), ...cases.map(caseTable), ...slowdown(cases)].join('\n\n');
}

module.exports = { report, summariseCase };
