'use strict';

// Every difference from pg that is meant, with its reason; docs/pg-differences.md explains each to users
// under the heading `id`. Whatever is not here has to be equal.

/** Fields that all our errors carry beside pg's. */
const errorFields = ['attempts', 'outcome'];

/** Fields of errors that are not the server's: pg has plain Errors there, we have KeelError. */
const ownErrorFields = ['code', 'node', 'retryAfter'];

/** Questions with another answer than pg's; `pgkeel` is the whole of it. */
const questions = [];

module.exports = { errorFields, ownErrorFields, questions };
