'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');

/**
 * PostgreSQL and PgBouncer refuse to run as root, so that everything of theirs runs as another user then.
 * @returns {{ name: string, uid: number, gid: number } | null} null when the current user will do
 */
function serverUser() {
  if (process.getuid === undefined || process.getuid() !== 0) return null;
  const users = fs.readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = users.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields) return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('running as root, and neither a user "postgres" nor "nobody" exists to run PostgreSQL as');
}

/** Hands files that root has just made over to the user the server runs as. */
function giveToServerUser(...paths) {
  const user = serverUser();
  if (user) for (const path of paths) fs.chownSync(path, user.uid, user.gid);
}

function credentials() {
  const user = serverUser();
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** Runs a program to its end as the server's user; its output is part of the error when it fails. */
function runAsServerUser(program, args, options = {}) {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      ...credentials(),
      ...options,
    });
  } catch (err) {
    throw new Error(`${program} ${args.join(' ')} failed:\n${err.stdout ?? ''}${err.stderr ?? err.message}`, {
      cause: err,
    });
  }
}

const SETPRIV = '/usr/bin/setpriv';

/**
 * Starts a server in a session of its own, so that Ctrl-C reaches only us and we decide when it stops.
 * Where setpriv exists the kernel ends the server with us even when we are killed outright.
 */
function spawnServer(program, args, logFile, env = process.env) {
  const log = fs.openSync(logFile, 'a');
  const options = { stdio: ['ignore', log, log], detached: true, cwd: '/', env };
  try {
    if (!fs.existsSync(SETPRIV)) return spawn(program, args, { ...options, ...credentials() });
    const user = serverUser();
    const become = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
    return spawn(SETPRIV, [...become, '--pdeathsig=INT', program, ...args], options);
  } finally {
    fs.closeSync(log);
  }
}

module.exports = { serverUser, giveToServerUser, runAsServerUser, spawnServer };
