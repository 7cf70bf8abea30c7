'use strict';

/* From values to places. */

/** Round steps (1, 2, 5 times a power of ten) from 0 to at least `most`, about `count` of them. */
function linearTicks(most, count = 6) {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** Powers of ten around the values; of fewer than two decades also their 2 and 5. */
function logTicks(least, most) {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const factors = to - from <= 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = from; power <= to; power++) for (const factor of factors) ticks.push(factor * 10 ** power);
  const first = ticks.findLastIndex((tick) => tick <= least * 1.0001);
  const last = ticks.findIndex((tick) => tick >= most * 0.9999);
  return ticks.slice(Math.max(0, first), last + 1);
}

/** @returns {(value: number) => number} */
function linear([first, last], [start, end]) {
  return (value) => start + ((value - first) / (last - first)) * (end - start);
}

function logarithmic([first, last], range) {
  const place = linear([Math.log(first), Math.log(last)], range);
  return (value) => place(Math.log(value));
}

const PREFIXES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** 1500000 as 1.5M: what fits below an axis. */
function short(value) {
  const [unit, prefix] = PREFIXES.find(([size]) => Math.abs(value) >= size) ?? [1, ''];
  return `${Number((value / unit).toPrecision(3))}${prefix}`;
}

module.exports = { linear, linearTicks, logTicks, logarithmic, short };
