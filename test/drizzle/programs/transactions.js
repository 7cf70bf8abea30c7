'use strict';

const { eq, sql } = require('drizzle-orm');
const { groups, users } = require('../support/schema');

const names = async (db) =>
  (await db.select({ name: groups.name }).from(groups).orderBy(groups.id)).map((g) => g.name);
const add = (db, name) => db.insert(groups).values({ name });
const swallow = (promise) => promise.catch((error) => [error.constructor.name, error.message]);

module.exports = {
  commit: async ({ db }) => {
    const returned = await db.transaction(async (tx) => {
      await add(tx, 'kept');
      return 'value';
    });
    return [returned, await names(db)];
  },
  'rollback by an exception': async ({ db }) => {
    const error = await swallow(
      db.transaction(async (tx) => {
        await add(tx, 'lost');
        throw new RangeError('mine');
      }),
    );
    return [error, await names(db)];
  },
  'rollback by tx.rollback()': async ({ db }) => {
    const error = await swallow(
      db.transaction(async (tx) => {
        await add(tx, 'lost');
        tx.rollback();
      }),
    );
    return [error, await names(db)];
  },
  'rollback by a SQL error': async ({ db }) => {
    const error = await swallow(
      db.transaction(async (tx) => {
        await add(tx, 'lost');
        await tx.execute(sql`select 1/0`);
      }),
    );
    return [error, await names(db)];
  },
  'an error thrown that is none': async ({ db }) => {
    const thrown = await db.transaction(() => Promise.reject('just text')).catch((reason) => reason);
    return [thrown, await names(db)];
  },
  'a constraint that fails at commit': async ({ db }) => {
    const error = await db
      .transaction((tx) => tx.execute(sql`insert into deferred values (1), (1)`))
      .catch((reason) => [reason.message, reason.cause.code, reason.cause.constraint]);
    return [error, (await db.execute(sql`select * from deferred`)).rows];
  },
  'nested, both commit': async ({ db }) => {
    await db.transaction(async (tx) => {
      await add(tx, 'outer');
      await tx.transaction((inner) => add(inner, 'inner'));
    });
    return names(db);
  },
  'nested, inner rolls back': async ({ db }) => {
    await db.transaction(async (tx) => {
      await add(tx, 'outer');
      await swallow(
        tx.transaction(async (inner) => {
          await add(inner, 'inner');
          await inner.execute(sql`select 1/0`);
        }),
      );
      await add(tx, 'after');
    });
    return names(db);
  },
  'nested, outer rolls back': async ({ db }) => {
    await swallow(
      db.transaction(async (tx) => {
        await tx.transaction((inner) => add(inner, 'inner'));
        throw new Error('outer');
      }),
    );
    return names(db);
  },
  'three deep, one after the other': async ({ db }) => {
    await db.transaction(async (tx) => {
      await tx.transaction(async (two) => {
        await add(two, 'two');
        await two.transaction((three) => add(three, 'three'));
        await swallow(two.transaction((three) => add(three, 'lost').then(() => three.rollback())));
      });
      await tx.transaction((two) => add(two, 'two again'));
    });
    return names(db);
  },
  'statements in the log': async ({ logged }) => {
    const { db, lines } = logged();
    await db.transaction(
      async (tx) => {
        await add(tx, 'a');
        await swallow(tx.transaction(async (inner) => inner.rollback()));
        await tx.transaction((inner) => add(inner, 'b'));
      },
      { isolationLevel: 'serializable', accessMode: 'read write', deferrable: true },
    );
    await swallow(db.transaction(async (tx) => tx.rollback(), {}));
    return lines;
  },
  'isolation level, access mode, deferrable': async ({ db }) => {
    const configs = [
      { isolationLevel: 'read uncommitted' },
      { isolationLevel: 'read committed', accessMode: 'read write' },
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
      { isolationLevel: 'serializable', accessMode: 'read only', deferrable: true },
      { deferrable: false },
    ];
    const seen = [];
    for (const config of configs) {
      const show = sql`select current_setting('transaction_isolation') as i, current_setting('transaction_read_only') as r,
        current_setting('transaction_deferrable') as d`;
      seen.push((await db.transaction((tx) => tx.execute(show), config)).rows);
    }
    return seen;
  },
  'set transaction inside': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.setTransaction({ isolationLevel: 'repeatable read' });
      return (await tx.execute(sql`show transaction_isolation`)).rows;
    }),
  'queries side by side inside': async ({ db }) =>
    db.transaction(async (tx) => {
      const answers = await Promise.all(
        [1, 2, 3, 4, 5].map((n) => tx.execute(sql`select ${n}::int as n, txid_current() as id`)),
      );
      return [answers.map(({ rows }) => rows[0].n), new Set(answers.map(({ rows }) => rows[0].id)).size];
    }),
  'what is not committed is not seen': ({ db }) =>
    db.transaction(async (tx) => {
      await tx.update(users).set({ name: 'Changed' }).where(eq(users.id, 1));
      const seen = async (by) =>
        (await by.select({ name: users.name }).from(users).where(eq(users.id, 1)))[0].name;
      return [await seen(tx), await seen(db)];
    }),
  'many transactions at once': async ({ db }) => {
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction((tx) => tx.execute(sql`update posts set likes = likes + 1 where id = 1`)),
      ),
    );
    return (await db.execute(sql`select likes from posts where id = 1`)).rows;
  },
  'count and relational queries inside': ({ db }) =>
    db.transaction(async (tx) => {
      await add(tx, 'counted');
      return [
        await tx.$count(groups),
        await tx.query.groups.findFirst({ where: eq(groups.name, 'counted') }),
      ];
    }),
};
