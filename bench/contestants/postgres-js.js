'use strict';

/** What the compiler makes of a template with these placeholders in this order: `select ${0} + ${1}`. */
function template(text) {
  const strings = text.split(/\$\d+/);
  strings.raw = strings;
  return strings;
}

module.exports = {
  packages: ['postgres'],
  open(config) {
    const sql = require('postgres')(config);
    const templates = new Map();
    const of = ({ text }) => {
      if (!templates.has(text)) templates.set(text, template(text));
      return templates.get(text);
    };
    return {
      run: (statement, values) => sql(of(statement), ...values),
      rows: (result) => result,
      transaction: (work) => sql.begin((tx) => work((statement, values) => tx(of(statement), ...values))),
      database: () => require('drizzle-orm/postgres-js').drizzle({ client: sql }),
      stream: (statement, values, size) => sql(of(statement), ...values).cursor(size),
      close: () => sql.end(),
    };
  },
};
