'use strict';

const assert = require('node:assert/strict');
const { startCluster } = require('../support/cluster');
const { environmentFor, killAll, migrate, start } = require('../support/example-server');
const { until } = require('../support/poll');

describe('example server whose database goes away', function () {
  this.timeout(120_000);
  let cluster;
  let env;
  let server;

  before(async () => {
    cluster = await startCluster();
    // Retries that are over soon: what is to be seen is the answer, not the wait for it.
    env = environmentFor(cluster.url, { DB_RETRY_DELAY_MS: '20' });
    await migrate(env, '--seed');
  });

  after(async () => {
    killAll();
    await cluster?.stop({ mode: 'immediate' });
  });

  beforeEach(async () => {
    if (cluster.pid() === undefined) await cluster.start();
    server = await start(env);
  });

  async function ask(target, body) {
    const options = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(server.url + target, body && { method: 'POST', ...options });
    return {
      status: response.status,
      wait: response.headers.get('retry-after'),
      body: await response.json(),
    };
  }

  const ORDER = { customerId: 1, items: [{ productId: 1, quantity: 1 }] };
  const countOrders = async () => Number(await cluster.psql('select count(*) from orders'));

  for (const mode of ['fast', 'immediate']) {
    it(`answers 503 while it is stopped (${mode}), and goes on when it is back`, async () => {
      assert.equal((await ask('/orders', ORDER)).status, 201);
      const before = await countOrders();
      const asked = Array.from({ length: 20 }, () => ask('/orders', ORDER));
      await cluster.stop({ mode, remove: false });
      const early = await Promise.all(asked);
      for (const { status, body } of early) assert.ok(status === 201 || status === 503, JSON.stringify(body));

      for (const [target, body] of [
        ['/products'],
        ['/orders', ORDER],
        ['/reports/revenue?days=7'],
        ['/health'],
      ]) {
        const answer = await ask(target, body);
        assert.equal(answer.status, 503, `${target}: ${JSON.stringify(answer.body)}`);
        if (target === '/health') continue;
        assert.match(answer.wait, /^[1-9]\d*$/);
        assert.equal(answer.body.outcome, 'not-sent');
      }

      await cluster.start();
      await until(async () => (await ask('/products')).status === 200, {
        timeout: 30_000,
        what: 'the recovery',
      });
      assert.equal((await ask('/orders', ORDER)).status, 201);
      assert.equal((await ask('/health')).status, 200);

      const confirmed = early.filter(({ status }) => status === 201).length + 1;
      const unknown = early.filter(({ body }) => body.outcome === 'unknown').length;
      const placed = (await countOrders()) - before;
      assert.ok(
        placed >= confirmed && placed <= confirmed + unknown,
        `${placed}: ${confirmed} to ${unknown} more`,
      );
      assert.equal(await server.stop(), 0);
    });
  }

  it('stops when it is told to, database or not', async () => {
    await cluster.stop({ mode: 'immediate', remove: false });
    const asked = [ask('/products'), ask('/orders', ORDER)];
    await Promise.all(asked);
    assert.equal(await server.stop(), 0);
    assert.match(server.output(), /stopped/);
  });
});
