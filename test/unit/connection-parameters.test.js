'use strict';

const assert = require('node:assert/strict');
const { rootCertificates } = require('node:tls');
const PgConnectionParameters = require('pg/lib/connection-parameters');
const ConnectionParameters = require('../../lib/connection-parameters');
const { clientEngineOptions, poolEngineOptions } = require('../../lib/options');

const [FIRST_ROOT, SECOND_ROOT] = rootCertificates;
const PG_VARIABLES = Object.keys(process.env).filter((name) => name.startsWith('PG'));

function withEnvironment(variables, use) {
  const before = { ...process.env };
  for (const name of PG_VARIABLES) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    return use();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

const plain = (parameters) => ({ ...parameters, password: parameters.password });
const engineOf = (config, variables = {}) =>
  withEnvironment(variables, () => clientEngineOptions(new ConnectionParameters(config)));

describe('connection parameters', () => {
  const CONFIGS = {
    nothing: undefined,
    'an object': { host: 'h', port: '6543', user: 'u', password: 's', database: 'd', application_name: 'a' },
    'a URL': 'postgres://u:p%40ss@example.com:5433/db%20name',
    'a URL with parameters':
      'postgresql://u@h/d?application_name=x&options=-c%20geqo%3Doff&client_encoding=utf8',
    'a URL in an object, beside other options': {
      connectionString: 'postgres://u:p@h/d',
      host: 'other',
      statement_timeout: 100,
      query_timeout: 200,
      connectionTimeoutMillis: 2500,
      keepAlive: true,
      keepAliveInitialDelayMillis: 3000,
    },
    "a socket's folder": '/var/run/postgresql mydb',
    'a socket URL': 'socket:/tmp/?db=x&encoding=utf8',
    'a socket as a parameter of the URL': 'postgres:///db?host=/var/run/postgresql&user=u',
    'TLS from the URL': 'postgres://u@h/d?sslmode=no-verify',
    'no TLS from the URL': 'postgres://u@h/d?sslmode=disable',
    'TLS as text': { host: 'h', ssl: 'true', user: 'u' },
    'an IPv6 host': 'postgres://u@[::1]:5432/d',
    replication: { replication: 'database', user: 'u' },
  };
  const ENVIRONMENTS = {
    'no variables': {},
    'all variables': {
      ...{ PGHOST: 'eh', PGPORT: '1234', PGUSER: 'eu', PGDATABASE: 'ed', PGPASSWORD: 'ep' },
      ...{ PGAPPNAME: 'ea', PGOPTIONS: '-c x=y', PGCONNECT_TIMEOUT: '7', PGSSLMODE: 'no-verify' },
    },
  };
  for (const [environment, variables] of Object.entries(ENVIRONMENTS)) {
    for (const [name, config] of Object.entries(CONFIGS)) {
      it(`are those of pg: ${name}, ${environment}`, () => {
        withEnvironment(variables, () => {
          assert.deepEqual(
            plain(new ConnectionParameters(config)),
            plain(new PgConnectionParameters(config)),
          );
        });
      });
    }
  }

  it('do not show the password nor the key', () => {
    const parameters = new ConnectionParameters({ password: 'hidden', user: 'u', ssl: { key: 'private' } });
    const shown = require('node:util').inspect(parameters, { depth: 5 }) + JSON.stringify(parameters);
    assert.doesNotMatch(shown, /hidden|private/);
    assert.equal(parameters.password, 'hidden');
    assert.equal(parameters.ssl.key, 'private');
  });

  it('keep the password that stands beside a URL without one', () => {
    const password = () => 'secret';
    assert.equal(
      new ConnectionParameters({ connectionString: 'postgres://h/d', password }).password,
      password,
    );
  });

  it('give the string in libpq form', (done) => {
    const config = { host: '/tmp', user: "o'b", password: 'p\\w', database: 'd', port: 1 };
    new PgConnectionParameters(config).getLibpqConnectionString((_error, theirs) => {
      new ConnectionParameters(config).getLibpqConnectionString((error, ours) => {
        assert.equal(error, null);
        assert.equal(ours, theirs);
        done();
      });
    });
  });
});

describe('what the engine is given', () => {
  it("is pg's defaults, not libpq's", () => {
    const { keywords } = engineOf({ user: 'u' });
    assert.equal(keywords.host, 'localhost');
    assert.equal(keywords.port, '5432');
    assert.equal(keywords.dbname, 'u');
    assert.equal(keywords.sslmode, 'disable');
    assert.equal(keywords.client_encoding, 'UTF8');
  });

  it('several hosts, and the parameters that only libpq knows', () => {
    const url =
      'postgres://u:p@a,[::1]:5433,c:5434/d?target_session_attrs=read-write&load_balance_hosts=random';
    const { keywords, conninfo } = engineOf(url);
    assert.equal(conninfo, undefined);
    assert.equal(keywords.host, 'a,::1,c');
    assert.equal(keywords.port, ',5433,5434');
    assert.equal(keywords.dbname, 'd');
    assert.equal(keywords.target_session_attrs, 'read-write');
    assert.equal(keywords.load_balance_hosts, 'random');
  });

  it("libpq's keyword form as it is", () => {
    const text = "host=/tmp dbname='my db' sslmode=prefer user=u port=5433";
    const options = engineOf(text);
    assert.equal(options.conninfo, text);
    assert.deepEqual(options.keywords, { client_encoding: 'UTF8' });
    const parameters = new ConnectionParameters(text);
    assert.equal(parameters.host, '/tmp');
    assert.equal(parameters.database, 'my db');
    assert.equal(parameters.port, 5433);
  });

  it('a service, with what it says not overridden by defaults', () => {
    const { keywords } = engineOf({ user: 'mine' }, { PGSERVICE: 'svc' });
    assert.equal(keywords.user, 'mine');
    assert.equal(keywords.host, undefined);
    assert.equal(keywords.dbname, undefined);
  });

  it('session settings and times', () => {
    const options = engineOf({
      ...{ statement_timeout: 1000, lock_timeout: '20', idle_in_transaction_session_timeout: 30 },
      ...{
        query_timeout: 40,
        connectionTimeoutMillis: 50,
        keepAlive: true,
        keepAliveInitialDelayMillis: 1500,
      },
    });
    const session = {
      statement_timeout: '1000',
      lock_timeout: '20',
      idle_in_transaction_session_timeout: '30',
    };
    assert.deepEqual(options.session, session);
    assert.equal(options.queryTimeout, 40);
    assert.equal(options.connectTimeout, 50);
    assert.equal(options.keywords.keepalives_idle, '2');
  });

  it('the names of the hardened profile mean the same', () => {
    const options = engineOf({ statementTimeout: 5, queryTimeout: 6 });
    assert.deepEqual([options.session.statement_timeout, options.queryTimeout], ['5', 6]);
  });

  it('TLS that does not verify, without the files of the home folder', () => {
    const { keywords, sslCaPem } = engineOf({ ssl: { rejectUnauthorized: false, ca: FIRST_ROOT } });
    assert.equal(keywords.sslmode, 'require');
    assert.equal(sslCaPem, undefined);
    assert.match(keywords.sslrootcert, /none/);
  });

  it('TLS that verifies, by the given authority or those that Node trusts', () => {
    const given = engineOf({ host: 'h', ssl: { ca: [FIRST_ROOT, Buffer.from(SECOND_ROOT)] } });
    assert.equal(given.keywords.sslmode, 'verify-full');
    assert.equal(given.sslCaPem, `${FIRST_ROOT}\n${SECOND_ROOT}`);
    const trusted = engineOf({ host: 'h', ssl: true });
    assert.ok(trusted.sslCaPem.split('-----BEGIN CERTIFICATE-----').length > 50);
  });

  it('a name to verify for an address', () => {
    const { keywords } = engineOf({ host: '10.0.0.1', ssl: { servername: 'db.example' } });
    assert.equal(keywords.host, 'db.example');
    assert.equal(keywords.hostaddr, '10.0.0.1');
  });

  it('no check of the name where a function without arguments says so', () => {
    const ssl = { ca: FIRST_ROOT, checkServerIdentity: () => undefined };
    assert.equal(engineOf({ host: 'h', ssl }).keywords.sslmode, 'verify-ca');
    const looking = { ca: FIRST_ROOT, checkServerIdentity: (_host, cert) => cert };
    assert.throws(() => engineOf({ host: 'h', ssl: looking }), {
      code: 'KEEL_CONFIG',
      message: /checkServerIdentity/,
    });
  });

  it('a pool: the time to wait for a client follows the time to connect, as in pg', () => {
    const base = { max: 3, min: 1, maxUses: Infinity };
    const pool = (more) => {
      const parameters = new ConnectionParameters({ user: 'u', ...more });
      return poolEngineOptions(parameters, { ...base, ...more });
    };
    assert.equal(pool({}).acquireTimeout, 0);
    assert.ok(pool({ connectionTimeoutMillis: 70 }).acquireTimeout >= 70);
    assert.ok(pool({ connectionTimeoutMillis: 70 }).acquireTimeout <= 80);
    assert.equal(pool({ connectionTimeoutMillis: 70, acquireTimeoutMillis: 0 }).acquireTimeout, 0);
    assert.equal(pool({ maxLifetimeSeconds: 2 }).maxLifetime, 2000);
    assert.equal(pool({ idleTimeoutMillis: null }).idleTimeout, 0);
  });

  describe('a pool: dead peers', () => {
    const pool = (more) => {
      const given = { user: 'u', max: 3, min: 1, maxUses: Infinity, ...more };
      return poolEngineOptions(new ConnectionParameters(given), given);
    };
    const silence = ({ keywords }) =>
      Object.fromEntries(Object.entries(keywords).filter(([name]) => /^(keepalives|tcp_)/.test(name)));
    const HARDENED = { hardened: true, keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

    it('without the hardened profile nothing is said of them unless it is given', () => {
      assert.deepEqual(silence(pool({})), {});
      assert.deepEqual(silence(pool({ keepAlive: true, keepAliveInitialDelayMillis: 2500 })), {
        ...{ keepalives: '1', keepalives_idle: '3' },
      });
      const { healthCheckInterval, aliveBypass, cancelTimeout } = pool({});
      assert.deepEqual([healthCheckInterval, aliveBypass, cancelTimeout], [0, undefined, undefined]);
    });

    it('with it they are found in time', () => {
      assert.deepEqual(silence(pool(HARDENED)), {
        ...{ keepalives: '1', keepalives_idle: '10', keepalives_interval: '5', keepalives_count: '4' },
        tcp_user_timeout: '30000',
      });
      assert.deepEqual(silence(pool({ ...HARDENED, keepAlive: false })), {
        ...{ keepalives: '0', tcp_user_timeout: '30000' },
      });
    });

    it('what libpq is told itself wins', () => {
      const url = 'postgres://h/d?tcp_user_timeout=1000&keepalives_idle=3&keepalives_count=1';
      assert.deepEqual(silence(pool({ ...HARDENED, connectionString: url })), {
        ...{ keepalives: '1', keepalives_idle: '3', keepalives_interval: '5', keepalives_count: '1' },
        tcp_user_timeout: '1000',
      });
      const text = 'host=h tcp_user_timeout=1000';
      assert.equal(silence(pool({ ...HARDENED, connectionString: text })).tcp_user_timeout, undefined);
    });

    it('checks and cancels', () => {
      const options = { healthCheckInterval: '40', aliveBypassWindow: 0, connectionTimeoutMillis: 700 };
      const { healthCheckInterval, aliveBypass, cancelTimeout } = pool({ ...HARDENED, ...options });
      assert.deepEqual([healthCheckInterval, aliveBypass, cancelTimeout], [40, 0, 700]);
    });
  });
});
