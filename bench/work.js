'use strict';

/*
 * Work of the application's own, on the main thread. It is so many steps, not so much time: a thread that waits for a
 * CPU while the clock runs would otherwise do less of it, and whoever keeps the machine busier would be asked for less.
 */

const PROBES = 51;
const PROBE_STEPS = 100_000;

let state = 1;

function burn(steps) {
  let value = state;
  for (let step = 0; step < steps; step++) {
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
  }
  state = value; // Or the compiler could see that nobody needs the loop.
}

/** How many steps take so long. One number for all processes of a run: all are to do the same work. */
function calibrate(microseconds) {
  const rates = Array.from({ length: PROBES }, () => {
    const started = performance.now();
    burn(PROBE_STEPS);
    return PROBE_STEPS / ((performance.now() - started) * 1000);
  });
  // Whatever disturbs a probe makes it slower, never faster; the first ones are not compiled yet.
  const undisturbed = rates.sort((a, b) => b - a)[Math.floor(PROBES / 4)];
  return Math.round(microseconds * undisturbed);
}

module.exports = { burn, calibrate };
