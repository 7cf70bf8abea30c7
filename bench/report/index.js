'use strict';

/* What a result says, as text or as Markdown. */

const { caseSections, slowSections } = require('./cases');
const { delaySections } = require('./delays');
const { asMarkdown, asText } = require('./format');
const { overloadSections } = require('./overload');
const { profileSections } = require('./profile');
const { scalingSections } = require('./scaling');
const { streamSections } = require('./stream');

const SECTIONS = {
  workloads: caseSections,
  slow: slowSections,
  scaling: scalingSections,
  stream: streamSections,
  delays: delaySections,
  overload: overloadSections,
  profile: profileSections,
};

const FEW_ROUNDS = 3;
const BUSY = 0.5;

function lengthOf({ rounds, seconds, rows, queries, results }) {
  if (queries !== undefined) return `queries: ${queries}`;
  if (results !== undefined) return `rounds: ${rounds}, results: ${results}`;
  return `rounds: ${rounds}, ${rows === undefined ? `a measurement: ${seconds} s` : `rows: ${rows}`}`;
}

/** What a reader must not overlook. Counts (of queries) do not suffer from either. */
function warnings({ rounds, queries }, load) {
  if (queries !== undefined) return [];
  const few = rounds < FEW_ROUNDS ? [`fewer than ${FEW_ROUNDS} rounds: no ground for a comparison`] : [];
  const busy =
    load > BUSY ? ['the machine was busy with other things: its noise is larger than most differences'] : [];
  return [...few, ...busy];
}

function head({ date, environment, options, left }) {
  const { cpu, cores, node, server, packages, load } = environment;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return {
    place: 'head',
    notes: [
      ...warnings(options, load),
      `${date.slice(0, 10)}; ${lengthOf(options)}; load before: ${load.toFixed(2)}`,
      `${cores} x ${cpu}; Node.js ${node}; PostgreSQL ${server}; ${versions.join(', ')}`,
      ...left.map(({ contestant, reason }) => `${contestant} left out: ${reason}`),
    ],
  };
}

/** @param {object} result what run.js writes as JSON @param {string} [place] only the sections that belong there */
function sectionsOf(result, place) {
  const sections = [head(result), ...SECTIONS[result.kind](result)];
  if (place === undefined) return sections;
  const chosen = sections.filter((section) => section.place === place);
  if (chosen.length > 0) return chosen;
  throw new Error(`there is nothing of ${result.kind} that belongs to ${place}`);
}

module.exports = {
  markdown: (result, place) => asMarkdown(sectionsOf(result, place)),
  text: (result) => asText(sectionsOf(result)),
};
