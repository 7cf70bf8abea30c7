'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Writes a folder of migrations as drizzle-kit generates it. */
function writeMigrations(migrations) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-migrations-'));
  fs.mkdirSync(path.join(folder, 'meta'));
  const entries = migrations.map((statements, idx) => {
    const tag = `${String(idx).padStart(4, '0')}_step`;
    fs.writeFileSync(path.join(folder, `${tag}.sql`), statements.join('--> statement-breakpoint\n'));
    return { idx, version: '7', when: 1_700_000_000_000 + idx, tag, breakpoints: true };
  });
  const journal = { version: '7', dialect: 'postgresql', entries };
  fs.writeFileSync(path.join(folder, 'meta', '_journal.json'), JSON.stringify(journal));
  return { folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

module.exports = { writeMigrations };
