/** A certificate authority, and certificates of a server on this machine and of a client, made by openssl. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificates {
  readonly ca: string;
  /** Certificate and key in one file, for 127.0.0.1 and localhost. */
  readonly serverPem: string;
  /** The same, but for 192.0.2.1 alone. */
  readonly otherServerPem: string;
  readonly cert: string;
  readonly key: string;
}

const openssl = (...args: readonly string[]) => promisify(execFile)('openssl', args);
const newKey = (path: string) => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  path,
];

/** Paths of PEM files in `folder`, valid for a day. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const ca = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  await openssl('req', '-x509', ...newKey(caKey), '-out', ca, '-days', '1', '-subj', '/CN=Hitless test CA');

  const signed = async (name: string, subjectAltName: string) => {
    const file = (ending: string) => join(folder, `${name}.${ending}`);
    const key = file('key');
    const request = file('csr');
    const cert = file('crt');
    const extensions = file('ext');
    const both = file('pem');
    await openssl('req', ...newKey(key), '-out', request, '-subj', `/CN=${name}`);
    await writeFile(extensions, `subjectAltName=${subjectAltName}\n`);
    await openssl(
      ...['x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
      ...['-days', '1', '-extfile', extensions, '-out', cert],
    );
    await writeFile(both, `${await readFile(cert, 'utf8')}${await readFile(key, 'utf8')}`);
    return { key, cert, both };
  };
  const server = await signed('server', 'IP:127.0.0.1,DNS:localhost');
  const other = await signed('other', 'IP:192.0.2.1');
  const client = await signed('client', 'DNS:hitless');
  return { ca, serverPem: server.both, otherServerPem: other.both, cert: client.cert, key: client.key };
}
