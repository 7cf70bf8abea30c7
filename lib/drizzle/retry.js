'use strict';

const { checkRetry } = require('../options');

/** `retry` taken out of a transaction's config, and what is left of it for Drizzle. */
function splitConfig({ retry, ...rest }) {
  checkRetry(retry ?? false);
  return { retry: retry ?? false, config: Object.keys(rest).length > 0 ? rest : undefined };
}

module.exports = { splitConfig };
