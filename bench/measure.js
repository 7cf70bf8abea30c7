'use strict';

/*
 * What a measurement costs, as the kernel and Node.js count it. CPU times are in microseconds; what this system
 * does not tell is undefined.
 */

const fs = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

// The monitor sees a delay only in so far as it is longer than this; finer would cost the loop itself more.
const DELAY_RESOLUTION_MS = 1;

class Meter {
  #serverPid;
  #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #before;

  /** @param {number} serverPid the postmaster's */
  constructor(serverPid) {
    this.#serverPid = serverPid;
  }

  start() {
    this.#delay.enable();
    this.#before = this.#readings();
  }

  /** @returns {object} the figures since start(), of `count` operations */
  stop(count) {
    const now = this.#readings();
    this.#delay.disable();
    const since = (key) => difference(now[key], this.#before[key]);
    const main = since('main');
    return {
      throughput: count / (since('time') / 1000),
      mainCpu: each(main, count),
      otherCpu: each(difference(since('process'), main), count),
      serverCpu: each(newCpu(now.server, this.#before.server), count),
      loop: performance.eventLoopUtilization(now.loop, this.#before.loop).utilization,
      delay: Math.max(0, this.#delay.max / 1e6 - DELAY_RESOLUTION_MS),
      rss: peakRss(),
    };
  }

  #readings() {
    const { user, system } = process.cpuUsage();
    return {
      time: performance.now(),
      process: user + system,
      main: mainCpu(),
      server: backendsCpu(this.#serverPid),
      loop: performance.eventLoopUtilization(),
    };
  }
}

function difference(now, before) {
  return now === undefined || before === undefined ? undefined : Math.max(0, now - before);
}

function each(total, count) {
  return total === undefined ? undefined : total / count;
}

function read(file) {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return undefined; // Another system than Linux, or the process has ended.
  }
}

/** The first figure of schedstat: nanoseconds on a CPU. stat counts in ticks of 10 ms, which is too coarse here. */
function threadCpu(folder) {
  const text = read(`${folder}/schedstat`);
  return text === undefined ? undefined : Number(text.split(' ')[0]) / 1000;
}

const mainCpu = () => threadCpu(`/proc/self/task/${process.pid}`);

/** CPU of a call, in microseconds: of many calls together, since a reading takes some itself. */
function cpuOfCall(call, times = 2_000) {
  const before = mainCpu();
  for (let i = 0; i < times; i++) call();
  return each(difference(mainCpu(), before), times);
}

/** CPU of the backends that serve TCP: the contestant's. Whoever administers comes by the Unix socket. */
function backendsCpu(serverPid) {
  const children = read(`/proc/${serverPid}/task/${serverPid}/children`);
  if (children === undefined) return undefined;
  const backends = new Map();
  for (const pid of children.trim().split(' ')) {
    if (read(`/proc/${pid}/cmdline`)?.includes(' 127.0.0.1(')) backends.set(pid, threadCpu(`/proc/${pid}`));
  }
  return backends;
}

function newCpu(now, before) {
  if (now === undefined) return undefined;
  let total = 0;
  for (const [pid, cpu] of now) total += cpu - (before.get(pid) ?? 0);
  return total;
}

/** Peak, in MiB. getrusage's maximum would not do: Linux lets a new program inherit it from whoever started it. */
function peakRss() {
  const kib = /VmHWM:\s+(\d+)/.exec(read('/proc/self/status'))?.[1];
  return (kib === undefined ? process.resourceUsage().maxRSS : Number(kib)) / 1024;
}

module.exports = { Meter, cpuOfCall };
