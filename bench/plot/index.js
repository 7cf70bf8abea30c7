'use strict';

/* Which figures a result gives. */

const fs = require('node:fs');
const path = require('node:path');
const { contestantsOf } = require('../report/cases');
const { seriesOf } = require('../report/scaling');
const { bars } = require('./bars');
const { lines } = require('./lines');

function ratioBars(title, unit, cases, names, figure) {
  const groups = cases.map(({ id, summary }) => {
    const values = names.map((name) => [name, summary[name]?.ratio[figure]]);
    return { name: id, values: Object.fromEntries(values) };
  });
  return bars({ title, unit, names, groups });
}

function workloads({ cases }) {
  const others = contestantsOf(cases).filter((name) => name !== 'pg');
  const drivers = others.filter((name) => name !== 'pgbench');
  const better = (direction) => `times pg (${direction} is better)`;
  return {
    throughput: ratioBars('Throughput', better('higher'), cases, others, 'throughput'),
    'main-cpu': ratioBars('Main-thread CPU per operation', better('lower'), cases, drivers, 'mainCpu'),
  };
}

function curves(cases, value) {
  return contestantsOf(cases).map((name) => {
    const points = cases.map(({ x, summary }) => [x, value(summary[name]?.median ?? {})]);
    return { name, points: points.filter(([, y]) => y > 0) };
  });
}

function scaling({ cases }) {
  const figures = [...seriesOf(cases)].map(([series, points]) => {
    const panel = (title, value) => ({
      title,
      x: series,
      y: 'microseconds per operation',
      curves: curves(points, value),
    });
    const panels = [
      panel('time (1 s / operations per second)', ({ throughput }) => 1e6 / throughput),
      panel('main-thread CPU', ({ mainCpu }) => mainCpu),
    ];
    return [`scaling-${series}`, lines(points[0].title, panels)];
  });
  return Object.fromEntries(figures);
}

function stream({ contestants, options }) {
  const done = contestants.filter(({ rounds }) => rounds.some(Boolean));
  const drawn = done.map(({ name, rounds }) => {
    const { samples, rssBefore } = rounds.find(Boolean);
    return { name, points: samples.map(({ rows, rss }) => [rows, Math.max(0, rss - rssBefore)]) };
  });
  const panel = { title: 'growth of RSS', x: 'rows so far', y: 'MiB', scale: 'linear', marks: false };
  const title = `A stream of ${options.rows.toLocaleString('en')} rows`;
  return { stream: lines(title, [{ ...panel, curves: drawn }]) };
}

const FIGURES = { workloads, scaling, stream };

/** @returns {string[]} the files written */
function draw(results, folder) {
  fs.mkdirSync(folder, { recursive: true });
  return results.flatMap((result) =>
    Object.entries(FIGURES[result.kind]?.(result) ?? {}).map(([name, text]) => {
      const file = path.join(folder, `${name}.svg`);
      fs.writeFileSync(file, text);
      return file;
    }),
  );
}

module.exports = { draw };
