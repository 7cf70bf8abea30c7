import { createDatabase } from 'pgkeel/drizzle';
import * as schema from '../model/schema';

export const { db, pool, readPool, writePool, testConnection, health, metrics, close } = createDatabase({
  schema,
});
