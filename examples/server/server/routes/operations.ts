import type { FastifyInstance } from 'fastify';
import { health, metrics } from '../db';

export async function operationsRoutes(app: FastifyInstance): Promise<void> {
  app.get('/health', async (_request, reply) => {
    const report = await health();
    return reply.status(report.healthy ? 200 : 503).send(report);
  });

  app.get('/metrics.json', () => metrics());
}
