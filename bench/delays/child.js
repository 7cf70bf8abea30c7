'use strict';

/*
 * One contestant takes large results, and every delay of its event loop is taken apart: how long the thread was on a
 * CPU, how long it waited for one.
 */

const fs = require('node:fs');
const { CONTESTANTS } = require('../contestants');
const { answer } = require('../process');
const { fetching } = require('../workloads/rows');
const { ALONE, decodingAlone } = require('./decoding');

const ROWS = 100_000;
const WARM_UP = 4;
const TICK_MS = 1;
/* What is noticed at all. */
const DELAY_MS = 5;

/** Ticks as often as the loop lets it. The kernel brings a thread's figures up to date once a tick of its own (1 to 4 ms). */
class Delays {
  #file = fs.openSync(`/proc/self/task/${process.pid}/schedstat`);
  #buffer = Buffer.alloc(80);
  #last = this.#reading();
  #timer = setInterval(() => this.#tick(), TICK_MS);
  all = [];

  #reading() {
    const length = fs.readSync(this.#file, this.#buffer, 0, this.#buffer.length, 0);
    const [onCpu, waited] = this.#buffer.latin1Slice(0, length).split(' ');
    return { time: performance.now(), onCpu: onCpu / 1e6, waited: waited / 1e6 };
  }

  #tick() {
    const now = this.#reading();
    const last = this.#last;
    this.#last = now;
    const delay = now.time - last.time - TICK_MS;
    if (delay < DELAY_MS) return;
    this.all.push({ delay, onCpu: now.onCpu - last.onCpu, waited: now.waited - last.waited });
  }

  stop() {
    clearInterval(this.#timer);
    fs.closeSync(this.#file);
    return this.all;
  }
}

async function fetchingBy(contestant, connection) {
  const driver = await CONTESTANTS[contestant].open({ ...connection, max: 1 });
  const { once } = await fetching(ROWS)(driver);
  return { once, close: () => driver.close() };
}

async function taskOf(contestant, connection) {
  if (contestant !== ALONE) return fetchingBy(contestant, connection);
  return { once: await decodingAlone(connection, ROWS), close() {} };
}

async function measure({ contestant, connection, results }) {
  const { once, close } = await taskOf(contestant, connection);
  for (let i = 0; i < WARM_UP; i++) await once();
  const delays = new Delays();
  const begun = performance.now();
  for (let i = 0; i < results; i++) await once();
  const took = performance.now() - begun;
  const all = delays.stop();
  await close();
  return { delays: all, perResult: took / results };
}

answer(measure);
