'use strict';

const { number, percent, whole } = require('./format');

const RARE = 0.005;

const total = (amounts) => Object.values(amounts).reduce((sum, each) => sum + each, 0);

function instructionSection({ instructions }) {
  const all = total(instructions);
  const parts = Object.entries(instructions)
    .filter(([, each]) => each >= 1)
    .sort(([, a], [, b]) => b - a);
  const rows = parts.map(([part, each]) => [part, whole(each), percent(each / all)]);
  return {
    title: 'Instructions of the C library per query, by part (callgrind)',
    rows: [['', 'instructions', 'share'], ...rows, ['all', whole(all), '']],
  };
}

function allocationSection({ allocations }) {
  const rows = Object.entries(allocations).filter(([, each]) => each >= RARE);
  return {
    title: 'Calls of malloc, calloc and realloc per query on the C side, by who calls (callgrind)',
    rows: [
      ['', 'calls'],
      ...rows.map(([who, each]) => [who, number(each)]),
      ['all', number(total(allocations))],
    ],
  };
}

function placeSection({ places }) {
  const often = Object.entries(places).filter(([, each]) => each >= RARE);
  const rows = often.sort(([, a], [, b]) => b - a).map(([place, each]) => [place, number(each)]);
  return { title: 'Functions of pgkeel that allocate, calls per query', rows: [['', 'calls'], ...rows] };
}

function systemCallSection(contestants) {
  const done = contestants.filter(({ systemCalls }) => systemCalls);
  const often = (name) => done.some(({ systemCalls }) => systemCalls[name] >= RARE);
  const names = [...new Set(done.flatMap(({ systemCalls }) => Object.keys(systemCalls)))].filter(often);
  const [first] = done;
  names.sort((a, b) => (first.systemCalls[b] ?? 0) - (first.systemCalls[a] ?? 0));
  const rows = names.map((name) => [name, ...done.map(({ systemCalls }) => number(systemCalls[name] ?? 0))]);
  const sums = done.map(({ systemCalls }) => number(total(systemCalls)));
  return {
    title: 'System calls per query of the whole process (strace)',
    rows: [['', ...done.map(({ name }) => name)], ...rows, ['all', ...sums]],
  };
}

function heapSection(contestants, itself) {
  const done = contestants.filter(({ allocated }) => allocated !== undefined);
  const rows = done.map(({ name, allocated }) => [name, whole(allocated), whole(allocated - itself)]);
  return {
    title: 'Bytes that V8 allocates per query',
    rows: [['', 'all', "without the benchmark's own"], ...rows],
  };
}

function siteSection({ name, sites, allocated }) {
  const rows = sites.map((site) => [
    site.file,
    site.function || '(anonymous)',
    whole(site.bytes),
    percent(site.bytes / allocated),
  ]);
  return {
    title: `Where ${name} allocates, the largest places (sampled; what was inlined counts where it was inlined)`,
    rows: [['', 'function', 'bytes per query', 'share'], ...rows],
  };
}

function formatSection(formats) {
  const rows = formats.map(({ what, text, binary }) => [
    what,
    whole(text),
    whole(binary),
    percent(1 - binary / text),
  ]);
  return {
    title: "The server's own work for the 1,000 rows of W2, µs, by the format of the result",
    rows: [['', 'text', 'binary', 'saved'], ...rows],
  };
}

function profileSections({ native, contestants, itself, formats, failures, options }) {
  const [first] = contestants.filter(({ sites }) => sites);
  return [
    { title: `W1, ${options.callers} in flight` },
    ...(native ? [instructionSection(native), allocationSection(native), placeSection(native)] : []),
    ...(contestants.some(({ systemCalls }) => systemCalls) ? [systemCallSection(contestants)] : []),
    heapSection(contestants, itself),
    ...(first ? [siteSection(first)] : []),
    ...(formats ? [formatSection(formats)] : []),
    ...(failures.length > 0 ? [{ title: 'Failures', notes: failures }] : []),
  ];
}

module.exports = { profileSections };
