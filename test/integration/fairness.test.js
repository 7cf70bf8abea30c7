'use strict';

const assert = require('node:assert/strict');
const { Pool } = require('../../lib');
const { sharedCluster } = require('../support/shared');

describe('2,000 callers on 5 connections', () => {
  const CALLERS = 2000;
  const CONNECTIONS = 5;
  let pool;

  beforeEach(async () => {
    const cluster = await sharedCluster();
    pool = new Pool({ ...cluster.config(), max: CONNECTIONS });
  });

  afterEach(() => pool.end());

  const callers = Array.from({ length: CALLERS }, (_, number) => number);

  it('are lent clients in the order of their arrival', async () => {
    const order = [];
    const serve = async (number) => {
      const client = await pool.connect();
      order.push(number);
      await client.query('select 1');
      client.release();
    };
    await Promise.all(callers.map(serve));
    assert.deepEqual(order, callers);
    assert.equal(pool.totalCount, CONNECTIONS);
  });

  it('have their lone statements run in the order of their arrival, none twice and none lost', async () => {
    await pool.query(`
      drop table if exists arrivals;
      create table arrivals (n serial, caller int, backend int default pg_backend_pid())`);
    await Promise.all(
      callers.map((number) => pool.query('insert into arrivals (caller) values ($1)', [number])),
    );
    const { rows } = await pool.query('select caller, backend from arrivals order by n');
    assert.deepEqual(
      rows.map(({ caller }) => caller).sort((a, b) => a - b),
      callers,
    );
    // Connections run side by side; on each of them nobody overtakes.
    const last = new Map();
    for (const { caller, backend } of rows) {
      assert.ok(caller > (last.get(backend) ?? -1), `${caller} ran after ${last.get(backend)}`);
      last.set(backend, caller);
    }
  });

  it('mixed, connect() and query(): nobody starves', async () => {
    let settled = 0;
    const serve = async (number) => {
      if (number % 2 === 0) {
        await pool.query('select $1::int', [number]);
      } else {
        const client = await pool.connect();
        client.release();
      }
      settled += 1;
    };
    await Promise.all(callers.map(serve));
    assert.equal(settled, CALLERS);
    assert.equal(pool.waitingCount, 0);
    assert.equal(pool.idleCount, pool.totalCount);
  });
});
