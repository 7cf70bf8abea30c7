'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client, Pool, defaults } = require('../../lib');
const { sharedCluster } = require('../support/shared');

describe('the environment', () => {
  let cluster;
  const before_ = {};

  before(async () => {
    cluster = await sharedCluster();
  });

  function set(variables) {
    for (const [name, value] of Object.entries(variables)) {
      before_[name] ??= [process.env[name]];
      process.env[name] = String(value);
    }
  }

  afterEach(() => {
    for (const [name, [value]] of Object.entries(before_)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
      delete before_[name];
    }
  });

  async function ask(make, text) {
    const queryable = make();
    if (queryable instanceof Client) await queryable.connect();
    const { rows } = await queryable.query({ text, rowMode: 'array' });
    await queryable.end();
    return rows[0];
  }

  for (const [name, make] of Object.entries({ Client: () => new Client(), Pool: () => new Pool() })) {
    it(`PG*: a ${name} without options finds its server`, async () => {
      set({
        ...{ PGHOST: cluster.host, PGPORT: cluster.port, PGUSER: cluster.user, PGDATABASE: cluster.database },
        ...{ PGAPPNAME: 'from the environment', PGOPTIONS: '-c geqo=off', PGSSLMODE: 'disable' },
      });
      const row = await ask(
        make,
        "select current_user::text, current_database()::text, current_setting('application_name'), current_setting('geqo')",
      );
      assert.deepEqual(row, [cluster.user, cluster.database, 'from the environment', 'off']);
    });
  }

  it('an option beats a variable', async () => {
    set({ PGHOST: '203.0.113.1', PGPORT: 1, PGUSER: 'nobody', PGDATABASE: 'nothing', PGAPPNAME: 'no' });
    const config = { ...cluster.config(), application_name: 'yes' };
    const [name] = await ask(() => new Client(config), "select current_setting('application_name')");
    assert.equal(name, 'yes');
  });

  it('fallback_application_name is used where there is no other', async () => {
    const config = { ...cluster.config(), fallback_application_name: 'fallback' };
    const text = "select current_setting('application_name')";
    assert.deepEqual(await ask(() => new Client(config), text), ['fallback']);
    assert.deepEqual(await ask(() => new Client({ ...config, application_name: 'named' }), text), ['named']);
  });

  it('a service file', async () => {
    const file = path.join(os.tmpdir(), `pgkeel-service-${process.pid}.conf`);
    const { host, port, user, database } = cluster;
    fs.writeFileSync(file, `[test-service]\nhost=${host}\nport=${port}\nuser=${user}\ndbname=${database}\n`);
    try {
      set({ PGSERVICEFILE: file });
      assert.deepEqual(await ask(() => new Client({ service: 'test-service' }), 'select 1'), [1]);
      set({ PGSERVICE: 'test-service' });
      assert.deepEqual(await ask(() => new Client(), 'select current_database()::text'), [database]);
    } finally {
      fs.rmSync(file);
    }
  });

  it('defaults can be set', async () => {
    const kept = { ...defaults, parseInt8: undefined };
    Object.assign(defaults, cluster.config());
    try {
      assert.deepEqual(await ask(() => new Client(), 'select current_database()::text'), [cluster.database]);
      defaults.parseInt8 = true;
      assert.deepEqual(await ask(() => new Client(), 'select 5::int8, array[6::int8]'), [5, [6]]);
    } finally {
      defaults.parseInt8 = false;
      const { host, port, user, database } = kept;
      Object.assign(defaults, { host, port, user, database });
    }
    assert.deepEqual(await ask(() => new Client(cluster.config()), 'select 5::int8'), ['5']);
  });

  for (const [variable, value] of Object.entries({
    PGPORT: 'five',
    PGSSLMODE: 'perhaps',
    PGSSLNEGOTIATION: 'maybe',
  })) {
    it(`${variable}=${value} is an error that names it`, () => {
      set({ [variable]: value });
      const names = new RegExp(variable === 'PGSSLNEGOTIATION' ? 'sslnegotiation' : variable);
      assert.throws(() => new Pool(), { code: 'KEEL_CONFIG', message: names });
      assert.throws(() => new Client(), { code: 'KEEL_CONFIG', message: names });
    });
  }
});
