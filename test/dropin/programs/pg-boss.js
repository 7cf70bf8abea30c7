'use strict';

const PgBoss = require('pg-boss');

const JOBS = 30;

async function main() {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 4 });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue('mail');
  for (let i = 0; i < JOBS; i++) await boss.send('mail', { to: i });
  const done = [];
  const all = new Promise((resolve) => {
    boss.work('mail', { batchSize: 10, pollingIntervalSeconds: 0.5 }, (jobs) => {
      done.push(...jobs.map(({ data }) => data.to));
      if (done.length === JOBS) resolve();
    });
  });
  await all;
  const left = await boss.fetch('mail');
  await boss.stop({ graceful: true, timeout: 5000 });
  return { done: done.sort((a, b) => a - b), left };
}

main().then(require('../report').done, require('../report').failed);
