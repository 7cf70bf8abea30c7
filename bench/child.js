'use strict';

/* One contestant does one case in a process of its own, and sends what was measured. See rounds.js for the job. */

const { CONTESTANTS } = require('./contestants');
const { Latencies, runBatches, runCallers } = require('./load');
const { Meter, cpuOfCall } = require('./measure');
const { answer } = require('./process');
const { WORKLOADS } = require('./workloads');

const CONNECTIONS = 10;

async function measure(job) {
  const contestant = CONTESTANTS[job.contestant];
  if (contestant.run) return contestant.run(job);
  const workload = WORKLOADS[job.workload];
  const max = job.connections ?? workload.connections ?? CONNECTIONS;
  const driver = await contestant.open({ ...job.connection, max });
  const task = await workload.start(driver, job);
  const warmUp = { count: 0, add: () => warmUp.count++ };
  const warm = performance.now() + job.warmUp * 1000;
  await runCallers(task.once, job.callers, warm, warmUp, job.warmUpCount);
  const latencies = new Latencies();
  const meter = new Meter(job.serverPid);
  meter.start();
  await apply(task, job, latencies);
  const figures = meter.stop(latencies.count);
  await task.finish?.(warmUp.count + latencies.count);
  await driver.close();
  if (task.work) figures.workCpu = cpuOfCall(task.work);
  return { ...figures, ...percentiles(latencies.sorted()) };
}

async function apply(task, job, latencies) {
  const until = performance.now() + job.seconds * 1000;
  if (!task.beside) return runCallers(task.once, job.callers, until, latencies);
  let over = false;
  const beside = task.beside(job.seconds).then(() => (over = true));
  await runBatches(task.once, job.callers, () => over, latencies);
  await beside;
}

function percentiles(sorted) {
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p99: at(0.99) };
}

answer(measure);
