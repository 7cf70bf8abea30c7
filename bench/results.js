'use strict';

/* The files of results: JSON, one for each run. */

const fs = require('node:fs');
const path = require('node:path');

const FOLDER = path.join(__dirname, 'results');

/** @returns {string} the file's path, as a user in this folder would type it */
function write(result, file) {
  const name = `${result.kind}-${result.date.replaceAll(':', '-').slice(0, 19)}.json`;
  const target = path.resolve(file ?? path.join(FOLDER, name));
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, `${JSON.stringify(result, null, 2)}\n`);
  return path.relative(process.cwd(), target);
}

function newestOfEachKind() {
  const newest = new Map();
  const names = fs.existsSync(FOLDER) ? fs.readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];
  for (const name of names.sort()) {
    const kind = /^([a-z]+)-\d/.exec(name)?.[1]; // Their dates sort as their names do.
    if (kind) newest.set(kind, path.join(FOLDER, name));
  }
  return [...newest.values()];
}

/** @param {string[]} files none: the newest of each kind */
function read(files) {
  const chosen = files.length > 0 ? files : newestOfEachKind();
  if (chosen.length === 0) throw new Error(`no results in ${path.relative(process.cwd(), FOLDER)}`);
  return chosen.map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
}

module.exports = { read, write };
