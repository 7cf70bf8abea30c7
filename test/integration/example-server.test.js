'use strict';

const assert = require('node:assert/strict');
const { environmentFor, killAll, migrate, start } = require('../support/example-server');
const { sharedCluster } = require('../support/shared');
const { until } = require('../support/poll');

describe('example server', function () {
  this.timeout(60_000);
  let cluster, env, server;

  before(async () => {
    cluster = await sharedCluster();
    await cluster.psql('create database shop');
    const url = cluster.url.replace(/\/[^/]*$/, '/shop');
    env = environmentFor(url);
    await migrate(env, '--seed');
    server = await start(env);
  });

  after(async () => {
    await server?.stop();
    killAll();
  });

  async function ask(method, target, body) {
    const response = await fetch(server.url + target, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: response.status, body: await response.json() };
  }

  it('migrates once, however often it is asked', async () => {
    await Promise.all([migrate(env, '--seed'), migrate(env, '--seed')]);
    assert.equal(await cluster.psql('select count(*) from drizzle.__drizzle_migrations', 'shop'), '1');
    assert.equal(await cluster.psql('select count(*) from products', 'shop'), '100');
  });

  it('places an order, takes it from stock, pays it and cancels it', async () => {
    const order = { customerId: 7, items: [3, 1].map((productId) => ({ productId, quantity: 2 })) };
    const placed = await ask('POST', '/orders', order);
    assert.equal(placed.status, 201);
    assert.equal(placed.body.total, '155.96');
    assert.equal((await ask('GET', '/products/3')).body.stock, 999_998);

    const { body } = await ask('GET', `/orders/${placed.body.id}`);
    assert.equal(body.customer.email, 'customer7@example.com');
    assert.deepEqual(body.customer.address.city, 'Cork');
    assert.deepEqual(body.items.map((item) => item.product.name).sort(), ['Product 1', 'Product 3']);
    assert.equal((await ask('GET', '/orders?customerId=7')).body.orders[0].id, placed.body.id);

    assert.equal((await ask('PATCH', `/orders/${placed.body.id}`, { status: 'shipped' })).status, 409);
    assert.equal((await ask('PATCH', `/orders/${placed.body.id}`, { status: 'paid' })).body.status, 'paid');
    const report = await ask('GET', '/reports/revenue?days=1');
    assert.deepEqual(report.body.categories, [
      { category: 'kitchen', orders: 1, units: 2, revenue: '151.98' },
      { category: 'books', orders: 1, units: 2, revenue: '3.98' },
    ]);
    assert.equal((await ask('PATCH', `/orders/${placed.body.id}`, { status: 'cancelled' })).status, 200);
    assert.equal((await ask('GET', '/products/3')).body.stock, 1_000_000);
  });

  it('leaves nothing of an order that fails', async () => {
    const before = await cluster.psql('select count(*) from orders', 'shop');
    const items = [
      { productId: 5, quantity: 1 },
      { productId: 9999, quantity: 1 },
    ];
    assert.equal((await ask('POST', '/orders', { customerId: 1, items })).status, 422);
    await cluster.psql('update products set stock = 1 where id = 6', 'shop');
    const greedy = { customerId: 1, items: [items[0], { productId: 6, quantity: 2 }] };
    assert.equal((await ask('POST', '/orders', greedy)).status, 409);
    assert.equal((await ask('GET', '/products/5')).body.stock, 1_000_000);
    assert.equal(await cluster.psql('select count(*) from orders', 'shop'), before);
  });

  for (const [method, target, body, status] of [
    ['GET', '/orders/0', undefined, 400],
    ['GET', '/orders/4000000000', undefined, 400],
    ['GET', '/orders/999999', undefined, 404],
    ['GET', '/orders?status=lost', undefined, 400],
    ['GET', '/products?limit=0', undefined, 400],
    ['GET', '/no/such/route', undefined, 404],
    ['POST', '/orders', {}, 400],
    ['POST', '/orders', { customerId: 1, items: [{ productId: 1, quantity: -1 }] }, 400],
    ['POST', '/orders', { customerId: 9999, items: [{ productId: 1, quantity: 1 }] }, 422],
    ['POST', '/customers', { name: '\0', email: 'nobody', address: {} }, 400],
    ['POST', '/customers', customer('customer1@example.com'), 409],
    ['POST', '/customers', customer('new@example.com'), 201],
  ]) {
    it(`answers ${status} to ${method} ${target} ${JSON.stringify(body) ?? ''}`, async () => {
      assert.equal((await ask(method, target, body)).status, status);
    });
  }

  it('reports its health and its figures', async () => {
    assert.equal((await ask('GET', '/health')).body.healthy, true);
    const { body } = await ask('GET', '/metrics.json');
    assert.equal(body.state, 'open');
    assert.ok(body.queries.succeeded > 0);
    assert.ok(body.nodes[0].connections.total <= body.nodes[0].connections.max);
  });

  it('finishes what is under way when it is told to stop', async () => {
    const other = await start(env);
    const blocker = cluster.psql('begin; lock table products; select pg_sleep(1); commit', 'shop');
    await until(async () => (await locksOn('products')) > 0, { what: 'the lock' });
    const answer = fetch(`${other.url}/products/1`);
    await until(async () => (await waitersFor('products')) > 0, { what: 'the request to wait' });
    const stopped = other.stop();
    assert.equal((await (await answer).json()).id, 1);
    assert.equal(await stopped, 0);
    await blocker;
    assert.match(other.output(), /stopped/);
  });

  async function locksOn(table) {
    const sql = `select count(*) from pg_locks where relation = '${table}'::regclass and granted and mode = 'AccessExclusiveLock'`;
    return Number(await cluster.psql(sql, 'shop'));
  }

  async function waitersFor(table) {
    const sql = `select count(*) from pg_locks where relation = '${table}'::regclass and not granted`;
    return Number(await cluster.psql(sql, 'shop'));
  }
});

function customer(email) {
  return { name: 'Somebody', email, address: { street: 's', city: 'c', postcode: 'p', country: 'x' } };
}
