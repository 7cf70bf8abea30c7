'use strict';

/** Keeps JavaScript from doing anything else for so many milliseconds. */
function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

module.exports = { block };
