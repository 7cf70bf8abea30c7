'use strict';

/*
 * What is printed is made of sections: { title, notes, rows }, `rows` being the cells of a table with its header first.
 * The same sections become text for a terminal or Markdown for docs/performance.md.
 */

function number(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return '';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const whole = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '');
const percent = (value) => (Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : '');
const times = (value) => (Number.isFinite(value) ? value.toFixed(2) : '');

function textTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]));
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}

function markdownTable([header, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|---|${header
    .slice(1)
    .map(() => '--:|')
    .join('')}`;
  return [line(header), rule, ...rows.map(line)].join('\n');
}

/** What went wrong with contestants that were measured by rounds. */
function failureNotes(contestants) {
  return contestants.flatMap(({ name, failures }) =>
    failures.map((failure) => `  ${name} failed: ${failure.split('\n', 2)[0]}`),
  );
}

const hasTable = ({ rows }) => rows !== undefined && rows.length > 1;

function asText(sections) {
  const text = (section) => [
    ...(section.title ? [section.title] : []),
    ...(hasTable(section) ? [textTable(section.rows)] : []),
    ...(section.notes ?? []),
  ];
  return sections.map((section) => text(section).join('\n')).join('\n\n');
}

function asMarkdown(sections) {
  const text = (section) => [
    ...(section.title ? [`**${section.title}**`] : []),
    ...(hasTable(section) ? [markdownTable(section.rows)] : []),
    ...(section.notes?.length > 0 ? [section.notes.map((note) => `- ${note.trim()}`).join('\n')] : []),
  ];
  return sections.map((section) => text(section).join('\n\n')).join('\n\n');
}

module.exports = { failureNotes, asMarkdown, asText, number, percent, times, whole };
