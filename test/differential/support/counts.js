'use strict';

/** What a pool says of itself. */
const counts = (pool) => ({
  total: pool.totalCount,
  idle: pool.idleCount,
  waiting: pool.waitingCount,
  expired: pool.expiredCount,
  ending: pool.ending,
  ended: pool.ended,
});

module.exports = { counts };
