'use strict';

/* So many W1 queries of one contestant, in a process that is looked at from outside (strace) or from inside (V8's heap). */

const inspector = require('node:inspector');
const { PerformanceObserver } = require('node:perf_hooks');
const { promisify } = require('node:util');
const v8 = require('node:v8');
const { CONTESTANTS } = require('../contestants');
const { runCallers } = require('../load');
const { item } = require('../tables');
const { WORKLOADS } = require('../workloads');

const MAX = 10;
const SAMPLE_BYTES = 8_192;

/** What the benchmark itself allocates for a query: a driver that has the answer already. */
const NOBODY = {
  open: () => ({
    run: async (_, [id]) => (id >= 1 && id <= 100_000 ? [item(id)] : []),
    rows: (result) => result,
    close: () => {},
  }),
};

async function load(once, queries, callers) {
  const counted = { count: 0, add: () => counted.count++ };
  await runCallers(once, callers, 0, counted, queries);
  return counted.count;
}

/** Exact as long as nothing is collected meanwhile: the new space is made large enough by who starts us. */
async function measureHeap(work) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
  observer.observe({ entryTypes: ['gc'] });
  const before = v8.getHeapStatistics().used_heap_size;
  const queries = await work();
  const heap = v8.getHeapStatistics().used_heap_size - before;
  await new Promise((resolve) => setImmediate(resolve)); // The observer is told later.
  if (collections > 0) throw new Error(`${collections} garbage collections during the measurement`);
  return { queries, heap };
}

/** Where the bytes come from: a sample of all allocations, of what has been collected since as well. */
async function sampleHeap(work) {
  const session = new inspector.Session();
  session.connect();
  const post = promisify(session.post.bind(session));
  const collected = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  await post('HeapProfiler.startSampling', { samplingInterval: SAMPLE_BYTES, ...collected });
  const queries = await work();
  const { profile } = await post('HeapProfiler.stopSampling');
  return { queries, sites: sitesOf(profile.head) };
}

function sitesOf(head) {
  const sites = {};
  const visit = ({ callFrame: { functionName, url }, selfSize, children }) => {
    const site = `${url.replace(/^file:\/\//, '')}\t${functionName}`;
    if (selfSize > 0) sites[site] = (sites[site] ?? 0) + selfSize;
    children.forEach(visit);
  };
  visit(head);
  return sites;
}

const WAYS = {
  count: async (work) => ({ queries: await work() }),
  heap: measureHeap,
  sites: sampleHeap,
};

async function main({ contestant, connection, queries, callers, way, warmUp }) {
  const { open } = CONTESTANTS[contestant] ?? NOBODY;
  const driver = await open({ ...connection, max: MAX });
  const { once } = await WORKLOADS.W1.start(driver, { callers });
  if (warmUp > 0) await load(once, warmUp, callers);
  globalThis.gc?.();
  const result = await WAYS[way](() => load(once, queries, callers));
  await driver.close();
  console.log(JSON.stringify(result));
}

main(JSON.parse(process.argv[2])).catch((err) => {
  console.error(err.message);
  process.exitCode = 1;
});
