import { expectTypeOf } from 'expect-type';
import {
  Client,
  type ClientBase,
  type FieldDef,
  type NoticeMessage,
  type Notification,
  Query,
  Result,
  type ResultBuilder,
  type Submittable,
  type TransactionStatus,
  TypeOverrides,
  defaults,
  escapeIdentifier,
  escapeLiteral,
  types,
} from 'pgkeel';

void new Client();
void new Client('postgres://localhost/app');
const client = new Client({ host: '/var/run/postgresql', port: 5433, application_name: 'test' });

expectTypeOf(client.connect()).resolves.toEqualTypeOf<Client>();
client.connect((err: Error | null) => void err);
expectTypeOf(client.getTransactionStatus()).toEqualTypeOf<TransactionStatus>();
expectTypeOf(client.processID).toEqualTypeOf<number | null>();
expectTypeOf(client.escapeLiteral('a')).toBeString();
expectTypeOf(escapeIdentifier('a')).toBeString();
expectTypeOf(escapeLiteral('a')).toBeString();
expectTypeOf(client.end()).resolves.toBeVoid();
client.end(() => {});
client.connection.on('parameterStatus', () => {});
client.connection.stream.destroy();

client.on('notice', (notice) => expectTypeOf(notice).toEqualTypeOf<NoticeMessage>());
client.on('notification', (message) => {
  expectTypeOf(message).toEqualTypeOf<Notification>();
  expectTypeOf(message.payload).toEqualTypeOf<string | undefined>();
});
client.on('error', (err) => expectTypeOf(err).toEqualTypeOf<Error>());
client.once('end', () => {});
client.on('drain', () => {});
// @ts-expect-error: no such event
client.on('closed', () => {});

// Queries as objects.
const query = client.query(new Query<{ n: number }>('SELECT 1 AS n'));
expectTypeOf(query).toEqualTypeOf<Query<{ n: number }>>();
query.on('row', (row, result) => {
  expectTypeOf(row).toEqualTypeOf<{ n: number }>();
  expectTypeOf(result).toEqualTypeOf<ResultBuilder<{ n: number }> | undefined>();
});
query.on('end', (result) => expectTypeOf(result.rows).toEqualTypeOf<{ n: number }[]>());
query.on('error', (err) => expectTypeOf(err).toEqualTypeOf<Error>());
// @ts-expect-error: no such event
query.on('rows', () => {});

class Cursor implements Submittable {
  submit = (): void => {};
  read(rows: number): number {
    return rows;
  }
}
expectTypeOf(client.query(new Cursor())).toEqualTypeOf<Cursor>();

// Types.
types.setTypeParser(20, BigInt);
types.setTypeParser(types.builtins.INT8, (value) => Number(value));
types.setTypeParser(1016, 'text', (value) => value.split(','));
types.setTypeParser(17, 'binary', (value) => value.byteLength);
types.setTypeParser(99999, (value: string) => value);
// @ts-expect-error: text values are strings
types.setTypeParser(20, (value: number) => value);
// @ts-expect-error: no such form
types.setTypeParser(20, 'hex', (value: string) => value);
expectTypeOf(types.builtins.TIMESTAMPTZ).toEqualTypeOf<1184>();
expectTypeOf(types.getTypeParser(20)('1')).toBeAny();
expectTypeOf(types.arrayParser.create('{1}', Number).parse()).toEqualTypeOf<any[]>();
client.setTypeParser(20, 'text', BigInt);
const overrides = new TypeOverrides();
overrides.setTypeParser(20, BigInt);
void client.query({ text: 'SELECT 1', types: overrides });
void client.query({ text: 'SELECT 1', types });
// @ts-expect-error: it must say how a column is read
void client.query({ text: 'SELECT 1', types: {} });

defaults.parseInt8 = true;
defaults.ssl = false;
// @ts-expect-error: a number
defaults.port = 'default';

expectTypeOf(new Result('array').fields).toEqualTypeOf<FieldDef[]>();
expectTypeOf<Client>().toExtend<ClientBase>();

// Programs subclass these.
class Logged extends Client {
  override async end(): Promise<void> {
    await super.end();
  }
  override query(...args: any[]): any {
    return (super.query as (...args: any[]) => any)(...args);
  }
}
void new Logged();
