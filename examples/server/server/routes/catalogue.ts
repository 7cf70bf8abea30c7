import { asc, eq } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { createCustomer, idParams, listProducts } from '../../model/requests';
import { customers, products } from '../../model/schema';
import { db } from '../db';
import { notFound } from '../errors';

export async function catalogueRoutes(app: FastifyInstance): Promise<void> {
  app.get('/products', async (request) => {
    const { category, limit } = listProducts.parse(request.query);
    const rows = await db
      .select()
      .from(products)
      .where(category === undefined ? undefined : eq(products.category, category))
      .orderBy(asc(products.id))
      .limit(limit);
    return { products: rows };
  });

  app.get('/products/:id', async (request) => {
    const { id } = idParams.parse(request.params);
    const [product] = await db.select().from(products).where(eq(products.id, id));
    if (!product) throw notFound('product');
    return product;
  });

  app.post('/customers', async (request, reply) => {
    const [customer] = await db.insert(customers).values(createCustomer.parse(request.body)).returning();
    return reply.status(201).send(customer);
  });
}
