import { installShutdownHandlers } from 'pgkeel';
import { buildApp } from './app';
import { close, pool, testConnection } from './db';

const app = await buildApp();

pool.on('breaker', ({ node, from, to, reason }) => {
  app.log.warn(`database ${node}: ${from} -> ${to}, ${reason}`);
});

// Requests first, then what they need. Whoever asks a second time does not want to wait.
installShutdownHandlers(
  [
    ({ signal }) => console.log(`${signal}: finishing what is under way`),
    () => app.close(),
    close,
    () => console.log('stopped'),
  ],
  { timeout: 15_000, exit: 0 },
);

if (!(await testConnection())) console.warn('the database cannot be reached yet; serving all the same');
const address = await app.listen({
  host: process.env['HOST'] ?? '127.0.0.1',
  port: Number(process.env['PORT'] ?? 3000),
});
console.log(`listening on ${address}`);
