'use strict';

/*
 * A contestant is a module with
 *   open({ host, port, user, database, max }) -> a driver: { run, rows, transaction, close, database },
 *     run(statement, values) as the driver's users would write it; rows(result) takes the rows out of what came of it;
 *     transaction(work) calls work(run) between BEGIN and COMMIT; database() is Drizzle over it;
 *     stream(statement, values, size), where it can, is an async iterable of batches of about `size` rows;
 *   or, for a program of its own, run(job) -> figures, and `cases`, those that it can do;
 *   env: variables that its process needs;
 *   packages: whose versions belong to the result; streamPackages: those needed for stream() besides;
 *   missing(connection) -> why it cannot take part here, where that can happen.
 */

const CONTESTANTS = {
  pgkeel: require('./pgkeel'),
  'pgkeel-static': require('./pgkeel-static'),
  pg: require('./pg'),
  'pg-pipeline': require('./pg-pipeline'),
  'postgres.js': require('./postgres-js'),
  'pg-native': require('./pg-native'),
  pgbench: require('./pgbench'),
};

module.exports = { CONTESTANTS };
