'use strict';

/*
 * Bounds files to 1000 lines, functions to 100 and the lines of C to 132 columns (clang-format bounds code to 110 and
 * leaves comments alone). ESLint bounds JavaScript's functions.
 */

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const FOLDERS = ['csrc', 'lib', 'typings', 'scripts', 'test', 'examples', 'bench'];
const SOURCE = /\.(c|h|cc|cpp|hpp|js|mjs|cjs|ts|mts|cts)$/;
const C_SOURCE = /\.(c|h|cc|cpp|hpp)$/;
const MAX_FILE_LINES = 1000;
const MAX_FUNCTION_LINES = 100;
const MAX_C_COLUMNS = 132;
// What begins in column 0 and ends with { without being a function.
const NO_FUNCTION = /^(namespace|extern|struct|union|enum|typedef|class|static const|const|#)/;

function* sourceFiles(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(file);
    else if (SOURCE.test(entry.name)) yield file;
  }
}

/** Relies on clang-format: a function ends with the next } in column 0. */
function* longFunctions(lines) {
  let start = -1;
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('}')) {
      if (start >= 0 && index - start + 1 > MAX_FUNCTION_LINES) yield { start, length: index - start + 1 };
      start = -1;
    } else if (/^[A-Za-z]/.test(line) && !NO_FUNCTION.test(line)) {
      start = index;
    }
  }
}

function checkFile(file) {
  const name = path.relative(ROOT, file);
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const problems = [];
  if (lines.length > MAX_FILE_LINES)
    problems.push(`${name}:1: ${lines.length} lines, at most ${MAX_FILE_LINES}`);
  if (!C_SOURCE.test(file)) return problems;
  for (const { start, length } of longFunctions(lines)) {
    problems.push(`${name}:${start + 1}: a function of ${length} lines, at most ${MAX_FUNCTION_LINES}`);
  }
  for (const [index, line] of lines.entries()) {
    if (line.length > MAX_C_COLUMNS) {
      problems.push(`${name}:${index + 1}: ${line.length} columns, at most ${MAX_C_COLUMNS}`);
    }
  }
  return problems;
}

const problems = FOLDERS.filter((folder) => fs.existsSync(path.join(ROOT, folder)))
  .flatMap((folder) => [...sourceFiles(path.join(ROOT, folder))])
  .flatMap(checkFile);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
