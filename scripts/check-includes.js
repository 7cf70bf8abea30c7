'use strict';

/*
 * Includes of csrc point only downward: addon -> keel.h; engine -> pg, core; pg -> core; sim -> core. The core knows no
 * clock, no I/O and no thread, or it could not be simulated.
 */

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const CSRC = path.join(ROOT, 'csrc');

/** The first rule whose `of` matches a file's path in csrc is the file's. `may` lists what it may include of ours. */
const RULES = [
  { name: 'keel.h includes nothing of ours', of: /^keel\.h$/, may: [] },
  { name: 'block.h includes nothing of ours', of: /^block\.h$/, may: [] },
  { name: 'the addon knows keel.h only', of: /^addon\//, may: [/^keel\.h$/, /^addon\//] },
  { name: 'examples know keel.h only', of: /^examples\//, may: [/^keel\.h$/, /^examples\//] },
  {
    name: 'the core knows itself and keel.h only, and does no I/O',
    of: /^core\//,
    may: [/^keel\.h$/, /^core\//],
    never: /^(libpq-fe|uv|pthread|time|stdio|threads|unistd|signal|poll)\.h$|^(sys|netinet|arpa)\/|^libpq\//,
  },
  {
    name: 'pg knows core, keel.h and block.h',
    of: /^pg\//,
    may: [/^keel\.h$/, /^block\.h$/, /^core\//, /^pg\//],
  },
  { name: 'the simulator knows the core', of: /^sim\//, may: [/^keel\.h$/, /^core\//, /^sim\//] },
  {
    name: 'the engine knows keel.h, block.h, pg and core',
    of: /^[^/]+\.[ch]$/,
    may: [/^keel\.h$/, /^block\.h$/, /^engine[^/]*\.h$/, /^pg\//, /^core\//],
  },
  { name: 'tests may look at everything', of: /^test\//, may: [/./] },
];

function* sourceFiles(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(file);
    else if (/\.(c|h|cc|cpp|hpp)$/.test(entry.name)) yield file;
  }
}

/** Where a quoted include leads, as a path in csrc: beside the including file first, then from csrc itself. */
function resolveInclude(file, name) {
  const places = [path.dirname(file), CSRC, ...['core', 'pg'].map((dir) => path.join(CSRC, dir))];
  const found = places.map((dir) => path.join(dir, name)).find((candidate) => fs.existsSync(candidate));
  return found && path.relative(CSRC, found);
}

function checkInclude(file, rule, { quoted, name }) {
  if (rule.never?.test(name)) return `<${name}> is forbidden here`;
  if (!quoted) return undefined;
  const target = resolveInclude(file, name);
  if (target === undefined) return `"${name}" is not in csrc; include what is not ours with <>`;
  return rule.may.some((pattern) => pattern.test(target)) ? undefined : `must not include ${target}`;
}

function checkFile(file) {
  const relative = path.relative(CSRC, file);
  const rule = RULES.find(({ of }) => of.test(relative));
  if (!rule) return [`csrc/${relative}:1: no include rule covers this file; see scripts/check-includes.js`];
  const problems = [];
  fs.readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const include = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(line);
      if (!include) return;
      const problem = checkInclude(file, rule, { quoted: include[1] === '"', name: include[2] });
      if (problem) problems.push(`csrc/${relative}:${index + 1}: ${problem} (${rule.name})`);
    });
  return problems;
}

const files = [...sourceFiles(CSRC)];
const problems = files.flatMap(checkFile);
for (const problem of problems) console.error(problem);
if (files.length === 0) console.error('no sources found in csrc');
process.exitCode = problems.length === 0 && files.length > 0 ? 0 : 1;
