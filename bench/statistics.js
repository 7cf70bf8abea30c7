'use strict';

const BASELINE = 'pg';
const FIGURES = [
  'throughput',
  'p50',
  'p99',
  'mainCpu',
  'otherCpu',
  'serverCpu',
  'loop',
  'delay',
  'rss',
  'workCpu',
];
const STREAM_FIGURES = ['rssBefore', 'rssMost', 'rssGrowth'];

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
  const entries = [...FIGURES, ...STREAM_FIGURES].map((figure) => [figure, compute(figure)]);
  return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
}

/** A figure of one contestant divided by another's, in every round in which both have it. */
function ratiosByRound(figure, rounds, baseline) {
  return rounds.map((round, index) => round?.[figure] / baseline?.[index]?.[figure]).filter(Number.isFinite);
}

/**
 * @param {object[]} rounds figures of one contestant; a round that failed is undefined
 * @param {object[]} [baseline] those of pg. Ratios are taken within a round, where both met the same machine
 */
function summarise(rounds, baseline = []) {
  const values = (figure) => rounds.map((round) => round?.[figure]).filter(Number.isFinite);
  return {
    median: ofEach((figure) => median(values(figure))),
    spread: ofEach((figure) => spread(values(figure))),
    ratio: ofEach((figure) => median(ratiosByRound(figure, rounds, baseline))),
  };
}

/** Adds medians, spreads and ratios to a case: `rounds[contestant]`, figures of each round. */
function summariseCase(each) {
  const summary = {};
  for (const [name, rounds] of Object.entries(each.rounds))
    summary[name] = summarise(rounds, each.rounds[BASELINE]);
  return { ...each, summary };
}

module.exports = { median, ratiosByRound, summarise, summariseCase, quantile };
