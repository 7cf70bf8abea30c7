'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/**
 * Makes a certificate authority, a server certificate for localhost and 127.0.0.1, a client certificate for
 * `user`, and an authority that signed nothing (for clients that must not trust the server).
 * @returns paths of PEM files
 */
function makeCertificates(dir, user) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const authority = selfSigned(dir, 'ca', 'pgkeel test CA');
  const stranger = selfSigned(dir, 'other-ca', 'another CA');
  const server = signed(dir, 'server', 'localhost', authority, 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const client = signed(dir, 'client', user, authority, 'extendedKeyUsage=clientAuth');
  return {
    ca: authority.cert,
    otherCa: stranger.cert,
    serverCert: server.cert,
    serverKey: server.key,
    clientCert: client.cert,
    clientKey: client.key,
  };
}

function openssl(...args) {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];

function selfSigned(dir, name, commonName) {
  const files = { cert: path.join(dir, `${name}.crt`), key: path.join(dir, `${name}.key`) };
  const subject = ['-subj', `/CN=${commonName}`, '-days', '30'];
  openssl('req', '-x509', ...NEW_KEY, ...subject, '-keyout', files.key, '-out', files.cert);
  return files;
}

function signed(dir, name, commonName, authority, extension) {
  const file = (ending) => path.join(dir, `${name}.${ending}`);
  const files = { cert: file('crt'), key: file('key') };
  openssl('req', ...NEW_KEY, '-subj', `/CN=${commonName}`, '-keyout', files.key, '-out', file('csr'));
  fs.writeFileSync(file('ext'), `${extension}\n`);
  const by = ['-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial'];
  openssl(
    'x509',
    '-req',
    '-in',
    file('csr'),
    ...by,
    '-days',
    '30',
    '-extfile',
    file('ext'),
    '-out',
    files.cert,
  );
  fs.chmodSync(files.key, 0o600);
  return files;
}

module.exports = { makeCertificates };
