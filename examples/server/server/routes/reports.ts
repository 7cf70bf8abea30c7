import { and, desc, eq, gte, ne, sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { revenueReport } from '../../model/requests';
import { orderItems, orders, products } from '../../model/schema';
import { db } from '../db';

export async function reportRoutes(app: FastifyInstance): Promise<void> {
  app.get('/reports/revenue', async (request) => {
    const { days } = revenueReport.parse(request.query);
    const revenue = sql<string>`sum(${orderItems.quantity} * ${orderItems.unitPrice})`;
    const categories = await db
      .select({
        category: products.category,
        orders: sql<number>`count(distinct ${orders.id})`.mapWith(Number),
        units: sql<number>`sum(${orderItems.quantity})`.mapWith(Number),
        revenue,
      })
      .from(orders)
      .innerJoin(orderItems, eq(orderItems.orderId, orders.id))
      .innerJoin(products, eq(products.id, orderItems.productId))
      .where(
        and(
          gte(orders.createdAt, sql`now() - make_interval(days => ${days})`),
          ne(orders.status, 'cancelled'),
        ),
      )
      .groupBy(products.category)
      .orderBy(desc(revenue));
    return { days, categories };
  });
}
