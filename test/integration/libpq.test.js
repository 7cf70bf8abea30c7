'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const https = require('node:https');
const net = require('node:net');
const { Pool, libpqVersion } = require('../../lib');
const { addonFile } = require('../../lib/binding');
const { startCluster } = require('../support/cluster');
const { EngineClient, keywordsOf } = require('../support/engine-client');
const { until } = require('../support/poll');

const STATIC = process.env.PGKEEL_LIBPQ === 'static';
const MAJOR = Number(libpqVersion.split('.')[0]);

// The codes with which the first packet of a connection says what it is.
const CODES = { [80877103]: 'TLS', [80877102]: 'cancel' };

/** Passes connections on to the server, noting how each begins; from `hold()` until its answer is called it keeps new ones. */
async function startProxy(port) {
  const beginnings = [];
  let held;
  const server = net.createServer((client) => {
    client.on('error', () => {});
    client.once('data', async (first) => {
      client.pause();
      beginnings.push(CODES[first.readInt32BE(4)] ?? 'startup');
      await held;
      const upstream = net.connect(port, '127.0.0.1');
      upstream.on('error', () => client.destroy());
      upstream.write(first);
      client.pipe(upstream).pipe(client);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hold = () => {
    let release;
    held = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { port: server.address().port, beginnings, hold, stop: () => server.close() };
}

describe(`libpq ${libpqVersion}${STATIC ? ', linked in' : ''}`, () => {
  let cluster;
  let ca;
  let proxy;

  before(async () => {
    cluster = await startCluster({ ssl: true });
    ca = fs.readFileSync(cluster.certs.ca, 'utf8');
    proxy = await startProxy(cluster.port);
  });

  after(async () => {
    proxy.stop();
    await cluster.stop({ mode: 'immediate' });
  });

  it('is the one that was asked for', () => {
    assert.match(libpqVersion, /^\d+\.\d+$/);
    assert.ok(MAJOR >= (STATIC ? 17 : 14), libpqVersion);
  });

  describe('TLS to PostgreSQL and https, interleaved', () => {
    const ROUNDS = 40;
    let server;

    before(async () => {
      const [key, cert] = [cluster.certs.serverKey, cluster.certs.serverCert].map((file) =>
        fs.readFileSync(file),
      );
      server = https.createServer({ key, cert }, (request, response) => request.pipe(response));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });

    after(() => new Promise((resolve) => server.close(resolve)));

    function echoed(text) {
      return new Promise((resolve, reject) => {
        const { port } = server.address();
        const options = { host: '127.0.0.1', port, ca, agent: false, method: 'POST' };
        const request = https.request(options, async (response) => {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          resolve(Buffer.concat(chunks).toString());
        });
        request.on('error', reject);
        request.end(text);
      });
    }

    /** On a connection of its own, so that there is a handshake each time. */
    async function selected(text) {
      const pool = new Pool({ ...cluster.config(), ssl: { ca }, max: 1 });
      try {
        const { rows } = await pool.query(
          'select $1 as text, ssl from pg_stat_ssl where pid = pg_backend_pid()',
          [text],
        );
        assert.equal(rows[0].ssl, true);
        return rows[0].text;
      } finally {
        await pool.end();
      }
    }

    it('both give what was sent', async () => {
      const texts = Array.from({ length: ROUNDS }, (_, i) => `${i} `.repeat(20_000));
      for (let i = 0; i < ROUNDS; i += 8) {
        const some = texts.slice(i, i + 8);
        const answers = await Promise.all(some.flatMap((text) => [selected(text), echoed(text)]));
        assert.deepEqual(
          answers,
          some.flatMap((text) => [text, text]),
        );
      }
    });
  });

  describe('a cancel of a statement on a TLS connection', () => {
    let client;

    beforeEach(() => {
      proxy.beginnings.length = 0;
      const keywords = { ...keywordsOf(cluster, { sslmode: 'verify-full' }), port: String(proxy.port) };
      client = new EngineClient({ max: 1, keywords, sslCaPem: ca });
    });

    async function countActive(text) {
      const sql = `select count(*) from pg_stat_activity where state = 'active' and query = '${text}'`;
      return Number(await cluster.psql(sql));
    }

    it('arrives, with libpq 17 and later encrypted', async () => {
      const text = 'select 1 from pg_sleep(600)';
      const failed = client.rows(text).catch((err) => err);
      await until(() => countActive(text), { what: 'the statement to run' });
      client.pool.abort(client.tag);
      assert.equal((await failed).code, 'KEEL_ABORTED');
      await until(async () => (await countActive(text)) === 0, { what: 'the statement to end' });
      assert.equal(await client.value('select 2'), 2);
      assert.deepEqual(proxy.beginnings, ['TLS', MAJOR >= 17 ? 'TLS' : 'cancel']);
      await client.close(0, true);
    });

    it('arrives although its pool has gone before it could look at the certificates', async () => {
      const text = 'select 3 from pg_sleep(600)';
      const failed = client.rows(text).catch((err) => err);
      await until(() => countActive(text), { what: 'the statement to run' });
      const release = proxy.hold();
      await client.close(0, true);
      await failed;
      await until(() => proxy.beginnings.length === 2, { what: 'the cancel to come' });
      release();
      await until(async () => (await countActive(text)) === 0, { what: 'the statement to end' });
    });
  });

  if (process.platform === 'linux') {
    describe('the addon', () => {
      const FOREIGN = /^(PQ|pg_|SSL_|TLS_|EVP_|CRYPTO_|OPENSSL_|X509_|BIO_|ERR_)/;
      const namesOf = (kind) =>
        execFileSync('nm', ['--dynamic', kind, addonFile()], { encoding: 'utf8' })
          .split('\n')
          .map((line) => line.trim().split(/\s+/).at(-1))
          .filter((name) => FOREIGN.test(name));

      it("shows none of libpq's and OpenSSL's functions", () => {
        assert.deepEqual(namesOf('--defined-only'), []);
      });

      it(STATIC ? 'looks for none of them elsewhere' : "takes libpq's from the system", () => {
        const wanted = namesOf('--undefined-only');
        const libraries = execFileSync('readelf', ['--dynamic', addonFile()], { encoding: 'utf8' });
        assert.equal(wanted.length > 0, !STATIC, String(wanted));
        assert.equal(/NEEDED.*lib(pq|ssl|crypto)\./.test(libraries), !STATIC, libraries);
      });
    });
  }
});
