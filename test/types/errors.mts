import { expectTypeOf } from 'expect-type';
import { DatabaseError, KeelError, type KeelErrorCode, type Outcome, type SystemErrorCode } from 'pgkeel';

expectTypeOf<KeelErrorCode>().toEqualTypeOf<
  | 'KEEL_CONNECT_FAILED'
  | 'KEEL_CONNECT_TIMEOUT'
  | 'KEEL_CONNECTION_LOST'
  | 'KEEL_ACQUIRE_TIMEOUT'
  | 'KEEL_QUEUE_FULL'
  | 'KEEL_QUERY_TIMEOUT'
  | 'KEEL_ABORTED'
  | 'KEEL_BREAKER_OPEN'
  | 'KEEL_POOL_CLOSED'
  | 'KEEL_CONFIG'
  | 'KEEL_MISUSE'
  | 'KEEL_TRANSACTION_ENDED'
  | 'KEEL_NO_MEMORY'
>();
expectTypeOf<Outcome>().toEqualTypeOf<'not-sent' | 'rolled-back' | 'unknown'>();

/** What a caller writes: tell the two kinds apart and look at the fields. */
export function describe(err: unknown): string {
  if (err instanceof DatabaseError) {
    expectTypeOf(err.code).toEqualTypeOf<string | undefined>();
    expectTypeOf(err.position).toEqualTypeOf<string | undefined>();
    expectTypeOf(err.outcome).toEqualTypeOf<Outcome | undefined>();
    expectTypeOf(err.attempts).toEqualTypeOf<number | undefined>();
    return `${err.severity} ${err.code} ${err.constraint} ${err.dataType} ${err.routine}`;
  }
  if (err instanceof KeelError) {
    expectTypeOf(err.code).toEqualTypeOf<KeelErrorCode | SystemErrorCode>();
    expectTypeOf(err.keelCode).toEqualTypeOf<KeelErrorCode | undefined>();
    if (err.code === 'ECONNREFUSED') return 'nobody listens';
    expectTypeOf(err.node).toEqualTypeOf<string | undefined>();
    expectTypeOf(err.cause).toBeUnknown();
    // @ts-expect-error: no such code
    if (err.code === 'KEEL_TIMEOUT') return 'never';
    return err.code === 'KEEL_BREAKER_OPEN' ? `again in ${err.retryAfter} ms` : err.message;
  }
  throw err;
}

expectTypeOf<DatabaseError>().toExtend<Error>();
expectTypeOf<KeelError>().toExtend<Error>();
// @ts-expect-error: read-only
new KeelError('KEEL_CONFIG', 'no').code = 'KEEL_ABORTED';
// @ts-expect-error: no such code
void new KeelError('KEEL_OTHER', 'no');
