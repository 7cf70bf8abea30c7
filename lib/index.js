'use strict';

const types = require('pg-types');
const Client = require('./client');
const Connection = require('./connection');
const defaults = require('./defaults');
const { libpqVersion } = require('./engine');
const { DatabaseError, KeelError } = require('./errors');
const { version } = require('../package.json');
const Pool = require('./pool');
const Query = require('./query');
const Result = require('./result');
const { installShutdownHandlers } = require('./shutdown');
const TypeOverrides = require('./type-overrides');
const utils = require('./utils');

const { escapeIdentifier, escapeLiteral } = utils;

module.exports = {
  defaults,
  Client,
  Query,
  Pool,
  _pools: [],
  Connection,
  types,
  DatabaseError,
  TypeOverrides,
  escapeIdentifier,
  escapeLiteral,
  Result,
  utils,
  KeelError,
  version,
  hardenedDefaults,
  installShutdownHandlers,
};

function hardenedDefaults(env = process.env) {
  return require('./hardened-defaults').hardenedDefaults(env);
}

// 150018 is 15.18: since version 10 a release is a major and a minor number.
Object.defineProperty(module.exports, 'libpqVersion', {
  configurable: true,
  enumerable: true,
  get() {
    const number = libpqVersion();
    return `${Math.floor(number / 10_000)}.${number % 10_000}`;
  },
});

// For programs that choose the native client where there is one: this one is.
Object.defineProperty(module.exports, 'native', {
  configurable: true,
  enumerable: false,
  get: () => module.exports,
});
