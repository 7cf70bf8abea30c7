'use strict';

const { number, percent, whole } = require('./format');

const RARE = 0.005;
const MOST_SITES = 15;

const total = (amounts) => Object.values(amounts).reduce((sum, each) => sum + each, 0);

function instructionSection({ instructions }) {
  const all = total(instructions);
  const parts = Object.entries(instructions).sort(([, a], [, b]) => b - a);
  const rows = parts.map(([part, each]) => [part, whole(each), percent(each / all)]);
  return {
    title: 'Instructions of the C library per query, by part (callgrind)',
    rows: [['', 'instructions', 'share'], ...rows, ['all', whole(all), '']],
  };
}

function allocationSection({ allocations }) {
  const rows = Object.entries(allocations).map(([who, each]) => [who, number(each)]);
  return {
    title: 'Calls of malloc, calloc and realloc per query on the C side, by who calls (callgrind)',
    rows: [['', 'calls'], ...rows, ['all', number(total(allocations))]],
  };
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
  const done = contestants.filter(({ allocated }) => allocated);
  const rows = done.map(({ name, allocated: { heap, external } }) => {
    return [name, whole(heap), itself ? whole(heap - itself.heap) : '', whole(external)];
  });
  return {
    title: 'Bytes that V8 allocates per query',
    rows: [['', 'heap', "without the benchmark's own", 'external'], ...rows],
    notes: itself ? [`  the benchmark's own: ${whole(itself.heap)} bytes`] : [],
  };
}

function siteSection({ name, sites }) {
  const all = sites.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = sites
    .slice(0, MOST_SITES)
    .map((site) => [site.file, site.function || '(anonymous)', whole(site.bytes), percent(site.bytes / all)]);
  return {
    title: `Where ${name} allocates, the largest ${rows.length} places (sampled)`,
    rows: [['', 'function', 'bytes per query', 'share'], ...rows],
  };
}

function profileSections({ native, contestants, itself, failures, options }) {
  const [first] = contestants.filter(({ sites }) => sites);
  return [
    { title: `W1, ${options.callers} in flight` },
    ...(native ? [instructionSection(native), allocationSection(native)] : []),
    ...(contestants.some(({ systemCalls }) => systemCalls) ? [systemCallSection(contestants)] : []),
    heapSection(contestants, itself),
    ...(first ? [siteSection(first)] : []),
    ...(failures.length > 0 ? [{ title: 'Failures', notes: failures }] : []),
  ];
}

module.exports = { profileSections };
