import { customers, products } from '../model/schema';
import { db } from './db';

const CATEGORIES = ['books', 'garden', 'kitchen', 'music', 'toys'];
const CITIES = ['Bergen', 'Cork', 'Ghent', 'Graz', 'Porto'];

/** Sample data for an empty database; one that has products is left alone. */
export async function seed({ customerCount = 200, productCount = 100 } = {}): Promise<void> {
  await db.transaction(async (tx) => {
    if ((await tx.$count(products)) > 0) return;
    await tx.insert(products).values(
      Array.from({ length: productCount }, (_, i) => ({
        name: `Product ${i + 1}`,
        category: CATEGORIES[i % CATEGORIES.length]!,
        price: (1 + ((i * 37) % 100) + 0.99).toFixed(2),
        stock: 1_000_000,
      })),
    );
    await tx.insert(customers).values(
      Array.from({ length: customerCount }, (_, i) => ({
        name: `Customer ${i + 1}`,
        email: `customer${i + 1}@example.com`,
        address: {
          street: `${i + 1} Harbour Road`,
          city: CITIES[i % CITIES.length]!,
          postcode: String(1000 + i),
          country: 'EU',
        },
      })),
    );
  });
}
