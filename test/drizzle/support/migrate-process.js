'use strict';

// One of several servers that start at the same time, each as a process of its own.
const { createDatabase, migrate } = require('../../../lib/drizzle');

async function main([url, migrationsFolder]) {
  const { db, close } = createDatabase({ connectionString: url, max: 2 });
  process.send('ready');
  await new Promise((resolve) => process.once('message', resolve));
  try {
    await migrate(db, { migrationsFolder });
  } finally {
    await close();
    process.disconnect();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
