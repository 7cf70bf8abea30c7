'use strict';

const os = require('node:os');
const { startCluster } = require('../../../support/cluster');
const { startFaultProxy } = require('../../../support/fault-proxy');
const { makeDisk } = require('./disk');

const VERSION = process.env.PGKEEL_TEST_POSTGRES;

// Without a look at the client now and then a backend finishes statements of clients that have gone.
const CONFIG = {
  max_connections: 30,
  ...(os.platform() === 'linux' ? { client_connection_check_interval: 100 } : {}),
};

// The padding is wide rows that are not compressed: every few of them need a page of the disk.
const tables = (place) => `
  create table ledger (key text);
  create table notes (key text);
  create table padding (p text) ${place};
  alter table padding alter p set storage plain;
  create function write_padding(float8) returns int language sql as $$
    insert into padding select repeat('padding', 500) from generate_series(1, 8000);
    select 1
  $$;
  create table at_commit (key text);
  create function write_late() returns trigger language plpgsql as $$
    begin
      perform write_padding(0);
      return null;
    end
  $$;
  create constraint trigger late after insert on at_commit deferrable initially deferred
    for each row execute function write_late()`;

/** A server of its own for the matrix, a proxy in front of it, and a disk that can be full. */
class Rig {
  static async start() {
    const rig = new Rig();
    try {
      rig.cluster = await startCluster({
        ...(VERSION ? { version: VERSION, embedded: true } : {}),
        ssl: true,
        config: CONFIG,
      });
      rig.disk = makeDisk();
      await rig.cluster.psql(tables(await rig.disk.open(rig.cluster)));
      rig.proxy = await startFaultProxy(rig.cluster);
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  proxyConfig() {
    return { ...this.cluster.config(), host: this.proxy.host, port: this.proxy.port };
  }

  async stop() {
    await this.proxy?.stop();
    await this.cluster?.stop({ mode: 'immediate' });
    this.disk?.stop();
  }
}

module.exports = { Rig };
