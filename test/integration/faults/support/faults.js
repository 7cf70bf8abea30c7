'use strict';

/*
 * What goes wrong. `strike(cell, link)` does it at the cell's moment, or `early[situation](cell)` before the application asks
 * for anything; `heal(cell)` undoes what does not end by itself.
 *
 *   moments   of each situation (default: `usual`)
 *   timeout   of every call of the cell, in ms
 *   ends      the connections that are there die of it
 *   must      by situation: what the cell's write may be told
 *   none      by situation: why there is nothing to be tested
 */

const { Client } = require('pg');
const { until } = require('../../../support/poll');

const CUT = ['before', 'sent', 'executed'];
const STALL_TIMEOUT_MS = 700;
const BACK_AFTER_MS = 250;
const DELAY_MS = 200;
const CONNECTED = ['idle', 'read', 'query', 'transaction', 'commit'];
const OPENING = ['connecting', 'tls'];

const inAll = (situations, value) => Object.fromEntries(situations.map((situation) => [situation, value]));

const DONE = ['done'];
// Of a transaction whose COMMIT was never asked for, or is known to have come too late.
const NOTHING_LEFT = ['rolled-back', 'not-sent'];
// Of a COMMIT after which the server could be asked: never unknown.
const KNOWN = ['done', 'rolled-back'];

const cut = (how) => ({
  strike: (_cell, link) => link.cut(how),
  usual: CUT,
  ends: true,
  sparesInnocents: true,
  must: { ...inAll(['idle', 'read', ...OPENING], DONE), transaction: NOTHING_LEFT, commit: KNOWN },
});

function refuse(cell) {
  cell.rig.proxy.refuse();
  cell.after(BACK_AFTER_MS, () => cell.rig.proxy.listen());
}

function hangUp(cell) {
  cell.rig.proxy.hangsUp = true;
  cell.after(BACK_AFTER_MS, () => (cell.rig.proxy.hangsUp = false));
}

/** The links die, and for a while there are no new ones. */
const shutOff = (how, noMore) => ({
  strike(cell) {
    cell.rig.proxy.cut(how);
    noMore(cell);
  },
  early: inAll([...OPENING, 'cancel'], noMore),
  usual: CUT,
  ends: true,
  everyLink: false,
  must: { transaction: NOTHING_LEFT, commit: KNOWN },
});

const restart = (mode) => ({
  id: `restart ${mode}`,
  name: `server restarted (\`-m ${mode}\`)`,
  // The link stands still until the server is down, so that the moment is exact.
  async strike(cell) {
    await cell.rig.cluster.stop({ mode, remove: false });
    cell.background(cell.rig.cluster.start());
  },
  usual: ['sent'],
  moments: { commit: ['before', 'executed'] },
  timeout: 5000,
  ends: true,
  everyLink: false,
  must: { transaction: NOTHING_LEFT, commit: KNOWN },
});

/** Sessions until the server takes no more. */
async function takeAllPlaces(cell) {
  const places = (cell.places = []);
  for (;;) {
    const client = new Client(cell.rig.cluster.config());
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      if (error.code === '53300') return;
      throw error;
    }
    places.push(client);
  }
}

async function leavePlaces(cell) {
  const places = cell.places ?? [];
  cell.places = [];
  await Promise.all(places.map((client) => client.end()));
  // A session has its place until its process has ended.
  if (places.length > 0)
    await until(() => cell.rig.cluster.psql('select 1'), { what: 'the places to be free' });
}

const FAULTS = [
  { id: 'reset', name: 'link cut with RST', ...cut('reset') },
  { id: 'fin', name: 'link cut with FIN', ...cut('fin') },
  {
    ...cut('reset'),
    id: 'mid-message',
    name: 'link cut in the middle of a message',
    usual: ['inside', 'answering'],
    moments: { cancel: ['inside'] },
    none: { idle: 'no message is under way' },
  },
  {
    id: 'stall to server',
    name: 'link stalled towards the server',
    strike: (_cell, link) => link.stall('to server'),
    usual: ['before'],
    timeout: STALL_TIMEOUT_MS,
    sparesInnocents: true,
  },
  {
    id: 'stall to client',
    name: 'link stalled towards the client',
    strike: (_cell, link) => link.stall('to client'),
    usual: ['executed'],
    timeout: STALL_TIMEOUT_MS,
    sparesInnocents: true,
  },
  {
    id: 'delay',
    name: `link ${DELAY_MS} ms late`,
    // The cancel's own delay ends after its statement has: it would hit whatever came next.
    strike: (cell, link) => void cell.background(link.delay(cell.situation.id === 'cancel' ? 500 : DELAY_MS)),
    usual: ['before', 'executed'],
    moments: { cancel: ['before'] },
    cancelled: { seconds: 0.5 },
    sparesInnocents: true,
    must: inAll([...CONNECTED, ...OPENING], DONE),
  },
  { id: 'refuse', name: 'link cut and connections refused', ...shutOff('reset', refuse) },
  { id: 'hang up', name: 'link cut and connections hung up on', ...shutOff('fin', hangUp) },
  {
    id: 'killed',
    name: 'backend killed (`pg_terminate_backend`)',
    // Those that are there: the pool may open others meanwhile.
    async strike({ rig: { cluster }, key }) {
      const killed = await cluster.psql(
        `select pid, pg_terminate_backend(pid) from pg_stat_activity where application_name = '${key}'`,
      );
      const pids = killed.split('\n').map((line) => parseInt(line, 10));
      const left = `select count(*) from pg_stat_activity where pid in (${pids})`;
      await until(async () => (await cluster.psql(left)) === '0', { what: 'the backends to be gone' });
    },
    usual: ['sent', 'executed'],
    moments: { commit: ['before', 'executed'], connecting: ['executed'], cancel: ['before'] },
    ends: true,
    everyLink: false,
    must: { ...inAll(['idle', 'read', 'connecting'], DONE), transaction: NOTHING_LEFT, commit: KNOWN },
    none: { tls: 'there is no session yet' },
  },
  restart('immediate'),
  restart('fast'),
  {
    id: 'frozen',
    name: 'server frozen (SIGSTOP)',
    strike: ({ rig }) => rig.cluster.freeze(),
    heal: ({ rig }) => rig.cluster.thaw(),
    usual: ['before'],
    timeout: STALL_TIMEOUT_MS,
    everyLink: false,
  },
  {
    id: 'exhausted',
    name: '`max_connections` exhausted',
    early: {
      ...inAll([...CONNECTED, 'cancel'], takeAllPlaces),
      ...inAll(OPENING, async (cell) => {
        await takeAllPlaces(cell);
        cell.after(BACK_AFTER_MS, () => leavePlaces(cell));
      }),
    },
    heal: leavePlaces,
    sparesInnocents: true,
    must: inAll(CONNECTED, DONE),
  },
  {
    id: 'disk full',
    name: 'disk full',
    early: inAll(['query', 'transaction', 'commit'], ({ rig }) => rig.disk.fill()),
    heal: ({ rig }) => rig.disk.free(),
    texts: {
      query: { lone: 'insert into ledger select $1::text from write_padding($2::float8)' },
      transaction: { note: 'insert into padding select repeat($1, 500) from generate_series(1, 8000)' },
      // A deferred trigger writes while the server commits.
      commit: { note: 'insert into at_commit values ($1)' },
    },
    must: inAll(['query', 'transaction', 'commit'], ['rolled-back']),
    none: {
      idle: 'an idle connection writes nothing',
      read: 'a read writes nothing',
      connecting: 'opening a connection writes nothing',
      tls: 'opening a connection writes nothing',
      cancel: 'a cancel writes nothing',
    },
  },
];

/** The moments of a cell; `undefined` alone where the fault has none of its own. */
function momentsOf(fault, situation) {
  if (fault.early?.[situation.id] || situation.moments === undefined) return [undefined];
  return fault.moments?.[situation.id] ?? fault.usual;
}

module.exports = { FAULTS, momentsOf };
