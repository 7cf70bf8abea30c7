'use strict';

const FIGURES = ['throughput', 'p50', 'p99', 'mainCpu', 'otherCpu', 'serverCpu', 'loop', 'delay', 'rss'];

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = sorted[Math.ceil(place)];
  return sorted[below] + (above - sorted[below]) * (place - below);
}

const median = (values) => quantile(values, 0.5);

/** Half of the interquartile range, as a share of the median. */
function spread(values) {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);
}

function ofEach(compute) {
  const entries = FIGURES.map((figure) => [figure, compute(figure)]);
  return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
}

/**
 * @param {object[]} rounds figures of one contestant; a round that failed is undefined
 * @param {object[]} [baseline] those of pg. Ratios are taken within a round, where both met the same machine
 */
function summarise(rounds, baseline = []) {
  const values = (figure) => rounds.map((round) => round?.[figure]).filter(Number.isFinite);
  const ratios = (figure) =>
    rounds.map((round, index) => round?.[figure] / baseline[index]?.[figure]).filter(Number.isFinite);
  return {
    median: ofEach((figure) => median(values(figure))),
    spread: ofEach((figure) => spread(values(figure))),
    ratio: ofEach((figure) => median(ratios(figure))),
  };
}

module.exports = { median, summarise };
