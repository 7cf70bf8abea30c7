'use strict';

/*
 * Writers and readers who note in the ledger what they are told. Each does one thing after the other until it is stopped.
 */

const { setTimeout: pause } = require('node:timers/promises');
const { eq, sql } = require('drizzle-orm');
const columns = require('drizzle-orm/pg-core');
const { READ } = require('./ledger');

const ACCOUNTS = 64;
const OPENING_BALANCE = 1000;
const RECENT = 500;
const PACE_MS = 40;
// What db.transaction may take at most: a client, BEGIN with the first statement, two more, COMMIT, ROLLBACK.
const STEPS = 5;
const ATTEMPTS = 4;

const TABLES = `
  create table entries (key text);
  create index on entries (key);
  create table states (key text primary key, n int);
  create table accounts (id int primary key, balance int not null);
  insert into accounts select n, ${OPENING_BALANCE} from generate_series(1, ${ACCOUNTS}) n;
  create table transfers (key text, from_id int, to_id int, amount int)`;

// Keys are looked for in all tables: each is written to one of them.
const KEYS = `
  select key, count(*) from (
    select key from entries union all select key from states union all select key from transfers) as all_keys
  group by key`;

const BALANCES = `
  select id, balance, ${OPENING_BALANCE}
    - coalesce((select sum(amount) from transfers where from_id = id), 0)
    + coalesce((select sum(amount) from transfers where to_id = id), 0)
  from accounts order by id`;

const { integer, pgTable } = columns;
const transfers = pgTable('transfers', {
  key: columns.text('key'),
  fromId: integer('from_id'),
  toId: integer('to_id'),
  amount: integer('amount'),
});
const accounts = pgTable('accounts', { id: integer('id'), balance: integer('balance') });

/** Drizzle's error holds ours. */
const reasonOf = (error) => (error.outcome === undefined && error.cause !== undefined ? error.cause : error);

/**
 * Before COMMIT was asked for it cannot have happened. Of a statement whose own time was over that is all there is to know;
 * whatever else fails there has to say so itself.
 */
function beforeCommit(code, outcome) {
  if (outcome !== 'unknown') return String(outcome);
  return code === 'KEEL_QUERY_TIMEOUT' ? 'rolled-back' : 'unknown before COMMIT';
}

class Callers {
  #database;
  #ledger;
  #random;
  #limits;
  #recent = [];
  #stopped = false;
  /** What a reader saw that cannot be. @type {string[]} */
  sightings = [];

  /** @param {{ database, ledger, random, limits: { query: number, acquire: number } }} options */
  constructor({ database, ledger, random, limits }) {
    this.#database = database;
    this.#ledger = ledger;
    this.#random = random;
    this.#limits = limits;
  }

  /** @returns {Promise<void>} when all have stopped */
  run() {
    const kinds = [
      ...Array(4).fill(() => this.#insert()),
      ...Array(2).fill(() => this.#insertOnce()),
      ...Array(2).fill(() => this.#upsert()),
      ...Array(3).fill(() => this.#transferByClient()),
      ...Array(2).fill(() => this.#transferByDrizzle()),
      () => this.#readSum(),
      ...Array(2).fill(() => this.#readBack()),
    ];
    return Promise.all(kinds.map((act) => this.#repeat(act)));
  }

  stop() {
    this.#stopped = true;
  }

  async #repeat(act) {
    while (!this.#stopped) {
      await act();
      await pause(this.#random() * PACE_MS);
    }
  }

  #below(count) {
    return Math.floor(this.#random() * count);
  }

  /* ---------------------------------------------------------------- one call, one line in the ledger */

  /** @param work is given the key and `stages`; a transaction says there when it is about to ask for its COMMIT */
  async #noted(kind, limit, work, stages = { decided: true }) {
    const key = this.#ledger.begin(kind, limit);
    try {
      const value = await work(key, stages);
      this.#ledger.settle(key, 'acknowledged');
      if (kind === 'insert') this.#remember(key);
      return value;
    } catch (error) {
      const { code, outcome } = reasonOf(error);
      const told = stages.decided ? String(outcome) : beforeCommit(code, outcome);
      this.#ledger.settle(key, told, code ?? error.name);
      return undefined;
    }
  }

  #remember(key) {
    if (this.#recent.length < RECENT) this.#recent.push(key);
    else this.#recent[this.#below(RECENT)] = key;
  }

  #query(config) {
    return this.#database.pool.query(config);
  }

  #insert() {
    const text = 'insert into entries values ($1)';
    return this.#noted('insert', this.#limits.query, (key) => this.#query({ text, values: [key] }));
  }

  #insertOnce() {
    const config = { text: 'insert into entries values ($1)', exactlyOnce: true };
    return this.#noted('once', this.#limits.query, (key) => this.#query({ ...config, values: [key] }));
  }

  #upsert() {
    const config = {
      text: 'insert into states values ($1, $2) on conflict (key) do update set n = excluded.n',
      idempotent: true,
    };
    return this.#noted('upsert', this.#limits.query, (key) =>
      this.#query({ ...config, values: [key, this.#below(100)] }),
    );
  }

  /* ---------------------------------------------------------------- transactions */

  #transfer() {
    const from = 1 + this.#below(ACCOUNTS);
    const to = 1 + ((from + this.#below(ACCOUNTS - 1)) % ACCOUNTS);
    return { from, to, amount: 1 + this.#below(10) };
  }

  #transferByClient() {
    const limit = this.#limits.acquire + STEPS * this.#limits.query;
    return this.#noted('transfer', limit, (key, stages) => this.#onClient(key, stages), { decided: false });
  }

  async #onClient(key, stages) {
    const { from, to, amount } = this.#transfer();
    const client = await this.#database.pool.connect();
    client.on('error', noticed);
    let failure;
    try {
      await client.query('begin');
      await client.query('insert into transfers values ($1, $2, $3, $4)', [key, from, to, amount]);
      await client.query('update accounts set balance = balance - $2 where id = $1', [from, amount]);
      await client.query('update accounts set balance = balance + $2 where id = $1', [to, amount]);
      stages.decided = true;
      await client.query('commit');
    } catch (error) {
      // What the server refused is rolled back by whoever gives the client out next.
      failure = error;
      throw error;
    } finally {
      client.off('error', noticed);
      client.release(failure?.severity === 'ERROR' ? undefined : failure);
    }
  }

  #transferByDrizzle() {
    const retry = this.#random() < 0.5;
    const limit = (this.#limits.acquire + STEPS * this.#limits.query) * (retry ? ATTEMPTS : 1);
    const work = (key, stages) => this.#onDrizzle(key, stages, retry ? { retry } : undefined);
    return this.#noted('drizzle', limit, work, { decided: false });
  }

  #onDrizzle(key, stages, config) {
    const { from, to, amount } = this.#transfer();
    const change = (tx, id, by) =>
      tx
        .update(accounts)
        .set({ balance: sql`${accounts.balance} + ${by}` })
        .where(eq(accounts.id, id));
    return this.#database.db.transaction(async (tx) => {
      stages.decided = false;
      await tx.insert(transfers).values({ key, fromId: from, toId: to, amount });
      await change(tx, from, -amount);
      await change(tx, to, amount);
      stages.decided = true;
    }, config);
  }

  /* ---------------------------------------------------------------- readers */

  async #readSum() {
    const result = await this.#noted(READ, this.#limits.query, () =>
      this.#query('select sum(balance)::int as sum from accounts'),
    );
    const sum = result?.rows[0].sum;
    if (sum !== undefined && sum !== ACCOUNTS * OPENING_BALANCE)
      this.sightings.push(`a reader saw ${sum} in all accounts instead of ${ACCOUNTS * OPENING_BALANCE}`);
  }

  async #readBack() {
    const key = this.#recent[this.#below(this.#recent.length)];
    if (key === undefined) return;
    const text = 'select count(*)::int as times from entries where key = $1';
    const result = await this.#noted(READ, this.#limits.query, () => this.#query({ text, values: [key] }));
    const times = result?.rows[0].times;
    if (times !== undefined && times !== 1) this.sightings.push(`a reader saw ${key} ${times} times`);
  }
}

function noticed() {} // A client's link died between two queries: the next one says it.

module.exports = { BALANCES, Callers, KEYS, TABLES };
