'use strict';

/** Reads the table of `strace -c`. @returns {Record<string, number>} calls by name of the system call */
function parseStrace(text) {
  const calls = {};
  for (const line of text.split('\n')) {
    // % time, seconds, usecs/call, calls, errors (or nothing), name
    const row = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$/.exec(line);
    if (row && row[2] !== 'total') calls[row[2]] = Number(row[1]);
  }
  return calls;
}

module.exports = { parseStrace };
