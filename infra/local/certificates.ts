/** Certificates for the TLS tests: made anew by `openssl` for each run, valid for a day, good for nothing else. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './temporary-folder.ts';

/** Paths of PEM files. `ca`, `cert` and `key` are what hitless.yml calls them. */
export interface Certificates {
  readonly ca: string;
  /** The server's certificate and key in one file, as HAProxy's `crt` wants them; for 127.0.0.1 and `localhost`. */
  readonly serverPem: string;
  /** A client's certificate and key, signed by `ca`. */
  readonly cert: string;
  readonly key: string;
  /** A client's that another CA signed: to be refused. */
  readonly stranger: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Deletes all of them; they also go when this process ends. */
  remove(): void;
}

/** @throws Error with openssl's own words, when it is missing for instance. */
export async function createCertificates(): Promise<Certificates> {
  const folder = temporaryFolder('tls');
  const file = (name: string) => join(folder.path, name);
  try {
    await createCa(file('ca'));
    await createCa(file('other-ca'));
    await createSigned(file('server'), file('ca'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    await createSigned(file('client'), file('ca'), 'extendedKeyUsage=clientAuth');
    await createSigned(file('stranger'), file('other-ca'), 'extendedKeyUsage=clientAuth');
    const server = await Promise.all([readFile(file('server.pem')), readFile(file('server.key'))]);
    await writeFile(file('server-and-key.pem'), Buffer.concat(server), { mode: 0o600 });
  } catch (error) {
    folder.remove();
    throw error;
  }
  return {
    ca: file('ca.pem'),
    serverPem: file('server-and-key.pem'),
    cert: file('client.pem'),
    key: file('client.key'),
    stranger: { ca: file('other-ca.pem'), cert: file('stranger.pem'), key: file('stranger.key') },
    remove: () => folder.remove(),
  };
}

async function createCa(path: string): Promise<void> {
  await openssl(
    'req',
    '-x509',
    ...newKey(path),
    '-subj',
    '/CN=Hitless test CA',
    '-days',
    '1',
    '-out',
    `${path}.pem`,
  );
}

async function createSigned(path: string, ca: string, extension: string): Promise<void> {
  const extensions = `${path}.ext`;
  await writeFile(extensions, `${extension}\n`);
  await openssl('req', ...newKey(path), '-subj', '/CN=hitless', '-out', `${path}.csr`);
  const signer = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial'];
  await openssl(
    'x509',
    '-req',
    '-in',
    `${path}.csr`,
    ...signer,
    '-days',
    '1',
    '-extfile',
    extensions,
    '-out',
    `${path}.pem`,
  );
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${path}.key`];
}

async function openssl(...args: string[]): Promise<void> {
  await promisify(execFile)('openssl', args);
}
