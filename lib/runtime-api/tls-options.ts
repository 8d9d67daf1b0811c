/** Which TLS a `tls://` instance is spoken to with: our files, its name, and its certificate always verified. */

import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import { readFile } from '../files/read-file.ts';
import type { TlsFiles, TlsTexts } from '../model/fleet.ts';
import { LARGEST_FILE_BYTES } from '../model/limits.ts';

/**
 * Without `ca` the certificate authorities of Node.js are trusted. Without `cert` and `key` no client certificate is
 * shown.
 *
 * @param host an IP address must be in the certificate as such, and is not sent as a server name (RFC 6066, 3).
 * @throws Error naming the file that cannot be read, or why the files are no use.
 */
export async function tlsOptions(host: string, files: TlsFiles | TlsTexts): Promise<ConnectionOptions> {
  return {
    secureContext: await secureContext(files),
    host,
    rejectUnauthorized: true,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
}

async function secureContext(files: TlsFiles | TlsTexts): Promise<SecureContext> {
  const { ca, cert, key } = 'pem' in files ? files.pem : read(files);
  try {
    return createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`tls.ca, tls.cert and tls.key cannot be used together: ${words}`, { cause: error });
  }
}

function read(files: TlsFiles) {
  return {
    ca: pem('tls.ca', files.ca),
    cert: pem('tls.cert', files.cert),
    key: pem('tls.key', files.key),
  };
}

function pem(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFile(path, LARGEST_FILE_BYTES.pem);
  } catch (error) {
    throw new Error(`cannot read ${setting}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
