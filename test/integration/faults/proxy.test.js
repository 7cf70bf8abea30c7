'use strict';

/* The rig itself: each fault does what it says, seen with pg, so that a cell of the matrix can be believed. */

const assert = require('node:assert/strict');
const net = require('node:net');
const pg = require('pg');
const { startCluster } = require('../../support/cluster');
const { startFaultProxy } = require('../../support/fault-proxy');
const { until } = require('../../support/poll');

describe('the fault proxy', () => {
  let cluster;
  let proxy;
  const clients = [];

  before(async () => {
    cluster = await startCluster({ ssl: true, password: 'secret' });
    await cluster.psql('create table marks (n int)');
    proxy = await startFaultProxy(cluster);
  });

  after(async () => {
    await proxy?.stop();
    await cluster?.stop({ mode: 'immediate' });
  });

  afterEach(async () => {
    await proxy.heal();
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})));
    await until(() => proxy.links.size === 0, { what: 'the links to be gone' });
    await cluster.psql('truncate marks');
  });

  async function connect(more) {
    const client = new pg.Client({ ...cluster.config(), host: proxy.host, port: proxy.port, ...more });
    client.on('error', (error) => (client.lastError = error));
    clients.push(client);
    await client.connect();
    return client;
  }

  const marks = async () => Number(await cluster.psql('select count(*) from marks'));
  const insert = (client) => client.query('insert into marks values ($1)', [1]);
  const failureOf = (promise) =>
    promise.then(
      () => assert.fail('it did not fail'),
      (error) => error,
    );

  it('passes everything on: simple and extended queries, large ones and large answers, TLS', async () => {
    const long = 'x'.repeat(3_000_000);
    for (const client of [await connect(), await connect({ ssl: { rejectUnauthorized: false } })]) {
      assert.equal((await client.query('select 1 as a; select 2 as a'))[1].rows[0].a, 2);
      assert.equal((await client.query('select $1::text as t', [long])).rows[0].t, long);
      const { rows } = await client.query("select repeat('y', 100000) as y from generate_series(1, 100)");
      assert.equal(rows.length, 100);
      await assert.rejects(client.query('select nonsense'), { code: '42703' });
    }
  });

  describe('a trap at a request', () => {
    const ARRIVES = { before: 0, inside: 0, executed: 1, answering: 1 };
    for (const [moment, count] of Object.entries(ARRIVES)) {
      for (const [how, code] of Object.entries({ reset: 'ECONNRESET', fin: undefined })) {
        it(`${moment}, cut with ${how}: the server has done it ${count} times`, async () => {
          const client = await connect();
          const { sprung } = proxy.trap({ text: /^insert into marks/, moment, act: how });
          const error = await failureOf(insert(client));
          // Where bytes and an RST come together, libuv gives out the bytes and then an end.
          if (moment !== 'answering') assert.equal(error.code, code);
          const link = await sprung;
          await link.closed;
          assert.equal(await marks(), count);
        });
      }
    }

    it('sent: the server has got it', async () => {
      const client = await connect();
      proxy.trap({ text: /^insert into marks/, moment: 'sent', act: 'fin' });
      await failureOf(insert(client));
      await until(async () => (await marks()) === 1, { what: 'the row' });
    });

    it('knows a prepared statement by its text, and springs as often as it was told', async () => {
      const client = await connect();
      const named = { name: 'mark', text: 'insert into marks values ($1)', values: [1] };
      await client.query(named);
      const seen = [];
      proxy.trap({ text: /^insert into marks/, times: 2, act: (link) => void seen.push(link.pid) });
      for (let i = 0; i < 3; i++) await client.query(named);
      assert.deepEqual(seen, [client.processID, client.processID]);
      assert.equal(await marks(), 4);
    });

    it('holds the link while a function does its harm: the backend is gone before the answer is out', async () => {
      const client = await connect();
      const { sprung } = proxy.trap({
        text: /^insert/,
        moment: 'executed',
        async act({ pid }) {
          await cluster.psql(`select pg_terminate_backend(${pid})`);
          const gone = `select count(*) = 0 from pg_stat_activity where pid = ${pid}`;
          await until(async () => (await cluster.psql(gone)) === 't', { what: 'the backend to be gone' });
        },
      });
      assert.equal((await insert(client)).rowCount, 1);
      await sprung;
      await until(() => client.lastError?.code === '57P01', { what: "the backend's last words" });
    });

    it('says when an act has failed', async () => {
      const client = await connect();
      const trap = proxy.trap({ text: /^insert/, act: () => Promise.reject(new Error('no harm done')) });
      await insert(client);
      await assert.rejects(trap.sprung, /no harm done/);
    });

    it('is refused when it names what is not known', () => {
      assert.throws(() => proxy.trap({ moment: 'later', act: 'fin' }), /unknown moment: later/);
      assert.throws(() => proxy.trap({ act: 'explode' }), /unknown act: explode/);
    });
  });

  describe('a stall', () => {
    it('towards the server: nothing arrives until it is healed, and then everything does', async () => {
      const client = await connect();
      const { sprung } = proxy.trap({ text: /^insert/, act: 'stall to server' });
      const asked = insert(client);
      await sprung;
      assert.equal(await marks(), 0);
      await proxy.heal();
      assert.equal((await asked).rowCount, 1);
      assert.equal(await marks(), 1);
    });

    it('towards the client: the server has done it, the client hears of it when it is healed', async () => {
      const client = await connect();
      proxy.stall('to client');
      let answered = false;
      const asked = insert(client).then(() => (answered = true));
      await until(async () => (await marks()) === 1, { what: 'the row' });
      assert.equal(answered, false);
      await proxy.heal();
      await asked;
    });

    it('of everything holds new connections too', async () => {
      proxy.stall();
      const connected = connect();
      await until(() => proxy.links.size === 1, { what: 'the link' });
      await proxy.heal();
      assert.equal((await (await connected).query('select 1 as a')).rows[0].a, 1);
    });

    it('is survived by the end of its client: the server hears of it afterwards', async () => {
      const client = await connect();
      const [link] = proxy.links;
      link.stall('to server');
      client.connection.stream.destroy();
      const alive = `select count(*) from pg_stat_activity where pid = ${link.pid}`;
      assert.equal(await cluster.psql(alive), '1');
      await proxy.heal();
      await until(async () => (await cluster.psql(alive)) === '0', { what: 'the backend to be gone' });
    });
  });

  it('a delay: everything arrives, late', async () => {
    const client = await connect();
    proxy.trap({ text: /^insert/, moment: 'before', act: (link) => link.delay(150) });
    const start = performance.now();
    await insert(client);
    assert.ok(performance.now() - start >= 140);
  });

  describe('connections', () => {
    it('are refused by the system, or hung up on, until it is healed', async () => {
      const client = await connect();
      await proxy.refuse();
      assert.equal((await failureOf(connect())).code, 'ECONNREFUSED');
      assert.equal((await client.query('select 1 as a')).rows[0].a, 1);
      await proxy.heal();
      proxy.hangsUp = true;
      assert.match((await failureOf(connect())).message, /terminated unexpectedly/);
      await proxy.heal();
      await connect();
    });

    const OPENINGS = {
      'before the start-up packet': [{ on: 'startup', moment: 'before' }],
      'in the start-up packet': [{ on: 'startup', moment: 'inside' }],
      'before the password': [{ on: 'password', moment: 'before' }],
      'before the answer to SSLRequest': [{ on: 'ssl', moment: 'executed' }, true],
      'in the middle of the ClientHello': [{ on: 'tls', moment: 'inside' }, true],
      'after the ClientHello': [{ on: 'tls', moment: 'sent' }, true],
      "in the middle of the server's TLS answer": [{ on: 'tls', moment: 'answering' }, true],
    };
    for (const [when, [spec, tls]] of Object.entries(OPENINGS)) {
      it(`cut ${when}`, async () => {
        const { sprung } = proxy.trap({ ...spec, act: 'reset' });
        await failureOf(connect(tls && { ssl: { rejectUnauthorized: false } }));
        await sprung;
      });
    }

    it('to a server that is down are reset', async () => {
      const nowhere = await startFaultProxy({ host: '127.0.0.1', port: 1 });
      const error = await failureOf(connect({ port: nowhere.port }));
      assert.equal(error.code, 'ECONNRESET');
      await nowhere.stop();
    });
  });

  describe('a cancel is a request of its own', () => {
    function sendCancel({ processID, secretKey }) {
      const packet = Buffer.alloc(16);
      [16, 80_877_102, processID, secretKey].forEach((word, i) => packet.writeInt32BE(word, 4 * i));
      const socket = net.connect({ host: proxy.host, port: proxy.port });
      socket.on('error', () => {}).end(packet);
    }

    it('that arrives', async () => {
      const client = await connect();
      const trap = proxy.trap({ on: 'cancel', moment: 'executed', act: () => {} });
      const running = assert.rejects(client.query('select pg_sleep(60)'), { code: '57014' });
      const active = `select count(*) from pg_stat_activity where pid = ${client.processID} and state = 'active'`;
      await until(async () => (await cluster.psql(active)) === '1', { what: 'the query to run' });
      sendCancel(client);
      await trap.sprung;
      await running;
    });

    it('that does not', async () => {
      const client = await connect();
      const trap = proxy.trap({ on: 'cancel', moment: 'before', act: 'reset' });
      const running = client.query('select pg_sleep(0.3)');
      sendCancel(client);
      await (
        await trap.sprung
      ).closed;
      await running;
    });
  });

  describe('the server', () => {
    it('frozen says nothing, thawed answers what it was asked meanwhile', async () => {
      const client = await connect();
      cluster.freeze();
      let answered = false;
      const asked = insert(client).then(() => (answered = true));
      const fresh = connect();
      await until(() => proxy.links.size === 2, { what: 'the second link' });
      assert.equal(answered, false);
      cluster.thaw();
      await asked;
      await fresh;
    });

    it('is stopped and restarted also when it is frozen', async () => {
      cluster.freeze();
      await cluster.restart({ mode: 'immediate' });
      assert.equal(await cluster.psql('select 1'), '1');
    });
  });
});
