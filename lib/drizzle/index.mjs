import * as root from 'drizzle-orm';
import * as cache from 'drizzle-orm/cache/core';
import * as migrator from 'drizzle-orm/migrator';
import * as pgCore from 'drizzle-orm/pg-core';
import driver from './driver.js';
import shutdown from '../shutdown.js';

// Not those of index.js: an application that imports gets errors and columns of the classes that it imports.
export const { createDatabase, drizzle, migrate } = driver.makeDriver({ root, pgCore, cache, migrator });
export const { installShutdownHandlers } = shutdown;
