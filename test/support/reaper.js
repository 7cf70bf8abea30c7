'use strict';

const fs = require('node:fs');

const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
const STOP_WAIT_MS = 5000;
const STOP_POLL_MS = 10;

/** Servers of this process that still run: `{ pid(), wake(), goneFile, dir }`. @type {Set<object>} */
const living = new Set();

/**
 * Makes sure that a server does not outlive this process, however that ends.
 * `goneFile` is a file that the server removes as its last act; `dir` is removed after it.
 */
function guard(server) {
  if (living.size === 0) install();
  living.add(server);
}

function unguard(server) {
  living.delete(server);
  if (living.size === 0) uninstall();
}

function install() {
  process.on('exit', reapAll);
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
}

function uninstall() {
  process.removeListener('exit', reapAll);
  for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, onSignal);
}

// Whoever else listens decides when to exit; the exit hook then does the work.
function onSignal(signal) {
  if (process.listenerCount(signal) === 1) process.exit(128 + SIGNALS[signal]);
}

function reapAll() {
  for (const server of living) kill(server);
  for (const server of living) {
    waitUntilGone(server.goneFile);
    fs.rmSync(server.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function kill(server) {
  const pid = server.pid();
  if (!pid) return;
  server.wake?.(); // One that a test has frozen would not hear us.
  try {
    process.kill(pid, 'SIGQUIT');
  } catch (err) {
    if (err.code !== 'ESRCH') throw err;
  }
}

// An exit hook cannot await: it sleeps in short naps. The dead child itself stays visible until we exit.
function waitUntilGone(file) {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + STOP_WAIT_MS;
  while (fs.existsSync(file) && performance.now() < deadline) Atomics.wait(nap, 0, 0, STOP_POLL_MS);
}

module.exports = { guard, unguard };
