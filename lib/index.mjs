import pg from './index.js';

export const {
  Client,
  Pool,
  Connection,
  types,
  Query,
  DatabaseError,
  escapeIdentifier,
  escapeLiteral,
  Result,
  TypeOverrides,
  defaults,
  utils,
  KeelError,
  hardenedDefaults,
  installShutdownHandlers,
  version,
} = pg;

export const libpqVersion = readLibpqVersion();

// Importing the package is to work where the addon is not built: whoever uses it is told.
function readLibpqVersion() {
  try {
    return pg.libpqVersion;
  } catch {
    return undefined;
  }
}

export default pg;
