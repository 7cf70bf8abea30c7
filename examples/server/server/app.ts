import Fastify, { type FastifyInstance } from 'fastify';
import { handleError, notFound } from './errors';
import { catalogueRoutes } from './routes/catalogue';
import { operationsRoutes } from './routes/operations';
import { orderRoutes } from './routes/orders';
import { reportRoutes } from './routes/reports';

export async function buildApp(): Promise<FastifyInstance> {
  const app = Fastify({ logger: { level: process.env['LOG_LEVEL'] ?? 'warn' } });
  app.setErrorHandler(handleError);
  app.setNotFoundHandler(() => {
    throw notFound('route');
  });
  closeConnectionsOnceClosing(app);
  await app.register(catalogueRoutes);
  await app.register(orderRoutes);
  await app.register(reportRoutes);
  await app.register(operationsRoutes);
  return app;
}

/** A connection that a browser keeps open would hold up close() until its keep-alive time is over. */
function closeConnectionsOnceClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close');
  });
}
