import { expectTypeOf } from 'expect-type';
import pg, * as everything from 'pgkeel';
import {
  Client,
  DatabaseError,
  KeelError,
  Pool,
  Query,
  Result,
  TypeOverrides,
  defaults,
  escapeIdentifier,
  escapeLiteral,
  hardenedDefaults,
  libpqVersion,
  types,
  version,
} from 'pgkeel';

// The default export is the package, in its values and in its types.
const viaDefault = {
  Client: pg.Client,
  DatabaseError: pg.DatabaseError,
  KeelError: pg.KeelError,
  Pool: pg.Pool,
  Query: pg.Query,
  Result: pg.Result,
  TypeOverrides: pg.TypeOverrides,
  defaults: pg.defaults,
  escapeIdentifier: pg.escapeIdentifier,
  escapeLiteral: pg.escapeLiteral,
  hardenedDefaults: pg.hardenedDefaults,
  libpqVersion: pg.libpqVersion,
  types: pg.types,
  version: pg.version,
};
const named = {
  Client,
  DatabaseError,
  KeelError,
  Pool,
  Query,
  Result,
  TypeOverrides,
  defaults,
  escapeIdentifier,
  escapeLiteral,
  hardenedDefaults,
  libpqVersion,
  types,
  version,
};
expectTypeOf(viaDefault).toEqualTypeOf(named);
expectTypeOf<pg.Pool>().toEqualTypeOf<Pool>();
expectTypeOf<pg.QueryResult<{ a: 1 }>>().toEqualTypeOf<everything.QueryResult<{ a: 1 }>>();
expectTypeOf(everything.Pool).toEqualTypeOf<typeof Pool>();

const pool: pg.Pool = new pg.Pool({ max: 2 });
expectTypeOf(pool.totalCount).toBeNumber();

// @ts-expect-error: nothing of that name
void pg.Poool;
