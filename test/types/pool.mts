import { Server } from 'node:http';
import { expectTypeOf } from 'expect-type';
import {
  type Breaker,
  type BreakerEvent,
  installShutdownHandlers,
  type NodeMetrics,
  Pool,
  type PoolClient,
  type PoolHealth,
  type PoolMetrics,
  type QueryArrayResult,
  type QueryResult,
  type RowStream,
  type SlowQuery,
  type Summary,
} from 'pgkeel';

interface User {
  id: number;
  name: string;
}

const pool = new Pool({ connectionString: 'postgres://localhost/app' });

// Rows are typed by the caller; values may be tuples.
expectTypeOf(pool.query('SELECT 1')).resolves.toEqualTypeOf<QueryResult<any>>();
expectTypeOf(pool.query<User>('SELECT 1')).resolves.toEqualTypeOf<QueryResult<User>>();
expectTypeOf(pool.query<User>({ text: 'SELECT $1', values: [1] })).resolves.toEqualTypeOf<
  QueryResult<User>
>();
expectTypeOf(pool.query<User, [number, string]>('SELECT $1, $2', [1, 'a'])).resolves.toEqualTypeOf<
  QueryResult<User>
>();
expectTypeOf(pool.query<[number, string]>({ text: 'SELECT 1', rowMode: 'array' })).resolves.toEqualTypeOf<
  QueryArrayResult<[number, string]>
>();
const frozen = [1, 'a'] as const;
expectTypeOf(pool.query('SELECT $1, $2', frozen)).resolves.toEqualTypeOf<QueryResult<any>>();
// @ts-expect-error: the tuple says otherwise
void pool.query<User, [number]>('SELECT $1', ['one']);
// @ts-expect-error: a row is an object
void pool.query<number>('SELECT 1');
// @ts-expect-error: values are an array
void pool.query('SELECT $1', 'one');
// @ts-expect-error: a text is needed
void pool.query({ values: [1] });

// What a query may say of itself.
void pool.query({
  text: 'UPDATE t SET n = $1',
  values: [1],
  name: 'update-t',
  route: 'primary',
  idempotent: true,
  exactlyOnce: true,
  timeout: 500,
  signal: new AbortController().signal,
  prepare: 'auto',
  types: { getTypeParser: () => (value: string) => value },
});
// @ts-expect-error: no such route
void pool.query({ text: 'SELECT 1', route: 'secondary' });
// @ts-expect-error: milliseconds
void pool.query({ text: 'SELECT 1', timeout: '5s' });
// @ts-expect-error: not a signal
void pool.query({ text: 'SELECT 1', signal: true });
// @ts-expect-error: no such mode
void pool.query({ text: 'SELECT 1', prepare: 'maybe' });

// Callbacks.
expectTypeOf(
  pool.query<User>('SELECT 1', (err, result) => {
    expectTypeOf(err).toEqualTypeOf<Error>();
    expectTypeOf(result.rows).toEqualTypeOf<User[]>();
  }),
).toBeVoid();
pool.query('SELECT $1', [1], (_err, result) => expectTypeOf(result).toEqualTypeOf<QueryResult<any>>());
pool.connect((err, client, done) => {
  expectTypeOf(err).toEqualTypeOf<Error | undefined>();
  expectTypeOf(client).toEqualTypeOf<PoolClient | undefined>();
  done();
  done(new Error('broken'));
});
pool.end(() => {});

// Clients.
const client = await pool.connect();
expectTypeOf(client).toEqualTypeOf<PoolClient>();
client.release();
client.release(true);
client.release(new Error('broken'));
// @ts-expect-error: an error, not its text
client.release('broken');

// Metrics and health.
expectTypeOf(pool.metrics()).toEqualTypeOf<PoolMetrics>();
expectTypeOf(pool.breaker()).toEqualTypeOf<Breaker>();
expectTypeOf(pool.breaker('db:5432').state).toEqualTypeOf<'CLOSED' | 'OPEN' | 'HALF_OPEN'>();
// @ts-expect-error: it is moved by open() and close()
pool.breaker().state = 'OPEN';
expectTypeOf(pool.metrics().latency.queue).toEqualTypeOf<Summary>();
expectTypeOf(pool.metrics().nodes[0]).toEqualTypeOf<NodeMetrics | undefined>();
expectTypeOf<NodeMetrics['breaker']['state']>().toEqualTypeOf<'CLOSED' | 'OPEN' | 'HALF_OPEN'>();
expectTypeOf<NodeMetrics['lag']>().toEqualTypeOf<{ bytes: number | null; ms: number | null }>();
expectTypeOf<keyof SlowQuery>().toEqualTypeOf<
  'text' | 'fingerprint' | 'durationMs' | 'queueMs' | 'serverMs' | 'deliveryMs' | 'rows' | 'node' | 'at'
>();
expectTypeOf(pool.health()).resolves.toEqualTypeOf<PoolHealth>();

// Events.
pool.on('error', (err, lost) => {
  expectTypeOf(err).toEqualTypeOf<Error>();
  expectTypeOf(lost).toEqualTypeOf<PoolClient>();
});
pool.on('breaker', (event) => expectTypeOf(event).toEqualTypeOf<BreakerEvent>());
pool.once('slowQuery', (query) => expectTypeOf(query).toEqualTypeOf<SlowQuery>());
pool.on('retry', ({ attempt, delay, node, error }) => {
  expectTypeOf(attempt).toBeNumber();
  expectTypeOf(delay).toBeNumber();
  expectTypeOf(node).toBeString();
  expectTypeOf(error).toEqualTypeOf<Error>();
});
pool.on('leak', ({ heldMs, stack }) => {
  expectTypeOf(heldMs).toBeNumber();
  expectTypeOf(stack).toBeString();
});
pool.on('failover', ({ from, to }) => expectTypeOf(from).toEqualTypeOf(to));
pool.on('health', ({ node, healthy }) => {
  expectTypeOf(node).toBeString();
  expectTypeOf(healthy).toBeBoolean();
});
pool.on('connect', (opened) => expectTypeOf(opened).toEqualTypeOf<PoolClient>());
// @ts-expect-error: no such event
pool.on('broken', () => {});
// @ts-expect-error: the listener gets an event, not a number
pool.on('breaker', (event: number) => event);

expectTypeOf(pool.end()).resolves.toBeVoid();
expectTypeOf(pool.end({ timeout: 100, force: true })).resolves.toBeVoid();
// @ts-expect-error: milliseconds
void pool.end({ timeout: '1s' });
// @ts-expect-error: read-only
pool.totalCount = 3;

// Shutting down.
expectTypeOf(installShutdownHandlers(pool)).toEqualTypeOf<() => void>();
installShutdownHandlers([({ signal, timeout }) => console.log(signal, timeout?.toFixed()), pool], {
  signals: ['SIGTERM'],
  timeout: 5000,
  exit: 0,
})();
// @ts-expect-error: its close() gives no promise
installShutdownHandlers(new Server());
// @ts-expect-error: no signal
installShutdownHandlers(pool, { signals: ['TERM'] });
// @ts-expect-error: a code, false, or 'signal'
installShutdownHandlers(pool, { exit: true });

// Streams.
for await (const row of pool.stream<User>('SELECT 1')) expectTypeOf(row).toEqualTypeOf<User>();
for await (const rows of pool.stream<User>('SELECT $1', [1], { batchSize: 10 }).batches()) {
  expectTypeOf(rows).toEqualTypeOf<User[]>();
}
expectTypeOf(pool.stream('SELECT 1')).toEqualTypeOf<RowStream<any>>();
expectTypeOf(
  pool.stream<User>('SELECT 1', { batchSize: 10, timeout: 5, signal: new AbortController().signal }),
).toEqualTypeOf<RowStream<User>>();
expectTypeOf(pool.stream<[number]>({ text: 'SELECT 1', rowMode: 'array' })).toEqualTypeOf<
  RowStream<[number]>
>();
expectTypeOf(pool.stream<[number]>('SELECT 1', [], { rowMode: 'array' })).toEqualTypeOf<
  RowStream<[number]>
>();
expectTypeOf((await pool.connect()).stream<User>({ text: 'SELECT $1', values: [1] })).toEqualTypeOf<
  RowStream<User>
>();
const someRows = pool.stream<User>('SELECT 1')[Symbol.asyncIterator]();
expectTypeOf(await someRows.next()).toEqualTypeOf<IteratorResult<User, any>>();
await someRows.return?.();
// @ts-expect-error: rows, not a number of milliseconds in words
void pool.stream('SELECT 1', [], { batchSize: 'many' });
// @ts-expect-error: values are an array
void pool.stream('SELECT $1', 'one');
