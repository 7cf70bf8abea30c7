'use strict';

const { once } = require('node:events');
const { Client } = require('pg');
const PgBoss = require('pg-boss');

const JOBS = 50;
const { DATABASE_URL: connectionString } = process.env;

async function workOff(boss) {
  for (let i = 0; i < JOBS; i++) await boss.send('mail', { to: i });
  const done = [];
  await new Promise((resolve) => {
    boss.work('mail', { batchSize: 10, pollingIntervalSeconds: 0.5 }, (jobs) => {
      done.push(...jobs.map(({ data }) => data.to));
      if (done.length === JOBS) resolve();
    });
  });
  await boss.offWork('mail');
  return done.sort((a, b) => a - b);
}

// Each job is somebody's, and nobody's twice.
async function fetchAtOnce(boss) {
  await boss.insert(Array.from({ length: JOBS }, (_, i) => ({ name: 'race', data: { i } })));
  const fetched = await Promise.all(Array.from({ length: JOBS }, () => boss.fetch('race')));
  const jobs = fetched.flat();
  for (let more; (more = await boss.fetch('race')).length > 0;) jobs.push(...more);
  await boss.complete(
    'race',
    jobs.map(({ id }) => id),
  );
  return jobs.map(({ data }) => data.i).sort((a, b) => a - b);
}

/** A job that is part of the application's own transaction, as pg-boss has it with the option `db`. */
async function sendInTransaction(boss, end) {
  const client = new Client({ connectionString });
  await client.connect();
  await client.query('begin');
  const db = { executeSql: (text, values) => client.query(text, values) };
  await boss.send('order', { end }, { db });
  await client.query(end);
  await client.end();
  return (await boss.fetch('order'))?.map(({ data }) => data);
}

async function fail(boss) {
  const id = await boss.send('doomed', {}, { retryLimit: 1 });
  const states = [];
  for (let i = 0; i < 2; i++) {
    await boss.fetch('doomed');
    await boss.fail('doomed', id, { message: 'no luck', text: `it's "quoted"` });
    const { state, retryCount, output } = await boss.getJobById('doomed', id);
    states.push({ state, retryCount, output });
  }
  return states;
}

async function main() {
  const boss = new PgBoss({ connectionString, max: 4 });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  for (const queue of ['mail', 'race', 'order', 'doomed']) await boss.createQueue(queue);
  const told = [await workOff(boss), await fetchAtOnce(boss), await fail(boss)];
  told.push(await sendInTransaction(boss, 'rollback'), await sendInTransaction(boss, 'commit'));
  const refusal = await boss.fetch('mail', { batchSize: -1 }).catch(({ message }) => message);
  const badId = await boss.getJobById('mail', 'no uuid').catch(({ code, routine }) => ({ code, routine }));
  told.push(refusal, badId);
  const stopped = once(boss, 'stopped');
  await boss.stop({ graceful: true, timeout: 5000 });
  await stopped;
  return told;
}

main().then(require('../report').done, require('../report').failed);
