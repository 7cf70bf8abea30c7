'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { childrenOf } = require('../../../support/processes');
const { giveToServerUser, runAsServerUser } = require('../../../support/server-user');

const SIZE_MIB = 8;
// A segment of the log has 16 MiB and must still fit, or the server would end itself.
const FILE_LIMIT = 17 * 2 ** 20;

const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });

function mounted() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pgkeel-disk-'));
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=0700`, 'tmpfs', dir);
    return dir;
  } catch {
    fs.rmdirSync(dir);
    return undefined;
  }
}

/** A file system of its own with eight megabytes: what the tests would fill is nobody else's. */
class SmallDisk {
  how = `a tablespace on a tmpfs of ${SIZE_MIB} MiB`;
  #dir;
  #unmount = () => this.stop();

  constructor(dir) {
    this.#dir = dir;
    giveToServerUser(dir);
    process.once('exit', this.#unmount);
  }

  async open(cluster) {
    await cluster.psql(`create tablespace small location '${this.#dir}'`);
    return 'tablespace small';
  }

  fill() {
    const file = fs.openSync(path.join(this.#dir, 'filler'), 'w');
    const chunk = Buffer.alloc(2 ** 16, 1);
    try {
      for (;;) fs.writeSync(file, chunk);
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    } finally {
      fs.closeSync(file);
    }
  }

  free() {
    fs.rmSync(path.join(this.#dir, 'filler'), { force: true });
  }

  /** After the server, whose files lie here. */
  stop() {
    process.off('exit', this.#unmount);
    if (!fs.existsSync(this.#dir)) return;
    run('umount', '-l', this.#dir);
    fs.rmdirSync(this.#dir);
  }
}

// As the process' own user: root may lack the right to touch others' limits.
function limitFiles(pid, soft) {
  try {
    runAsServerUser('prlimit', [`--pid=${pid}`, `--fsize=${soft}:`]);
  } catch (error) {
    if (!/No such process/.test(error.message)) throw error; // It has ended meanwhile.
  }
}

/** Where nothing may be mounted: the system refuses files above a size, which to the server is nearly the same. */
class FileLimit {
  how = `files limited to ${FILE_LIMIT / 2 ** 20} MiB (RLIMIT_FSIZE), because nothing may be mounted here`;
  #cluster;

  async open(cluster) {
    this.#cluster = cluster;
    this.#limit('unlimited');
    return '';
  }

  #limit(soft) {
    const postmaster = this.#cluster.pid();
    for (const pid of [postmaster, ...childrenOf(postmaster)]) limitFiles(pid, soft);
  }

  fill() {
    this.#limit(FILE_LIMIT);
  }

  free() {
    this.#limit('unlimited');
  }

  stop() {}
}

/**
 * A disk that can be full. `open(cluster)` gives what a CREATE TABLE needs to be on it, `fill()` and `free()` do so; `how`
 * says what it is.
 */
function makeDisk() {
  const dir = mounted();
  return dir === undefined ? new FileLimit() : new SmallDisk(dir);
}

module.exports = { makeDisk };
