'use strict';

const js = require('@eslint/js');
const globals = require('globals');

const limits = {
  'max-lines': ['error', { max: 1000 }],
  'max-lines-per-function': ['error', { max: 100 }],
};

module.exports = [
  {
    ignores: [
      'build/**',
      'build-*/**',
      'coverage/**',
      '.cache/**',
      '**/dist/**',
      '**/node_modules/**',
      '**/*.ts',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.js'],
    languageOptions: { ecmaVersion: 2023, sourceType: 'commonjs', globals: globals.node },
    rules: {
      strict: ['error', 'global'],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      'no-shadow': 'error',
      'no-implicit-coercion': ['error', { boolean: false }],
      'no-throw-literal': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'no-unused-private-class-members': 'error',
      'object-shorthand': 'error',
      ...limits,
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { ecmaVersion: 2023, sourceType: 'module', globals: globals.node },
    rules: limits,
  },
  {
    files: ['test/**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.mocha } },
    // A describe() block is one function to ESLint.
    rules: { 'max-lines-per-function': 'off' },
  },
];
