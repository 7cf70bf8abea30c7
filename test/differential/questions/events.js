'use strict';

// Notices, notifications, and queries that are objects with events.

const levels = ['debug', 'log', 'info', 'notice', 'warning'];

const notices = [
  ...['notice', 'debug5', 'error', 'log'].map((lowest) => ({
    ask: `RAISE of every level, client_min_messages = ${lowest}`,
    run: async (t) => {
      const client = await t.connect();
      await client.query(`set client_min_messages = ${lowest === 'debug5' ? 'debug1' : lowest}`);
      client.on('notice', (notice) => t.note('notice', { ...notice, message: notice.message, line: null }));
      for (const level of levels)
        await client.query(`select differential.raising('${level}', 'a ${level} "ä😀"')`);
    },
  })),
  {
    ask: 'what a notice is',
    run: async (t) => {
      const client = await t.connect();
      const heard = t.next(client, 'notice');
      await client.query('drop table if exists differential.nowhere');
      const [notice] = await heard;
      return {
        keys: Object.keys(notice),
        name: notice.name,
        isError: notice instanceof Error,
        kind: notice.constructor.name,
      };
    },
  },
  {
    ask: 'notices come before the answer',
    run: async (t) => {
      const client = await t.connect();
      client.on('notice', (notice) => t.note('notice', notice.message));
      for (const n of [1, 2]) {
        await client.query(`select differential.raising('notice', 'number ${n}')`);
        t.note('answered', n);
      }
    },
  },
  {
    ask: 'many notices of one statement',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'notice');
      await client.query(`do $$ begin for i in 1..50 loop raise notice 'n %', i; end loop; end $$`);
    },
  },
  {
    ask: 'a notice before an error',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'notice');
      return t.outcome(() =>
        client.query(`do $$ begin raise notice 'first'; raise exception 'then'; end $$`),
      );
    },
  },
  {
    ask: 'the notices of a pool client',
    run: async (t) => {
      const client = await t.pool().connect();
      t.listen(client, 'notice');
      await client.query('drop table if exists differential.nowhere');
      client.release();
    },
  },
];

const plainMessage = ({ channel, payload, length, name }) => ({ channel, payload, length, name });

const notifications = [
  {
    ask: 'LISTEN and NOTIFY in one session',
    run: async (t) => {
      const client = await t.connect();
      client.on('notification', (message) =>
        t.note('notification', plainMessage(message), message.processId === client.processID),
      );
      await client.query('listen one');
      await client.query(`notify one, 'a payload "ä😀"'`);
      await client.query('notify one');
      await client.query(`notify other, 'unheard'`);
      await client.query('select 1');
    },
  },
  {
    ask: 'a notification from another session reaches an idle client',
    run: async (t) => {
      const [client, other] = [await t.connect(), await t.connect()];
      await client.query('listen "Mixed Case"');
      const heard = t.next(client, 'notification');
      await other.query('select pg_notify($1, $2)', ['Mixed Case', 'x'.repeat(7000)]);
      const [message] = await heard;
      return {
        message: plainMessage(message),
        sender: message.processId === other.processID,
        keys: Object.keys(message),
        kind: message.constructor.name,
      };
    },
  },
  {
    ask: 'notifications of a transaction come at its end',
    run: async (t) => {
      const client = await t.connect();
      client.on('notification', ({ payload }) => t.note('notification', payload));
      await client.query('listen one');
      for (const sql of [
        'begin',
        `notify one, 'a'`,
        `notify one, 'a'`,
        `notify one, 'b'`,
        'select 1',
        'commit',
        'begin',
        `notify one, 'c'`,
        'rollback',
      ]) {
        await client.query(sql);
        t.note(sql);
      }
    },
  },
  {
    ask: 'many notifications keep their order',
    run: async (t) => {
      const [client, other] = [await t.connect(), await t.connect()];
      const heard = [];
      client.on('notification', ({ payload }) => heard.push(payload));
      await client.query('listen one');
      await other.query(`select pg_notify('one', n::text) from generate_series(1, 200) n`);
      await t.until(() => heard.length === 200, '200 notifications');
      return heard;
    },
  },
  {
    ask: 'UNLISTEN',
    run: async (t) => {
      const client = t.listen(await t.connect(), 'notification');
      await client.query('listen one');
      await client.query('unlisten one');
      await client.query('notify one');
      await client.query('select 1');
    },
  },
];

/** Submits a Query and records all it emits until `last`. */
const emitting = (ask, make, last = 'end') => ({
  ask: `a Query object: ${ask}`,
  run: async (t) => {
    const client = await t.connect();
    const query = make(t.pg.Query, t);
    const finished = t.next(query, last);
    t.listen(query, 'row', 'end', 'error');
    const returned = client.query(query);
    await finished;
    const after = await client.query('select 1 as after');
    return { same: returned === query, after: after.rows };
  },
});

const queries = [
  emitting('a text', (Query) => new Query('select generate_series(1, 3) as n')),
  emitting('a text and values', (Query) => new Query('select $1::int as n', [5])),
  emitting('a config', (Query) => new Query({ text: 'select $1::int as n', values: [6] })),
  emitting('a config with values of its own', (Query) => new Query({ text: 'select $1::int as n' }, [7])),
  emitting('rows as arrays', (Query) => new Query({ text: 'select 1 as a, 2 as b', rowMode: 'array' })),
  emitting(
    'types',
    (Query) => new Query({ text: 'select 1 as a', types: { getTypeParser: () => (v) => `<${v}>` } }),
  ),
  emitting('a name', (Query) => new Query({ text: 'select 1 as a', name: 'named' })),
  emitting('no rows', (Query) => new Query('select 1 as a where false')),
  emitting('a command', (Query) => new Query('set search_path to public')),
  emitting('an empty text', (Query) => new Query('')),
  emitting('an error', (Query) => new Query('selec'), 'error'),
  emitting('an error of a value', (Query) => new Query('select $1::int', ['x']), 'error'),
  emitting('neither text nor name', (Query) => new Query({}), 'error'),
  emitting('a callback', (Query, t) => new Query('select 1 as a', (...args) => t.note('callback', ...args))),
  emitting(
    'values and a callback',
    (Query, t) => new Query('select $1::int as a', [1], (...args) => t.note('callback', ...args)),
  ),
  emitting('several statements', (Query) => new Query('select 1 as a; select 2 as b')),
  {
    ask: 'a Query object: in portions',
    run: async (t) => {
      const client = await t.connect();
      const query = new t.pg.Query({ text: 'select generate_series(1, 5) as n', rows: 2 });
      query.on('row', (row) => t.note('row', row));
      client.query(query);
      await t.next(query, 'end');
    },
  },
  {
    ask: 'a Query object without listeners for rows collects them',
    run: async (t) => {
      const client = await t.connect();
      const query = client.query(new t.pg.Query('select generate_series(1, 3) as n'));
      const [result] = await t.next(query, 'end');
      return result;
    },
  },
  {
    ask: 'a Query object with a listener for rows does not collect them',
    run: async (t) => {
      const client = await t.connect();
      const query = client.query(new t.pg.Query('select generate_series(1, 3) as n'));
      let rows = 0;
      query.on('row', () => rows++);
      const [result] = await t.next(query, 'end');
      return { rows, result };
    },
  },
  {
    ask: 'a Query object that adds rows to its result itself',
    run: async (t) => {
      const client = await t.connect();
      const query = client.query(new t.pg.Query('select generate_series(1, 3) as n'));
      query.on('row', (row, result) => row.n !== 2 && result.addRow(row));
      const [result] = await t.next(query, 'end');
      return result;
    },
  },
  {
    ask: 'a Query object and a callback given to query()',
    run: async (t) => {
      const client = await t.connect();
      const query = new t.pg.Query('select 1 as a');
      const { args } = await t.called((cb) => client.query(query, cb));
      const withValues = await t.called((cb) => client.query(new t.pg.Query('select 1 as a'), undefined, cb));
      return { args, withValues: withValues.args };
    },
  },
  {
    ask: 'a Query object whose callback gets an error',
    run: async (t) => {
      const client = await t.connect();
      const query = new t.pg.Query('selec');
      query.on('error', () => t.note('error event'));
      return (await t.called((cb) => client.query(query, cb))).args;
    },
  },
  {
    ask: 'Query objects one after the other',
    run: async (t) => {
      const client = await t.connect();
      const drained = t.next(client, 'drain');
      for (const n of [1, 2, 3]) t.listen(client.query(new t.pg.Query(`select ${n} as n`)), 'row', 'end');
      await drained;
    },
  },
  {
    ask: 'a Query object when the connection is lost',
    run: async (t) => {
      const client = await t.connect();
      const killer = await t.connect();
      const query = t.listen(client.query(new t.pg.Query('select pg_sleep(10)')), 'row', 'end', 'error');
      const failed = t.next(query, 'error');
      await t.until(
        async () =>
          (
            await killer.query(
              'select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and query like $2',
              [client.processID, '%sleep%'],
            )
          ).rowCount,
        'the query to run',
      );
      await failed;
    },
  },
  {
    ask: 'what a Query object shows',
    run: (t) => {
      const query = new t.pg.Query({
        text: 'a',
        values: [1],
        name: 'n',
        rowMode: 'array',
        binary: true,
        rows: 2,
      });
      const { text, values, name, binary, rows } = query;
      return {
        text,
        values,
        name,
        binary,
        rows,
        submits: typeof query.submit,
        prepared: query.requiresPreparation?.(),
      };
    },
  },
];

module.exports = [...notices, ...notifications, ...queries];
