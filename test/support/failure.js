'use strict';

/** What a promise is rejected with. */
async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

module.exports = { failureOf };
