'use strict';

const { parseArgs } = require('node:util');
const { CONTESTANTS } = require('./contestants');

const USAGE = `npm run bench -- [what] [options] [files]
what is measured (default: the workloads W1 to W6):
  --slow                a slow statement beside fast ones
  --scaling             how cost grows with callers, rows, connections, statement texts
  --stream              a stream of 5,000,000 rows to a slow consumer: rows per second, memory
  --delays              what delays of the event loop consist of while 100,000 rows arrive (Linux)
  --overload            arrivals of up to five times what can be served: answers within their deadline
  --profile             instructions, system calls and allocations per query (Linux; valgrind, strace)
or what is done with results (files of bench/results; default: the newest of each kind):
  --report              prints them as Markdown
  --into FILE           with --report: puts the tables into the marked places of a document instead
  --plot                draws them as SVG into docs/figures
options:
  --only W1,W4,W6p      workloads, or single cases such as W1@64; with --scaling: callers, rows@1000 ...
  --contestants a,b     of ${Object.keys(CONTESTANTS).join(', ')}
                        (default: all; for --scaling, --stream, --delays and --profile pgkeel, pg, postgres.js;
                        for --overload pgkeel, pg)
  --rounds 7            how often everything is measured (--scaling, --stream, --delays and --overload: 3)
  --seconds 2           how long one measurement lasts, after a warm-up of half of it
  --rows 5000000        of --stream
  --queries 20000       of --profile: how many are counted
  --out FILE            where the JSON goes (default: bench/results/<kind>-<date>.json)
  --to FOLDER           where --plot draws (default: docs/figures)`;

const KINDS = ['slow', 'scaling', 'stream', 'delays', 'overload', 'profile'];
const USES = ['report', 'plot'];
const FEW = ['pgkeel', 'pg', 'postgres.js'];
const WITH_DEADLINES = ['pgkeel', 'pg'];
const ROUNDS = { workloads: 7, slow: 7, scaling: 3, stream: 3, delays: 3, overload: 3, profile: 1 };

const flags = (names) => Object.fromEntries(names.map((name) => [name, { type: 'boolean', default: false }]));

const OPTIONS = {
  ...flags([...KINDS, ...USES, 'help']),
  only: { type: 'string' },
  contestants: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string', default: '2' },
  rows: { type: 'string', default: '5000000' },
  queries: { type: 'string', default: '20000' },
  out: { type: 'string' },
  into: { type: 'string' },
  to: { type: 'string', default: 'docs/figures' },
};

/**
 * Knows nothing of the workloads: they need npm packages, which a fresh clone has not yet.
 * @returns {{ action: 'measure' | 'report' | 'plot' | 'help', kind: string, files: string[] }} and the options' values
 */
function readOptions(args) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const chosen = [...KINDS, ...USES].filter((name) => values[name]);
  if (chosen.length > 1) throw new Error(`one at a time: --${chosen.join(', --')}\n${USAGE}`);
  const action = values.help ? 'help' : USES.includes(chosen[0]) ? chosen[0] : 'measure';
  if (positionals.length > 0 && action === 'measure') throw new Error(`what is ${positionals[0]}?\n${USAGE}`);
  const kind = KINDS.find((name) => values[name]) ?? 'workloads';
  const { out, into, to } = values;
  return { action, kind, files: positionals, out, into, to, ...measurement(kind, values) };
}

function measurement(kind, values) {
  return {
    only: list(values.only),
    contestants: chooseContestants(kind, list(values.contestants)),
    rounds: number('rounds', values.rounds ?? ROUNDS[kind], Number.isInteger),
    seconds: number('seconds', values.seconds, Number.isFinite),
    rows: number('rows', values.rows, Number.isInteger),
    queries: number('queries', values.queries, Number.isInteger),
  };
}

function list(text) {
  return text?.split(',').map((name) => name.trim());
}

function chooseContestants(kind, names) {
  const few = kind === 'overload' ? WITH_DEADLINES : FEW;
  const all = kind === 'workloads' || kind === 'slow' ? Object.keys(CONTESTANTS) : few;
  const unknown = (names ?? []).filter((name) => !Object.hasOwn(CONTESTANTS, name));
  if (unknown.length > 0) throw new Error(`no such contestant: ${unknown.join(', ')}\n${USAGE}`);
  return names ?? all;
}

function number(name, text, accepts) {
  const value = Number(text);
  if (accepts(value) && value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not ${text}`);
}

module.exports = { readOptions, USAGE };
