'use strict';

/*
 * What the application is doing when the fault strikes. `moments` say where a cell's moment is: traps of
 * test/support/fault-proxy.js. Each situation but the one that reads writes the cell's key into the ledger once, or tries to.
 */

const { setTimeout: pause } = require('node:timers/promises');
const { until } = require('../../../support/poll');

const MOMENTS = ['before', 'inside', 'sent', 'executed', 'answering'];

const everyMoment = (trap) => Object.fromEntries(MOMENTS.map((moment) => [moment, { ...trap, moment }]));

const READ = 'select $1::text from pg_sleep($2::float8)';
const LONE = 'insert into ledger select $1::text from pg_sleep($2::float8)';
const NOTE = 'insert into notes values ($1)';

const warmUp = (count) => async (cell) => {
  await Promise.all(Array.from({ length: count }, () => cell.pool.query('select pg_sleep(0.02)')));
};

const texts = (cell) => ({ lone: LONE, note: NOTE, ...cell.fault.texts?.[cell.situation.id] });

function insert(cell, { seconds = 0, ...more } = {}) {
  const config = { text: texts(cell).lone, values: [cell.key, seconds], ...more };
  return cell.write(() => cell.call('INSERT', () => cell.pool.query(config), { limit: config.timeout }));
}

async function transact(cell) {
  cell.decided = false;
  const client = await cell.call('connect()', () => cell.pool.connect());
  const ask = (text, values) => cell.call(text, () => client.query(text, values));
  client.on('error', () => {}); // The query that is running, or comes next, says it.
  try {
    await ask('begin');
    await ask('insert into ledger values ($1)', [cell.key]);
    await ask(texts(cell).note, [cell.key]);
    cell.decided = true;
    await ask('commit');
    client.release();
  } catch (error) {
    await ask('rollback').catch(() => {});
    client.release(error.severity === 'ERROR' ? undefined : error);
    throw error;
  }
}

/** Quick queries beside a cancel that goes wrong: none of them may be hit by it. */
async function innocentsUntil(cell, end) {
  // Where they have to succeed, a slow machine is no reason to fail.
  const timeout = cell.fault.sparesInnocents ? INNOCENT_TIMEOUT_MS : cell.timeout;
  const config = { text: 'select $1::int as n', values: [1], timeout };
  while (performance.now() < end) {
    await cell
      .call('an innocent query', () => cell.pool.query(config), { innocent: true, limit: timeout })
      .catch(() => pause(PACE_MS)); // The judge looks at it; a server that is down is not to be stormed.
  }
}

const CANCELLED_AFTER_MS = 300;
const INNOCENTS_MS = 1000;
const INNOCENT_TIMEOUT_MS = 3000;
const PACE_MS = 20;

const SITUATIONS = [
  {
    id: 'idle',
    name: 'idle',
    warm: warmUp(2),
    async run(cell) {
      const { fault, pool, rig } = cell;
      if (!fault.early?.idle) {
        const links = fault.everyLink === false ? [undefined] : [...rig.proxy.links];
        for (const link of links) await fault.strike(cell, link);
      }
      // A dead connection is gone before anybody asks for it.
      if (fault.ends) await until(() => pool.totalCount === 0, { what: 'the dead connections to be gone' });
      await insert(cell);
    },
  },
  {
    id: 'read',
    name: 'in a read',
    reads: true,
    warm: warmUp(1),
    moments: everyMoment({ text: /^select \$1::text from pg_sleep/ }),
    run: (cell) =>
      cell.write(() => cell.call('SELECT', () => cell.pool.query({ text: READ, values: [cell.key, 0.2] }))),
  },
  {
    id: 'query',
    name: 'in a write',
    warm: warmUp(1),
    moments: everyMoment({ text: /^insert into ledger/ }),
    run: (cell) => insert(cell, { seconds: 0.2 }),
  },
  {
    id: 'transaction',
    name: 'in a transaction',
    warm: warmUp(1),
    moments: everyMoment({ text: /into (notes|padding|at_commit)/ }),
    run: (cell) => cell.write(() => transact(cell)),
  },
  {
    id: 'commit',
    name: 'in COMMIT',
    warm: warmUp(1),
    moments: everyMoment({ text: /^commit$/ }),
    run: (cell) => cell.write(() => transact(cell)),
  },
  {
    id: 'connecting',
    name: 'connecting',
    moments: everyMoment({ on: 'startup' }),
    run: (cell) => insert(cell),
  },
  {
    id: 'tls',
    name: 'in TLS start-up',
    options: { ssl: { rejectUnauthorized: false } },
    moments: { ...everyMoment({ on: 'tls' }), before: { on: 'ssl', moment: 'before' } },
    run: (cell) => insert(cell),
  },
  {
    id: 'cancel',
    name: 'in a cancel',
    warm: warmUp(2),
    moments: everyMoment({ on: 'cancel' }),
    async run(cell) {
      const end = performance.now() + INNOCENTS_MS;
      const { seconds = 0.8 } = cell.fault.cancelled ?? {};
      await Promise.all([insert(cell, { seconds, timeout: CANCELLED_AFTER_MS }), innocentsUntil(cell, end)]);
    },
  },
];

module.exports = { SITUATIONS };
