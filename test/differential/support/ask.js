'use strict';

const { Asker } = require('./asker');
const { normalise } = require('./normalise');

/** The short form of a question: one query on a connection of its own, after what must come before it. */
async function runQuery(t, { sql, values, query, setup = [], options, args }) {
  const client = await t.connect(options);
  for (const statement of setup) await client.query(statement);
  const parameters = args ?? (values === undefined ? [query ?? sql] : [query ?? sql, values]);
  return t.outcome(() => client.query(...parameters));
}

/** Sets the process's time zone, or puts back the one it had. */
function setZone(zone) {
  const before = process.env.TZ;
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  return () => setZone(before);
}

/** @param {{ name: 'pg' | 'pgkeel', exports: object }} driver */
async function ask(question, driver, config) {
  const t = new Asker(driver, config);
  const restoreZone = setZone(question.zone ?? process.env.TZ);
  try {
    const answer = await (question.run ? question.run(t) : runQuery(t, question));
    return normalise({ answer, log: t.log }, driver.exports);
  } finally {
    await t.close();
    restoreZone();
  }
}

module.exports = { ask };
