'use strict';

/**
 * What all pools with pg's interface have in common.
 * @param openDatabase (pool) => Drizzle over it
 * @param stream (pool, statement, values, size) => its rows, in batches
 */
function driverOver(pool, openDatabase, stream) {
  return {
    run: ({ name, text }, values) => pool.query({ name, text, values }),
    rows: (result) => result.rows,
    transaction: (work) => transaction(pool, work),
    database: () => openDatabase(pool),
    stream: (statement, values, size) => stream(pool, statement, values, size),
    close: () => pool.end(),
  };
}

async function transaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(({ name, text }, values) => client.query({ name, text, values }));
    await client.query('commit');
    client.release();
    return result;
  } catch (err) {
    client.release(err);
    throw err;
  }
}

function nodePostgres(pool) {
  return require('drizzle-orm/node-postgres').drizzle({ client: pool });
}

module.exports = { driverOver, nodePostgres };
