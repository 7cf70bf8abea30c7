'use strict';

const { X509Certificate } = require('crypto');
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const { KeelError } = require('./errors');

// libpq's `require` quietly verifies against ~/.postgresql/root.crt when there is one; a file that cannot exist there
// makes "do not verify" mean what it says. Client certificates are not to be picked up from that folder either.
const NO_FILE = '/dev/null/none';

const MODES = Object.freeze({
  true: true,
  prefer: true,
  require: true,
  'verify-ca': true,
  'verify-full': true,
  'no-verify': { rejectUnauthorized: false },
  false: false,
  disable: false,
});

const ACCEPTED = `true, false, ${Object.keys(MODES).slice(1).join(', ')} or an object with ca, cert, key, rejectUnauthorized, servername`;

function invalid(option, why) {
  return new KeelError('KEEL_CONFIG', `${option}: ${why}`, { option });
}

/** pg's `ssl` in all its forms, as `false`, `true` or an object. */
function normalizeSsl(ssl) {
  if (ssl === null || ssl === undefined) return false;
  if (typeof ssl === 'boolean') return ssl;
  if (typeof ssl === 'object' && !Array.isArray(ssl)) return ssl;
  if (typeof ssl === 'string' && Object.hasOwn(MODES, ssl)) return MODES[ssl];
  const shown = typeof ssl === 'string' ? `"${ssl.slice(0, 40)}"` : `a ${typeof ssl}`;
  throw invalid('ssl', `${shown} is not valid; accepted are ${ACCEPTED}`);
}

function readPem(option, value) {
  if (Array.isArray(value)) return value.map((item) => readPem(option, item)).join('\n');
  if (Buffer.isBuffer(value) || value instanceof Uint8Array)
    return checkPem(option, Buffer.from(value).toString());
  if (value?.pem !== undefined) return readPem(option, value.pem); // Node's form for keys with a passphrase
  if (typeof value !== 'string')
    throw invalid(option, 'accepted are PEM text, a Buffer or the path of a file');
  return value.includes('-----BEGIN') ? checkPem(option, value) : readFile(option, value);
}

function readFile(option, path) {
  if (path.includes('\n') || path.trim() === '') {
    throw invalid(option, 'it is neither PEM text nor the path of a file');
  }
  try {
    return checkPem(option, fs.readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof KeelError) throw error;
    // What was meant as a key must not show, be it a path or not.
    const shown = option === 'ssl.key' ? '' : ` "${path}"`;
    throw invalid(option, `it is no PEM text, and the file${shown} cannot be read (${error.code})`);
  }
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

// libpq would find out at every connection, and tell in OpenSSL's words.
function checkPem(option, text) {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) throw invalid(option, 'it holds no PEM text (-----BEGIN ... -----END ...)');
  try {
    for (const [block, label] of blocks) if (label === 'CERTIFICATE') new X509Certificate(block);
  } catch {
    throw invalid(option, 'a certificate in it cannot be read; accepted is PEM text as openssl writes it');
  }
  return text;
}

const LOOKS_LIKE_A_PATH = /[/\\]|\.(?:pem|key)$/i;

const keyText = (key) => (key instanceof Uint8Array ? Buffer.from(key).toString() : (key.pem ?? key));

/**
 * Why connections cannot be opened with this `ssl`, if its key is none. pg looks at the key when it connects and not
 * before, and programs rely on that; what could be the path of a file is looked for at once all the same.
 */
function keyFailure(ssl) {
  const key = ssl?.key;
  if (key === undefined || key === null) return undefined;
  const text = keyText(key);
  if (typeof text !== 'string' || text.includes('-----BEGIN') || LOOKS_LIKE_A_PATH.test(text))
    return undefined;
  return invalid('ssl.key', 'it is no PEM text (-----BEGIN ...), nor the path of a file');
}

function readKey(ssl) {
  return keyFailure(ssl) === undefined ? readPem('ssl.key', ssl.key) : undefined;
}

let systemRoots;
// What Node trusts: its own list and the file that NODE_EXTRA_CA_CERTS names.
function trustedRoots() {
  if (systemRoots === undefined) {
    const extra = process.env.NODE_EXTRA_CA_CERTS;
    const texts = [...tls.rootCertificates];
    if (extra && fs.existsSync(extra)) texts.push(fs.readFileSync(extra, 'utf8'));
    systemRoots = texts.join('\n');
  }
  return systemRoots;
}

// A function cannot be called from libpq. One that takes no argument cannot look at the certificate either: it is the
// usual way of saying "do not compare the name". Any other is refused, because leaving out a check is no option.
function skipsIdentity({ checkServerIdentity }) {
  if (checkServerIdentity === undefined) return false;
  if (typeof checkServerIdentity === 'function' && checkServerIdentity.length === 0) return true;
  throw invalid(
    'ssl.checkServerIdentity',
    'a function that looks at the certificate cannot be honoured; accepted is () => undefined, which skips the check of the name',
  );
}

// Node takes whatever is not `false` for true; 'no' would then verify, and say nothing.
function checkRejectUnauthorized({ rejectUnauthorized }) {
  if (rejectUnauthorized === undefined || rejectUnauthorized === null) return;
  if (typeof rejectUnauthorized !== 'boolean')
    throw invalid('ssl.rejectUnauthorized', `it is a ${typeof rejectUnauthorized}; accepted is true, false`);
}

function serverName({ servername }, host) {
  if (servername === undefined || servername === null) return {};
  if (typeof servername !== 'string' || servername === '')
    throw invalid('ssl.servername', 'accepted is a host name');
  // As in pg, the name of the host wins where there is one.
  return net.isIP(host ?? '') === 0 ? {} : { host: servername, hostaddr: host };
}

/**
 * The libpq keywords and PEM texts that an `ssl` of pg stands for.
 * @param {boolean | object} ssl normalised
 * @param {string | undefined} host
 * @returns {{ keywords: Record<string, string>, sslCaPem?: string, sslCertPem?: string, sslKeyPem?: string }}
 */
function tlsOptions(ssl, host) {
  if (!ssl) return { keywords: { sslmode: 'disable' } };
  const given = ssl === true ? {} : ssl;
  checkRejectUnauthorized(given);
  const result = { keywords: { ...serverName(given, host) } };
  if (given.cert !== undefined && given.cert !== null) result.sslCertPem = readPem('ssl.cert', given.cert);
  else result.keywords.sslcert = NO_FILE;
  if (given.key !== undefined && given.key !== null) result.sslKeyPem = readKey(given);
  if (typeof given.passphrase === 'string') result.keywords.sslpassword = given.passphrase;
  const ca = given.ca === undefined || given.ca === null ? undefined : readPem('ssl.ca', given.ca);
  return given.rejectUnauthorized === false ? unverified(result) : verified(result, given, ca);
}

function unverified(result) {
  Object.assign(result.keywords, { sslmode: 'require', sslrootcert: NO_FILE });
  return result;
}

function verified(result, given, ca) {
  result.keywords.sslmode = skipsIdentity(given) ? 'verify-ca' : 'verify-full';
  result.sslCaPem = ca ?? trustedRoots();
  return result;
}

module.exports = { keyFailure, normalizeSsl, tlsOptions };
