// Programs as they are written against pg and its community typings, and values that cross over to
// packages (stock Drizzle among them) that are typed with those.
import { expectTypeOf } from 'expect-type';
import type * as community from 'pg';
import pg, {
  Client,
  type ClientBase,
  type ClientConfig,
  type Connection,
  type ConnectionConfig,
  type CustomTypesConfig,
  type Defaults,
  type Events,
  type FieldDef,
  Pool,
  type PoolClient,
  type PoolConfig,
  type PoolOptions,
  Query,
  type QueryArrayConfig,
  type QueryArrayResult,
  type QueryConfig,
  type QueryConfigValues,
  type QueryResult,
  type QueryResultBase,
  type QueryResultRow,
  type ResultBuilder,
  type Submittable,
  type BindConfig,
  type ExecuteConfig,
  type MessageConfig,
  type QueryParse,
  types,
} from 'pgkeel';

const options: PoolConfig = {
  user: 'u',
  password: () => Promise.resolve('p'),
  ssl: { rejectUnauthorized: false, checkServerIdentity: () => undefined },
  max: 20,
  idleTimeoutMillis: null,
  log: (...messages) => void messages,
  onConnect: (client: ClientBase) => void client.query('SET search_path TO app'),
  verify: (client, done) => client.query('SELECT 1', (err) => done(err)),
  types: { getTypeParser: types.getTypeParser },
};
const pool = new Pool(options);
pool.on('error', (err: Error, client: PoolClient) => void [err.message, client]);
pool.on('release', (err: Error, client: PoolClient) => void [err, client]);
pool.on('remove', (client: PoolClient) => void client);
const { max }: PoolOptions = pool.options;
expectTypeOf(max).toBeNumber();

pool.connect((err: Error | undefined, client: PoolClient | undefined, done: (release?: any) => void) => {
  if (err || !client) return done(err);
  client.query('SELECT NOW()', (queryErr: Error, result: QueryResult) => done(queryErr ?? result.rows[0]));
});

async function transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (e) {
    await client.query('ROLLBACK');
    throw e;
  } finally {
    client.release();
  }
}
void transaction((client) => client.query<{ id: string }>('INSERT INTO t DEFAULT VALUES RETURNING id'));

export class Repository<R extends QueryResultRow> {
  constructor(private readonly db: Pool | PoolClient | Client) {}
  async all(config: QueryConfig): Promise<R[]> {
    return (await this.db.query<R>(config)).rows;
  }
  async matrix(config: QueryArrayConfig): Promise<QueryArrayResult> {
    return this.db.query(config);
  }
  async with<I extends any[]>(text: string, values: QueryConfigValues<I>): Promise<QueryResultBase> {
    return this.db.query<R, I>(text, values);
  }
  fields(result: QueryResult<R>): FieldDef[] {
    return result.fields;
  }
}

const client = new Client({ connectionString: 'postgres://localhost', statement_timeout: 100 });
client.connect((err: Error) => void err);
const query = client.query(new Query({ text: 'SELECT 1' }));
query.on('row', (row, result?: ResultBuilder) => result?.addRow(row));
client.on('notification', (message) => void message.payload?.length);
client.on('notice', (message) => void message.message?.length);
pg.types.setTypeParser(pg.types.builtins.INT8, parseInt);
pg.types.setTypeParser(1082, (value: string) => value);
pg.defaults.parseInputDatesAsUTC = true;
void (pg.native?.Pool ?? pg.Pool);

// Everything typed for pg takes ours. Plain assignments: their errors name the member that does not fit.
declare const ours: {
  pool: Pool;
  client: Client;
  poolClient: PoolClient;
  base: ClientBase;
  query: Query;
  connection: Connection;
  result: QueryResult<{ a: number }>;
  arrays: QueryArrayResult;
  error: pg.DatabaseError;
  overrides: pg.TypeOverrides;
  poolConfig: PoolConfig;
};
export const asTheirs: {
  pool: community.Pool;
  client: community.Client;
  poolClient: community.PoolClient;
  base: community.ClientBase;
  query: community.Query;
  connection: community.Connection;
  result: community.QueryResult<{ a: number }>;
  arrays: community.QueryArrayResult;
  error: community.DatabaseError;
  overrides: community.CustomTypesConfig;
} = ours;

// And ours takes what is typed for pg.
declare const theirs: {
  poolConfig: community.PoolConfig;
  clientConfig: community.ClientConfig;
  connectionConfig: community.ConnectionConfig;
  query: community.QueryConfig;
  arrays: community.QueryArrayConfig;
  types: community.CustomTypesConfig;
  submittable: community.Submittable;
  defaults: community.Defaults;
  result: community.QueryResult<{ a: number }>;
};
export const asOurs: {
  poolConfig: PoolConfig;
  clientConfig: ClientConfig;
  connectionConfig: ConnectionConfig;
  query: QueryConfig;
  arrays: QueryArrayConfig;
  types: CustomTypesConfig;
  submittable: Submittable;
  defaults: Defaults;
  result: QueryResult<{ a: number }>;
} = theirs;

expectTypeOf<FieldDef>().toEqualTypeOf<community.FieldDef>();
expectTypeOf<BindConfig>().toEqualTypeOf<community.BindConfig>();
expectTypeOf<ExecuteConfig>().toEqualTypeOf<community.ExecuteConfig>();
expectTypeOf<MessageConfig>().toEqualTypeOf<community.MessageConfig>();
expectTypeOf<QueryParse>().toEqualTypeOf<community.QueryParse>();
expectTypeOf<Events>().toHaveProperty('on');
