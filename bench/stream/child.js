'use strict';

/* One contestant streams many rows to a consumer that takes longer for them than the server. */

const { setTimeout: pause } = require('node:timers/promises');
const { CONTESTANTS } = require('../contestants');
const { Meter } = require('../measure');
const { answer } = require('../process');
const { RECORD_OF_I, record } = require('../tables');
const { expectRows } = require('../workloads/expect');

const BATCH = 1_000;
// As if each batch were written to somewhere else. A server makes 1,000 of these rows in about 2 ms.
const PAUSE_MS = 4;
const SAMPLE_MS = 100;
const MIB = 2 ** 20;

/* Rows are made as they are sent: the server must not be what keeps five million of them. */
const STREAM = {
  name: 'stream',
  text: `select ${RECORD_OF_I} from (select generate_series(1, $1::int) as i) as keys`,
};

/** RSS over time. Also between batches: what a driver reads ahead grows while its consumer sleeps. */
class Memory {
  #started = performance.now();
  #timer = setInterval(() => this.#take(), SAMPLE_MS);
  before = process.memoryUsage.rss() / MIB;
  rows = 0;
  samples = [];

  #take() {
    const rss = process.memoryUsage.rss() / MIB;
    this.samples.push({ seconds: (performance.now() - this.#started) / 1000, rows: this.rows, rss });
  }

  stop() {
    clearInterval(this.#timer);
    this.#take();
    const most = Math.max(...this.samples.map(({ rss }) => rss));
    return {
      rssBefore: this.before,
      rssMost: most,
      rssGrowth: most - this.before,
      samples: this.samples,
    };
  }
}

function expectBatch(batch, first) {
  for (let index = 0; index < batch.length; index++) {
    if (batch[index].id === first + index) continue;
    throw new Error(`wanted row ${first + index}, got ${JSON.stringify(batch[index])}`);
  }
  expectRows([batch.at(-1)], [record(first + batch.length - 1)]);
}

async function consume(batches, memory) {
  for await (const batch of batches) {
    expectBatch(batch, memory.rows + 1);
    memory.rows += batch.length;
    await pause(PAUSE_MS);
  }
}

async function measure({ contestant, connection, rows, serverPid }) {
  const driver = await CONTESTANTS[contestant].open({ ...connection, max: 1 });
  await driver.run({ name: 'one', text: 'select 1 as one' }, []);
  const meter = new Meter(serverPid);
  meter.start();
  const memory = new Memory();
  await consume(driver.stream(STREAM, [rows], BATCH), memory);
  const figures = { ...meter.stop(rows), ...memory.stop() };
  if (memory.rows !== rows) throw new Error(`wanted ${rows} rows, got ${memory.rows}`);
  await driver.close();
  return figures;
}

answer(measure);
