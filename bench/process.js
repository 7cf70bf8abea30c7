'use strict';

/* A measurement is a process of its own: nobody finds a heap, a cache or compiled code that another one left. */

const { fork } = require('node:child_process');
const path = require('node:path');
const { CONTESTANTS } = require('./contestants');

const GRACE_S = 30;

/**
 * The environment of all measurements: nothing of the user's may choose a server or another way of working, but for what
 * chooses pgkeel's build.
 */
function environment(ofContestant) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PG(?!KEEL_)/.test(name)));
  return { ...env, TZ: 'UTC', NODE_ENV: 'production', ...ofContestant };
}

/**
 * Does a job in a process of its own, which is ended when it takes far longer than it should.
 * @param {string} program a file here that calls answer()
 * @param {{ atMost: number }} job seconds
 * @returns {Promise<{ figures?: object, failure?: string }>}
 */
function measure(program, job, { execArgv = [] } = {}) {
  const env = environment(CONTESTANTS[job.contestant]?.env);
  const child = fork(path.join(__dirname, program), [JSON.stringify(job)], { env, execArgv });
  const timer = setTimeout(() => child.kill('SIGKILL'), (job.atMost + GRACE_S) * 1000);
  let message;
  child.once('message', (sent) => (message = sent));
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(message ?? { failure: `ended with ${signal ?? `exit code ${code}`} and without an answer` });
    });
  });
}

/** The other side: does the job that measure() was given. @param {(job: object) => Promise<object>} work */
function answer(work) {
  // Whoever started us is gone, however that came about.
  process.once('disconnect', () => process.exit(1));
  work(JSON.parse(process.argv[2])).then(
    (figures) => process.send({ figures }, () => process.exit()),
    (err) => process.send({ failure: err.stack }, () => process.exit(1)),
  );
}

module.exports = { answer, environment, measure };
