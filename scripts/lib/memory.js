'use strict';

/** Median of the readings: a single reading depends on when the garbage collector last ran. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/**
 * How much memory has grown since the process was warm: the last quarter of the readings against the first.
 * @param {{ seconds: number, bytes: number }[]} readings
 * @param {number} warmSeconds
 */
function growth(readings, warmSeconds) {
  const warm = readings.filter((reading) => reading.seconds >= warmSeconds);
  const quarter = Math.max(1, Math.floor(warm.length / 4));
  const early = median(warm.slice(0, quarter).map((reading) => reading.bytes));
  const late = median(warm.slice(-quarter).map((reading) => reading.bytes));
  return { early, late, ratio: late / early };
}

module.exports = { growth };
