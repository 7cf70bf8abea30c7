'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Client, Pool } = require('../../lib');
const { startCluster } = require('../support/cluster');
const { sharedCluster } = require('../support/shared');

describe('the ssl option', () => {
  let cluster;
  let read;

  before(async () => {
    cluster = await startCluster({
      ssl: true,
      hba: ['hostssl all certified 127.0.0.1/32 cert', 'hostnossl all all 127.0.0.1/32 reject'],
    });
    read = (name) => fs.readFileSync(cluster.certs[name], 'utf8');
    await cluster.psql('create role certified login superuser');
  });

  after(() => cluster.stop());

  async function isEncrypted(options) {
    const client = new Client({ ...cluster.config(), ...options });
    try {
      await client.connect();
      const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
      return rows[0].ssl;
    } finally {
      await client.end();
    }
  }

  describe('is honoured', () => {
    const FORMS = {
      'that does not verify': () => ({ rejectUnauthorized: false }),
      "'no-verify'": () => 'no-verify',
      'with an authority as text': () => ({ ca: read('ca') }),
      'with an authority as a Buffer': () => ({ ca: fs.readFileSync(cluster.certs.ca) }),
      'with an authority as a path': () => ({ ca: cluster.certs.ca }),
      'with a list of authorities': () => ({ ca: [read('otherCa'), read('ca')] }),
      'that does not compare the name': () => ({ ca: read('ca'), checkServerIdentity: () => undefined }),
      'with a name for the address': () => ({ ca: read('ca'), servername: 'localhost' }),
    };
    for (const [name, make] of Object.entries(FORMS)) {
      it(name, async () => assert.equal(await isEncrypted({ ssl: make() }), true));
    }

    it('in a pool', async () => {
      const pool = new Pool({ ...cluster.config(), ssl: { ca: read('ca') } });
      const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
      await pool.end();
      assert.equal(rows[0].ssl, true);
    });

    it('in the URL', async () => {
      const url = (query) => ({ connectionString: `${cluster.url}?${query}` });
      assert.equal(await isEncrypted(url('sslmode=no-verify')), true);
      assert.equal(await isEncrypted(url(`sslmode=verify-full&sslrootcert=${cluster.certs.ca}`)), true);
      assert.equal(await isEncrypted(url(`uselibpqcompat=true&sslmode=require`)), true);
    });

    it('in PGSSLMODE', async () => {
      process.env.PGSSLMODE = 'no-verify';
      try {
        assert.equal(await isEncrypted({}), true);
      } finally {
        delete process.env.PGSSLMODE;
      }
    });

    it('with a certificate to log in by', async () => {
      const ssl = { ca: read('ca'), cert: read('clientCert'), key: read('clientKey') };
      // The certificate names another user, which the server tells.
      await assert.rejects(isEncrypted({ user: 'certified', ssl }), { code: '28000' });
      await assert.rejects(isEncrypted({ user: 'certified', ssl: { ca: read('ca') } }), /certificate/);
    });
  });

  describe('refuses', () => {
    const connectFailed = (error) =>
      error.code === 'KEEL_CONNECT_FAILED' && /certificate|verif/i.test(error.message);

    it('a server that nobody trusted vouches for', async () => {
      await assert.rejects(isEncrypted({ ssl: true }), connectFailed);
      await assert.rejects(isEncrypted({ ssl: { ca: read('otherCa') } }), connectFailed);
    });

    it('a server of another name', async () => {
      await assert.rejects(
        isEncrypted({ ssl: { ca: read('ca'), servername: 'elsewhere.example' } }),
        connectFailed,
      );
    });

    it('to go on in the clear', async () => {
      const plain = await sharedCluster();
      const client = new Client({ ...plain.config(), ssl: { rejectUnauthorized: false } });
      await assert.rejects(client.connect(), { message: 'The server does not support SSL connections' });
      await client.end();
      await assert.rejects(isEncrypted({ ssl: false }), { code: '28000' });
    });

    it('a bad certificate, without a crash', async () => {
      const bad = '-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';
      await assert.rejects(isEncrypted({ ssl: { ca: bad } }));
      await assert.rejects(isEncrypted({ ssl: { ca: read('ca'), cert: bad, key: read('clientKey') } }));
    });
  });
});
