'use strict';

const { stopSharedCluster } = require('./shared');

exports.mochaHooks = {
  async afterAll() {
    this.timeout(20_000);
    await stopSharedCluster();
  },
};
