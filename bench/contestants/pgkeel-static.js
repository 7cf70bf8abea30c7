'use strict';

const fs = require('node:fs');
const path = require('node:path');
const pgkeel = require('./pgkeel');

const ADDON = path.resolve(__dirname, '../../build/Release/pgkeel_static.node');

/** pgkeel with a newer libpq linked in: see docs/building.md. */
module.exports = {
  ...pgkeel,
  env: { PGKEEL_LIBPQ: 'static' },
  missing() {
    if (fs.existsSync(ADDON)) return undefined;
    return 'it has not been built: npm run libpq && PGKEEL_LIBPQ=static npm run build';
  },
};
