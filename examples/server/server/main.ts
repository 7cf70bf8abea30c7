import { buildApp } from './app';
import { close, testConnection } from './db';

const app = await buildApp();
let stopping = false;

async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  console.log(`${signal}: finishing what is under way`);
  await app.close();
  await close();
  console.log('stopped');
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, (name) => {
    stop(name).catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}

if (!(await testConnection())) console.warn('the database cannot be reached yet; serving all the same');
const address = await app.listen({
  host: process.env['HOST'] ?? '127.0.0.1',
  port: Number(process.env['PORT'] ?? 3000),
});
console.log(`listening on ${address}`);
