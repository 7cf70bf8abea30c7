'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

/** All processes as [pid, parent]; from /proc where there is one, because small systems lack `ps`. */
function processTable() {
  if (!fs.existsSync('/proc/self/stat')) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number));
  }
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)]);
}

// "pid (name) state parent ...", where the name may hold anything.
function parentOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function childrenOf(parent) {
  return processTable()
    .filter(([, of]) => of === parent)
    .map(([pid]) => pid);
}

/** Those that have ended by now are passed over. */
function signalAll(pids, signal) {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

module.exports = { childrenOf, signalAll };
