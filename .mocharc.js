'use strict';

module.exports = {
  require: ['./test/support/hooks.js'],
  extension: ['js'],
  timeout: 20_000,
  slow: 2_000,
  'forbid-only': process.env.CI !== undefined,
  'forbid-pending': true,
};
