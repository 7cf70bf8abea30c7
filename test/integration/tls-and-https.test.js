'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { startCluster } = require('../support/cluster');
const { EngineClient, keywordsOf } = require('../support/engine-client');

/* Node.js's OpenSSL and libpq's are two in one process: both must work, in whichever order, and at once. */
describe('TLS to PostgreSQL beside https', () => {
  let cluster;
  let server;
  let ca;

  before(async () => {
    cluster = await startCluster({ ssl: true });
    const { certs } = cluster;
    ca = fs.readFileSync(certs.ca, 'utf8');
    const [key, cert] = [certs.serverKey, certs.serverCert].map((file) => fs.readFileSync(file));
    server = https.createServer({ key, cert }, (_request, response) => response.end('hello'));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  after(async () => {
    await new Promise((resolve) => server.close(resolve));
    await cluster.stop();
  });

  function fetchText() {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: server.address().port, ca, agent: false };
      const request = https.get(options, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
      });
      request.on('error', reject);
    });
  }

  async function overTls(more = {}) {
    const keywords = keywordsOf(cluster, { sslmode: 'verify-full' });
    const client = new EngineClient({ max: 2, keywords, sslCaPem: ca, ...more });
    try {
      const { ssl } = await client.acquire();
      const [row] = await client.rows(
        "select ssl, version, repeat('x', 100000) from pg_stat_ssl where pid = pg_backend_pid()",
      );
      return { ssl, row: [row[0], row[1], row[2].length] };
    } finally {
      await client.close(0, true);
    }
  }

  it('both work, in turn and at once', async () => {
    for (let round = 0; round < 3; round++) {
      assert.equal(await fetchText(), 'hello');
      assert.deepEqual(await overTls(), { ssl: true, row: [true, 'TLSv1.3', 100_000] });
    }
    const [texts, answers] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, fetchText)),
      Promise.all(Array.from({ length: 10 }, () => overTls())),
    ]);
    assert.ok(texts.every((text) => text === 'hello'));
    assert.ok(answers.every(({ ssl }) => ssl));
  });

  it('a client certificate is shown', async () => {
    const [sslCertPem, sslKeyPem] = [cluster.certs.clientCert, cluster.certs.clientKey].map((file) =>
      fs.readFileSync(file, 'utf8'),
    );
    assert.equal((await overTls({ sslCertPem, sslKeyPem })).ssl, true);
  });

  it('a server that the authority has not signed is refused', async () => {
    const sslCaPem = fs.readFileSync(cluster.certs.otherCa, 'utf8');
    await assert.rejects(overTls({ sslCaPem }), (err) => {
      assert.equal(err.code, 'KEEL_CONNECT_FAILED');
      return /certificate verify failed/.test(err.message);
    });
    assert.equal(await fetchText(), 'hello');
  });

  if (os.constants.dlopen.RTLD_DEEPBIND !== undefined) {
    it("libpq uses the OpenSSL it was built with, not Node.js's", () => {
      const env = { ...process.env, LD_DEBUG: 'bindings', LD_BIND_NOW: '1' };
      delete env.PGKEEL_NO_DEEPBIND;
      const script = `require(${JSON.stringify(path.resolve(__dirname, '../../lib/engine'))}).libpqVersion()`;
      const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
        env,
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      });
      assert.equal(status, 0);
      const user = process.env.PGKEEL_LIBPQ === 'static' ? /pgkeel_static\.node/ : /libpq\.so/;
      const used = stderr.split('\n').filter((line) => user.test(line));
      assert.ok(used.length > 0);
      // What is linked in needs none.
      const bindings = used.filter((line) => / symbol `SSL_/.test(line));
      assert.equal(bindings.length > 0, process.env.PGKEEL_LIBPQ !== 'static');
      assert.deepEqual(
        bindings.filter((line) => !/ to \S*libssl/.test(line)),
        [],
      );
    });
  }
});
