'use strict';

const { parseArgs } = require('node:util');
const { CONTESTANTS } = require('./contestants');
const { chooseCases } = require('./workloads');

const USAGE = `npm run bench -- [options]
  --only W1,W4,W6p      workloads, or single cases of them such as W1@64 (default: W1 to W6)
  --slow                the measure of a slow statement beside fast ones, instead of W1 to W6
  --contestants a,b     of ${Object.keys(CONTESTANTS).join(', ')} (default: all)
  --rounds 7            how often everything is measured
  --seconds 2           how long one measurement lasts, after a warm-up of half of it
  --out FILE            where the JSON goes (default: bench/results/<date>.json)`;

const OPTIONS = {
  only: { type: 'string' },
  slow: { type: 'boolean', default: false },
  contestants: { type: 'string' },
  rounds: { type: 'string', default: '7' },
  seconds: { type: 'string', default: '2' },
  out: { type: 'string' },
  help: { type: 'boolean', default: false },
};

/** @returns {{ cases, contestants, rounds, seconds, out, help }} */
function readOptions(args) {
  const { values } = parseArgs({ args, options: OPTIONS });
  return {
    help: values.help,
    cases: chooseCases(list(values.only), values.slow),
    contestants: chooseContestants(list(values.contestants)),
    rounds: number('rounds', values.rounds, Number.isInteger),
    seconds: number('seconds', values.seconds, Number.isFinite),
    out: values.out,
  };
}

function list(text) {
  return text?.split(',').map((name) => name.trim());
}

function chooseContestants(names = Object.keys(CONTESTANTS)) {
  const unknown = names.filter((name) => !Object.hasOwn(CONTESTANTS, name));
  if (unknown.length > 0) throw new Error(`no such contestant: ${unknown.join(', ')}\n${USAGE}`);
  return names;
}

function number(name, text, accepts) {
  const value = Number(text);
  if (accepts(value) && value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not ${text}`);
}

module.exports = { readOptions, USAGE };
