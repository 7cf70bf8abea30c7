'use strict';

/* PostgreSQL's own: what the server gives to a client that does nothing with the answers. */

const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { findBinaries } = require('../../test/support/binaries');

const ROWS = ['--scale=1'];
const LOAD = ['--select-only', '--protocol=prepared', '--client=10', '--jobs=2', '--no-vacuum'];

const program = () => path.join(findBinaries(), 'pgbench');
const at = ({ host, port, user, database }) => ['-h', host, '-p', String(port), '-U', user, database];

module.exports = {
  packages: [],
  cases: ['W1@64'],
  missing(connection) {
    if (!fs.existsSync(program())) return `${program()} does not exist`;
    execFileSync(program(), ['--initialize', '--quiet', ...ROWS, ...at(connection)], { stdio: 'ignore' });
    return undefined;
  },
  async run({ connection, seconds }) {
    const time = `--time=${Math.ceil(seconds)}`;
    const running = promisify(execFile)(program(), [...LOAD, time, ...at(connection)]);
    process.once('exit', () => running.child.kill());
    const { stdout } = await running;
    return { throughput: Number(/^tps = ([\d.]+)/m.exec(stdout)[1]) };
  },
};
