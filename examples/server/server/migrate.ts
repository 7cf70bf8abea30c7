import { fileURLToPath } from 'node:url';
import { migrate } from 'pgkeel/drizzle';
import { close, db } from './db';
import { seed } from './seed';

try {
  await migrate(db, { migrationsFolder: fileURLToPath(new URL('../drizzle', import.meta.url)) });
  if (process.argv.includes('--seed')) await seed();
} finally {
  await close();
}
