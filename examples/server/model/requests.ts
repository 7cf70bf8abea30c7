import { z } from 'zod';
import { orderStatus } from './schema';

/** What the server accepts. Numbers in paths and query strings arrive as text. */
const MAX_INTEGER = 2_147_483_647;
const id = z.coerce.number().int().positive().max(MAX_INTEGER);
const limit = z.coerce.number().int().min(1).max(100).default(20);

// PostgreSQL's text holds every character but NUL.
const line = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((value) => !value.includes('\0'), 'must not contain NUL');

export const idParams = z.object({ id });

export const listProducts = z.object({ category: line.optional(), limit });

export const createCustomer = z.strictObject({
  name: line,
  email: z.email().max(200),
  address: z.strictObject({ street: line, city: line, postcode: line, country: line }),
});

export const listOrders = z.object({
  customerId: id.optional(),
  status: z.enum(orderStatus.enumValues).optional(),
  /** Only orders older than this one: the next page. */
  before: id.optional(),
  limit,
});

export const createOrder = z
  .strictObject({
    customerId: z.int().positive().max(MAX_INTEGER),
    items: z
      .array(
        z.strictObject({
          productId: z.int().positive().max(MAX_INTEGER),
          quantity: z.int().min(1).max(1000),
        }),
      )
      .min(1)
      .max(50),
    note: line.nullish(),
  })
  .refine(({ items }) => new Set(items.map((item) => item.productId)).size === items.length, {
    message: 'a product may appear only once',
    path: ['items'],
  });

export const setOrderStatus = z.strictObject({ status: z.enum(orderStatus.enumValues) });

export const revenueReport = z.object({ days: z.coerce.number().int().min(1).max(366).default(30) });

export type CreateOrder = z.infer<typeof createOrder>;
