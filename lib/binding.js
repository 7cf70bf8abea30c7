'use strict';

/*
 * The one file that loads native code.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const FOLDER = path.resolve(__dirname, '../build/Release');
// The addon with the system's libpq, and the one that carries its own; see docs/building.md.
const FILES = { system: 'pgkeel.node', static: 'pgkeel_static.node' };

/*
 * Node.js carries an OpenSSL of its own and exports its symbols, and the dynamic linker would resolve libpq's references
 * to them before it looks at the libssl that libpq was built with: two versions' structures mixed up in one handshake.
 * RTLD_DEEPBIND lets the addon and the libraries it brings look among themselves first. The sanitizers cannot live with
 * it (they must be found first for malloc and the like), hence PGKEEL_NO_DEEPBIND. glibc alone has it. What has been linked
 * in statically is bound already.
 */
function openFlags() {
  const { RTLD_NOW, RTLD_DEEPBIND } = os.constants.dlopen;
  const deep = RTLD_DEEPBIND !== undefined && !process.env.PGKEEL_NO_DEEPBIND && !isSanitized();
  return deep && chosen() !== 'static' ? RTLD_NOW | RTLD_DEEPBIND : RTLD_NOW;
}

function chosen() {
  const choice = process.env.PGKEEL_LIBPQ || 'system';
  if (Object.hasOwn(FILES, choice)) return choice;
  throw new Error(`PGKEEL_LIBPQ is "${choice}"; accepted are ${Object.keys(FILES).join(' and ')}`);
}

function isSanitized() {
  return /lib[atu]b?san\.so/.test(process.env.LD_PRELOAD ?? '');
}

/** @returns {string} the addon that the environment asks for */
function addonFile() {
  return path.join(FOLDER, FILES[chosen()]);
}

let binding;

/** @returns {object} what csrc/addon exports, of this environment */
function loadBinding() {
  if (binding !== undefined) return binding;
  const addon = addonFile();
  if (!fs.existsSync(addon)) {
    throw new Error(
      `pgkeel's native addon has not been built: ${addon} is missing. ` +
        'Run "npm rebuild pgkeel" (in a clone of pgkeel: "npm run build"), which says what it needs.',
    );
  }
  const module = { exports: {} };
  try {
    process.dlopen(module, addon, openFlags());
  } catch (err) {
    throw new Error(
      `pgkeel's native addon cannot be loaded: ${err.message}. It may have been built for another system or Node.js; ` +
        'run "npm rebuild pgkeel" (in a clone of pgkeel: "npm run build").',
      { cause: err },
    );
  }
  return (binding = module.exports);
}

module.exports = { addonFile, loadBinding };
