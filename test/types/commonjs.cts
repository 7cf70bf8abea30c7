import { expectTypeOf } from 'expect-type';
import pgkeel = require('pgkeel');
import interop from 'pgkeel';
import { Pool, type PoolClient, type QueryResult } from 'pgkeel';

expectTypeOf(pgkeel.Pool).toEqualTypeOf<typeof Pool>();
expectTypeOf(interop.Pool).toEqualTypeOf<typeof Pool>();
expectTypeOf(new pgkeel.Client()).toEqualTypeOf<pgkeel.Client>();
expectTypeOf(pgkeel.version).toBeString();
expectTypeOf(pgkeel.libpqVersion).toBeString();

async function lend(pool: Pool): Promise<QueryResult> {
  const client: PoolClient = await pool.connect();
  try {
    return await client.query('SELECT 1');
  } finally {
    client.release();
  }
}
expectTypeOf(lend).returns.resolves.toEqualTypeOf<pgkeel.QueryResult>();

// @ts-expect-error: nothing of that name
void pgkeel.Poool;
