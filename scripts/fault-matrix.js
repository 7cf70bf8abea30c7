'use strict';

/*
 * npm run faults: runs the fault matrix (test/integration/faults) and writes what it found into docs/reliability.md,
 * between the two marks. Nothing is written when a cell does not keep its promise.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FAULTS } = require('../test/integration/faults/support/faults');
const { SITUATIONS } = require('../test/integration/faults/support/situations');
const { ROOT, run } = require('./lib/run');

const DOCUMENT = path.join(ROOT, 'docs/reliability.md');
const BEGIN = '<!-- faults -->';
const END = '<!-- /faults -->';

/** What the application was told, and, where that is "unknown", what had become of it. */
function wordsOf({ told, code, times, retried }) {
  if (told === 'done') return retried > 0 ? 'done, retried' : 'done';
  if (told !== 'unknown') return `${told} (\`${code}\`)`;
  if (times === undefined) return `unknown (\`${code}\`)`;
  return `unknown (\`${code}\`): it ${times > 0 ? 'was' : 'was not'} there`;
}

/** A cell's moments, those that ended alike together. */
function cellOf(rows) {
  if (rows.length === 0) return '';
  if (rows[0].none !== undefined) return `– ${rows[0].none}`;
  const byWords = grouped(rows);
  if (byWords.size === 1) return [...byWords.keys()][0];
  return [...byWords]
    .map(([words, alike]) => `*${alike.map(({ moment }) => moment).join(', ')}:* ${words}`)
    .join('<br>');
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const words = wordsOf(row);
    groups.set(words, [...(groups.get(words) ?? []), row]);
  }
  return groups;
}

function tableOf(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rowsOf = (fault, situation) =>
    rows.filter((r) => r.fault === fault.id && r.situation === situation.id);
  return [
    line(['', ...SITUATIONS.map(({ name }) => name)]),
    line(['---', ...SITUATIONS.map(() => '---')]),
    ...FAULTS.map((fault) =>
      line([`**${fault.name}**`, ...SITUATIONS.map((situation) => cellOf(rowsOf(fault, situation)))]),
    ),
  ].join('\n');
}

function sectionOf({ disk, rows }) {
  const runs = rows.filter(({ none }) => none === undefined).length;
  return `${tableOf(rows)}\n\n${runs} runs, all of which kept what is promised. The full disk is ${disk}.`;
}

function write(section) {
  const text = fs.readFileSync(DOCUMENT, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} lacks ${BEGIN} and ${END}`);
  fs.writeFileSync(DOCUMENT, `${text.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${text.slice(end)}`);
}

async function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-faults-'));
  const file = path.join(dir, 'rows.json');
  try {
    const mocha = path.join(ROOT, 'node_modules/.bin/mocha');
    await run(mocha, ['test/integration/faults/matrix.test.js'], { env: { PGKEEL_FAULT_ROWS: file } });
    write(sectionOf(JSON.parse(fs.readFileSync(file, 'utf8'))));
    console.log(`written: ${path.relative(ROOT, DOCUMENT)}`);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
