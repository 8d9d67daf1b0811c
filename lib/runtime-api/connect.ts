/** Opens a session with one HAProxy process at its address: unix, tcp or tls. */

import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsFiles, TlsTexts } from '../model/fleet.ts';
import { addressText } from './address-text.ts';
import { isForbidden, meaningOf } from './connection-failure.ts';
import { InstanceUnreachable } from './errors.ts';
import type { OpenSession } from './runtime-session.ts';
import { startSession } from './session.ts';
import { whoMayOpen } from './socket-permission.ts';
import { tlsOptions } from './tls-options.ts';

/**
 * `signal` bounds the whole session. With `tls://` not one byte of a command is sent before the TLS handshake
 * succeeded and the certificate was verified; a port that answers in plain text is refused.
 */
export const openSession: OpenSession = async (address, { tls, signal }) => {
  const name = addressText(address);
  const options = address.scheme === 'tls' ? await encryption(name, address.host, tls) : undefined;

  const socket = connectSocket(
    address.scheme === 'unix'
      ? { path: address.path }
      : { host: address.host, port: address.port, noDelay: true },
  );
  await established(socket, 'connect', {
    name,
    signal,
    silence: 'no answer to the connection attempt in time',
    ...(address.scheme === 'unix' ? { forbidden: () => whoMayOpen(address.path) } : {}),
  });
  if (options === undefined) return startSession(socket, { address: name, signal });

  const encrypted = connectTls({ ...options, socket });
  await established(encrypted, 'secureConnect', { name, signal, silence: NO_HANDSHAKE });
  return startSession(encrypted, { address: name, signal });
};

const NO_HANDSHAKE =
  'it accepted the connection but did not answer the TLS handshake: not a TLS port, or its maxconn is used up';

/** @throws InstanceUnreachable when the files cannot be used. */
async function encryption(name: string, host: string, files: TlsFiles | TlsTexts) {
  try {
    return await tlsOptions(host, files);
  } catch (error) {
    throw new InstanceUnreachable(name, error instanceof Error ? error.message : String(error), error);
  }
}

interface Attempt {
  readonly name: string;
  readonly signal: AbortSignal;
  /** What it means when nothing happens until the signal aborts. */
  readonly silence: string;
  /** What it means when there is no permission. */
  readonly forbidden?: () => string;
}

/** @throws InstanceUnreachable; the socket is destroyed then. */
function established(socket: Socket, event: 'connect' | 'secureConnect', attempt: Attempt): Promise<void> {
  const { name, signal, silence, forbidden } = attempt;
  return new Promise((resolve, reject) => {
    const settle = () => {
      socket.off(event, onEstablished).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (why: string, cause?: unknown) => {
      settle();
      socket.on('error', () => {}).destroy();
      reject(new InstanceUnreachable(name, why, cause));
    };
    const onEstablished = () => {
      settle();
      resolve();
    };
    const onError = (error: unknown) =>
      fail(forbidden !== undefined && isForbidden(error) ? forbidden() : meaningOf(error), error);
    const onClose = () => fail('it closed the connection at once');
    const onAbort = () => fail(silence, signal.reason);

    if (signal.aborted) return onAbort();
    socket.on(event, onEstablished).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort);
  });
}
