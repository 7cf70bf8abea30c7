import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { FastifyInstance } from 'fastify';
import { createOrder, idParams, listOrders, setOrderStatus, type CreateOrder } from '../../model/requests';
import { customers, orderItems, orders, orderStatus, products } from '../../model/schema';
import { db } from '../db';
import { notFound, RequestError } from '../errors';

type Status = (typeof orderStatus.enumValues)[number];

const NEXT_STATUS: Record<Status, readonly Status[]> = {
  placed: ['paid', 'cancelled'],
  paid: ['shipped', 'cancelled'],
  shipped: [],
  cancelled: [],
};

type Transaction = Parameters<Parameters<typeof db.transaction>[0]>[0];

// Locks are taken in one order everywhere, so that two orders for the same products cannot deadlock.
async function lockProducts(tx: Transaction, ids: number[]) {
  const rows = await tx
    .select({ id: products.id, price: products.price, stock: products.stock })
    .from(products)
    .where(inArray(products.id, ids))
    .orderBy(products.id)
    .for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

async function takeFromStock(tx: Transaction, order: CreateOrder) {
  const locked = await lockProducts(
    tx,
    order.items.map((item) => item.productId),
  );
  const lines = order.items.map(({ productId, quantity }) => {
    const product = locked.get(productId);
    if (!product) throw new RequestError(422, `there is no product ${productId}`);
    if (product.stock < quantity)
      throw new RequestError(409, `product ${productId}: only ${product.stock} left`);
    return { productId, quantity, unitPrice: product.price };
  });
  for (const { productId, quantity } of lines) {
    await tx
      .update(products)
      .set({ stock: sql`${products.stock} - ${quantity}` })
      .where(eq(products.id, productId));
  }
  return lines;
}

// In cents: prices are decimal text, and binary fractions would not add up.
function totalOf(lines: { quantity: number; unitPrice: string }[]): string {
  const cents = lines.reduce(
    (sum, line) => sum + line.quantity * Math.round(Number(line.unitPrice) * 100),
    0,
  );
  return (cents / 100).toFixed(2);
}

async function placeOrder(order: CreateOrder) {
  return db.transaction(async (tx) => {
    const [customer] = await tx
      .select({ id: customers.id })
      .from(customers)
      .where(eq(customers.id, order.customerId));
    if (!customer) throw new RequestError(422, `there is no customer ${order.customerId}`);
    const lines = await takeFromStock(tx, order);
    const [placed] = await tx
      .insert(orders)
      .values({ customerId: customer.id, total: totalOf(lines), note: order.note ?? null })
      .returning();
    if (!placed) throw new Error('INSERT ... RETURNING returned no row');
    const items = await tx
      .insert(orderItems)
      .values(lines.map((line) => ({ orderId: placed.id, ...line })))
      .returning();
    return { ...placed, items };
  });
}

async function changeStatus(id: number, status: Status) {
  return db.transaction(async (tx) => {
    const [order] = await tx
      .select({ status: orders.status })
      .from(orders)
      .where(eq(orders.id, id))
      .for('update');
    if (!order) throw notFound('order');
    if (!NEXT_STATUS[order.status].includes(status)) {
      throw new RequestError(409, `an order that is ${order.status} cannot become ${status}`);
    }
    if (status === 'cancelled') await returnToStock(tx, id);
    const [changed] = await tx
      .update(orders)
      .set({ status, updatedAt: sql`now()` })
      .where(eq(orders.id, id))
      .returning();
    return changed;
  });
}

async function returnToStock(tx: Transaction, orderId: number) {
  const items = await tx.select().from(orderItems).where(eq(orderItems.orderId, orderId));
  await lockProducts(
    tx,
    items.map((item) => item.productId),
  );
  for (const { productId, quantity } of items) {
    await tx
      .update(products)
      .set({ stock: sql`${products.stock} + ${quantity}` })
      .where(eq(products.id, productId));
  }
}

export async function orderRoutes(app: FastifyInstance): Promise<void> {
  app.get('/orders', async (request) => {
    const { customerId, status, before, limit } = listOrders.parse(request.query);
    const filters = [
      customerId === undefined ? undefined : eq(orders.customerId, customerId),
      status === undefined ? undefined : eq(orders.status, status),
      before === undefined ? undefined : lt(orders.id, before),
    ];
    const rows = await db
      .select({
        id: orders.id,
        status: orders.status,
        total: orders.total,
        createdAt: orders.createdAt,
        customer: { id: customers.id, name: customers.name },
      })
      .from(orders)
      .innerJoin(customers, eq(orders.customerId, customers.id))
      .where(and(...filters))
      .orderBy(desc(orders.id))
      .limit(limit);
    return { orders: rows, next: rows.length === limit ? rows.at(-1)?.id : null };
  });

  app.get('/orders/:id', async (request) => {
    const { id } = idParams.parse(request.params);
    const order = await db.query.orders.findFirst({
      where: eq(orders.id, id),
      with: { customer: true, items: { with: { product: { columns: { name: true, category: true } } } } },
    });
    if (!order) throw notFound('order');
    return order;
  });

  app.post('/orders', async (request, reply) => {
    const order = await placeOrder(createOrder.parse(request.body));
    return reply.status(201).header('location', `/orders/${order.id}`).send(order);
  });

  app.patch('/orders/:id', async (request) => {
    const { id } = idParams.parse(request.params);
    return changeStatus(id, setOrderStatus.parse(request.body).status);
  });
}
