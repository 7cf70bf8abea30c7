'use strict';

const { prepareValue } = require('./prepare-value');

// A copy that keeps getters and the prototype: callers pass class instances as query configs.
function cloneConfig(config) {
  if (config == null) return config;
  return Object.create(Object.getPrototypeOf(config), Object.getOwnPropertyDescriptors(config));
}

/** Sorts out `query(text | config, values?, callback?)`; the caller's config is never changed. */
function normalizeQueryConfig(config, values, callback) {
  const normalized = typeof config === 'string' ? { text: config } : cloneConfig(config);
  if (typeof values === 'function') normalized.callback = values;
  else if (values) normalized.values = values;
  if (callback) normalized.callback = callback;
  return normalized;
}

function escapeIdentifier(name) {
  return `"${name.replace(/"/g, '""')}"`;
}

function escapeLiteral(text) {
  if (typeof text !== 'string') return "''";
  const quoted = `'${text.replace(/['\\]/g, '$&$&')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

module.exports = { prepareValue, normalizeQueryConfig, escapeIdentifier, escapeLiteral };
